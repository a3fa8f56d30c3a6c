package dev.fovea.engine.image.webp;

/// The parameters of the loop filter, which smooths the edges of blocks (RFC 6386, sections 9.3, 9.6 and 15.1).
///
/// @param simple whether only the two pixels beside an edge of luma are changed
/// @param level of the frame, 0 to 63; 0 turns the filter off whatever the segments say
/// @param sharpness 0 to 7
/// @param delta added to the level of every macroblock
/// @param blocksDelta added to the level of a macroblock whose blocks have separate modes
record FilterHeader(boolean simple, int level, int sharpness, int delta, int blocksDelta) {
  private static final int DELTAS = 8;
  private static final int OF_INTRA_FRAME = 0;
  private static final int OF_BLOCKS = 4;
  private static final int LAST_LEVEL = 63;

  static FilterHeader read(BooleanDecoder header) {
    boolean simple = header.flag();
    int level = header.literal(6), sharpness = header.literal(3);
    var deltas = new int[DELTAS];
    if (header.flag() && header.flag()) for (int i = 0; i < DELTAS; i++) deltas[i] = header.optionalSigned(6);
    return new FilterHeader(simple, level, sharpness, deltas[OF_INTRA_FRAME], deltas[OF_BLOCKS]);
  }

  boolean isOn() {
    return level > 0;
  }

  /// The level of a macroblock, 0 to 63.
  int level(Segments segments, int segment, boolean ownModes) {
    return Math.clamp(segments.filterLevel(segment, level) + delta + (ownModes ? blocksDelta : 0), 0, LAST_LEVEL);
  }

  /// Largest difference of adjacent pixels inside a block at which its edge is smoothed.
  int interiorLimit(int ofLevel) {
    int limit = ofLevel;
    if (sharpness > 0) limit = Math.min(sharpness > 4 ? limit >> 2 : limit >> 1, 9 - sharpness);
    return Math.max(limit, 1);
  }

  /// The difference above which the pixels beside an edge have a high variance, in a key frame.
  static int highVariance(int level) {
    if (level >= 40) return 2;
    return level >= 15 ? 1 : 0;
  }
}
