package dev.fovea.engine.image.webp;

/// The five prefix codes of pixels (RFC 9649, section 3.7.2).
///
/// @param green values of green, then the prefixes of lengths, then indices into the colour cache
/// @param distance the prefixes of distances
record PixelCodes(PrefixCode green, PrefixCode red, PrefixCode blue, PrefixCode alpha, PrefixCode distance) {
  static final int VALUES = 256, LENGTHS = 24, DISTANCES = 40;

  static PixelCodes read(PrefixCodeReader codes, int cacheSize) {
    return new PixelCodes(codes.read(VALUES + LENGTHS + cacheSize), codes.read(VALUES), codes.read(VALUES), codes.read(VALUES),
        codes.read(DISTANCES));
  }

  /// Skips five codes that no pixel uses.
  static void skip(PrefixCodeReader codes, int cacheSize) {
    codes.skip(VALUES + LENGTHS + cacheSize);
    for (int i = 0; i < 3; i++) codes.skip(VALUES);
    codes.skip(DISTANCES);
  }

  /// Whether all literal pixels have the same red, blue and alpha.
  boolean isGreenOnly() {
    return red.isSingle() && blue.isSingle() && alpha.isSingle();
  }

  /// Reads the red, blue and alpha of a pixel with this green.
  int pixel(int greenValue, BitReader bits) {
    int redValue = red.read(bits);
    // Green and red took up to 30 of the 56 bits.
    bits.fill();
    int blueValue = blue.read(bits);
    return alpha.read(bits) << 24 | redValue << 16 | greenValue << 8 | blueValue;
  }
}
