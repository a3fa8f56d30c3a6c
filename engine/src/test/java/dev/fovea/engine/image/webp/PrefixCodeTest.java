package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Prefix codes: their tables, and which lengths are none.
class PrefixCodeTest {
  private static void assertRefused(String message, int... lengths) {
    assertThatExceptionOfType(WebpException.class).isThrownBy(() -> PrefixCode.of(lengths, lengths.length))
        .withMessage("the lossless picture is broken: " + message);
    assertThatExceptionOfType(WebpException.class).isThrownBy(() -> PrefixCode.check(lengths, lengths.length))
        .withMessage("the lossless picture is broken: " + message);
  }

  @Test
  void codesThatAreNone() {
    assertRefused("a prefix code has no symbol", 0, 0, 0);
    assertRefused("a prefix code is incomplete", 1, 2, 0);
    assertRefused("a prefix code is incomplete", 15, 15);
    assertRefused("a prefix code has more symbols than bit strings", 1, 1, 1);
    assertRefused("a prefix code has more symbols than bit strings", 2, 2, 2, 2, 15);
  }

  @Test
  void aSingleSymbolTakesNoBits() {
    var bits = new BitReader(new byte[8], 0, 8);
    var code = PrefixCode.of(new int[] {0, 0, 9, 0}, 4);
    assertThat(code.isSingle()).isTrue();
    assertThat(code.entries()).isEqualTo(1);
    for (int i = 0; i < 100; i++) assertThat(code.read(bits)).isEqualTo(2);
    assertThat(bits.read(24)).isZero();
  }

  /// Codes of 2 to 2,328 symbols: what is written is read.
  @Test
  void symbolsAreReadAsTheyAreWritten() {
    var random = new Random(5);
    for (int round = 0; round < 200; round++) {
      int alphabet = 2 + random.nextInt(round % 4 == 0 ? 2327 : 60);
      int[] lengths = lengths(random, alphabet), symbols = random.ints(200, 0, alphabet).toArray();
      var written = new BitSet();
      int end = 0;
      for (int symbol : symbols) {
        int code = code(lengths, symbol);
        for (int i = lengths[symbol] - 1; i >= 0; i--) written.set(end++, (code >> i & 1) != 0);
      }
      written.set(end);
      byte[] bytes = written.toByteArray();
      var bits = new BitReader(bytes, 0, bytes.length);
      var prefixCode = PrefixCode.of(lengths, alphabet);
      for (int symbol : symbols) {
        bits.fill();
        assertThat(prefixCode.read(bits)).isEqualTo(symbol);
      }
      assertThat(prefixCode.entries()).as("entries for %d symbols", alphabet).isLessThanOrEqualTo(2704);
    }
  }

  /// Leaves of a tree that is split at random.
  private static int[] lengths(Random random, int alphabet) {
    List<Integer> leaves = new ArrayList<>(List.of(0));
    while (leaves.size() < alphabet) {
      int at = random.nextInt(3) == 0 ? random.nextInt(leaves.size()) : leaves.size() - 1;
      if (leaves.get(at) == PrefixCode.MAX_LENGTH) at = leaves.indexOf(leaves.stream().min(Integer::compare).orElseThrow());
      int length = leaves.remove(at) + 1;
      leaves.add(length);
      leaves.add(length);
    }
    return leaves.stream().mapToInt(i -> i).toArray();
  }

  /// The canonical code of a symbol: those of shorter codes come first, then those of smaller numbers.
  private static int code(int[] lengths, int symbol) {
    long before = 0;
    for (int other = 0; other < lengths.length; other++)
      if (lengths[other] < lengths[symbol] || lengths[other] == lengths[symbol] && other < symbol)
        before += 1L << PrefixCode.MAX_LENGTH - lengths[other];
    return (int) (before >> PrefixCode.MAX_LENGTH - lengths[symbol]);
  }
}
