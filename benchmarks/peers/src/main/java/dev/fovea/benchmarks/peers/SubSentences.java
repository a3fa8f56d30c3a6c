package dev.fovea.benchmarks.peers;

import java.util.Arrays;
import java.util.Set;

/// What Grounding DINO derives from a text's tokens: a token sees only those of its own phrase, which ends with a full stop or a
/// question mark (ref: transformers `modeling_grounding_dino.py`, `generate_masks_with_special_tokens_and_transfer_map`).
///
/// @param bertMask `[N, N]`, added to BERT's scores
/// @param mask `[N, N]`, added to the scores of the encoder's text layers
/// @param positions `[N]`: each token's place in its phrase
/// @param embedding `[N, dim]`: the same as sines and cosines, added in the encoder's text layers
record SubSentences(float[] bertMask, float[] mask, int[] positions, float[] embedding) {
  /// `[CLS]`, `[SEP]`, full stop and question mark.
  private static final Set<Long> ENDS = Set.of(101L, 102L, 1012L, 1029L);
  private static final double TEMPERATURE = 10_000;

  /// As the published checkpoint was trained, and as transformers 4 reads it.
  static SubSentences of(long[] tokens, int dim) {
    int n = tokens.length;
    var mask = new float[n * n];
    Arrays.fill(mask, -Float.MAX_VALUE);
    for (int i = 0; i < n; i++) mask[i * n + i] = 0;
    var positions = new int[n];
    for (int i = 0, last = 0; i < n; i++) {
      if (!ENDS.contains(tokens[i])) continue;
      if (i > 0 && i < n - 1)
        for (int a = last + 1; a <= i; a++) {
          positions[a] = a - last - 1;
          Arrays.fill(mask, a * n + last + 1, a * n + i + 1, 0);
        }
      last = i;
    }
    return new SubSentences(mask, mask, positions, SinePositions.of(positions, dim, TEMPERATURE));
  }

  /// As transformers 5.18 reads them with eager attention, in three ways different: a phrase's last token is at place 0, sines and
  /// cosines are cut to integers, since they get the type of the places, and BERT's mask of booleans is added as ones and zeros.
  static SubSentences ofTransformers5(long[] tokens, int dim) {
    var published = of(tokens, dim);
    var bertMask = published.mask.clone();
    for (int i = 0; i < bertMask.length; i++) bertMask[i] = bertMask[i] == 0 ? 1 : 0;
    var positions = published.positions.clone();
    for (int i = 0; i < tokens.length; i++) if (ENDS.contains(tokens[i])) positions[i] = 0;
    var embedding = SinePositions.of(positions, dim, TEMPERATURE);
    for (int i = 0; i < embedding.length; i++) embedding[i] = (int) embedding[i];
    return new SubSentences(bertMask, published.mask, positions, embedding);
  }
}
