package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// The linear layers of a graph. Exporters store the matrix of most of them transposed, `[in, out]`, under a name that they make
/// up. It gets its published name back from the bias that is added to the product or, without one, from the node, which is called
/// after the module: `/encoder/layer.0/attention/self/query/MatMul`.
final class LinearLayers {
  private static final String WEIGHT = ".weight", BIAS = ".bias";
  private static final Pattern SCOPE = Pattern.compile("/([\\w./]+)/(MatMul|Gemm)");
  /// Operators that read a parameter, with the input that it is; a name that an exporter made up hides which one it is.
  private static final Map<String, List<Integer>> READING = Map.of("Gather", List.of(0), "Conv", List.of(1, 2),
      "LayerNormalization", List.of(1, 2), "BatchNormalization", List.of(1, 2, 3, 4));

  /// A layer's matrix.
  ///
  /// @param transposed whether it is stored as `[in, out]`, and published as `[out, in]`
  record Layer(OnnxTensor matrix, boolean transposed) {}

  private final OnnxGraph graph;
  private final Map<String, Layer> layers = new LinkedHashMap<>();

  /// @throws CheckpointException if a parameter's name cannot be told
  LinearLayers(OnnxGraph graph) {
    this.graph = graph;
    for (var node : graph.nodes) {
      switch (node.op()) {
        case "MatMul" -> matmul(node);
        case "Gemm" -> gemm(node);
        default -> READING.getOrDefault(node.op(), List.of()).forEach(i -> requireName(node, i));
      }
    }
  }

  /// The layers by their matrix's published name.
  Map<String, Layer> byName() {
    return layers;
  }

  private void matmul(OnnxNode node) {
    requireName(node, 0);
    var matrix = graph.stored(node.input(1));
    if (matrix == null || !isParameter(matrix)) return;
    requireMatrix(node, matrix);
    var add = bias(node);
    var bias = add == null ? null : add.input(0).equals(node.output()) ? add.input(1) : add.input(0);
    add(node, matrix, true, bias);
  }

  private void gemm(OnnxNode node) {
    requireName(node, 0);
    var matrix = graph.stored(node.input(1));
    if (matrix == null || !isParameter(matrix)) return;
    requireMatrix(node, matrix);
    var bias = node.input(2).isEmpty() ? null : node.input(2);
    if (node.number("alpha", 1) != 1 || bias != null && node.number("beta", 1) != 1 || node.integer("transA", 0) != 0)
      throw broken(node, "expected a product that is neither scaled nor of a transposed input");
    add(node, matrix, node.integer("transB", 0) == 0, bias);
  }

  /// The node that adds a stored vector to a product; null for none.
  private @Nullable OnnxNode bias(OnnxNode product) {
    OnnxNode found = null;
    for (var add : graph.consumers(product.output())) {
      if (!add.op().equals("Add")) continue;
      var other = graph.stored(add.input(0).equals(product.output()) ? add.input(1) : add.input(0));
      if (other == null || other.rank() != 1) continue;
      if (found != null) throw broken(product, "expected one bias added to its product, got two");
      found = add;
    }
    return found;
  }

  /// @param bias the value added; null for none
  private void add(OnnxNode node, OnnxTensor matrix, boolean transposed, @Nullable String bias) {
    var value = graph.name(node.input(1));
    var name = name(node, value, bias == null ? null : graph.name(bias));
    long outputs = matrix.shape().get(transposed ? 1 : 0);
    var vector = bias == null ? null : graph.stored(bias);
    if (vector != null && !vector.shape().equals(List.of(outputs)))
      throw broken(node, "its matrix " + matrix.shape() + " has " + outputs + " outputs; expected as many elements of '"
          + OnnxTensor.plain(bias) + "', got " + vector.shape());
    // OpenAI's projections, for instance, are published as [in, out], and not as the weight of a linear layer.
    var layer = new Layer(matrix, transposed && name.endsWith(WEIGHT));
    var other = layers.putIfAbsent(name, layer);
    var stored = graph.stored(name);
    if (other != null && (other.matrix != matrix || other.transposed != layer.transposed) || stored != null && stored != matrix)
      throw broken(node, "its matrix '" + OnnxTensor.plain(value) + "' would be '" + OnnxTensor.plain(name)
          + "', which another one is already; expected a bias for each");
  }

  private String name(OnnxNode node, String value, @Nullable String bias) {
    if (OnnxGraph.isPublished(value)) return value;
    if (bias != null) {
      if (OnnxGraph.isPublished(bias) && bias.endsWith(BIAS)) return bias.substring(0, bias.length() - BIAS.length()) + WEIGHT;
      throw broken(node, "the name of its matrix '" + OnnxTensor.plain(value)
          + "' cannot be told: expected a bias called '….bias', got '" + OnnxTensor.plain(bias) + "'");
    }
    var scope = SCOPE.matcher(node.name());
    if (scope.matches()) return scope.group(1).replace('/', '.') + WEIGHT;
    throw broken(node, "the name of its matrix '" + OnnxTensor.plain(value)
        + "' cannot be told: expected a bias added to its product, or a node called after its module as '/module/MatMul' is");
  }

  /// A matrix of floats, and not a number or a shape of the computation.
  private static boolean isParameter(OnnxTensor tensor) {
    return tensor.isFloat() && tensor.rank() > 0 && tensor.shape().stream().anyMatch(length -> length != 1);
  }

  private void requireMatrix(OnnxNode node, OnnxTensor matrix) {
    if (matrix.rank() != 2) throw broken(node, "expected a matrix as its weight, got " + matrix.shape());
  }

  private void requireName(OnnxNode node, int input) {
    var value = graph.name(node.input(input));
    var tensor = graph.stored(value);
    if (tensor == null || !isParameter(tensor) || OnnxGraph.isPublished(value)) return;
    throw broken(node, "expected a parameter under its published name as input " + input + ", got '" + OnnxTensor.plain(value)
        + "'");
  }

  private CheckpointException broken(OnnxNode node, String why) {
    return new CheckpointException(graph.file + ": " + node.shown() + ": " + why);
  }
}
