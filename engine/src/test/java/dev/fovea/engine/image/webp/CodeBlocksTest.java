package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/// Codes whose symbols all have the same length: a few bits ask for thousands of symbols.
class CodeBlocksTest {
  private static final int[] LENGTH_ORDER = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  private static final String BROKEN = "the lossless picture is broken: ";
  /// A busy machine takes a tenth of it. With tables of its own for each code, it was 10 s.
  private static final Duration LONGEST = Duration.ofSeconds(4);

  /// Writes the bits of a lossless picture, the lowest first.
  private static final class Bits {
    private final BitSet bits = new BitSet();
    private int length;

    static Bits picture(int width, int height) {
      return new Bits().add(8, 0x2f).add(14, width - 1).add(14, height - 1).add(4, 0);
    }

    Bits add(int count, int value) {
      for (int i = 0; i < count; i++) bits.set(length++, (value >> i & 1) != 0);
      return this;
    }

    /// Codes of a single symbol, which takes no bits.
    Bits singles(int... symbols) {
      for (int symbol : symbols) add(3, 0b101).add(8, symbol);
      return this;
    }

    /// A code whose symbols up to the `count`th have this length.
    Bits flat(int symbolLength, int count) {
      add(1, 0).add(4, 15);
      for (int symbol : LENGTH_ORDER) add(3, symbol == symbolLength ? 1 : 0);
      return add(1, 1).add(3, 5).add(12, count - 2);
    }

    byte[] bytes() {
      return Arrays.copyOf(bits.toByteArray(), (length + 7) / 8);
    }

    byte[] rgb() {
      byte[] stream = bytes();
      return LosslessDecoder.decode(stream, 0, stream.length);
    }

    void refused(String message) {
      assertThatExceptionOfType(WebpException.class).isThrownBy(this::rgb).withMessage(message);
    }
  }

  /// A picture without transform, cache and blocks, whose green has a flat code.
  private static Bits green(int width, int symbolLength, int count) {
    return Bits.picture(width, 1).add(3, 0).flat(symbolLength, count);
  }

  @Test
  void symbolsOfOneLength() {
    // A code's first bit is its highest: 00, 01, 10, 11.
    assertThat(HexFormat.of().formatHex(green(4, 2, 4).singles(7, 9, 0, 0).add(8, 0b11_01_10_00).rgb()))
        .isEqualTo("070009" + "070109" + "070209" + "070309");
    assertThat(green(2, 8, 256).singles(0, 0, 0, 0).add(8, 0b1000_0000).add(8, 0xff).rgb()).containsExactly(0, 1, 0, 0, -1, 0);
  }

  @Test
  void symbolsOfOneLengthThatAreNoCode() {
    green(1, 2, 3).refused(BROKEN + "a prefix code is incomplete");
    green(1, 15, 280).refused(BROKEN + "a prefix code is incomplete");
    green(1, 2, 5).refused(BROKEN + "a prefix code has more symbols than bit strings");
    green(1, 0, 280).refused(BROKEN + "a prefix code has no symbol");
    green(1, 8, 281).refused(BROKEN + "a prefix code has 281 lengths for 280 symbols");
  }

  /// Each block of 4 x 4 pixels has codes of its own, of 2,048 and three times 256 symbols, in a file of 3 MB.
  @Test
  void everyBlockHasLargeCodes() {
    var bits = Bits.picture(1024, 1024).add(1, 0).add(1, 1).add(4, 11).add(1, 1).add(3, 0);
    bits.add(1, 0).flat(8, 256).flat(8, 256).singles(0, 0, 0);
    // The blocks' numbers: green is the lower byte, red the upper one.
    for (int block = 0; block < 1 << 16; block++)
      bits.add(8, Integer.reverse(block) >>> 24).add(8, Integer.reverse(block >> 8) >>> 24);
    for (int block = 0; block < 1 << 16; block++) bits.flat(11, 2048).flat(8, 256).flat(8, 256).flat(8, 256).singles(0);
    long start = System.nanoTime();
    bits.refused("the lossless picture is cut: its data end before its last pixel");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONGEST);
  }
}
