package dev.fovea.benchmarks.peers;

import dev.fovea.benchmarks.peers.OnnxGraph.Attribute;
import java.util.List;

/// A ViT as an ONNX model, with the operations that PyTorch's exporter writes for `timm`'s `vision_transformer.py`.
///
/// Shapes: P patches, N = 1 + P tokens, C channels, H heads, D = C / H.
final class OnnxVit {
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
    var image = g.input("image", 1, c.numChannels(), c.imageHeight(), c.imageWidth());
    var proj = g.constant(w.rows("patch_embed.proj.weight"), dim, c.numChannels(), patch, patch);
    var x = g.node("Conv", List.of(image, proj, tensor("patch_embed.proj.bias", dim)),
        Attribute.of("kernel_shape", new long[] {patch, patch}), Attribute.of("strides", new long[] {patch, patch}));
    x = transposed(reshaped(x, 1, dim, count), 0, 2, 1);                              // [1, P, C]
    x = g.node("Concat", List.of(tensor("cls_token", 1, 1, dim), x), Attribute.of("axis", 1));
    x = plus(x, tensor("pos_embed", 1, 1 + count, dim));                              // [1, N, C]
    for (int i = 0; i < c.depth(); i++) x = block(x, "blocks." + i + ".");
    x = g.node("Gather", List.of(x, g.constant(new long[] {0})), Attribute.of("axis", 1));   // [1, 1, C]
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
    int dim = c.embedDim(), heads = c.numHeads(), depth = dim / heads, tokens = 1 + c.rows() * c.cols();
    var qkv = transposed(reshaped(linear(x, at + "qkv", dim, 3 * dim), 1, tokens, 3, heads, depth), 2, 0, 3, 1, 4);
    String q = third(qkv, 0), k = third(qkv, 1), v = third(qkv, 2);                   // [1, H, N, D]
    q = g.node("Mul", List.of(q, g.constant(new float[] {(float) (1 / Math.sqrt(depth))})));
    var scores = g.node("MatMul", List.of(q, transposed(k, 0, 1, 3, 2)));             // [1, H, N, N]
    var context = g.node("MatMul", List.of(g.node("Softmax", List.of(scores), Attribute.of("axis", -1)), v));
    return linear(reshaped(transposed(context, 0, 2, 1, 3), 1, tokens, dim), at + "proj", dim, dim);
  }

  /// Part `i` of the first dimension, which disappears.
  private String third(String qkv, int i) {
    var index = g.constant(new long[] {i});
    return g.node("Squeeze", List.of(g.node("Gather", List.of(qkv, index), Attribute.of("axis", 0)), g.constant(new long[] {0})));
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
