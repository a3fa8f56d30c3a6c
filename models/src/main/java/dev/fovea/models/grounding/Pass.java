package dev.fovea.models.grounding;

import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.MapSize;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// What all layers of a pass share.
///
/// Shapes: B batch, S positions of all L maps, N tokens, Q boxes, C channels.
///
/// @param sizes of the maps
/// @param places the maps as tokens
/// @param tokens the tokens of the text
/// @param attentionMask `[B, N]`: 0 for tokens, `-∞` for padding
/// @param selfMask `[B, N, N]`: 0 for tokens of the same sub-sentence, `-∞` for others
/// @param textPositions `[B, N, C]`
/// @param mapPositions `[S, C]`, or `[B, S, C]` with padding
/// @param references `[B, S, L, 2]`
/// @param proposals `[S, 4]`, or `[B, S, 4]` with padding
/// @param kept `[S, C]`, or `[B, S, C]` with padding: 1 for positions that may become boxes, else 0
/// @param hidden `[B, S]`: 0, or `-∞` for padding; null without
/// @param visible `[B, S, C]`: 1, or 0 for padding; null without
/// @param shares `[B, L, 4]`: visible shares of width and height, twice; null without padding
record Pass(List<MapSize> sizes, Tokens places, Tokens tokens, Tensor attentionMask, Tensor selfMask, Tensor textPositions,
    Tensor mapPositions, Tensor references, Tensor proposals, Tensor kept, @Nullable Tensor hidden, @Nullable Tensor visible,
    @Nullable Tensor shares) {
  /// Hides the padding of the texts.
  AttentionMask padding() {
    return Attention.padding(attentionMask);
  }

  /// Hides the padding of the pictures.
  AttentionMask mapPadding() {
    return hidden == null ? AttentionMask.NONE : Attention.padding(hidden);
  }

  /// Hides the tokens of other sub-sentences.
  AttentionMask subSentences(int numHeads) {
    return scores(selfMask, numHeads);
  }

  /// Adds terms `[B, N, N]` to the scores of all heads.
  static AttentionMask scores(Tensor terms, int numHeads) {
    return AttentionMask.bias(terms.expand(numHeads).transposed(0, 1).matrices());
  }

  /// Boxes of the picture as boxes of each map with its padding: `[B, Q, 4]` → `[B, Q, L, 4]`.
  Tensor inMaps(Tensor boxes) {
    int count = sizes.size();
    var all = boxes.expand(count).transposed(0, 1).transposed(1, 2).contiguous();
    if (shares == null) return all;
    var scaled = boxes.allocate(all.shape());
    for (int i = 0; i < boxes.dim(0); i++) scaled.select(0, i).set(all.select(0, i).times(shares.select(0, i)));
    return scaled;
  }
}
