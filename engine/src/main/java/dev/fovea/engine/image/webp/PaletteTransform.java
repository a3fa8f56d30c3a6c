package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// The colour-indexing transform: pixels are indices into a palette, several in one pixel if there are at most 16 colours (RFC
/// 9649, section 3.5.4).
///
/// @param colours one per possible index; transparent black after those of the palette
/// @param shift a pixel holds `1 << shift` indices
record PaletteTransform(int[] colours, int shift) implements LosslessTransform {
  /// @param differences of each colour from the one before
  static PaletteTransform of(int[] differences) {
    int count = differences.length, shift = count > 16 ? 0 : count > 4 ? 1 : count > 2 ? 2 : 3;
    int[] colours = Arrays.copyOf(differences, 1 << (8 >> shift));
    for (int i = 1; i < count; i++) colours[i] = Argb.plus(colours[i], colours[i - 1]);
    return new PaletteTransform(colours, shift);
  }

  @Override
  public int width(int width) {
    return Blocks.count(width, shift);
  }

  @Override
  public int[] undo(int[] pixels, int width, int height) {
    int across = width(width), inPixel = (1 << shift) - 1, bits = 8 >> shift;
    int[] unpacked = shift == 0 ? pixels : new int[width * height];
    for (int y = 0, to = 0; y < height; y++)
      for (int x = 0; x < width; x++, to++) {
        int numbers = pixels[y * across + (x >> shift)] >> 8 & 0xff;
        unpacked[to] = colours[numbers >> bits * (x & inPixel) & colours.length - 1];
      }
    return unpacked;
  }
}
