package dev.fovea.engine.image;

import java.awt.image.BufferedImage;
import java.util.Objects;

/// A font of 5 × 7 dots. Java's text rendering needs fonts and native libraries, which a bare machine may lack.
/// Thread-safe.
public final class BitmapFont {
  /// Height of a line, in dots.
  public static final int HEIGHT = 7;
  private static final int COLUMNS = 5, ADVANCE = COLUMNS + 1;
  private static final char FIRST = ' ', LAST = '~';

  /// From space to tilde, two hexadecimal digits per column of dots, the lowest bit on top.
  private static final String DOTS = """
      0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0004030000
      001c224100 0041221c00 2a1c7f1c2a 08083e0808 0050300000 0808080808 0060600000 2010080402
      3e5149453e 00427f4000 6251494946 2241494936 1814127f10 2745454539 3c4a494930 0171090503
      3649494936 064949291e 0036360000 0056360000 0814224100 1414141414 0041221408 0201590906
      3e415d551e 7e0909097e 7f49494936 3e41414122 7f4141413e 7f49494941 7f09090901 3e4149497a
      7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e
      7f09090906 3e4151215e 7f09192946 2649494932 01017f0101 3f4040403f 0f3040300f 3f4038403f
      6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 4040404040
      0001020400 2054545478 7f48444438 3844444428 384444487f 3854545418 08087e0902 185454543c
      7f08040478 00447d4000 2040443d00 7f10284400 00417f4000 7c04780478 7c08040478 3844444438
      7c14141408 081414147c 7c08040408 4854545424 04043f4424 3c4040207c 1c2040201c 3c4030403c
      4428102844 0c5050503c 4464544c44 0008364100 00007f0000 0041360800 1008081008""".replaceAll("\\s", "");

  private BitmapFont() {}

  /// Width in pixels of a text with dots of `scale` pixels.
  public static int width(String text, int scale) {
    return text.length() * ADVANCE * scale;
  }

  /// Draws a text; unsupported characters become question marks. What lies outside the image is left out.
  ///
  /// @param left column of the text's left edge, in pixels
  /// @param top row of its upper edge
  /// @param scale side of a dot, in pixels
  /// @param colour `0xRRGGBB`
  public static void draw(BufferedImage image, String text, int left, int top, int scale, int colour) {
    Objects.requireNonNull(image, "image");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i) < FIRST || text.charAt(i) > LAST ? '?' : text.charAt(i);
      for (int column = 0; column < COLUMNS; column++) {
        int at = 2 * ((c - FIRST) * COLUMNS + column), dots = Integer.parseInt(DOTS, at, at + 2, 16);
        for (int row = 0; row < HEIGHT; row++)
          if ((dots >> row & 1) == 1) dot(image, left + (i * ADVANCE + column) * scale, top + row * scale, scale, colour);
      }
    }
  }

  private static void dot(BufferedImage image, int left, int top, int scale, int colour) {
    for (int y = Math.max(0, top); y < Math.min(image.getHeight(), top + scale); y++)
      for (int x = Math.max(0, left); x < Math.min(image.getWidth(), left + scale); x++) image.setRGB(x, y, colour);
  }
}
