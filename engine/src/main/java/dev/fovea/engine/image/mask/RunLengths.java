package dev.fovea.engine.image.mask;

import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// COCO's run-length encoding of a mask: alternating lengths of runs outside and inside, starting outside, column by column (ref:
/// cocodataset/cocoapi `common/maskApi.c`).
///
/// @param counts the lengths; not copied, must not be modified
public record RunLengths(int width, int height, int[] counts) {
  /// Bits per character.
  private static final int BITS = 5;
  private static final int MORE = 0x20, SIGN = 0x10, FIRST_CHARACTER = 48, CHARACTERS = 64;

  /// @throws IllegalArgumentException if a length is negative, or the lengths do not add up to the size
  public RunLengths {
    Objects.requireNonNull(counts, "counts");
    long pixels = 0;
    for (int count : counts) {
      if (count < 0) throw new IllegalArgumentException("run lengths: expected at least 0, got " + count);
      pixels += count;
    }
    if (width < 1 || height < 1 || pixels != (long) width * height)
      throw new IllegalArgumentException("run lengths: expected " + width + "x" + height + " pixels, got " + pixels);
  }

  /// The encoding of a mask.
  public static RunLengths of(Mask mask) {
    var counts = new int[mask.pixels().length + 1];
    int runs = 0, length = 0;
    boolean inside = false;
    for (int x = 0; x < mask.width(); x++)
      for (int y = 0; y < mask.height(); y++) {
        if (mask.pixels()[y * mask.width() + x] != inside) {
          counts[runs++] = length;
          length = 0;
          inside = !inside;
        }
        length++;
      }
    counts[runs++] = length;
    return new RunLengths(mask.width(), mask.height(), Arrays.copyOf(counts, runs));
  }

  /// The mask, decoded in each call.
  public Mask mask() {
    var pixels = new boolean[width * height];
    boolean inside = false;
    int at = 0;
    for (int count : counts) {
      for (int end = at + count; at < end; at++) pixels[at % height * width + at / height] = inside;
      inside = !inside;
    }
    return new Mask(width, height, pixels);
  }

  /// Number of pixels inside.
  public long area() {
    long area = 0;
    for (int i = 1; i < counts.length; i += 2) area += counts[i];
    return area;
  }

  /// COCO's text form: each length, from the fourth on minus the length two before, with five bits per character, the lowest first
  /// (ref: `rleToString`).
  public String compressed() {
    var text = new StringBuilder();
    for (int i = 0; i < counts.length; i++) {
      long rest = i > 2 ? (long) counts[i] - counts[i - 2] : counts[i];
      boolean more;
      do {
        int bits = (int) (rest & (MORE - 1));
        rest >>= BITS;
        more = (bits & SIGN) != 0 ? rest != -1 : rest != 0;
        text.append((char) (FIRST_CHARACTER + (more ? bits | MORE : bits)));
      } while (more);
    }
    return text.toString();
  }

  /// Parses the text of [#compressed()] (ref: `rleFrString`).
  ///
  /// @throws IllegalArgumentException if `text` is malformed, or does not match the size
  public static RunLengths ofCompressed(int width, int height, String text) {
    var counts = new int[text.length()];
    int runs = 0;
    for (int at = 0; at < text.length(); ) {
      long value = 0;
      int bits, shift = 0;
      do {
        if (at == text.length() || shift > 30) throw new IllegalArgumentException("run lengths: the text ends inside a number");
        bits = text.charAt(at++) - FIRST_CHARACTER;
        if (bits < 0 || bits >= CHARACTERS)
          throw new IllegalArgumentException("run lengths: unexpected character '" + text.charAt(at - 1) + "'");
        value |= (long) (bits & (MORE - 1)) << shift;
        shift += BITS;
      } while ((bits & MORE) != 0);
      if ((bits & SIGN) != 0) value |= -1L << shift;
      if (runs > 2) value += counts[runs - 2];
      if (value != (int) value) throw new IllegalArgumentException("run lengths: unexpected length " + value);
      counts[runs++] = (int) value;
    }
    return new RunLengths(width, height, Arrays.copyOf(counts, runs));
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RunLengths r && width == r.width && height == r.height && Arrays.equals(counts, r.counts);
  }

  @Override
  public int hashCode() {
    return 31 * width + Arrays.hashCode(counts);
  }

  @Override
  public String toString() {
    return width + "x" + height + " with " + area() + " pixels in " + counts.length + " runs";
  }
}
