package dev.fovea.models.grounding;

import java.util.Arrays;

/// The division of texts into sub-sentences at the first and last token, full stops and question marks. A token sees only those of
/// its own sub-sentence, and positions count from the beginning of each (ref: transformers
/// `models/grounding_dino/modeling_grounding_dino.py`, `generate_masks_with_special_tokens_and_transfer_map`).
///
/// Shapes: B texts, N tokens.
///
/// @param mask `[B, N, N]`: 0 where the query sees the key, `-∞` elsewhere
/// @param positions `[B, N]`: the position of each token in its sub-sentence
record SubSentences(float[] mask, float[] positions) {
  /// BERT's ids of `[CLS]`, `[SEP]`, `.` and `?`, whatever the vocabulary: the reference has no others.
  private static final int CLS = 101, SEP = 102, FULL_STOP = 1012, QUESTION_MARK = 1029;

  /// @param ids `[B, length]`
  /// @param tokens the first tokens of each text, for which the result is; the division is that of the whole text
  static SubSentences of(float[] ids, int batch, int length, int tokens) {
    var mask = new float[batch * tokens * tokens];
    var positions = new float[batch * tokens];
    Arrays.fill(mask, Float.NEGATIVE_INFINITY);
    for (int text = 0; text < batch; text++) {
      for (int i = 0; i < tokens; i++) mask[(text * tokens + i) * tokens + i] = 0;
      int last = 0;
      for (int i = 0; i < length; i++) {
        if (!ends((int) ids[text * length + i])) continue;
        boolean isBorder = i == 0 || i == length - 1;
        for (int q = last + 1; q <= i && q < tokens && !isBorder; q++) {
          positions[text * tokens + q] = q - last - 1;
          for (int k = last + 1; k <= i && k < tokens; k++) mask[(text * tokens + q) * tokens + k] = 0;
        }
        last = i;
      }
    }
    return new SubSentences(mask, positions);
  }

  /// Whether a sub-sentence ends with this token.
  static boolean ends(int id) {
    return id == CLS || id == SEP || id == FULL_STOP || id == QUESTION_MARK;
  }
}
