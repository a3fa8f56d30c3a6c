package dev.fovea.engine.image.webp;

import org.jetbrains.annotations.Nullable;

/// Pixels stored as literals, as copies of earlier pixels, and as indices into a cache of colours (RFC 9649, section 3.6): the
/// picture, and the small auxiliary pictures with the parameters of its decoding.
final class CodedPixels {
  private static final int MAX_CACHE_BITS = 11;

  private final BitReader bits;
  private final int width;
  private final int height;
  private final @Nullable ColourCache cache;
  private final CodeBlocks blocks;

  private CodedPixels(BitReader bits, int width, int height, @Nullable ColourCache cache, CodeBlocks blocks) {
    this.bits = bits;
    this.width = width;
    this.height = height;
    this.cache = cache;
    this.blocks = blocks;
  }

  /// Reads the data before the pixels.
  ///
  /// @param mayHaveBlocks whether this is the picture itself, whose blocks may have different codes
  static CodedPixels read(BitReader bits, int width, int height, boolean mayHaveBlocks) {
    int cacheBits = bits.flag() ? bits.read(4) : -1;
    if (cacheBits == 0 || cacheBits > MAX_CACHE_BITS)
      throw bits.broken("expected a colour cache of 1 to 11 bits, got " + cacheBits);
    var cache = cacheBits < 0 ? null : new ColourCache(cacheBits);
    return new CodedPixels(bits, width, height, cache, CodeBlocks.read(bits, width, height, cache == null ? 0 : 1 << cacheBits,
        mayHaveBlocks));
  }

  /// Whether only green varies, and there is no colour cache.
  boolean isGreenOnly() {
    return cache == null && blocks.isGreenOnly();
  }

  /// Number of prefix codes with tables.
  int built() {
    return blocks.built();
  }

  /// `[height][width]` pixels, alpha in the highest byte, then red, green and blue.
  ///
  /// @throws WebpException if the data end before the last pixel, or copy pixels that do not exist
  int[] decode() {
    int[] pixels = decodeUpToEnd();
    bits.requireEnough();
    return pixels;
  }

  /// Like [#decode], but the data may end within the last pixel or copy; missing bits are zeros.
  int[] decodeUpToEnd() {
    int[] pixels = new int[width * height];
    int inBlock = blocks.inBlock();
    PixelCodes codes = blocks.at(0, 0);
    for (int at = 0, x = 0, y = 0; at < pixels.length; ) {
      bits.requireEnough();
      bits.fill();
      int symbol = codes.green().read(bits), count = 1;
      if (symbol < PixelCodes.VALUES) add(pixels, at, codes.pixel(symbol, bits));
      else if (symbol < PixelCodes.VALUES + PixelCodes.LENGTHS) count = copy(pixels, at, symbol - PixelCodes.VALUES, codes);
      else if (cache != null) add(pixels, at, cache.at(symbol - PixelCodes.VALUES - PixelCodes.LENGTHS));
      at += count;
      for (x += count; x >= width; x -= width) y++;
      if (((x & inBlock) == 0 || count > 1) && at < pixels.length) codes = blocks.at(x, y);
    }
    return pixels;
  }

  private void add(int[] pixels, int at, int pixel) {
    pixels[at] = pixel;
    if (cache != null) cache.add(pixel);
  }

  /// Copies pixels to `at` and after.
  ///
  /// @return the number of copied pixels
  private int copy(int[] pixels, int at, int lengthPrefix, PixelCodes codes) {
    int length = number(lengthPrefix);
    bits.fill();
    int distance = Near.distance(number(codes.distance().read(bits)), width);
    if (distance > at) throw bits.broken("pixels before the first one are copied");
    if (length > pixels.length - at) throw bits.broken("pixels are copied to behind the last one");
    for (int to = at; to < at + length; to++) add(pixels, to, pixels[to - distance]);
    return length;
  }

  /// The length or distance with this prefix (RFC 9649, section 3.6.2.2).
  private int number(int prefix) {
    if (prefix < 4) return prefix + 1;
    int extra = prefix - 2 >> 1;
    return (2 + (prefix & 1) << extra) + bits.read(extra) + 1;
  }
}
