package dev.fovea.converter;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.StoredPanels;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/// A model file with a [NameMap] applied in reverse. Loading a model from it requests every parameter with its shape; the elements
/// of each go back into the published tensors that the parameter was made from: unchanged, or as float32 if they are in 8 bits,
/// which is exact.
///
/// A folded batch norm cannot be unfolded: it stays in the weight before it and in its own bias, and the rest of it does nothing.
final class UnmappedSource implements WeightSource {
  private static final String BIAS = ".bias";

  private final Checkpoint model;
  private final NameMap names;
  private final JsonFields config;
  private final Map<String, PublishedTensor> tensors = new TreeMap<>();
  private final Map<String, String> norms = new TreeMap<>();
  private int decoded;
  private final Set<DType> matrixTypes = EnumSet.noneOf(DType.class);

  /// @param config the config that shapes refer to
  UnmappedSource(Checkpoint model, NameMap names, JsonFields config) {
    this.model = model;
    this.names = names;
    this.config = config;
  }

  /// Adds the published tensors to a file.
  void addTo(CheckpointWriter writer) {
    tensors.forEach((name, tensor) -> tensor.addTo(writer, name));
  }

  /// Batch norms that do nothing, each with the weight it was folded into.
  Map<String, String> norms() {
    return norms;
  }

  /// The element types of the matrices.
  Set<DType> matrixTypes() {
    return matrixTypes;
  }

  /// Number of matrices that were stored in 8 bits.
  int decoded() {
    return decoded;
  }

  @Override
  public Set<String> names() {
    return new CheckpointWeights(model, Arena.global()).names();
  }

  @Override
  public String description() {
    return model.name();
  }

  @Override
  public Tensor tensor(String name, Initial initial, int... shape) {
    check(weights -> weights.tensor(name, initial, shape));
    place(name, PublishedTensor.Elements.of(model.tensor(name), i -> i), shape);
    return Tensor.shapeOnly(shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    check(weights -> weights.matrix(name, n, k));
    var stored = model.tensor(name);
    var format = StoredPanels.format(stored, n, k);
    matrixTypes.add(format == WeightFormat.Q8 ? DType.F32 : stored.dtype());
    place(name, switch (format) {
      case null -> PublishedTensor.Elements.of(stored, i -> i);
      case F32, F16, BF16 -> PublishedTensor.Elements.of(stored, i -> inPanels(i / k, i % k, k));
      case Q8 -> {
        decoded++;
        yield PublishedTensor.Elements.decoded(new Weight(stored.data(), format, Weight.Layout.PANELS, n, k), name);
      }
    }, n, k);
    return new Weight(MemorySegment.NULL, WeightFormat.F32, Weight.Layout.PANELS, n, k);
  }

  /// Where element `(row, column)` is stored in panels of single elements.
  private static long inPanels(long row, long column, int k) {
    return (row / Weight.PANEL * k + column) * Weight.PANEL + row % Weight.PANEL;
  }

  /// Reads a parameter as a model does, which refuses mismatches.
  private void check(Consumer<WeightSource> read) {
    try (var arena = Arena.ofConfined()) {
      read.accept(new CheckpointWeights(model, arena));
    }
  }

  /// @param elements the parameter's, row by row
  private void place(String name, PublishedTensor.Elements elements, int... shape) {
    var sources = sources(name);
    var lengths = Arrays.stream(shape).asLongStream().toArray();
    if (lengths[0] % sources.size() != 0)
      throw new MismatchException("'" + name + "': expected rows for " + sources.size() + " tensors, got "
          + Arrays.toString(shape));
    lengths[0] /= sources.size();
    long size = product(lengths);
    for (int i = 0; i < sources.size(); i++) {
      var source = sources.get(i);
      boolean shift = source.norm() != null && name.endsWith(BIAS);
      tensors.computeIfAbsent(shift ? source.norm() + BIAS : source.name(),
          _ -> new PublishedTensor(published(source, lengths), source.count(), source.order()))
          .put(source.index(), new PublishedTensor.Piece(elements, i * size));
      if (source.norm() != null && !shift) addIdentity(source, lengths[0]);
    }
  }

  private List<SourcePart> sources(String name) {
    try {
      return names.sources(name);
    } catch (IllegalStateException e) {
      throw new MismatchException("'" + name + "': has no place in the published form");
    }
  }

  /// Adds a norm that does nothing, without its bias.
  private void addIdentity(SourcePart source, long channels) {
    norms.put(source.norm(), source.name());
    Map.of(".weight", 1f, ".running_mean", 0f, ".running_var", BatchNorm.IDENTITY_VARIANCE)
        .forEach((ending, value) -> tensors.put(source.norm() + ending, PublishedTensor.filled(channels, value)));
  }

  /// The published shape of a source, given the shape `lengths` of one part.
  private long[] published(SourcePart source, long[] lengths) {
    var shape = lengths.clone();
    if (source.shape() == null) {
      shape[0] *= source.count();
      return shape;
    }
    long rows = lengths[0], columns = lengths[lengths.length - 1], size = product(lengths);
    shape = source.shape().stream().mapToLong(word -> switch (word) {
      case "*" -> -1;
      case "N" -> rows;
      case "K" -> columns;
      case String number when Character.isDigit(number.charAt(0)) -> Long.parseLong(number);
      case String field -> configured(field);
    }).toArray();
    for (int d = 0; d < shape.length; d++) if (shape[d] < 0) shape[d] = size / -product(shape);
    if (product(shape) != size)
      throw new MismatchException("'" + source.name() + "': expected a shape of " + size + " elements, got "
          + Arrays.toString(shape));
    return shape;
  }

  /// A number of the config: `field`, `object.field` or `array.3`.
  private long configured(String field) {
    int dot = field.indexOf('.');
    if (dot < 0) return config.integer(field);
    var rest = field.substring(dot + 1);
    return Character.isDigit(rest.charAt(0)) ? config.integers(field.substring(0, dot))[Integer.parseInt(rest)]
        : config.object(field.substring(0, dot)).integer(rest);
  }

  private static long product(long[] lengths) {
    return Arrays.stream(lengths).reduce(1, Math::multiplyExact);
  }
}
