package dev.fovea.engine.image.webp;

/// A cache of recent colours, each at the index of its hash (RFC 9649, section 3.6.3).
final class ColourCache {
  private final int[] colours;
  private final int shift;

  /// @param bits 1 to 11: the size is `1 << bits`
  ColourCache(int bits) {
    colours = new int[1 << bits];
    shift = Integer.SIZE - bits;
  }

  void add(int argb) {
    colours[argb * 0x1e35a7bd >>> shift] = argb;
  }

  int at(int place) {
    return colours[place];
  }
}
