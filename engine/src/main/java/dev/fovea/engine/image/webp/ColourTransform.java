package dev.fovea.engine.image.webp;

/// The colour transform: multiples of green were subtracted from red, and of green and red from blue (RFC 9649, section 3.5.2).
///
/// @param factors one pixel per block of `1 << shift` pixels: the factors red to blue, green to blue, and green to red, in 32nds
record ColourTransform(int[] factors, int shift) implements LosslessTransform {
  @Override
  public int[] undo(int[] pixels, int width, int height) {
    int across = Blocks.count(width, shift);
    for (int y = 0, at = 0; y < height; y++)
      for (int x = 0; x < width; x++, at++) {
        int factor = factors[(y >> shift) * across + (x >> shift)], pixel = pixels[at], green = pixel >> 8;
        int red = (pixel >> 16) + part(factor, green) & 0xff;
        int blue = pixel + part(factor >> 8, green) + part(factor >> 16, red) & 0xff;
        pixels[at] = pixel & 0xff00ff00 | red << 16 | blue;
      }
    return pixels;
  }

  private static int part(int factor, int value) {
    return (byte) factor * (byte) value >> 5;
  }
}
