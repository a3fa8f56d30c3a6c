package dev.fovea.benchmarks.peers;

import java.util.ArrayList;
import java.util.List;

/// A Swin as a detector's backbone, which always cuts windows (ref: transformers `modeling_swin.py`, `SwinBackbone`).
///
/// Shapes: H × W patches, C channels, n windows of T = window² patches, D = C / heads.
final class SwinPass<V> {
  /// Between patches that the cyclic move made neighbours.
  private static final float APART = -100;
  private static final float EPS = 1e-5f;

  private final Operations<V> ops;
  private final GroundingDinoSizes.Swin c;
  private final String at;
  private final int padRows;
  private final int padCols;
  private final List<Stage<V>> stages = new ArrayList<>();

  /// @param mask `[n, 1, T, T]`, for blocks whose windows are moved; null if there are none
  /// @param bias `[1, heads, T, T]` for each block
  private record Stage<V>(int index, int rows, int cols, int fullRows, int fullCols, int dim, int heads, V mask, List<V> bias) {}

  /// Features of a stage.
  ///
  /// @param values `[1, H · W, C]`
  record Features<V>(V values, int rows, int cols, int dim) {}

  SwinPass(Operations<V> ops, Parameters parameters, GroundingDinoSizes.Swin sizes, String at, int height, int width) {
    this.ops = ops;
    c = sizes;
    this.at = at;
    padRows = Math.floorMod(-height, c.patch());
    padCols = Math.floorMod(-width, c.patch());
    int rows = (height + padRows) / c.patch(), cols = (width + padCols) / c.patch();
    int window = c.window(), tokens = window * window;
    for (int i = 0; i < c.depths().length; i++) {
      int fullRows = rows + Math.floorMod(-rows, window), fullCols = cols + Math.floorMod(-cols, window), heads = c.heads()[i];
      var bias = new ArrayList<V>();
      for (int j = 0; j < c.depths()[i]; j++) {
        var table = parameters.get(block(i, j) + "attention.self.relative_position_bias_table",
            (2L * window - 1) * (2 * window - 1), heads);
        bias.add(ops.constant(bias(table, window, heads), 1, heads, tokens, tokens));
      }
      var mask = c.depths()[i] == 1 ? null
          : ops.constant(mask(fullRows, fullCols, window), (long) fullRows * fullCols / tokens, 1, tokens, tokens);
      stages.add(new Stage<>(i, rows, cols, fullRows, fullCols, c.dim() << i, heads, mask, bias));
      rows = (rows + 1) / 2;
      cols = (cols + 1) / 2;
    }
  }

  /// `[heads, T, T]` of a table `[(2 window - 1)², heads]`.
  private static float[] bias(float[] table, int window, int heads) {
    int tokens = window * window, side = 2 * window - 1;
    var bias = new float[heads * tokens * tokens];
    for (int h = 0, i = 0; h < heads; h++)
      for (int q = 0; q < tokens; q++)
        for (int k = 0; k < tokens; k++) {
          int dy = q / window - k / window + window - 1, dx = q % window - k % window + window - 1;
          bias[i++] = table[(dy * side + dx) * heads + h];
        }
    return bias;
  }

  /// `[n, T, T]` for maps moved by half a window.
  private static float[] mask(int rows, int cols, int window) {
    int tokens = window * window, i = 0;
    var mask = new float[rows * cols * tokens];
    for (int top = 0; top < rows; top += window)
      for (int left = 0; left < cols; left += window)
        for (int q = 0; q < tokens; q++)
          for (int k = 0; k < tokens; k++)
            mask[i++] = region(top + q / window, rows, window) == region(top + k / window, rows, window)
                && region(left + q % window, cols, window) == region(left + k % window, cols, window) ? 0 : APART;
    return mask;
  }

  private static int region(int place, int size, int window) {
    return place < size - window ? 0 : place < size - window / 2 ? 1 : 2;
  }

  private String block(int stage, int index) {
    return at + "encoder.layers." + stage + ".blocks." + index + ".";
  }

  /// The last three stages of a picture `[1, 3, height, width]`.
  List<Features<V>> forward(V pixels) {
    var first = stages.getFirst();
    var x = padRows + padCols > 0 ? ops.padded(pixels, 0, 0, padRows, padCols) : pixels;
    x = ops.convolution(x, at + "embeddings.patch_embeddings.projection", 3, c.dim(), c.patch(), c.patch(), 0);
    x = ops.transpose(ops.reshape(x, 1, c.dim(), (long) first.rows * first.cols), 0, 2, 1);   // [1, H·W, C]
    x = ops.layerNorm(x, at + "embeddings.norm", c.dim(), EPS);
    var out = new ArrayList<Features<V>>();
    for (var stage : stages) {
      if (stage.index > 0) x = merged(x, stages.get(stage.index - 1));
      for (int j = 0; j < stage.bias.size(); j++) {
        var in = x;
        int index = j;
        x = ops.part(() -> block(in, stage, index));
      }
      if (stage.index == 0) continue;
      var normed = ops.layerNorm(x, at + "hidden_states_norms.stage" + (stage.index + 1), stage.dim, EPS);
      out.add(new Features<>(normed, stage.rows, stage.cols, stage.dim));
    }
    return out;
  }

