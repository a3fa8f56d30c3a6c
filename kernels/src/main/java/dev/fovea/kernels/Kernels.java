package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Every operation that a model performs, on whole buffers of native memory.
///
/// This is the one door: models compute through nothing else, so that a second implementation standing here can count,
/// plan, trace or move a forward pass without the model knowing.
///
/// Numbers are float32 in native byte order, rows one after the other, unless a parameter says otherwise. A buffer's size
/// is exactly what its shape needs. NaN and infinities propagate as IEEE 754 prescribes. Sizes of zero are allowed and
/// do nothing. An operation allocates nothing that outlives it, except scratch memory that is kept for the next one.
///
/// Kernels are safe for use by many threads at once. Results do not depend on the number of threads, bit for bit.
///
/// Every operation throws [IllegalArgumentException] when a buffer is not native, has the wrong size or overlaps where it
/// may not, and [IllegalStateException] when a buffer's arena or these kernels are closed. Buffers come
/// from shared or automatic arenas: with more than one thread, a confined arena's throw [WrongThreadException].
public interface Kernels extends AutoCloseable {
  /// The provider's name, as [KernelProvider] knows it.
  String name();

  /// Threads that an operation may use, the caller's included.
  int threads();

  /// `out = activation(x · weightᵀ + bias) + residual`.
  ///
  /// @param x `[M, K]`
  /// @param weight `[N, K]`
  /// @param bias `[N]`, or null for none
  /// @param residual `[M, N]`, or null for none; may be `out` itself
  /// @param out `[M, N]`; may not overlap `x`, `weight` or `bias`
  void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m);

  /// `out = scale · a · b`, matrix by matrix.
  ///
  /// @param a `[M, K]` each
  /// @param b `[K, N]` each; [Matrices#transposed()] makes `a · bᵀ` of it
  /// @param out `[M, N]` each, no two elements at the same place; may not overlap `a` or `b`
  void matmul(Matrices a, Matrices b, Matrices out, float scale);

  /// `out = softmax(scale · q · kᵀ + mask) · v`, head by head, without writing the `N × N` scores to memory
  /// (Vaswani et al., 2017; the blockwise softmax is Milakov and Gimelshein's, 2018).
  ///
  /// @param q `[queries, D]` each, with column stride 1, as all four
  /// @param k `[keys, D]` each
  /// @param v `[keys, D]` each
  /// @param mask which keys are seen, and what is added to the scores
  /// @param out `[queries, D]` each; may not overlap an input
  void attention(Matrices q, Matrices k, Matrices v, AttentionMask mask, Matrices out, float scale);

  /// [#attention(Matrices, Matrices, Matrices, AttentionMask, Matrices, float)] where every query sees every key.
  default void attention(Matrices q, Matrices k, Matrices v, Matrices out, float scale) {
    attention(q, k, v, AttentionMask.NONE, out, scale);
  }

  /// `maps = softmax(scale · q · kᵀ + mask)`: the weights that [#attention(Matrices, Matrices, Matrices, AttentionMask, Matrices,
  /// float)] multiplies the values by, for who wants to see them.
  ///
  /// @param q `[queries, D]` each
  /// @param k `[keys, D]` each
  /// @param maps `[outer, inner, queries, keys]`, rows one after the other; may not overlap an input
  void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale);

  /// `out[r, c] = exp(x[r, c] - max(x[r])) / Σ exp(x[r] - max(x[r]))`. A row of nothing but `-∞` becomes NaN.
  ///
  /// @param x `[rows, cols]`
  /// @param out `[rows, cols]`; may be `x` itself
  void softmax(MemorySegment x, MemorySegment out, int rows, int cols);

  /// `out[r] = (x[r] - mean(x[r])) / √(var(x[r]) + eps) · gamma + beta`, with the biased variance
  /// (Ba, Kiros and Hinton, "Layer Normalization", 2016).
  ///
  /// @param x `[rows, cols]`
  /// @param gamma `[cols]`
  /// @param beta `[cols]`, or null for none
  /// @param out `[rows, cols]`; may be `x` itself
  void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols);

  /// `out[r] = x[r] / √(mean(x[r]²) + eps) · gamma` (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
  ///
  /// @param x `[rows, cols]`
  /// @param gamma `[cols]`, or null for none
  /// @param out `[rows, cols]`; may be `x` itself
  void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols);

  /// `out = activation(x)`, element by element.
  ///
  /// @param x `[n]`
  /// @param out `[n]`; may be `x` itself
  void activate(Activation activation, MemorySegment x, MemorySegment out, long n);

  /// `out[i] = a[i] + b[i mod period]`: `b` repeats, as a position table does over a batch.
  ///
  /// @param a `[n]`
  /// @param b `[period]`, where `period` divides `n`
  /// @param out `[n]`; may be `a` itself, or `b` itself when `period` is `n`
  void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period);

  /// `out[i] = a[i] · b[i mod period]`: `b` repeats, as a layer scale does over the tokens.
  ///
  /// @param a `[n]`
  /// @param b `[period]`, where `period` divides `n`
  /// @param out `[n]`; may be `a` itself, or `b` itself when `period` is `n`
  void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period);

  /// `out = x · factor`.
  ///
  /// @param x `[n]`
  /// @param out `[n]`; may be `x` itself
  void scale(MemorySegment x, float factor, MemorySegment out, long n);

  /// Copies `from` to `to`, which has the same shape at other strides.
  ///
  /// @param to no two elements at the same place; may not overlap `from`
  void copy(Matrices from, Matrices to);

  /// `out[i] = table[indices[i]]`: rows of a matrix, such as the embeddings of tokens.
  ///
  /// @param table `[N, K]`
  /// @param indices `[count]`, whole numbers in `[0, N)`
  /// @param out `[count, K]`; may not overlap `table` or `indices`
  /// @throws IllegalArgumentException if an index is none of the table's
  void gather(Weight table, MemorySegment indices, MemorySegment out, int count);

  /// `out[r] = r · cols + c`, where column `c` is the first of row `r` that holds `value`, and 0 where none does: an index
  /// into the rows of what belongs to `x`'s elements, for [#gather].
  ///
  /// @param x `[rows, cols]`, with fewer than 2²⁴ elements
  /// @param out `[rows]`; may not overlap `x`
  void find(MemorySegment x, float value, MemorySegment out, int rows, int cols);

  /// `out[p, f] = sin a` and `out[p, frequencies + f] = cos a` with `a = 2π Σ_d (scale · x[p, d] + offset) · basis[d, f]`:
  /// features of positions (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
  /// Domains", 2020).
  /// Angles are of many turns, and so are computed in double.
  ///
  /// @param x `[points, dims]`
  /// @param basis `[dims, frequencies]`
  /// @param out `[points, 2 · frequencies]`; may not overlap `x` or `basis`
  void fourier(MemorySegment x, double scale, double offset, MemorySegment basis, MemorySegment out, int points, int dims,
      int frequencies);

  /// `out = activation(x ∗ weight + bias) + residual`: a product with every window of a map. Samples outside the map are
  /// zeros. As in all networks, the window is not mirrored.
  ///
  /// Output `n` belongs to group `n / (N / groups)` and sees that group's channels.
  ///
  /// @param x `[B, H, W, C]` or `[B, C, H, W]`, as the geometry's layout says
  /// @param weight `[N, k]` with the geometry's `k` and order of columns
  /// @param bias `[N]`, or null for none
  /// @param residual `[B, rows, cols, N]`, or null for none; may be `out` itself
  /// @param out `[B, rows, cols, N]`; may not overlap `x`, `weight` or `bias`
  void convolution(MemorySegment x, Convolution geometry, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out);

  /// `out[…, c] = activation(Σ x[…, c] · weight[…, c] + bias[c])`: a convolution of each channel by itself.
  ///
  /// @param x `[B, H, W, C]`
  /// @param geometry channels last, with as many groups as channels
  /// @param weight `[window height, window width, C]`
  /// @param bias `[C]`, or null for none
  /// @param out `[B, rows, cols, C]`; may not overlap an input
  void depthwise(MemorySegment x, Convolution geometry, MemorySegment weight, @Nullable MemorySegment bias,
      Activation activation, MemorySegment out);

  /// `out[b, y · kernel + dy, x · kernel + dx, n] = activation(x[b, y, x] · weight[dy, dx, n] + bias[n])`: a transposed
  /// convolution whose stride is its kernel's size, so that no two windows meet.
  ///
  /// @param x `[B, H, W, C]`
  /// @param kernel height, width and stride of the window
  /// @param weight `[kernel · kernel · N, C]`, rows in the order `(dy, dx, n)`
  /// @param bias `[N]`, or null for none
  /// @param out `[B, kernel · H, kernel · W, N]`; may not overlap an input
  void transposedConvolution(MemorySegment x, int batch, int height, int width, int kernel, Weight weight,
      @Nullable MemorySegment bias, Activation activation, MemorySegment out);

  /// Resamples a map whose channels lie side by side.
  ///
  /// @param x `[B, height, width, C]`
  /// @param out `[B, outHeight, outWidth, C]`; may not overlap `x`
  void resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation);

  /// Which channel is the largest after [#resize], without writing the resampled map to memory: the class of every pixel from the
  /// logits of fewer. Of several the first; NaN is passed over, and where all are NaN or `-∞` it is channel 0.
  ///
  /// @param x `[B, height, width, C]` with 1 to 2²⁴ - 1 channels
  /// @param out `[B, outHeight, outWidth]`, the channels' numbers; may not overlap `x`
  void resizeArgmax(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation);

  /// Frees scratch memory and the threads that these kernels own. Closing twice is harmless.
  @Override
  void close();
}
