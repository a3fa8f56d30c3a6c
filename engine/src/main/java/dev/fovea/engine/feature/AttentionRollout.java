package dev.fovea.engine.feature;

import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;

/// Attention rollout: how much of each input token reaches each token of a layer, if attention and the residual connections were
/// all that moves information (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 3).
///
/// The heads of a layer are fused to one map `W`. With the residual connection it is `A = ½ W + ½ I`, whose rows sum to 1. The
/// rollout of the layers up to l is `A(l) · A(l - 1) · … · A(1)`.
///
/// ```java
/// var rollout = new AttentionRollout(tokens, AttentionRollout.Fusion.MEAN, 0);
/// for (var map : maps) rollout.add(map, heads);
/// float[] reached = rollout.rows();
/// ```
///
/// The paper fuses by the mean and discards nothing. Not thread-safe.
public final class AttentionRollout {
  /// How the heads of a layer become one.
  public enum Fusion {
    /// The mean of the heads, as in the paper.
    MEAN,
    /// The largest weight of the heads.
    MAX,
    /// The smallest weight of the heads.
    MIN;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final int tokens;
  private final Fusion fusion;
  private final double discard;
  private double[] rolled;

  /// A rollout without layers: each token is itself.
  ///
  /// @param tokens number of tokens, the same in all layers
  /// @param discard share of each query's weakest looks that count as 0, from 0 to below 1. The look at itself and that at the
  ///   first token, which is often the class token, are kept
  /// @throws IllegalArgumentException if there is no token, or the share is another
  public AttentionRollout(int tokens, Fusion fusion, double discard) {
    Objects.requireNonNull(fusion, "fusion");
    if (tokens < 1) throw new IllegalArgumentException("rollout: expected at least one token, got " + tokens);
    if (!(discard >= 0 && discard < 1)) throw new IllegalArgumentException("discard: expected 0 to below 1, got " + discard);
    this.tokens = tokens;
    this.fusion = fusion;
    this.discard = discard;
    rolled = new double[Math.multiplyExact(tokens, tokens)];
    for (int i = 0; i < tokens; i++) rolled[i * tokens + i] = 1;
  }

  /// Adds the next layer.
  ///
  /// @param weights `[heads, tokens, tokens]`
  /// @throws IllegalArgumentException if the weights are no such maps
  public void add(float[] weights, int heads) {
    addFused(fused(weights, heads, tokens, tokens, fusion));
  }

  /// Adds the next layer, given as one map that [#fused] has made.
  ///
  /// @param map `[tokens, tokens]`
  public void addFused(float[] map) {
    Objects.requireNonNull(map, "map");
    if (map.length != rolled.length)
      throw new IllegalArgumentException("rollout: expected a map of " + tokens + " tokens, got " + map.length + " weights");
    var next = new double[rolled.length];
    for (int i = 0; i < tokens; i++) {
      var row = withResidual(map, i);
      for (int k = 0; k < tokens; k++)
        if (row[k] != 0) for (int j = 0; j < tokens; j++) next[i * tokens + j] += row[k] * rolled[k * tokens + j];
    }
    rolled = next;
  }

  /// Row `i` of `A`.
  private double[] withResidual(float[] map, int i) {
    var row = new double[tokens];
    for (int k = 0; k < tokens; k++) row[k] = map[i * tokens + k];
    int discarded = (int) (discard * tokens);
    if (discarded > 0) {
      var sorted = row.clone();
      Arrays.sort(sorted);
      for (int k = 1; k < tokens; k++) if (k != i && row[k] < sorted[discarded]) row[k] = 0;
    }
    double sum = 0;
    for (double weight : row) sum += weight;
    for (int k = 0; k < tokens; k++) row[k] = (sum > 0 ? 0.5 * row[k] / sum : 0) + (k == i ? sum > 0 ? 0.5 : 1 : 0);
    return row;
  }

  /// The rollout of the layers so far, `[tokens, tokens]`: row `i` says how much of each input token reaches token `i`, and sums
  /// to 1.
  public float[] rows() {
    var rows = new float[rolled.length];
    for (int i = 0; i < rows.length; i++) rows[i] = (float) rolled[i];
    return rows;
  }

  /// The heads of a layer as one map.
  ///
  /// @param weights `[heads, queries, keys]`
  /// @return `[queries, keys]`, whose rows sum to 1 with [Fusion#MEAN] only
  /// @throws IllegalArgumentException if the weights are no such maps
  public static float[] fused(float[] weights, int heads, int queries, int keys, Fusion fusion) {
    Objects.requireNonNull(fusion, "fusion");
    Objects.requireNonNull(weights, "weights");
    int size = Math.multiplyExact(queries, keys);
    if (heads < 1 || weights.length != (long) heads * size)
      throw new IllegalArgumentException("rollout: expected " + heads + " maps of " + queries + "x" + keys + ", got "
          + weights.length + " weights");
    var fused = new float[size];
    for (int i = 0; i < size; i++) {
      double value = weights[i];
      for (int h = 1; h < heads; h++) {
        float other = weights[h * size + i];
        value = switch (fusion) {
          case MEAN -> value + other;
          case MAX -> Math.max(value, other);
          case MIN -> Math.min(value, other);
        };
      }
      fused[i] = (float) (fusion == Fusion.MEAN ? value / heads : value);
    }
    return fused;
  }
}