  private V block(V in, Stage<V> s, int index) {
    int dim = s.dim, window = c.window(), down = s.fullRows / window, across = s.fullCols / window;
    boolean moved = index % 2 > 0, padded = s.fullRows > s.rows || s.fullCols > s.cols;
    var name = block(s.index, index);
    var x = ops.reshape(ops.layerNorm(in, name + "layernorm_before", dim, c.eps()), 1, s.rows, s.cols, dim);
    if (padded) x = ops.padded(x, 0, s.fullRows - s.rows, s.fullCols - s.cols, 0);
    if (moved) x = ops.rolled(x, s.fullRows, s.fullCols, -(window / 2));
    x = ops.transpose(ops.reshape(x, 1, down, window, across, window, dim), 0, 1, 3, 2, 4, 5);
    x = ops.reshape(x, (long) down * across, (long) window * window, dim);                     // [n, T, C]
    x = attention(x, s, name + "attention.", s.bias.get(index), moved);
    x = ops.transpose(ops.reshape(x, 1, down, across, window, window, dim), 0, 1, 3, 2, 4, 5);
    x = ops.reshape(x, 1, s.fullRows, s.fullCols, dim);
    if (moved) x = ops.rolled(x, s.fullRows, s.fullCols, window / 2);
    if (s.fullRows > s.rows) x = ops.slice(x, 1, 0, s.rows, 1);
    if (s.fullCols > s.cols) x = ops.slice(x, 2, 0, s.cols, 1);
    x = ops.plus(in, ops.reshape(x, 1, (long) s.rows * s.cols, dim));                          // [1, H·W, C]
    var hidden = ops.layerNorm(x, name + "layernorm_after", dim, c.eps());
    hidden = ops.gelu(ops.linear(hidden, name + "intermediate.dense", dim, c.mlpRatio() * dim));
    return ops.plus(x, ops.linear(hidden, name + "output.dense", c.mlpRatio() * dim, dim));
  }

  private V attention(V x, Stage<V> s, String name, V bias, boolean moved) {
    int dim = s.dim, tokens = c.window() * c.window(), depth = dim / s.heads;
    long windows = (long) s.fullRows * s.fullCols / tokens;
    var q = ops.transpose(heads(ops.linear(x, name + "self.query", dim, dim), windows, s), 0, 2, 1, 3);   // [n, heads, T, D]
    var k = ops.transpose(heads(ops.linear(x, name + "self.key", dim, dim), windows, s), 0, 2, 3, 1);     // [n, heads, D, T]
    var v = ops.transpose(heads(ops.linear(x, name + "self.value", dim, dim), windows, s), 0, 2, 1, 3);
    var scores = ops.plus(ops.over(ops.matMul(q, k), (float) Math.sqrt(depth)), bias);
    if (moved) scores = ops.plus(scores, s.mask);
    var context = ops.transpose(ops.matMul(ops.softmax(scores), v), 0, 2, 1, 3);
    return ops.linear(ops.reshape(context, windows, tokens, dim), name + "output.dense", dim, dim);
  }

  private V heads(V x, long windows, Stage<V> s) {
    return ops.reshape(x, windows, (long) c.window() * c.window(), s.heads, s.dim / s.heads);
  }

  /// Four neighbours side by side: `[1, H · W, C]` → `[1, ⌈H / 2⌉ · ⌈W / 2⌉, 2 C]`.
  private V merged(V in, Stage<V> s) {
    var name = at + "encoder.layers." + s.index + ".downsample.";
    int rows = s.rows + s.rows % 2, cols = s.cols + s.cols % 2, dim = s.dim;
    return ops.part(() -> {
      var x = ops.reshape(in, 1, s.rows, s.cols, dim);
      if (rows > s.rows || cols > s.cols) x = ops.padded(x, 0, rows - s.rows, cols - s.cols, 0);
      var even = ops.slice(x, 1, 0, rows, 2);
      var odd = ops.slice(x, 1, 1, rows, 2);
      x = ops.concat(3, List.of(ops.slice(even, 2, 0, cols, 2), ops.slice(odd, 2, 0, cols, 2), ops.slice(even, 2, 1, cols, 2),
          ops.slice(odd, 2, 1, cols, 2)));
      x = ops.layerNorm(ops.reshape(x, 1, (long) rows / 2 * (cols / 2), 4L * dim), name + "norm", 4 * dim, EPS);
      return ops.product(x, name + "reduction", 4 * dim, 2 * dim);
    });
  }
}
