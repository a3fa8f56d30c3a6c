package dev.fovea.converter;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.converter.source.Source;
import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/// A published checkpoint seen through a [NameMap]. Loading a model from it asks for every parameter with its shape; each
/// that is found is scheduled for writing, so that the model itself says what a conversion must bring.
final class MappedSource implements WeightSource {
  private static final String TRAINING_HEAD = "used in training only";

  private final Source checkpoint;
  private final NameMap names;
  private final Weight.Type type;
  private final CheckpointWriter writer;
  private final Set<String> used = new TreeSet<>();
  private final Map<String, Long> nonFinite = new TreeMap<>();
  private final Map<String, Report.Parameter> parameters = new TreeMap<>();

  /// @param type element type of matrices; everything else is stored as float32
  MappedSource(Source checkpoint, NameMap names, Weight.Type type, CheckpointWriter writer) {
    this.checkpoint = checkpoint;
    this.names = names;
    this.type = type;
    this.writer = writer;
  }

  /// The tensors that are left out on purpose, and why.
  ///
  /// @throws CheckpointException that lists source tensors that nothing was made of
  Map<String, String> finish() {
    var rest = new TreeSet<>(checkpoint.tensors().keySet());
    rest.removeAll(used);
    var dropped = new TreeMap<String, String>();
    for (var name : checkpoint.leftOut()) dropped.put(name, TRAINING_HEAD);
    for (var name : rest) if (names.dropped().containsKey(name)) dropped.put(name, names.dropped().get(name));
    rest.removeAll(dropped.keySet());
    if (!rest.isEmpty()) throw new CheckpointException(checkpoint.name() + ": " + rest.size() + " tensors have no place in the model: "
        + String.join(", ", rest.stream().limit(12).toList()) + (rest.size() > 12 ? ", …" : ""));
    return dropped;
  }

  /// How many elements of the written parameters are NaN or infinite, by name: they are kept as they are. Known when all is written.
  Map<String, Long> nonFinite() {
    return nonFinite;
  }

  /// The parameters that were asked for, by name.
  List<Report.Parameter> parameters() {
    return List.copyOf(parameters.values());
  }

  private void report(String name, DType dtype, int... shape) {
    var origins = names.sources(name).stream().map(source -> {
      // A convolution without a bias gets one from the batch norm that is folded into it.
      var tensor = checkpoint.tensors().getOrDefault(source.name(), checkpoint.tensors().get(source.norm() + ".bias"));
      return new Report.Origin(tensor.name(), tensor.dtype(), tensor.shape(), source.index(), source.count(), source.order(), source.norm());
    }).toList();
    parameters.put(name, new Report.Parameter(name, dtype, Arrays.stream(shape).mapToObj(i -> (long) i).toList(), origins));
  }

  private float counted(String name, float value) {
    if (!Float.isFinite(value)) nonFinite.merge(name, 1L, Long::sum);
    return value;
  }

  @Override
  public Set<String> names() {
    return Set.of();
  }

  @Override
  public String description() {
    return checkpoint.name();
  }

  @Override
  public Tensor tensor(String name, Initial initial, int... shape) {
    long size = Arrays.stream(shape).asLongStream().reduce(1, Math::multiplyExact);
    var shapeText = Arrays.toString(shape);
    var parts = find(name, size, shapeText);
    if (parts.size() == 1 && !parts.getFirst().hasShape(shape)) throw new MismatchException(mismatch(name, shapeText, parts));
    report(name, DType.F32, shape);
    writer.tensor(name, DType.F32, Arrays.stream(shape).asLongStream().toArray(), () -> {
      var out = Arena.ofAuto().allocate(4 * size);
      long at = 0;
      for (var part : parts)
        for (long i = 0; i < part.size(); i++)
          out.set(JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN), 4 * at++, counted(name, part.floatAt(i)));
      return out;
    });
    return Tensor.shapeOnly(shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    var shapeText = "[" + n + ", " + k + "]";
    var parts = find(name, (long) n * k, shapeText);
    if (!parts.stream().allMatch(part -> part.hasRows(k))) throw new MismatchException(mismatch(name, shapeText, parts));
    var shape = CheckpointWeights.panelShape(n, k).stream().mapToLong(i -> i).toArray();
    report(name, DType.valueOf(type.name()), n, k);
    writer.tensor(name, DType.valueOf(type.name()), shape, () -> panels(name, parts, n, k));
    return new Weight(MemorySegment.NULL, type, Weight.Layout.PANELS, n, k);
  }

