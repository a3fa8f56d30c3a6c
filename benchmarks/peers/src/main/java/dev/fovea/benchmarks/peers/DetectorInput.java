package dev.fovea.benchmarks.peers;

/// A picture and a text for a detector.
///
/// @param pixels `[1, 3, height, width]`
/// @param tokens the text's, from `[CLS]` to `[SEP]`
/// @param phrases what follows from the tokens
record DetectorInput(int height, int width, float[] pixels, long[] tokens, SubSentences phrases) {
  /// What programs are compared by: for each query its logits, one a token, and its box.
  ///
  /// @param logits rows of one length, that may go on beyond the text
  /// @param boxes rows of 4
  float[] rows(float[] logits, float[] boxes) {
    int queries = boxes.length / 4, width = logits.length / queries, row = tokens.length + 4;
    var all = new float[queries * row];
    for (int i = 0; i < queries; i++) {
      System.arraycopy(logits, i * width, all, i * row, tokens.length);
      System.arraycopy(boxes, i * 4, all, i * row + tokens.length, 4);
    }
    return all;
  }
}
