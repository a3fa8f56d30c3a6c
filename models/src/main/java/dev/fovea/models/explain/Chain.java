package dev.fovea.models.explain;

import dev.fovea.engine.nn.Tokens;
import dev.fovea.models.Classification;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Blocks that follow one another on the same tokens, such as those of ViT: the residual stream, and what reaches its end.
///
/// Shapes: L blocks, N tokens.
///
/// @param prefix of the names of its tensors, such as `vision_model_output.`
/// @param maps the names of its attention layers, L
/// @param tokens N
/// @param block side of the blocks of patches that are one token of the rollouts; 1 if each patch is one
/// @param rollouts of the layers up to each, L of `[n, n]`, of n tokens or blocks
/// @param norms the lengths of the tokens' vectors before the first block and after each: L + 1 of `[N]`
/// @param turns mean cosine of the tokens' vectors after each block with those before it, L
/// @param nearness mean cosine of the tokens' vectors with those after the last block, before the first block and after each: L + 1
/// @param early what the model would answer after the embedding and after each block, best first: L + 1, or none
public record Chain(String prefix, List<String> maps, Tokens tokens, int block, List<float[]> rollouts, List<float[]> norms,
    double[] turns, double[] nearness, List<List<Classification>> early) {
  public Chain {
    Objects.requireNonNull(prefix, "prefix");
    maps = List.copyOf(Objects.requireNonNull(maps, "maps"));
    Objects.requireNonNull(tokens, "tokens");
    rollouts = List.copyOf(Objects.requireNonNull(rollouts, "rollouts"));
    norms = List.copyOf(Objects.requireNonNull(norms, "norms"));
    Objects.requireNonNull(turns, "turns");
    Objects.requireNonNull(nearness, "nearness");
    early = List.copyOf(Objects.requireNonNull(early, "early"));
  }

  /// All components, arrays among them.
  private Object[] parts() {
    return new Object[] {prefix, maps, tokens, block, rollouts.toArray(), norms.toArray(), turns, nearness, early};
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Chain c && Arrays.deepEquals(parts(), c.parts());
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(parts());
  }

  @Override
  public String toString() {
    return prefix + "*: " + maps.size() + " blocks of " + tokens.count() + " tokens";
  }
}
