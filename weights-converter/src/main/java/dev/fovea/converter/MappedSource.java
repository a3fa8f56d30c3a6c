package dev.fovea.converter;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// A published checkpoint seen through a [NameMap]. Loading a model from it asks for every parameter with its shape; each
/// that is found is scheduled for writing, so that the model itself says what a conversion must bring.
final class MappedSource implements WeightSource {
  private final Checkpoint checkpoint;
  private final NameMap names;
  private final Weight.Type type;
  private final CheckpointWriter writer;
  private final Set<String> used = new TreeSet<>();

  /// @param type element type of matrices; everything else is stored as float32
  MappedSource(Checkpoint checkpoint, NameMap names, Weight.Type type, CheckpointWriter writer) {
    this.checkpoint = checkpoint;
    this.names = names;
    this.type = type;
    this.writer = writer;
  }

  /// @throws CheckpointException that lists source tensors that nothing was made of
  List<String> finish() {
    var rest = new TreeSet<>(checkpoint.tensors().keySet());
    rest.removeAll(used);
    var dropped = rest.stream().filter(names.dropped()::containsKey).toList();
    rest.removeAll(dropped);
    if (!rest.isEmpty()) throw new CheckpointException(checkpoint.name() + ": " + rest.size() + " tensors have no place in the model: "
        + String.join(", ", rest.stream().limit(12).toList()) + (rest.size() > 12 ? ", …" : ""));
    return dropped;
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
    var parts = find(name, size, Arrays.toString(shape));
    writer.tensor(name, DType.F32, Arrays.stream(shape).asLongStream().toArray(), () -> {
      var out = Arena.ofAuto().allocate(4 * size);
      long at = 0;
      for (var part : parts)
        for (long i = part.from; i < part.to; i++) out.set(JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN), 4 * at++, part.tensor.floatAt(i));
      return out;
    });
    return Tensor.shapeOnly(shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    var shapeText = "[" + n + ", " + k + "]";
    var parts = find(name, (long) n * k, shapeText);
    if (parts.stream().mapToLong(Part::rows).sum() != n) throw new MismatchException(mismatch(name, shapeText, parts));
    var shape = CheckpointWeights.panelShape(n, k).stream().mapToLong(i -> i).toArray();
    writer.tensor(name, DType.valueOf(type.name()), shape, () -> panels(parts, n, k));
    return new Weight(MemorySegment.NULL, type, Weight.Layout.PANELS, n, k);
  }

  /// The elements `[from, to)` of a source tensor: whole rows.
  private record Part(StoredTensor tensor, long from, long to) {
    private long rows() {
      return tensor.shape().isEmpty() || tensor.size() == 0 ? 0 : (to - from) / (tensor.size() / tensor.shape().getFirst());
    }

    private static Part of(StoredTensor tensor, NameMap.Source source) {
      return new Part(tensor, source.index() * tensor.size() / source.count(), (source.index() + 1) * tensor.size() / source.count());
    }
  }

  private List<Part> find(String name, long size, String shape) {
    var parts = new ArrayList<Part>();
    for (var source : names.sources(name)) {
      var tensor = checkpoint.tensors().get(source.name());
      if (tensor == null) throw new MismatchException("'" + source.name() + "': missing, expected for " + name + " " + shape);
      used.add(source.name());
      parts.add(Part.of(tensor, source));
    }
    long got = parts.stream().mapToLong(part -> part.to - part.from).sum();
    if (got != size) throw new MismatchException(mismatch(name, shape, parts));
    return parts;
  }

  private static String mismatch(String name, String shape, List<Part> parts) {
    var first = parts.getFirst();
    var made = parts.size() > 1 ? "a part of " + name + " " + shape : first.to - first.from < first.tensor.size() ? "to hold " + name + " " + shape
        : name + " " + shape;
    return "'" + first.tensor.name() + "': expected " + made + ", got " + first.tensor.shape();
  }

  /// The rows of all parts, in the blocked layout that kernels stream.
  private MemorySegment panels(List<Part> parts, int n, int k) {
    var out = Arena.ofAuto().allocate(Weight.bytes(type, Weight.Layout.PANELS, n, k), 64);
    var weight = new Weight(out, type, Weight.Layout.PANELS, n, k);
    int row = 0;
    for (var part : parts)
      for (long i = part.from; i < part.to; row++)
        for (int col = 0; col < k; col++, i++) put(out, weight.index(row, col), part.tensor.floatAt(i));
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
