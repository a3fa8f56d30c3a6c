package dev.fovea.engine.image.webp;

/// Up to four classes of macroblocks with different quantizers and filter levels (RFC 6386, section 9.3).
///
/// @param enabled whether there are classes
/// @param absolute whether the numbers replace those of the frame, or are added to them
/// @param quantizers one per segment
/// @param filterLevels one per segment
/// @param probabilities of the three branches of the tree of segments; null if all macroblocks are in the first
record Segments(boolean enabled, boolean absolute, int[] quantizers, int[] filterLevels, int[] probabilities) {
  static final int COUNT = 4;
  private static final byte[] TREE = {2, 4, 0, -1, -2, -3};

  static Segments read(BooleanDecoder header) {
    int[] quantizers = new int[COUNT], filterLevels = new int[COUNT], probabilities = null;
    boolean absolute = true, enabled = header.flag();
    if (enabled) {
      boolean map = header.flag();
      if (header.flag()) {
        absolute = header.flag();
        for (int i = 0; i < COUNT; i++) quantizers[i] = header.optionalSigned(7);
        for (int i = 0; i < COUNT; i++) filterLevels[i] = header.optionalSigned(6);
      }
      if (map) {
        probabilities = new int[TREE.length / 2];
        for (int i = 0; i < probabilities.length; i++) probabilities[i] = header.flag() ? header.literal(8) : 255;
      }
    }
    return new Segments(enabled, absolute, quantizers, filterLevels, probabilities);
  }

  /// The segment of the next macroblock.
  int segment(BooleanDecoder modes) {
    return probabilities == null ? 0 : modes.leaf(TREE, probabilities, 0);
  }

  /// The quantizer of a segment, before clamping.
  int quantizer(int segment, int ofFrame) {
    return of(quantizers[segment], ofFrame);
  }

  /// The filter level of a segment, before clamping.
  int filterLevel(int segment, int ofFrame) {
    return of(filterLevels[segment], ofFrame);
  }

  private int of(int ofSegment, int ofFrame) {
    if (!enabled) return ofFrame;
    return absolute ? ofSegment : ofFrame + ofSegment;
  }
}
