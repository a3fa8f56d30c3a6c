package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// First frames on their canvas, and data that are broken.
class GifDecoderTest {
  private static final int CLEAR = 4, END = 5;

  /// A GIF of two-bit colours (10 · index, 1, 2) with the frame at (`x`, `y`), whose codes are written three bits each; `CLEAR`
  /// before every second keeps them so.
  private record Gif(int canvasWidth, int canvasHeight, int x, int y, int width, int height, int flags, int transparent) {
    private byte[] bytes(int... codes) {
      var out = new ByteArrayOutputStream();
      for (char c : "GIF89a".toCharArray()) out.write(c);
      shorts(out, canvasWidth, canvasHeight);
      for (int b : new int[] {0x81, 2, 0}) out.write(b);
      for (int i = 0; i < 4; i++) for (int b : new int[] {10 * i, 1, 2}) out.write(b);
      for (int b : new int[] {0x21, 0xfe, 2, 'h', 'i', 0}) out.write(b);
      if (transparent >= 0) for (int b : new int[] {0x21, 0xf9, 4, 1, 0, 0, transparent, 0}) out.write(b);
      out.write(0x2c);
      shorts(out, x, y, width, height);
      out.write(flags);
      if ((flags & 0x80) != 0) for (int i = 0; i < 2; i++) for (int b : new int[] {100 + i, 1, 2}) out.write(b);
      out.write(2);
      int held = 0, bits = 0;
      for (int code : codes) {
        held |= code << bits;
        for (bits += 3; bits >= 8; bits -= 8, held >>= 8) block(out, held);
      }
      block(out, held);
      out.write(0);
      out.write(';');
      return out.toByteArray();
    }

    /// A sub-block of one byte.
    private static void block(ByteArrayOutputStream out, int value) {
      out.write(1);
      out.write(value);
    }

    private static void shorts(ByteArrayOutputStream out, int... values) {
      for (int value : values) {
        out.write(value);
        out.write(value >> 8);
      }
    }

    private String red(int... codes) {
      var p = Picture.decode("g", bytes(codes));
      var red = new StringBuilder().append(p.width()).append('x').append(p.height()).append(':');
      for (int i = 0; i < p.width() * p.height(); i++) {
        red.append(' ').append(p.rgb()[3 * i]);
        assertThat(p.rgb()[3 * i + 1]).isEqualTo((byte) 1);
      }
      return red.toString();
    }
  }

  @Test
  void outsideOfTheFrameIsTheTransparentColourOrTheFirst() {
    assertThat(new Gif(4, 2, 1, 0, 2, 1, 0, -1).red(CLEAR, 1, CLEAR, 3)).isEqualTo("4x2: 0 10 30 0 0 0 0 0");
    assertThat(new Gif(4, 2, 1, 1, 2, 1, 0, 2).red(CLEAR, 1, CLEAR, 2)).isEqualTo("4x2: 20 20 20 20 20 10 20 20");
  }

  @Test
  void aFrameBeyondTheCanvasEnlargesIt() {
    assertThat(new Gif(1, 1, 1, 1, 1, 1, 0, -1).red(CLEAR, 3)).isEqualTo("2x2: 0 0 0 30");
    assertThat(new Gif(0, 0, 0, 0, 1, 1, 0, -1).red(CLEAR, 3)).isEqualTo("1x1: 30");
  }

  @Test
  void theFramesOwnColours() {
    var bytes = new Gif(2, 1, 0, 0, 2, 1, 0x80, -1).bytes(CLEAR, 1, CLEAR, 3);
    assertThat(Picture.decode("g", bytes).rgb()).isEqualTo(new byte[] {101, 1, 2, 0, 0, 0});
  }

  /// Rows 0, 4, 2, 1, 3 of 5; 0, 2, 1, 3 of 4; 0, 2, 1 of 3; 0, 1 of 2.
  @ParameterizedTest
  @CsvSource({"5,0 30 20 10 10", "4,0 20 10 30", "3,0 20 10", "2,0 10", "1,0"})
  void interlaced(int height, String reds) {
    int[] stored = height == 5 ? new int[] {0, 1, 2, 3, 1} : new int[] {0, 1, 2, 3};
    var codes = new int[2 * height];
    for (int i = 0; i < height; i++) {
      codes[2 * i] = CLEAR;
      codes[2 * i + 1] = stored[i];
    }
    assertThat(new Gif(1, height, 0, 0, 1, height, 0x40, -1).red(codes)).isEqualTo("1x" + height + ": " + reds);
  }

  /// Index 1, then the string that this very code defines, thrice.
  @Test
  void aCodeThatIsNotYetKnown() {
    assertThat(new Gif(3, 1, 0, 0, 3, 1, 0, -1).red(1, 6)).isEqualTo("3x1: 10 10 10");
  }

  @Test
  void brokenData() {
    var gif = new Gif(3, 1, 0, 0, 3, 1, 0, -1);
    for (int[] codes : new int[][] {{CLEAR, 6}, {CLEAR, 7}, {1, 7}, {1, END}, {1, 2}, {}})
      assertThatThrownBy(() -> Picture.decode("g.gif", gif.bytes(codes))).isInstanceOf(ImageException.class)
          .hasMessageStartingWith("g.gif: not a readable picture: ").hasMessageContaining("data");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 9, 12, 255})
  void codeSizes(int bits) {
    var bytes = new Gif(1, 1, 0, 0, 1, 1, 0, -1).bytes(CLEAR, 0);
    bytes[bytes.length - 5] = (byte) bits;
    assertThatThrownBy(() -> Picture.decode("g", bytes)).hasMessageContaining("bits, got " + bits);
  }

  @Test
  void noFrame() {
    var bytes = new Gif(1, 1, 0, 0, 1, 1, 0, -1).bytes(CLEAR, 0);
    bytes[13 + 12 + 6] = ';';
    assertThatThrownBy(() -> Picture.decode("g", bytes)).hasMessage("g: not a readable picture: there is no frame");
    assertThatThrownBy(() -> new Gif(9, 9, 0, 0, 0, 3, 0, -1).red(CLEAR)).isInstanceOf(ImageException.class)
        .hasMessageContaining("0x3");
    assertThatThrownBy(() -> new Gif(65535, 65535, 0, 0, 1, 1, 0, -1).red(CLEAR, 0)).isInstanceOf(ImageException.class)
        .hasMessageContaining("65535x65535");
  }

  /// As large a file as any: each code after the first one is the longest string so far.
  @Test
  void codesOfManyLengths() {
    var random = new Random(1);
    var image = new java.awt.image.BufferedImage(300, 200, java.awt.image.BufferedImage.TYPE_BYTE_GRAY);
    var expected = new byte[3 * 300 * 200];
    for (int i = 0; i < 300 * 200; i++) {
      int grey = i % 300 < 150 ? 7 : random.nextInt(256);
      image.getRaster().setSample(i % 300, i / 300, 0, grey);
      for (int c = 0; c < 3; c++) expected[3 * i + c] = (byte) grey;
    }
    assertThat(Picture.decode("g", Samples.write(image, "gif")).rgb()).isEqualTo(expected);
  }
}
