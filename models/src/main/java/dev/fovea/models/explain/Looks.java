package dev.fovea.models.explain;

import dev.fovea.engine.nn.AttentionMap;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import org.jetbrains.annotations.Nullable;

/// An attention layer's maps in the memory of a pass, of all queries or of some.
///
/// @param weights `[I, H, queries, keys]`
/// @param queries the chosen ones
/// @param rows indices of the chosen queries; null for all
record Looks(Tensor weights, Tokens queries, Tokens keys, AttentionMap.@Nullable Windows windows, int @Nullable [] rows) {
  static Looks of(AttentionMap map) {
    return new Looks(map.weights(), map.queries(), map.keys(), map.windows(), null);
  }

  int inputs() {
    return weights.dim(0);
  }

  int heads() {
    return weights.dim(1);
  }

  /// A head's map of the chosen queries, `[queries, keys]`.
  float[] head(int input, int head) {
    var all = weights.select(0, input).select(0, head).toArray();
    if (rows == null) return all;
    int keys = weights.dim(3);
    var chosen = new float[rows.length * keys];
    for (int i = 0; i < rows.length; i++) System.arraycopy(all, rows[i] * keys, chosen, i * keys, keys);
    return chosen;
  }
}
