package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// Reads and dequantizes the coefficients of macroblocks, one macroblock at a time (RFC 6386, section 13).
final class Coefficients {
  /// The coefficients present in a block, for the choice of a transform.
  enum Extent {
    NONE, DC,
    /// At most the first three in coding order.
    FIRST_THREE, MANY
  }

  static final int BLOCK = 16;
  /// The first blocks of the two chroma channels; those of luma begin at 0.
  static final int U = 16;
  static final int V = 20;
  private static final int BLOCKS = 24;

  private static final int[] ZIGZAG = {0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15};
  private static final int[] BANDS = {0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7};
  /// The probabilities of the extra bits of the four categories of the largest magnitudes.
  private static final int[][] EXTRA_BITS = {
      {173, 148, 140}, {176, 155, 140, 135}, {180, 157, 141, 134, 130}, {254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}};

  /// Contexts: four columns or rows of luma, two of each chroma channel, the block of DCs.
  private static final int CONTEXTS = 9;
  private static final int Y2_CONTEXT = 8;

  private final int[] probabilities;
  private final Transforms transforms;
  /// Whether the blocks above have tokens, `[column][9]`.
  private final byte[] above;
  /// Whether the blocks to the left have tokens.
  private final byte[] left = new byte[CONTEXTS];
  private final short[] dcs = new short[BLOCK];
  private final Extent[] extents = new Extent[BLOCKS];

  /// `[24][16]`, each block row by row.
  final short[] values = new short[BLOCKS * BLOCK];

  Coefficients(int[] probabilities, Transforms transforms, int columns) {
    this.probabilities = probabilities;
    this.transforms = transforms;
    above = new byte[CONTEXTS * columns];
  }

  void startRow() {
    Arrays.fill(left, (byte) 0);
  }

  Extent extent(int block) {
    return extents[block];
  }

  /// Sets the coefficients of a macroblock to none.
  ///
  /// @param withY2 whether it would have a block of DCs; if not, the contexts of that block are unchanged
  void clear(int column, boolean withY2) {
    int count = withY2 ? CONTEXTS : Y2_CONTEXT;
    Arrays.fill(above, CONTEXTS * column, CONTEXTS * column + count, (byte) 0);
    Arrays.fill(left, 0, count, (byte) 0);
    Arrays.fill(extents, Extent.NONE);
  }

  /// Reads the next macroblock of the row.
  ///
  /// @param withY2 whether the DCs of its luma are in a separate block
  /// @return whether there are coefficients
  boolean read(BooleanDecoder in, int column, boolean withY2, Quantizer quantizer) {
    Arrays.fill(values, (short) 0);
    int type = CoefficientProbabilities.Y_WITH_DC, first = 0;
    boolean any = false;
    if (withY2) {
      y2(in, column, quantizer);
      type = CoefficientProbabilities.Y_AFTER_Y2;
      first = 1;
    }
    for (int i = 0; i < U; i++)
      any |= block(in, type, first, i, CONTEXTS * column + (i & 3), i >> 2, quantizer.yDc(), quantizer.yAc());
    for (int i = U; i < BLOCKS; i++) {
      int channel = i < V ? 4 : 6;
      any |= block(
          in, CoefficientProbabilities.CHROMA, 0, i, CONTEXTS * column + channel + (i & 1), channel + (i >> 1 & 1),
          quantizer.chromaDc(), quantizer.chromaAc());
    }
    return any;
  }

  private void y2(BooleanDecoder in, int column, Quantizer quantizer) {
    Arrays.fill(dcs, (short) 0);
    int up = CONTEXTS * column + Y2_CONTEXT, context = above[up] + left[Y2_CONTEXT];
    int end = tokens(in, CoefficientProbabilities.Y2, context, 0, quantizer.y2Dc(), quantizer.y2Ac(), dcs, 0);
    above[up] = left[Y2_CONTEXT] = (byte) (end > 0 ? 1 : 0);
    transforms.dcs(dcs, values);
  }

  /// Reads a block and its extent, which as in libwebp follows from the position of the last token, even if that is a zero.
  ///
  /// @return whether there are coefficients
  private boolean block(BooleanDecoder in, int type, int first, int block, int up, int side, int dc, int ac) {
    int at = BLOCK * block, end = tokens(in, type, above[up] + left[side], first, dc, ac, values, at);
    above[up] = left[side] = (byte) (end > first ? 1 : 0);
    if (end > 3) extents[block] = Extent.MANY;
    else if (end > 1) extents[block] = Extent.FIRST_THREE;
    else extents[block] = values[at] != 0 ? Extent.DC : Extent.NONE;
    return extents[block] != Extent.NONE;
  }

  /// Reads the tokens of a block.
  ///
  /// @return the position after the last one in coding order
  private int tokens(BooleanDecoder in, int type, int context, int first, int dc, int ac, short[] to, int at) {
    int p = probability(type, first, context), n = first;
    while (n < BLOCK) {
      if (in.bit(probabilities[p]) == 0) return n; // the end of the block
      while (in.bit(probabilities[p + 1]) == 0) { // a zero, which is not followed by the end
        if (++n == BLOCK) return BLOCK;
        p = probability(type, n, 0);
      }
      int magnitude = in.bit(probabilities[p + 2]) == 0 ? 1 : large(in, p);
      to[at + ZIGZAG[n]] = (short) (in.sign(magnitude) * (n > 0 ? ac : dc));
      if (++n < BLOCK) p = probability(type, n, magnitude == 1 ? 1 : 2);
    }
    return BLOCK;
  }

  private static int probability(int type, int n, int context) {
    return CoefficientProbabilities.place(type, BANDS[n], context);
  }

  /// A magnitude of at least 2.
  private int large(BooleanDecoder in, int p) {
    if (in.bit(probabilities[p + 3]) == 0) return in.bit(probabilities[p + 4]) == 0 ? 2 : 3 + in.bit(probabilities[p + 5]);
    if (in.bit(probabilities[p + 6]) == 0)
      return in.bit(probabilities[p + 7]) == 0 ? 5 + in.bit(159) : 7 + 2 * in.bit(165) + in.bit(145);
    int category = in.bit(probabilities[p + 8]) == 0 ? in.bit(probabilities[p + 9]) : 2 + in.bit(probabilities[p + 10]);
    int extra = 0;
    for (int probability : EXTRA_BITS[category]) extra = 2 * extra + in.bit(probability);
    return 3 + (8 << category) + extra;
  }
}