  private List<Part> find(String name, long size, String shape) {
    var parts = new ArrayList<Part>();
    for (var source : names.sources(name)) parts.add(part(source, name + " " + shape));
    if (parts.stream().mapToLong(Part::size).sum() != size) throw new MismatchException(mismatch(name, shape, parts));
    return parts;
  }

  private Part part(NameMap.Source source, String what) {
    var norm = source.norm() == null ? null : batchNorm(source.norm(), what);
    if (norm != null && source.name().endsWith(".bias") && !checkpoint.tensors().containsKey(source.name())) return new Part.Folded(norm);
    var tensor = stored(source.name(), what);
    int rank = tensor.shape().size();
    if (!source.order().isEmpty() && rank != source.order().size())
      throw new MismatchException("'" + tensor.name() + "': expected " + source.order().size() + " dimensions for " + what + ", got " + tensor.shape());
    if (norm != null && (rank == 0 || tensor.shape().getFirst() != norm.bias().size()))
      throw new MismatchException("'" + tensor.name() + "': expected " + norm.bias().size() + " outputs, as '" + source.norm() + "' has, got " + tensor.shape());
    return Part.Stored.of(tensor, source, norm);
  }

  private BatchNorm batchNorm(String name, String what) {
    var all = Stream.of("weight", "bias", "running_mean", "running_var").map(each -> stored(name + "." + each, what)).toList();
    for (var each : all)
      if (!each.shape().equals(all.getFirst().shape()))
        throw new MismatchException("'" + each.name() + "': expected " + all.getFirst().shape() + ", got " + each.shape());
    return new BatchNorm(all.get(0), all.get(1), all.get(2), all.get(3));
  }

  private SourceTensor stored(String name, String what) {
    var tensor = checkpoint.tensors().get(name);
    if (tensor == null) throw new MismatchException("'" + name + "': missing, expected for " + what);
    used.add(name);
    return tensor;
  }

  private static String mismatch(String name, String shape, List<Part> parts) {
    var first = parts.getFirst();
    var made = parts.size() > 1 ? "a part of " : first.size() < first.tensor().size() ? "to hold " : "";
    return "'" + first.tensor().name() + "': expected " + made + name + " " + shape + ", got " + first.tensor().shape();
  }

  /// The rows of all parts, in the blocked layout that kernels stream.
  private MemorySegment panels(String name, List<Part> parts, int n, int k) {
    var out = Arena.ofAuto().allocate(Weight.bytes(type, Weight.Layout.PANELS, n, k), 64);
    var weight = new Weight(out, type, Weight.Layout.PANELS, n, k);
    int row = 0;
    for (var part : parts)
      for (long i = 0; i < part.size(); row++)
        for (int col = 0; col < k; col++, i++) put(out, weight.index(row, col), counted(name, part.floatAt(i)));
    return out;
  }

  private void put(MemorySegment out, long index, float value) {
    switch (type) {
      case F32 -> out.set(JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN), 4 * index, value);
      case F16 -> out.set(JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN), 2 * index, Float.floatToFloat16(value));
      case BF16 -> out.set(JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN), 2 * index, toBFloat16(value));
    }
  }

  /// Rounds to the nearest, ties to even; NaN stays NaN.
  static short toBFloat16(float value) {
    int bits = Float.floatToIntBits(value);
    return (short) (Float.isNaN(value) ? bits >>> 16 : bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
