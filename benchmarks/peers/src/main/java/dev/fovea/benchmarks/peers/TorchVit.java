package dev.fovea.benchmarks.peers;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import java.util.HashMap;
import java.util.Map;

/// A ViT in PyTorch's operations (ref: timm `vision_transformer.py`). DJL offers no fused attention: it is a product, a softmax
/// and a product, as in PyTorch's own eager attention.
///
/// Shapes: P patches, N = 1 + P tokens, C channels, H heads, D = C / H.
final class TorchVit {
  private final VitWeights w;
  private final Map<String, NDArray> arrays = new HashMap<>();

  TorchVit(VitWeights weights, NDManager manager) {
    w = weights;
    var c = w.config();
    int dim = c.embedDim(), patch = c.patchSize();
    tensor(manager, "cls_token", 1, 1, dim);
    tensor(manager, "pos_embed", 1, 1 + c.rows() * c.cols(), dim);
    tensor(manager, "patch_embed.proj.bias", dim);
    matrix(manager, "patch_embed.proj.weight", dim, c.numChannels(), patch, patch);
    for (int i = 0; i < c.depth(); i++) {
      var at = "blocks." + i + ".";
      norm(manager, at + "norm1");
      linear(manager, at + "attn.qkv", dim, 3 * dim);
      linear(manager, at + "attn.proj", dim, dim);
      norm(manager, at + "norm2");
      linear(manager, at + "mlp.fc1", dim, c.mlpDim());
      linear(manager, at + "mlp.fc2", c.mlpDim(), dim);
    }
    norm(manager, "norm");
    linear(manager, "head", dim, c.numClasses());
  }

  private void norm(NDManager manager, String name) {
    tensor(manager, name + ".weight", w.config().embedDim());
    tensor(manager, name + ".bias", w.config().embedDim());
  }

  private void linear(NDManager manager, String name, int in, int out) {
    matrix(manager, name + ".weight", out, in);
    tensor(manager, name + ".bias", out);
  }

  private void tensor(NDManager manager, String name, long... shape) {
    arrays.put(name, manager.create(w.tensor(name), new Shape(shape)));
  }

  private void matrix(NDManager manager, String name, long... shape) {
    arrays.put(name, manager.create(w.rows(name), new Shape(shape)));
  }

  /// `[1, channels, H, W]` → `[1, classes]`.
  NDArray forward(NDArray image) {
    var c = w.config();
    int patch = c.patchSize();
    var x = Conv2d.conv2d(image, arrays.get("patch_embed.proj.weight"), arrays.get("patch_embed.proj.bias"),
        new Shape(patch, patch)).singletonOrThrow().flatten(2, 3).transpose(0, 2, 1);   // [1, P, C]
    x = arrays.get("cls_token").concat(x, 1).add(arrays.get("pos_embed"));            // [1, N, C]
    x.attach(image.getManager());
    for (int i = 0; i < c.depth(); i++) x = block(x, "blocks." + i + ".");
    return linear(layerNorm(x.get(":, 0"), "norm"), "head");
  }

  /// Frees its intermediate results at its end, as PyTorch's reference counts would.
  private NDArray block(NDArray x, String at) {
    var outer = x.getManager();
    try (var scope = outer.newSubManager()) {
      x.attach(scope);
      x = x.add(attention(layerNorm(x, at + "norm1"), at + "attn."));
      var hidden = Activation.gelu(linear(layerNorm(x, at + "norm2"), at + "mlp.fc1"));
      var out = x.add(linear(hidden, at + "mlp.fc2"));
      out.attach(outer);
      return out;
    }
  }

  private NDArray attention(NDArray x, String at) {
    int heads = w.config().numHeads();
    long tokens = x.getShape().get(1), dim = x.getShape().get(2), depth = dim / heads;
    var qkv = linear(x, at + "qkv").reshape(1, tokens, 3, heads, depth).transpose(2, 0, 3, 1, 4);
    NDArray q = qkv.get(0), k = qkv.get(1), v = qkv.get(2);                           // [1, H, N, D]
    var maps = q.mul(1 / Math.sqrt(depth)).matMul(k.transpose(0, 1, 3, 2)).softmax(-1);
    return linear(maps.matMul(v).transpose(0, 2, 1, 3).reshape(1, tokens, dim), at + "proj");
  }

  private NDArray linear(NDArray x, String name) {
    return Linear.linear(x, arrays.get(name + ".weight"), arrays.get(name + ".bias")).singletonOrThrow();
  }

  private NDArray layerNorm(NDArray x, String name) {
    return LayerNorm.layerNorm(x, new Shape(w.config().embedDim()), arrays.get(name + ".weight"), arrays.get(name + ".bias"),
        w.config().layerNormEps()).singletonOrThrow();
  }
}
