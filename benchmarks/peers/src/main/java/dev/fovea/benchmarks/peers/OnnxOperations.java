package dev.fovea.benchmarks.peers;

import dev.fovea.benchmarks.peers.OnnxGraph.Attribute;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/// Operations of ONNX, written as `torch.onnx.export` writes those of PyTorch.
final class OnnxOperations implements Operations<String> {
  private static final float GROUP_NORM_EPS = 1e-5f;

  private final OnnxGraph g;
  private final Parameters parameters;

  OnnxOperations(OnnxGraph graph, Parameters parameters) {
    g = graph;
    this.parameters = parameters;
  }

  @Override
  public String constant(float[] values, long... shape) {
    return g.constant(values, shape);
  }

  @Override
  public String linear(String x, String name, int in, int out) {
    return plus(product(x, name, in, out), parameter(name + ".bias", out));
  }

  @Override
  public String product(String x, String name, int in, int out) {
    var columns = VitWeights.transposed(parameters.get(name + ".weight", out, in), out, in);
    return g.node("MatMul", List.of(x, g.constant(columns, in, out)));
  }

  @Override
  public String convolution(String x, String name, int in, int out, int size, int stride, int padding) {
    return g.node("Conv", List.of(x, parameter(name + ".weight", out, in, size, size), parameter(name + ".bias", out)),
        Attribute.of("kernel_shape", new long[] {size, size}), Attribute.of("strides", new long[] {stride, stride}),
        Attribute.of("pads", new long[] {padding, padding, padding, padding}));
  }

  @Override
  public String scaled(String x, String name, int dim) {
    return times(x, parameter(name, dim));
  }

  @Override
  public String layerNorm(String x, String name, int dim, float eps) {
    return g.node("LayerNormalization", List.of(x, parameter(name + ".weight", dim), parameter(name + ".bias", dim)),
        Attribute.of("axis", -1), Attribute.of("epsilon", eps));
  }

  @Override
  public String groupNorm(String x, String name, int groups, int dim, int height, int width) {
    var ones = new float[groups];
    Arrays.fill(ones, 1);
    var normed = g.node("InstanceNormalization", List.of(reshape(x, 1, groups, (long) dim / groups * height * width),
        g.constant(ones, groups), g.constant(new float[groups], groups)), Attribute.of("epsilon", GROUP_NORM_EPS));
    var scaled = times(reshape(normed, 1, dim, height, width), g.constant(parameters.get(name + ".weight", dim), dim, 1, 1));
    return plus(scaled, g.constant(parameters.get(name + ".bias", dim), dim, 1, 1));
  }

  @Override
  public String embedding(String ids, String name, int rows, int dim) {
    return g.node("Gather", List.of(parameter(name, rows, dim), ids));
  }

  @Override
  public String matMul(String a, String b) {
    return g.node("MatMul", List.of(a, b));
  }

  @Override
  public String plus(String a, String b) {
    return g.node("Add", List.of(a, b));
  }

  @Override
  public String minus(String a, String b) {
    return g.node("Sub", List.of(a, b));
  }

  @Override
  public String times(String a, String b) {
    return g.node("Mul", List.of(a, b));
  }

  @Override
  public String over(String a, String b) {
    return g.node("Div", List.of(a, b));
  }

  @Override
  public String plus(String x, float summand) {
    return plus(x, scalar(summand));
  }

  @Override
  public String times(String x, float factor) {
    return times(x, scalar(factor));
  }

  @Override
  public String over(String x, float divisor) {
    return over(x, scalar(divisor));
  }

  @Override
  public String softmax(String x) {
    return g.node("Softmax", List.of(x), Attribute.of("axis", -1));
  }

  @Override
  public String gelu(String x) {
    return g.node("Gelu", List.of(x));
  }

  @Override
  public String relu(String x) {
    return g.node("Relu", List.of(x));
  }

  @Override
  public String sigmoid(String x) {
    return g.node("Sigmoid", List.of(x));
  }

  @Override
  public String log(String x) {
    return g.node("Log", List.of(x));
  }

  @Override
  public String sin(String x) {
    return g.node("Sin", List.of(x));
  }

  @Override
  public String cos(String x) {
    return g.node("Cos", List.of(x));
  }

  @Override
  public String clip(String x, float least, float largest) {
    return g.node("Clip", List.of(x, scalar(least), scalar(largest)));
  }

  @Override
  public String max(String x) {
    return g.node("ReduceMax", List.of(x));
  }

  @Override
  public String maxOfLast(String x) {
    return g.node("ReduceMax", List.of(x, g.constant(-1)));
  }

  @Override
  public String sumOfLast(String x) {
    return g.node("ReduceSum", List.of(x, g.constant(-1)), Attribute.of("keepdims", 0));
  }

  @Override
  public String reshape(String x, long... shape) {
    return g.node("Reshape", List.of(x, g.constant(shape)));
  }

  @Override
  public String transpose(String x, long... order) {
    return g.node("Transpose", List.of(x), Attribute.of("perm", order));
  }

  @Override
  public String slice(String x, int axis, int from, int to, int step) {
    return g.node("Slice", List.of(x, g.constant(from), g.constant(to), g.constant(axis), g.constant(step)));
  }

  @Override
  public String concat(int axis, List<String> parts) {
    return g.node("Concat", parts, Attribute.of("axis", axis));
  }

  @Override
  public String padded(String x, long... after) {
    var pads = new long[2 * after.length];
    System.arraycopy(after, 0, pads, after.length, after.length);
    return g.node("Pad", List.of(x, g.constant(pads)));
  }

  @Override
  public String rolled(String x, int height, int width, int by) {
    return moved(moved(x, 1, height, by), 2, width, by);
  }

  private String moved(String x, int axis, int size, int by) {
    int first = Math.floorMod(-by, size);
    return concat(axis, List.of(slice(x, axis, first, size, 1), slice(x, axis, 0, first, 1)));
  }

  @Override
  public String top(String x, int k) {
    return g.second("TopK", List.of(x, g.constant(k)), Attribute.of("axis", 1));
  }

  @Override
  public String rows(String x, String places, int k) {
    return g.node("Gather", List.of(x, reshape(places, k)), Attribute.of("axis", 1));
  }

  @Override
  public String sampled(String x, String places) {
    return g.node("GridSample", List.of(x, places), Attribute.of("mode", "linear"), Attribute.of("padding_mode", "zeros"),
        Attribute.of("align_corners", 0));
  }

  @Override
  public List<String> scope(Supplier<List<String>> part) {
    return part.get();
  }

  private String parameter(String name, long... shape) {
    return g.constant(parameters.get(name, shape), shape);
  }

  private String scalar(float value) {
    return g.constant(new float[] {value});
  }
}
