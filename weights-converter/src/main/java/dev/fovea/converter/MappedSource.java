package dev.fovea.converter;

import com.google.common.collect.Sets;
import com.google.common.collect.Streams;
import dev.fovea.converter.source.Source;
import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredPanels;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// A published checkpoint under Fovea's names, by a [NameMap]. Loading a model from it requests every parameter with its shape and
/// schedules each for writing, so the model itself determines what is converted.
final class MappedSource implements WeightSource {
  private static final String TRAINING_HEAD = "used in training only";

  /// Number of written bytes after which pages that were read are released.
  private static final long UNLOADED = 64 << 20;
  private static final int SHOWN = 12;

  private final Source checkpoint;
  private final NameMap names;
  private final Conversion conversion;
  private final Predicate<String> inLanguageModel;
  private final CheckpointWriter writer;
  private final Conversion.Progress progress;
  private final Set<String> used = new TreeSet<>();
  private final Map<String, Long> nonFinite = new TreeMap<>();
  private final Map<String, Long> overflown = new TreeMap<>();
  private final Map<String, Report.Parameter> parameters = new TreeMap<>();
  private final ParameterWriter parameterWriter = new ParameterWriter();
  private long written;

  /// @param inLanguageModel whether a parameter belongs to a language model
  MappedSource(Source checkpoint, NameMap names, Conversion conversion, Predicate<String> inLanguageModel,
      CheckpointWriter writer) {
    this.checkpoint = checkpoint;
    this.names = names;
    this.conversion = conversion;
    this.inLanguageModel = inLanguageModel;
    progress = conversion.progress();
    this.writer = writer;
  }

  /// The tensors left out on purpose, with reasons.
  ///
  /// @throws CheckpointException that lists unused source tensors
  Map<String, String> finish() {
    var rest = new TreeSet<>(Sets.difference(checkpoint.tensors().keySet(), used));
    var dropped = new TreeMap<String, String>();
    for (var name : checkpoint.leftOut()) dropped.put(name, TRAINING_HEAD);
    for (var name : rest) {
      var why = checkpoint.tensors().get(name).size() == 0 ? "has no elements" : names.reasonToDrop(name);
      if (why != null) dropped.put(name, why);
    }
    rest.removeAll(dropped.keySet());
    if (!rest.isEmpty())
      throw new CheckpointException(checkpoint.name() + ": " + rest.size() + " tensors have no place in the model: "
          + someOf(rest, SHOWN));
    return dropped;
  }

  /// The first names, for a message.
  static String someOf(Collection<String> names, int most) {
    return String.join(", ", names.stream().limit(most).map(name -> name.isEmpty() ? "''" : name).toList())
        + (names.size() > most ? ", …" : "");
  }

  /// Number of NaN or infinite source elements by parameter; they are kept. Known after writing.
  Map<String, Long> nonFinite() {
    return nonFinite;
  }

  /// Number of finite elements by parameter that exceed the stored type's range and became infinite. Known after writing.
  Map<String, Long> overflown() {
    return overflown;
  }

  /// Whether a matrix is stored in the conversion's format.
  boolean hasFormat() {
    return parameters.values().stream().anyMatch(parameter -> parameter.dtype().equals(conversion.format().name()));
  }

  /// The requested parameters, ordered by name.
  List<Report.Parameter> parameters() {
    return List.copyOf(parameters.values());
  }

  private void report(String name, String dtype, List<Part> parts, int... shape) {
    var origins = Streams.zip(parts.stream().map(Part::tensor), names.sources(name).stream(), (tensor, source) ->
        new Report.Origin(tensor.name(), tensor.dtype(), tensor.shape(), source.index(), source.count(), source.order(),
            source.norm())).toList();
    parameters.put(name, new Report.Parameter(name, dtype, Arrays.stream(shape).mapToObj(i -> (long) i).toList(), origins));
  }

  /// @param shape the stored shape
  private void schedule(String name, DType dtype, List<Part> parts, long[] shape, Writing writing) {
    writer.tensor(name, dtype, shape, sink -> {
      var found = writing.to(bytes -> {
        if (written / UNLOADED < (written += bytes.remaining()) / UNLOADED) unload(parts);
        progress.advanced(name, Math.min(written, writer.bytes()), writer.bytes());
        sink.write(bytes);
      });
      unload(parts);
      if (found.before() > 0) nonFinite.put(name, found.before());
      if (found.after() > found.before()) overflown.put(name, found.after() - found.before());
    });
  }

