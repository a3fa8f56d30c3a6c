package dev.fovea.engine.image.webp;

/// Predicts 4x4 blocks of luma from the 13 pixels above and to the left (RFC 6386, section 12.3).
final class SubblockPrediction {
  private static final int CORNER = 4;
  private static final int ABOVE = 5;
  private static final int ABOVE_RIGHT = 9;

  /// The pixels from the lowest on the left over the corner to the last above, which is repeated.
  private final int[] edge = new int[14];
  /// The predicted pixels, of which the rows of the block are windows.
  private final int[] line = new int[10];

  private byte[] pixels;
  private int at;
  private int stride;

  /// Predicts the block at `at`.
  ///
  /// @param aboveRight index of the four pixels above to the right
  void predict(SubblockMode mode, byte[] pixels, int at, int stride, byte[] aboveRightPixels, int aboveRight) {
    this.pixels = pixels;
    this.at = at;
    this.stride = stride;
    for (int i = 0; i < 4; i++) {
      edge[i] = pixels[at + (3 - i) * stride - 1] & 0xff;
      edge[ABOVE + i] = pixels[at - stride + i] & 0xff;
      edge[ABOVE_RIGHT + i] = aboveRightPixels[aboveRight + i] & 0xff;
    }
    edge[CORNER] = pixels[at - stride - 1] & 0xff;
    edge[13] = edge[12];
    switch (mode) {
      case DC -> dc();
      case TRUE_MOTION -> trueMotion();
      case VERTICAL -> {
        smooth(0, CORNER, 4);
        rows(0, 0, 0, 0);
      }
      case HORIZONTAL -> horizontal();
      case LEFT_DOWN -> {
        smooth(0, ABOVE, 7);
        rows(0, 1, 2, 3);
      }
      case RIGHT_DOWN -> {
        smooth(0, 0, 7);
        rows(3, 2, 1, 0);
      }
      case VERTICAL_RIGHT -> {
        line[0] = smooth(2);
        means(1, CORNER, 4);
        line[5] = smooth(1);
        smooth(6, 3, 4);
        rows(1, 6, 0, 5);
      }
      case VERTICAL_LEFT -> {
        means(0, ABOVE, 4);
        line[4] = smooth(ABOVE_RIGHT);
        smooth(5, ABOVE, 4);
        line[9] = smooth(ABOVE_RIGHT + 1);
        rows(0, 5, 1, 6);
      }
      case HORIZONTAL_DOWN -> horizontalDown();
      case HORIZONTAL_UP -> horizontalUp();
    }
  }

  private void dc() {
    int sum = 4;
    for (int i = 0; i < 4; i++) sum += edge[i] + edge[ABOVE + i];
    for (int i = 0; i < 4; i++) line[i] = sum >> 3;
    rows(0, 0, 0, 0);
  }

  private void trueMotion() {
    for (int y = 0; y < 4; y++) {
      int gradient = edge[3 - y] - edge[CORNER];
      for (int x = 0; x < 4; x++) pixels[at + y * stride + x] = (byte) Plane.clip(edge[ABOVE + x] + gradient);
    }
  }

  private void horizontal() {
    for (int y = 0; y < 4; y++) {
      var value = (byte) (y < 3 ? smooth(2 - y) : lowest());
      for (int x = 0; x < 4; x++) pixels[at + y * stride + x] = value;
    }
  }

  private void horizontalDown() {
    for (int i = 0; i < 4; i++) {
      line[2 * i] = mean(i);
      line[2 * i + 1] = smooth(i);
    }
    smooth(8, CORNER, 2);
    rows(6, 4, 2, 0);
  }

  private void horizontalUp() {
    line[0] = mean(2);
    line[1] = smooth(1);
    line[2] = mean(1);
    line[3] = smooth(0);
    line[4] = mean(0);
    line[5] = lowest();
    for (int i = 6; i < 10; i++) line[i] = edge[0];
    rows(0, 2, 4, 6);
  }

  private void smooth(int to, int from, int count) {
    for (int i = 0; i < count; i++) line[to + i] = smooth(from + i);
  }

  private void means(int to, int from, int count) {
    for (int i = 0; i < count; i++) line[to + i] = mean(from + i);
  }

  private int smooth(int i) {
    return edge[i] + 2 * edge[i + 1] + edge[i + 2] + 2 >> 2;
  }

  /// The smoothed value at the lower end of the left column, whose last pixel is repeated.
  private int lowest() {
    return edge[1] + 3 * edge[0] + 2 >> 2;
  }

  private int mean(int i) {
    return edge[i] + edge[i + 1] + 1 >> 1;
  }

  /// Sets the four rows to windows of the line.
  private void rows(int first, int second, int third, int fourth) {
    row(at, first);
    row(at + stride, second);
    row(at + 2 * stride, third);
    row(at + 3 * stride, fourth);
  }

  private void row(int to, int from) {
    for (int x = 0; x < 4; x++) pixels[to + x] = (byte) line[from + x];
  }
}
