package dev.fovea.models.grounding;

/// The division of texts into sub-sentences at the first and last token, full stops and question marks. A token sees only those of
/// its own sub-sentence, and positions count from the beginning of each (ref: transformers
/// `models/grounding_dino/modeling_grounding_dino.py`, `generate_masks_with_special_tokens_and_transfer_map`).
///
/// Shapes: B texts, N tokens.
///
/// @param together `[B, N, N]`: whether the query sees the key
/// @param positions `[B, N]`: the position of each token in its sub-sentence
record SubSentences(boolean[] together, float[] positions) {
  /// BERT's ids of `[CLS]`, `[SEP]`, `.` and `?`, whatever the vocabulary: the reference has no others.
  private static final int CLS = 101, SEP = 102, FULL_STOP = 1012, QUESTION_MARK = 1029;

  /// @param ids `[B, length]`
  /// @param tokens the first tokens of each text, for which the result is; the division is that of the whole text
  /// @param release of the reference, which decides the position of the token that ends a sub-sentence
  static SubSentences of(float[] ids, int batch, int length, int tokens, TextPositions release) {
    var together = new boolean[batch * tokens * tokens];
    var positions = new float[batch * tokens];
    for (int text = 0; text < batch; text++) {
      for (int i = 0; i < tokens; i++) together[(text * tokens + i) * tokens + i] = true;
      int last = 0;
      for (int i = 0; i < length; i++) {
        if (!ends((int) ids[text * length + i])) continue;
        boolean isBorder = i == 0 || i == length - 1;
        for (int q = last + 1; q <= i && q < tokens && !isBorder; q++) {
          positions[text * tokens + q] = q == i && release.endsAtZero() ? 0 : q - last - 1;
          for (int k = last + 1; k <= i && k < tokens; k++) together[(text * tokens + q) * tokens + k] = true;
        }
        last = i;
      }
    }
    return new SubSentences(together, positions);
  }

  /// Whether a sub-sentence ends with this token.
  static boolean ends(int id) {
    return id == CLS || id == SEP || id == FULL_STOP || id == QUESTION_MARK;
  }

  /// Terms for scores: `[B, N, N]`.
  float[] terms(float seen, float hidden) {
    var terms = new float[together.length];
    for (int i = 0; i < terms.length; i++) terms[i] = together[i] ? seen : hidden;
    return terms;
  }

  /// The embeddings of the positions, `[B, N, channels]`.
  float[] embeddings(int channels, TextPositions release) {
    var embeddings = new float[positions.length * channels];
    for (int i = 0; i < positions.length; i++) {
      var one = SineEmbedding.of(positions[i] * 2 * Math.PI, SineEmbedding.TEMPERATURE, channels);
      for (int c = 0; c < channels; c++) embeddings[i * channels + c] = release.isRounded() ? (int) one[c] : one[c];
    }
    return embeddings;
  }
}