  /// Releases file pages that were read.
  private static void unload(List<Part> parts) {
    for (var part : parts) part.tensor().unload();
  }

  private interface Writing {
    ParameterWriter.NonFinite to(CheckpointWriter.Sink sink) throws IOException;
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
    report(name, DType.F32.name(), parts, shape);
    schedule(name, DType.F32, parts, Arrays.stream(shape).asLongStream().toArray(), sink -> parameterWriter.writeRows(parts, sink));
    return Tensor.shapeOnly(shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    boolean inBlocks = conversion.format().blockLength() > 1 && (conversion.towers() || inLanguageModel.test(name));
    return matrix(name, n, k, inBlocks ? conversion.format() : ofSingleNumbers());
  }

  @Override
  public Weight table(String name, int n, int k) {
    return matrix(name, n, k, ofSingleNumbers());
  }

  /// The format of what is not stored in blocks.
  private WeightFormat ofSingleNumbers() {
    return conversion.format().withoutBlocks();
  }

  private Weight matrix(String name, int n, int k, WeightFormat format) {
    var shapeText = "[" + n + ", " + k + "]";
    var parts = find(name, (long) n * k, shapeText);
    if (!parts.stream().allMatch(part -> part.hasRows(k))) throw new MismatchException(mismatch(name, shapeText, parts));
    var dtype = StoredPanels.dtype(format);
    report(name, format.name(), parts, n, k);
    var shape = StoredPanels.shape(format, n, k).stream().mapToLong(i -> i).toArray();
    schedule(name, dtype, parts, shape, sink -> {
      var found = parameterWriter.writePanels(parts, n, k, format, sink);
      // A number would take its whole block with it.
      if (format.blockLength() > 1 && found.after() > 0)
        throw new CheckpointException(checkpoint.name() + ": '" + name + "' has a number that is NaN, infinite or beyond "
            + "8,319,008, which " + format.name().toLowerCase(Locale.ROOT) + " cannot store; f32 and bf16 can");
      return found;
    });
    return new Weight(MemorySegment.NULL, format, Weight.Layout.PANELS, n, k);
  }

  private List<Part> find(String name, long size, String shape) {
    var parts = new ArrayList<Part>();
    for (var source : names.sources(name)) parts.add(part(source, name + " " + shape));
    if (parts.stream().mapToLong(Part::size).sum() != size) throw new MismatchException(mismatch(name, shape, parts));
    return parts;
  }

  private Part part(SourcePart source, String what) {
    var norm = source.norm() == null ? null : batchNorm(source.norm(), what);
    if (norm != null && source.name().endsWith(".bias")
        && !checkpoint.tensors().containsKey(source.name())) return new Part.Folded(norm);
    var tensor = stored(source.name(), what);
    int rank = tensor.shape().size();
    if (!source.order().isEmpty() && rank != source.order().size())
      throw new MismatchException("'" + tensor.name() + "': expected " + source.order().size() + " dimensions for " + what
          + ", got " + tensor.shape());
    if (norm != null && (rank == 0 || tensor.shape().getFirst() != norm.bias().size()))
      throw new MismatchException("'" + tensor.name() + "': expected " + norm.bias().size() + " outputs, as '" + source.norm()
          + "' has, got " + tensor.shape());
    var part = Part.Stored.of(tensor, source, norm);
    return source.zeros() ? new Part.AfterZeros(part, rank == 0 ? 1 : tensor.shape().getLast()) : part;
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
    if (!tensor.dtype().readable()) throw new MismatchException(tensor.dtype().unreadable(name) + " for " + what);
    return tensor;
  }

  private static String mismatch(String name, String shape, List<Part> parts) {
    var first = parts.getFirst();
    var made = parts.size() > 1 ? "a part of " : first.size() < first.tensor().size() ? "to hold " : "";
    return "'" + first.tensor().name() + "': expected " + made + name + " " + shape + ", got " + first.tensor().shape();
  }
}
