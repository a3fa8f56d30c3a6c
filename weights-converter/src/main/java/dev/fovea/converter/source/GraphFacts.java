package dev.fovea.converter.source;

import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// What a checkpoint's graph tells beyond the shapes of its tensors, by the published names of its modules. Only what the graph
/// states is told; forms that are not known give null.
public final class GraphFacts {
  private static final float EPSILON = 1e-5f;
  private static final float ROOT_2 = 1.41421356f, SLACK = 1e-3f;
  /// Nodes that read the shape of a value and not the value.
  private static final Set<String> OF_SHAPES = Set.of("Shape", "Size");

  private final OnnxGraph graph;
  private final String prefix;

  /// @param prefix of the names in the graph
  GraphFacts(OnnxGraph graph, String prefix) {
    this.graph = graph;
    this.prefix = prefix;
  }

  /// Number of heads that the outputs of a linear layer are split into: by the shape `[…, heads, headDim]` that they get.
  ///
  /// @param linear the layer's name
  public @Nullable Integer heads(String linear) {
    var outputs = graph.stored(prefix + linear + ".bias");
    if (outputs == null || outputs.rank() != 1) return null;
    Integer heads = null;
    for (var reshape : takers(linear)) {
      var shape = reshape.op().equals("Reshape") ? graph.shape(reshape.input(1)) : null;
      if (shape == null || shape.size() != 4) continue;
      var here = heads(shape.get(2), shape.get(3), outputs.shape().getFirst());
      if (here == null || heads != null && !heads.equals(here)) return null;
      heads = here;
    }
    return heads;
  }

  /// One of the two may be -1, which is what remains.
  private static @Nullable Integer heads(@Nullable Long heads, @Nullable Long headDim, long channels) {
    if (heads == null || headDim == null || heads == 0 || headDim == 0 || heads > channels || headDim > channels) return null;
    if (heads == -1 && headDim > 0) heads = channels / headDim;
    if (headDim == -1 && heads > 0) headDim = channels / heads;
    return heads > 0 && headDim > 0 && heads * headDim == channels ? Integer.valueOf(heads.intValue()) : null;
  }

  /// The activation after a linear layer, as `hidden_act` calls it: `gelu`, `gelu_pytorch_tanh` or `relu`.
  public @Nullable String activation(String linear) {
    for (var node : takers(linear)) {
      switch (node.op()) {
        case "Relu" -> { return "relu"; }
        case "Gelu" -> { return node.text("approximate", "none").equals("none") ? "gelu" : "gelu_pytorch_tanh"; }
        case "Div", "Mul" -> {
          var scale = graph.number(node.input(1));
          boolean exact = scale != null && Math.abs((node.op().equals("Div") ? scale : 2 * scale) - ROOT_2) < SLACK;
          if (exact && graph.consumers(node.output()).stream().anyMatch(next -> next.op().equals("Erf"))) return "gelu";
        }
        default -> {}
      }
    }
    return null;
  }

  /// The epsilon of a layer norm, which is one node or several: `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
  ///
  /// @param norm its name
  public @Nullable Float epsilon(String norm) {
    var weight = prefix + norm + ".weight";
    for (var node : graph.consumers(weight)) {
      if (node.op().equals("LayerNormalization")) return node.number("epsilon", EPSILON);
      if (!node.op().equals("Mul")) continue;
      var quotient = graph.producer(node.input(0).equals(weight) ? node.input(1) : node.input(0), "Div");
      var root = quotient == null ? null : graph.producer(quotient.input(1), "Sqrt");
      var sum = root == null ? null : graph.producer(root.input(0), "Add");
      if (sum != null) {
        var first = graph.number(sum.input(0));
        return first != null ? first : graph.number(sum.input(1));
      }
    }
    return null;
  }

  /// Whether the rows of a table that are read follow from the number of tokens alone, as those of BERT's positions do. RoBERTa,
  /// with the same names, counts only the tokens that are no padding.
  ///
  /// @param table the name of its tensor
  public boolean countsTokens(String table) {
    var lookups = graph.consumers(prefix + table);
    return lookups.size() == 1 && lookups.getFirst().op().equals("Gather") && !reachesInput(lookups.getFirst().input(1));
  }

  private boolean reachesInput(String value) {
    var seen = new HashSet<String>(List.of(value));
    var left = new ArrayDeque<String>(seen);
    while (!left.isEmpty()) {
      var next = left.remove();
      if (next.isEmpty() || graph.stored(next) != null) continue;
      var node = graph.producer(next);
      if (node == null) return true;
      if (!OF_SHAPES.contains(node.op())) for (var input : node.inputs()) if (seen.add(input)) left.add(input);
    }
    return false;
  }

  /// The nodes that take the outputs of a linear layer, its bias included.
  private List<OnnxNode> takers(String linear) {
    return graph.consumers(prefix + linear + ".bias").stream().filter(node -> node.op().equals("Add") || node.op().equals("Gemm"))
        .flatMap(node -> graph.consumers(node.output()).stream()).toList();
  }
}
