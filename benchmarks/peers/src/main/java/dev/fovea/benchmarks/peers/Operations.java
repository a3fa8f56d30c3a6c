package dev.fovea.benchmarks.peers;

import java.util.List;
import java.util.function.Supplier;

/// What a model's pass is made of, in a program that computes at once or in a graph that is written. Shapes are known: none is
/// `-1`. Parameters are those of the published names, and each request states their shape.
///
/// @param <V> a tensor, or its name in a graph
interface Operations<V> {
  /// Numbers that are the same in each pass; made once, before the first.
  V constant(float[] values, long... shape);

  /// `x · Wᵀ + b` with `name.weight` `[out, in]` and `name.bias` `[out]`.
  V linear(V x, String name, int in, int out);

  /// The same without a bias.
  V product(V x, String name, int in, int out);

  /// A convolution of planes, with `name.weight` `[out, in, size, size]` and a bias.
  V convolution(V x, String name, int in, int out, int size, int stride, int padding);

  /// `x` times the numbers `name` `[dim]`.
  V scaled(V x, String name, int dim);

  V layerNorm(V x, String name, int dim, float eps);

  /// Of planes `[1, dim, H, W]`, with an epsilon of 1e-5.
  V groupNorm(V x, String name, int groups, int dim, int height, int width);

  /// Rows of the table `name` `[rows, dim]`: `[1, N]` → `[1, N, dim]`.
  V embedding(V ids, String name, int rows, int dim);

  /// Products of the matrices in the last two dimensions.
  V matMul(V a, V b);

  V plus(V a, V b);

  V minus(V a, V b);

  V times(V a, V b);

  V over(V a, V b);

  V plus(V x, float summand);

  V times(V x, float factor);

  V over(V x, float divisor);

  /// Over the last dimension.
  V softmax(V x);

  V gelu(V x);

  V relu(V x);

  V sigmoid(V x);

  V log(V x);

  V sin(V x);

  V cos(V x);

  V clip(V x, float least, float largest);

  /// The largest number of all; the result has the same number of dimensions or none.
  V max(V x);

  /// The largest numbers along the last dimension, which becomes 1.
  V maxOfLast(V x);

  /// The sums along the last dimension, which is removed.
  V sumOfLast(V x);

  V reshape(V x, long... shape);

  V transpose(V x, long... order);

  /// The places `from`, `from + step`, …, below `to` of a dimension.
  V slice(V x, int axis, int from, int to, int step);

  V concat(int axis, List<V> parts);

  /// Zeros after the ends of the dimensions.
  V padded(V x, long... after);

  /// `[1, H, W, C]` moved by as many rows as columns, cyclically.
  V rolled(V x, int height, int width, int by);

  /// The places of the largest `k` of `[1, N]`, in descending order.
  V top(V x, int k);

  /// Rows of `[1, N, C]`, by the places that [#top] gives.
  V rows(V x, V places, int k);

  /// Samples of planes `[B, C, H, W]` at places `[B, Y, X, 2]` within -1 and 1, the outermost edges: bilinear, zeros outside.
  V sampled(V x, V places);

  /// Computes a part of a pass whose intermediate results nobody needs later.
  List<V> scope(Supplier<List<V>> part);

  /// A part with one result.
  default V part(Supplier<V> part) {
    return scope(() -> List.of(part.get())).getFirst();
  }
}
