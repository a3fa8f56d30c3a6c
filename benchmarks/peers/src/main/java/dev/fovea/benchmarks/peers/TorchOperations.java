package dev.fovea.benchmarks.peers;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// PyTorch's operations, computed at once. Each result belongs to the innermost part of a pass.
final class TorchOperations implements Operations<NDArray> {
  private final NDManager constants;
  private final Parameters parameters;
  private final TorchScript script;
  private final Map<String, NDArray> arrays = new HashMap<>();
  private NDManager scope;

  /// @param manager owns constants and parameters
  TorchOperations(NDManager manager, Parameters parameters) {
    constants = manager;
    scope = manager;
    this.parameters = parameters;
    script = new TorchScript(manager);
  }

  /// Computes a pass, whose results belong to `owner`.
  <R> R in(NDManager owner, Supplier<R> pass) {
    var outer = scope;
    scope = owner;
    try {
      return pass.get();
    } finally {
      scope = outer;
    }
  }

  @Override
  public List<NDArray> scope(Supplier<List<NDArray>> part) {
    var outer = scope;
    try (var inner = outer.newSubManager()) {
      var results = in(inner, part);
      results.forEach(result -> result.attach(outer));
      return results;
    }
  }

  private NDArray owned(NDArray result) {
    if (result.getManager() != scope) result.attach(scope);
    return result;
  }

  @Override
  public NDArray constant(float[] values, long... shape) {
    return constants.create(values, new Shape(shape));
  }

  @Override
  public NDArray linear(NDArray x, String name, int in, int out) {
    return owned(Linear.linear(x, parameter(name + ".weight", out, in), parameter(name + ".bias", out)).singletonOrThrow());
  }

  @Override
  public NDArray product(NDArray x, String name, int in, int out) {
    return owned(Linear.linear(x, parameter(name + ".weight", out, in)).singletonOrThrow());
  }

  @Override
  public NDArray convolution(NDArray x, String name, int in, int out, int size, int stride, int padding) {
    return owned(Conv2d.conv2d(x, parameter(name + ".weight", out, in, size, size), parameter(name + ".bias", out),
        new Shape(stride, stride), new Shape(padding, padding)).singletonOrThrow());
  }

  @Override
  public NDArray scaled(NDArray x, String name, int dim) {
    return times(x, parameter(name, dim));
  }

  @Override
  public NDArray layerNorm(NDArray x, String name, int dim, float eps) {
    return owned(LayerNorm.layerNorm(x, new Shape(dim), parameter(name + ".weight", dim), parameter(name + ".bias", dim), eps)
        .singletonOrThrow());
  }

  @Override
  public NDArray groupNorm(NDArray x, String name, int groups, int dim, int height, int width) {
    return owned(script.groupNorm(x, groups, parameter(name + ".weight", dim), parameter(name + ".bias", dim)));
  }

  @Override
  public NDArray embedding(NDArray ids, String name, int rows, int dim) {
    return owned(JniUtils.embedding((PtNDArray) ids, (PtNDArray) parameter(name, rows, dim), false));
  }

  @Override
  public NDArray matMul(NDArray a, NDArray b) {
    return owned(a.matMul(b));
  }

  @Override
  public NDArray plus(NDArray a, NDArray b) {
    return owned(a.add(b));
  }

  @Override
  public NDArray minus(NDArray a, NDArray b) {
    return owned(a.sub(b));
  }

  @Override
  public NDArray times(NDArray a, NDArray b) {
    return owned(a.mul(b));
  }

  @Override
  public NDArray over(NDArray a, NDArray b) {
    return owned(a.div(b));
  }

  @Override
  public NDArray plus(NDArray x, float summand) {
    return owned(x.add(summand));
  }

  @Override
  public NDArray times(NDArray x, float factor) {
    return owned(x.mul(factor));
  }

  @Override
  public NDArray over(NDArray x, float divisor) {
    return owned(x.div(divisor));
  }

  @Override
  public NDArray softmax(NDArray x) {
    return owned(x.softmax(-1));
  }

  @Override
  public NDArray gelu(NDArray x) {
    return owned(Activation.gelu(x));
  }

  @Override
  public NDArray relu(NDArray x) {
    return owned(Activation.relu(x));
  }

  @Override
  public NDArray sigmoid(NDArray x) {
    return owned(Activation.sigmoid(x));
  }

  @Override
  public NDArray log(NDArray x) {
    return owned(x.log());
  }

  @Override
  public NDArray sin(NDArray x) {
    return owned(x.sin());
  }

  @Override
  public NDArray cos(NDArray x) {
    return owned(x.cos());
  }

  @Override
  public NDArray clip(NDArray x, float least, float largest) {
    return owned(x.clip(least, largest));
  }

  @Override
  public NDArray max(NDArray x) {
    return owned(x.max());
  }

  @Override
  public NDArray maxOfLast(NDArray x) {
    return owned(x.max(new int[] {-1}, true));
  }

  @Override
  public NDArray sumOfLast(NDArray x) {
    return owned(x.sum(new int[] {-1}));
  }

  @Override
  public NDArray reshape(NDArray x, long... shape) {
    return owned(x.reshape(shape));
  }

  @Override
  public NDArray transpose(NDArray x, long... order) {
    return owned(JniUtils.permute((PtNDArray) x, order));
  }

  @Override
  public NDArray slice(NDArray x, int axis, int from, int to, int step) {
    return owned(JniUtils.slice((PtNDArray) x, axis, from, to, step));
  }

  @Override
  public NDArray concat(int axis, List<NDArray> parts) {
    return owned(NDArrays.concat(new NDList(parts), axis));
  }

  @Override
  public NDArray padded(NDArray x, long... after) {
    var pads = new long[2 * after.length];
    for (int i = 0; i < after.length; i++) pads[2 * (after.length - 1 - i) + 1] = after[i];
    return owned(JniUtils.pad((PtNDArray) x, pads, 0));
  }

  @Override
  public NDArray rolled(NDArray x, int height, int width, int by) {
    return owned(script.rolled(x, by));
  }

  @Override
  public NDArray top(NDArray x, int k) {
    var found = JniUtils.topK((PtNDArray) x, k, 1, true, true);
    found.getFirst().close();
    return owned(found.getLast());
  }

  @Override
  public NDArray rows(NDArray x, NDArray places, int k) {
    var shape = x.getShape();
    return owned(JniUtils.embedding((PtNDArray) places, (PtNDArray) reshape(x, shape.get(1), shape.get(2)), false));
  }

  @Override
  public NDArray sampled(NDArray x, NDArray places) {
    return owned(script.sampled(x, places));
  }

  private NDArray parameter(String name, long... shape) {
    return arrays.computeIfAbsent(name, _ -> constant(parameters.get(name, shape), shape));
  }
}
