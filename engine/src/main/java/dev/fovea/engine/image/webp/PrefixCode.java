package dev.fovea.engine.image.webp;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// A canonical prefix code as lookup tables: the first bits select a symbol, or a second table for the bits that follow (RFC 9649,
/// section 3.7.2).
///
/// A code must be complete, as in libwebp, except that of a single symbol, which takes no bits at all.
final class PrefixCode {
  static final int MAX_LENGTH = 15;
  private static final int ROOT_BITS = 8;
  /// An entry is a symbol above its length, or the index of a second table above the total bits of both tables.
  private static final int LENGTH_BITS = 4;
  private static final int LENGTH = (1 << LENGTH_BITS) - 1;
  private static final String NO_SYMBOL = "the lossless picture is broken: a prefix code has no symbol";
  private static final String TOO_MANY = "the lossless picture is broken: a prefix code has more symbols than bit strings";
  private static final String INCOMPLETE = "the lossless picture is broken: a prefix code is incomplete";
  /// All alphabets have fewer than `1 << 12` symbols.
  private static final int LONGEST_FLAT = 11;
  /// The complete codes whose symbols all have the same length, by that length; null for 0.
  private static final PrefixCode[] FLAT = IntStream.rangeClosed(0, LONGEST_FLAT).mapToObj(PrefixCode::ofLength)
      .toArray(PrefixCode[]::new);

  private final char[] table;
  private final int rootBits;

  private PrefixCode(char[] table, int rootBits) {
    this.table = table;
    this.rootBits = rootBits;
  }

  /// The code of symbols with these lengths.
  ///
  /// @param lengths `[alphabet]` or more, each up to [#MAX_LENGTH]; 0 for a symbol that does not occur
  /// @throws WebpException if they do not form a complete code
  static PrefixCode of(int[] lengths, int alphabet) {
    int[] counts = counts(lengths, alphabet), starts = new int[MAX_LENGTH + 2];
    int longest = 0;
    for (int length = 1; length <= MAX_LENGTH; length++) {
      starts[length + 1] = starts[length] + counts[length];
      if (counts[length] > 0) longest = length;
    }
    int symbols = starts[MAX_LENGTH + 1];
    int[] sorted = new int[symbols], next = starts.clone();
    for (int symbol = 0; symbol < alphabet; symbol++) if (lengths[symbol] > 0) sorted[next[lengths[symbol]]++] = symbol;
    if (symbols == 1) return new PrefixCode(new char[] {(char) (sorted[0] << LENGTH_BITS)}, 0);
    int rootBits = Math.min(longest, ROOT_BITS);
    return new PrefixCode(table(counts, sorted, longest, rootBits), rootBits);
  }

  private static @Nullable PrefixCode ofLength(int length) {
    if (length == 0) return null;
    int[] lengths = new int[1 << length];
    Arrays.fill(lengths, length);
    return of(lengths, lengths.length);
  }

  /// The code whose symbols are `[0, count)`, each with this length. A few bits of a picture can require one of 2,048 symbols, so
  /// it is built once for all pictures.
  ///
  /// @param count at least 2 and less than `1 << 12`
  /// @param length 0 to [#MAX_LENGTH]
  /// @throws WebpException if the code is not complete
  static PrefixCode flat(int count, int length) {
    if (length == 0) throw new WebpException(NO_SYMBOL);
    if (count > 1 << length) throw new WebpException(TOO_MANY);
    if (count < 1 << length) throw new WebpException(INCOMPLETE);
    return FLAT[length];
  }

  /// Rejects lengths that [#of] rejects, without building tables.
  static void check(int[] lengths, int alphabet) {
    counts(lengths, alphabet);
  }

  /// Number of symbols of each length, after a check that they form a code.
  private static int[] counts(int[] lengths, int alphabet) {
    int[] counts = new int[MAX_LENGTH + 1];
    for (int symbol = 0; symbol < alphabet; symbol++) counts[lengths[symbol]]++;
    int symbols = alphabet - counts[0];
    if (symbols == 0) throw new WebpException(NO_SYMBOL);
    if (symbols == 1) return counts;
    int open = 1;
    for (int length = 1; length <= MAX_LENGTH; length++) {
      open = 2 * open - counts[length];
      if (open < 0) throw new WebpException(TOO_MANY);
    }
    if (open > 0) throw new WebpException(INCOMPLETE);
    return counts;
  }

  /// Enters the codes from the shortest to the longest. Codes that share their first `rootBits` are consecutive, so that each
  /// second table is complete before the next one starts.
  private static char[] table(int[] counts, int[] sorted, int longest, int rootBits) {
    int root = 1 << rootBits, size = root;
    int[] seconds = secondBits(counts, longest, rootBits);
    for (int bits : seconds) if (bits > 0) size += 1 << bits;
    char[] table = new char[size];
    int code = 0, symbol = 0, end = root;
    for (int length = 1; length <= longest; length++, code <<= 1)
      for (int i = 0; i < counts[length]; i++, code++, symbol++) {
        int reversed = Integer.reverse(code) >>> Integer.SIZE - length, entry = sorted[symbol] << LENGTH_BITS | length;
        if (length <= rootBits) {
          for (int at = reversed; at < root; at += 1 << length) table[at] = (char) entry;
          continue;
        }
        int first = reversed & root - 1, bits = seconds[first];
        if (table[first] == 0) {
          table[first] = (char) (end << LENGTH_BITS | rootBits + bits);
          end += 1 << bits;
        }
        int second = table[first] >> LENGTH_BITS;
        for (int at = reversed >> rootBits; at < 1 << bits; at += 1 << length - rootBits) table[second + at] = (char) entry;
      }
    return table;
  }

  /// For each value of the first `rootBits`, the number of further bits of the longest code that starts with it.
  private static int[] secondBits(int[] counts, int longest, int rootBits) {
    int[] bits = new int[1 << rootBits];
    int code = 0;
    for (int length = 1; length <= longest; length++, code <<= 1)
      for (int i = 0; i < counts[length]; i++, code++)
        if (length > rootBits) bits[Integer.reverse(code) >>> Integer.SIZE - length & bits.length - 1] = length - rootBits;
    return bits;
  }

  /// Whether there is only one symbol, which takes no bits.
  boolean isSingle() {
    return rootBits == 0;
  }

  /// Reads the next symbol, of at most [#MAX_LENGTH] bits that [BitReader#fill] made available.
  int read(BitReader bits) {
    int entry = table[bits.peek(rootBits)], length = entry & LENGTH;
    if (length > rootBits) {
      entry = table[(entry >> LENGTH_BITS) + (bits.peek(length) >> rootBits)];
      length = entry & LENGTH;
    }
    bits.skip(length);
    return entry >> LENGTH_BITS;
  }

  /// Number of entries of the tables.
  int entries() {
    return table.length;
  }
}
