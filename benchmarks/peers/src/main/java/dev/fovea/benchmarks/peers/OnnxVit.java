package dev.fovea.benchmarks.peers;

import dev.fovea.benchmarks.peers.OnnxGraph.Attribute;
import java.util.List;

/// A ViT as an ONNX model (ref: timm `vision_transformer.py`), with ONNX Runtime's own fused attention, as its optimiser for
/// transformers writes it.
///
/// Shapes: P patches, N = 1 + P tokens, C channels.
final class OnnxVit {
  static final String IMAGE = "image";

  private final OnnxGraph g = new OnnxGraph();
  private final VitWeights w;

  private OnnxVit(VitWeights weights) {
    w = weights;
  }

  /// The model for one picture.
  static byte[] model(VitWeights weights) {
    return new OnnxVit(weights).build();
  }

  private byte[] build() {
    var c = w.config();
    int dim = c.embedDim(), patch = c.patchSize(), count = c.rows() * c.cols();
    var image = g.input(IMAGE, 1, c.numChannels(), c.imageHeight(), c.imageWidth());
    var proj = g.constant(w.rows("patch_embed.proj.weight"), dim, c.numChannels(), patch, patch);
    var x = g.node("Conv", List.of(image, proj, tensor("patch_embed.proj.bias", dim)),
        Attribute.of("kernel_shape", new long[] {patch, patch}), Attribute.of("strides", new long[] {patch, patch}));
    x = transposed(reshaped(x, 1, dim, count), 0, 2, 1);                              // [1, P, C]
    x = g.node("Concat", List.of(tensor("cls_token", 1, 1, dim), x), Attribute.of("axis", 1));
    x = plus(x, tensor("pos_embed", 1, 1 + count, dim));                              // [1, N, C]
    for (int i = 0; i < c.depth(); i++) x = block(x, "blocks." + i + ".");
    x = g.node("Gather", List.of(x, g.constant(0)), Attribute.of("axis", 1));   // [1, 1, C]
    x = reshaped(linear(layerNorm(x, "norm"), "head", dim, c.numClasses()), 1, c.numClasses());
    g.output(x, 1, c.numClasses());
    return g.toBytes();
  }

  private String block(String x, String at) {
    var c = w.config();
    int dim = c.embedDim();
    x = plus(x, attention(layerNorm(x, at + "norm1"), at + "attn."));
    var hidden = g.node("Gelu", List.of(linear(layerNorm(x, at + "norm2"), at + "mlp.fc1", dim, c.mlpDim())));
    return plus(x, linear(hidden, at + "mlp.fc2", c.mlpDim(), dim));
  }

  private String attention(String x, String at) {
    var c = w.config();
    int dim = c.embedDim();
    var qkv = linear(x, at + "qkv", dim, 3 * dim);                                    // [1, N, 3 C]
    var context = g.node("MultiHeadAttention", List.of(third(qkv, 0), third(qkv, 1), third(qkv, 2)),
        Attribute.of("num_heads", c.numHeads()));
    return linear(context, at + "proj", dim, dim);
  }

  /// Part `i` of the last dimension: `[1, N, 3 C]` → `[1, N, C]`.
  private String third(String qkv, int i) {
    int dim = w.config().embedDim();
    return g.node("Slice", List.of(qkv, g.constant((long) i * dim), g.constant((i + 1L) * dim), g.constant(2)));
  }

  private String linear(String x, String name, int in, int out) {
    return plus(g.node("MatMul", List.of(x, g.constant(w.columns(name + ".weight"), in, out))), tensor(name + ".bias", out));
  }

  private String layerNorm(String x, String name) {
    int dim = w.config().embedDim();
    return g.node("LayerNormalization", List.of(x, tensor(name + ".weight", dim), tensor(name + ".bias", dim)),
        Attribute.of("axis", -1), Attribute.of("epsilon", w.config().layerNormEps()));
  }

  private String tensor(String name, long... shape) {
    return g.constant(w.tensor(name), shape);
  }

  private String plus(String a, String b) {
    return g.node("Add", List.of(a, b));
  }

  private String reshaped(String x, long... shape) {
    return g.node("Reshape", List.of(x, g.constant(shape)));
  }

  private String transposed(String x, long... order) {
    return g.node("Transpose", List.of(x), Attribute.of("perm", order));
  }
}
