package dev.fovea.models.explain;

import dev.fovea.engine.nn.AttentionMap;
import dev.fovea.engine.nn.Tokens;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// An attention layer's maps of one pass, perhaps coarser than the model's.
///
/// Shapes: I inputs, H heads, M queries and N keys as they are kept here.
///
/// @param name of the layer, such as `attentions.3`
/// @param inputs I: the windows of a picture, or texts; mostly 1
/// @param heads H; 1 if they are averaged
/// @param averaged number of heads whose mean is kept; 1 if each is
/// @param queries as in the model
/// @param keys as in the model
/// @param windows the windows of the picture; null if all queries see all keys
/// @param block rows and columns of patches that are one query and one key here: of a block's queries the mean is kept, of its keys
///     the sum, so that rows sum to 1; 1 if nothing is coarser
/// @param weights `[I, H, M, N]`
/// @param classRow `[I, H, keys]` of the first query, which is the class token, over the patches of the model; null if there is
///     none, or nothing is coarser
/// @param queryNames for each input, what the queries are that are no patches, in their order; empty if all are patches
/// @param keyNames the same of the keys
/// @param entropies mean entropy of the model's queries in bits, of each of the model's heads
/// @param distances mean attention distance in pixels of the model's input, of each of the model's heads; null if queries or keys
///     are no patches
public record HeadMaps(String name, int inputs, int heads, int averaged, Tokens queries, Tokens keys,
    AttentionMap.@Nullable Windows windows, int block, float[] weights, float @Nullable [] classRow,
    List<List<String>> queryNames, List<List<String>> keyNames, double[] entropies, double @Nullable [] distances) {
  public HeadMaps {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(keys, "keys");
    Objects.requireNonNull(weights, "weights");
    queryNames = List.copyOf(Objects.requireNonNull(queryNames, "queryNames"));
    keyNames = List.copyOf(Objects.requireNonNull(keyNames, "keyNames"));
    Objects.requireNonNull(entropies, "entropies");
  }

  /// M.
  public int queryCount() {
    return Blocks.of(queries, block).count();
  }

  /// N.
  public int keyCount() {
    return Blocks.of(keys, block).count();
  }

  /// All components, arrays among them.
  private Object[] parts() {
    return new Object[] {name, inputs, heads, averaged, queries, keys, windows, block, weights, classRow, queryNames, keyNames,
        entropies, distances};
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof HeadMaps m && Arrays.deepEquals(parts(), m.parts());
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(parts());
  }

  /// Layer, heads and sizes.
  @Override
  public String toString() {
    return name + " [" + inputs + ", " + heads + ", " + queryCount() + ", " + keyCount() + "]";
  }
}
