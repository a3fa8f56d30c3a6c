package dev.fovea.converter.source;

import com.google.common.collect.ArrayListMultimap;
import com.google.common.collect.ListMultimap;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// A graph whose values are known by their names: which are stored in the file, and which nodes give and take the others.
final class OnnxGraph {
  /// Nodes that pass on a stored tensor. Exporters write one `Identity` for each parameter that equals another.
  private static final Set<String> PASSING = Set.of("Identity", "Cast");
  private static final Set<String> QUANTIZED = Set.of("DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear",
      "MatMulInteger", "ConvInteger", "MatMulNBits");
  /// A parameter's name as PyTorch has it, or a word without a number at its end, such as `logit_scale`; exporters number the
  /// names that they make up.
  private static final Pattern PUBLISHED = Pattern.compile("\\w+(\\.\\w+)+|[A-Za-z_]\\w*[A-Za-z_]");

  /// Most dimensions of a shape.
  private static final int MAX_RANK = 64;

  final String file;
  final List<OnnxNode> nodes;
  private final Map<String, OnnxTensor> stored = new LinkedHashMap<>();
  /// Published names of the stored values that a node passes on under a made-up one.
  private final Map<String, String> names = new HashMap<>();
  private final Map<String, OnnxNode> producers = new HashMap<>();
  private final ListMultimap<String, OnnxNode> consumers = ArrayListMultimap.create();

  /// @throws CheckpointException if two values have one name, an operation is not ONNX's own, or weights are quantized
  OnnxGraph(String file, OnnxParser.Graph graph) {
    this.file = file;
    nodes = graph.nodes();
    for (var each : graph.initializers()) store(each.name(), each);
    for (var node : nodes) {
      requireKnown(node);
      for (var input : node.inputs()) if (!input.isEmpty()) consumers.put(input, node);
      for (var output : node.outputs())
        if (!output.isEmpty() && producers.put(output, node) != null) throw twice(output);
      var value = node.attributes().get("value");
      if (node.op().equals("Constant") && value != null && value.tensor() != null) store(node.output(), value.tensor());
      if (PASSING.contains(node.op()) && stored.containsKey(node.input(0))) {
        store(node.output(), stored.get(node.input(0)));
        names.put(node.output(), name(node.input(0)));
      }
    }
  }

  private void store(String name, OnnxTensor tensor) {
    if (!name.isEmpty() && stored.put(name, tensor) != null) throw twice(name);
  }

  private CheckpointException twice(String name) {
    return new CheckpointException(file + ": there are two values '" + OnnxTensor.plain(name) + "'");
  }

  private void requireKnown(OnnxNode node) {
    if (QUANTIZED.contains(node.op()) || node.op().startsWith("QLinear"))
      throw new CheckpointException(file + ": " + node.shown()
          + ": the graph's weights are quantized; expected a graph with float32, float16 or bfloat16 weights");
    if (!node.domain().isEmpty() && !node.domain().equals("ai.onnx"))
      throw new CheckpointException(file + ": " + node.shown() + ": an operator of '" + OnnxTensor.plain(node.domain())
          + "', as graphs rewritten by an optimizer have; expected ONNX's own operators, as torch.onnx and optimum export them");
  }

  /// Whether a name is a parameter's, and not one that an exporter made up, such as `onnx::MatMul_885`.
  static boolean isPublished(String name) {
    return PUBLISHED.matcher(name).matches();
  }

  /// The published name of a stored value, if it has one, and otherwise the one that was made up.
  String name(String value) {
    return isPublished(value) ? value : names.getOrDefault(value, value);
  }

  /// The tensors in the file under the names of the values that hold them, in the order of the file.
  Map<String, OnnxTensor> stored() {
    return stored;
  }

  /// The tensor that a value is; null if it is computed or an input.
  @Nullable OnnxTensor stored(String value) {
    return stored.get(value);
  }

  /// The node that gives a value; null for stored ones and inputs.
  @Nullable OnnxNode producer(String value) {
    return producers.get(value);
  }

  /// The node of this operator that gives a value, or null.
  @Nullable OnnxNode producer(String value, String op) {
    var node = producers.get(value);
    return node != null && node.op().equals(op) ? node : null;
  }

  /// The nodes that take a value; one that takes it twice is there twice.
  List<OnnxNode> consumers(String value) {
    return consumers.get(value);
  }

  /// The number that a value is; null unless it is a stored one.
  @Nullable Float number(String value) {
    var tensor = stored.get(value);
    boolean one = tensor != null && tensor.isFloat() && tensor.external().isEmpty()
        && tensor.shape().stream().allMatch(length -> length == 1);
    return one ? Float.valueOf(tensor.in(OnnxFile.NOWHERE).floatAt(0)) : null;
  }

  /// The lengths of a shape that a value gives; null for those that depend on the graph's inputs, and for a shape that is not built
  /// of its lengths.
  @Nullable List<@Nullable Long> shape(String value) {
    var concat = producer(value, "Concat");
    if (concat == null) return integers(value);
    var lengths = new ArrayList<@Nullable Long>();
    for (var input : concat.inputs()) {
      var known = integers(input);
      if (known == null) lengths.add(null);
      else lengths.addAll(known);
    }
    return lengths;
  }

  private @Nullable List<@Nullable Long> integers(String value) {
    var constant = producer(value, "Constant");
    if (constant != null && constant.attributes().containsKey("value_ints"))
      return new ArrayList<>(constant.attributes().get("value_ints").integers());
    var tensor = stored.get(value);
    if (tensor == null || tensor.dtype() != DType.I64 || !tensor.external().isEmpty() || tensor.rank() > 1
        || tensor.rank() == 1 && tensor.shape().getFirst() > MAX_RANK) return null;
    var integers = tensor.in(OnnxFile.NOWHERE);
    var lengths = new ArrayList<@Nullable Long>();
    for (int i = 0; i < integers.size(); i++) lengths.add((long) integers.floatAt(i));
    return lengths;
  }
}
