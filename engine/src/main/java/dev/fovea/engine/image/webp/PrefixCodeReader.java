package dev.fovea.engine.image.webp;

import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// Reads stored prefix codes: one or two symbols, or the length of each symbol in another prefix code (RFC 9649, section 3.7.2.1).
final class PrefixCodeReader {
  /// The order of the lengths of the code-length code.
  private static final int[] ORDER = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  private static final int REPEAT_LAST = 16, SHORT_ZEROS = 17;
  private static final int FIRST_LAST_LENGTH = 8;
  /// The symbols of a simple code have 8 bits, whatever the alphabet.
  private static final int SIMPLE_SYMBOLS = 256;

  private final BitReader bits;
  private final int[] lengths;
  private int built;

  /// @param largest the size of the largest alphabet
  PrefixCodeReader(BitReader bits, int largest) {
    this.bits = bits;
    lengths = new int[Math.max(SIMPLE_SYMBOLS, largest)];
  }

  /// The next code, of symbols below `alphabet`.
  ///
  /// @throws WebpException if the code is not complete, or the data end
  PrefixCode read(int alphabet) {
    var flat = readLengths(alphabet);
    built++;
    return flat == null ? PrefixCode.of(lengths, alphabet) : flat;
  }

  /// Number of codes that were read with tables.
  int built() {
    return built;
  }

  /// Skips a code that no pixel uses, but rejects what [#read] rejects.
  void skip(int alphabet) {
    if (readLengths(alphabet) == null) PrefixCode.check(lengths, alphabet);
  }

  /// Reads into [#lengths].
  ///
  /// @return the code if all its symbols have the same length, and [#lengths] is not filled; else null
  private @Nullable PrefixCode readLengths(int alphabet) {
    Arrays.fill(lengths, 0, Math.max(SIMPLE_SYMBOLS, alphabet), 0);
    PrefixCode flat = null;
    if (bits.flag()) simple();
    else flat = coded(alphabet);
    bits.requireEnough();
    return flat;
  }

  private void simple() {
    boolean two = bits.flag();
    lengths[bits.read(bits.flag() ? 8 : 1)] = 1;
    if (two) lengths[bits.read(8)] = 1;
  }

  /// Reads the code-length code, and then the lengths or, if it has a single symbol, the code of equal lengths.
  private @Nullable PrefixCode coded(int alphabet) {
    int[] ofLengths = new int[ORDER.length];
    int count = 4 + bits.read(4);
    for (int i = 0; i < count; i++) ofLengths[ORDER[i]] = bits.read(3);
    bits.requireEnough();
    var code = PrefixCode.of(ofLengths, ofLengths.length);
    int left = bits.flag() ? 2 + bits.read(2 + 2 * bits.read(3)) : alphabet;
    if (left > alphabet) throw bits.broken("a prefix code has " + left + " lengths for " + alphabet + " symbols");
    if (code.isSingle()) {
      bits.requireEnough();
      int length = code.read(bits);
      if (length < REPEAT_LAST) return PrefixCode.flat(left, length);
    }
    lengths(code, left, alphabet);
    return null;
  }

  /// @param left maximum number of lengths and repetitions
  private void lengths(PrefixCode code, int left, int alphabet) {
    int last = FIRST_LAST_LENGTH;
    for (int symbol = 0; symbol < alphabet && left > 0; left--) {
      bits.fill();
      int length = code.read(bits);
      if (length < REPEAT_LAST) {
        lengths[symbol++] = length;
        if (length != 0) last = length;
        continue;
      }
      int times = length == REPEAT_LAST ? 3 + bits.read(2) : length == SHORT_ZEROS ? 3 + bits.read(3) : 11 + bits.read(7);
      if (times > alphabet - symbol) throw bits.broken("a prefix code has lengths for more than " + alphabet + " symbols");
      Arrays.fill(lengths, symbol, symbol + times, length == REPEAT_LAST ? last : 0);
      symbol += times;
    }
  }
}
