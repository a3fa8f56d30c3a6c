package dev.fovea.engine.image.webp;

/// The predictor transform: a prediction from preceding neighbours was subtracted from each pixel (RFC 9649, section 3.5.1).
///
/// @param modes one pixel per block of `1 << shift` pixels, whose green is the mode of prediction
record PredictorTransform(int[] modes, int shift) implements LosslessTransform {
  @Override
  public int[] undo(int[] pixels, int width, int height) {
    pixels[0] = Argb.plus(pixels[0], Argb.BLACK);
    for (int x = 1; x < width; x++) pixels[x] = Argb.plus(pixels[x], pixels[x - 1]);
    int across = Blocks.count(width, shift);
    for (int y = 1; y < height; y++) {
      int row = y * width;
      pixels[row] = Argb.plus(pixels[row], pixels[row - width]);
      for (int x = 1; x < width; ) {
        int mode = modes[(y >> shift) * across + (x >> shift)] >> 8 & 0xf, end = Math.min(width, (x >> shift) + 1 << shift);
        undo(mode, pixels, row + x, row + end, width);
        x = end;
      }
    }
    return pixels;
  }

  /// Undoes it for pixels of a row. For a row's last pixel, the pixel above to the right is the row's first.
  private static void undo(int mode, int[] pixels, int from, int to, int width) {
    for (int at = from; at < to; at++) {
      int left = pixels[at - 1], above = pixels[at - width], corner = pixels[at - width - 1], right = pixels[at - width + 1];
      int expected = switch (mode) {
        case 1 -> left;
        case 2 -> above;
        case 3 -> right;
        case 4 -> corner;
        case 5 -> Argb.mean(Argb.mean(left, right), above);
        case 6 -> Argb.mean(left, corner);
        case 7 -> Argb.mean(left, above);
        case 8 -> Argb.mean(corner, above);
        case 9 -> Argb.mean(above, right);
        case 10 -> Argb.mean(Argb.mean(left, corner), Argb.mean(above, right));
        case 11 -> nearer(left, above, corner);
        case 12 -> gradient(left, above, corner);
        case 13 -> halfGradient(Argb.mean(left, above), corner);
        // 0; also 14 and 15, which are not specified but so treated by libwebp.
        default -> Argb.BLACK;
      };
      pixels[at] = Argb.plus(pixels[at], expected);
    }
  }

  /// The one of left and above that is nearer to `left + above - corner`.
  private static int nearer(int left, int above, int corner) {
    int toLeft = 0, toAbove = 0;
    for (int shift = 0; shift < Integer.SIZE; shift += 8) {
      int c = corner >> shift & 0xff;
      toLeft += Math.abs((above >> shift & 0xff) - c);
      toAbove += Math.abs((left >> shift & 0xff) - c);
    }
    return toLeft < toAbove ? left : above;
  }

  private static int gradient(int left, int above, int corner) {
    int expected = 0;
    for (int shift = 0; shift < Integer.SIZE; shift += 8)
      expected |= Plane.clip((left >> shift & 0xff) + (above >> shift & 0xff) - (corner >> shift & 0xff)) << shift;
    return expected;
  }

  private static int halfGradient(int mean, int corner) {
    int expected = 0;
    for (int shift = 0; shift < Integer.SIZE; shift += 8) {
      int m = mean >> shift & 0xff;
      expected |= Plane.clip(m + (m - (corner >> shift & 0xff)) / 2) << shift;
    }
    return expected;
  }
}
