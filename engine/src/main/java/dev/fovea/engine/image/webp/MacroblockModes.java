package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// Reads the first partition, one macroblock at a time: segment, modes, and whether there are coefficients (RFC 6386, sections 10
/// and 11).
final class MacroblockModes {
  private final FrameHeader header;
  /// The modes of the bottom blocks of the macroblocks above, `[column][4]`.
  private final SubblockMode[] above;
  /// The modes of the rightmost blocks of the macroblock to the left.
  private final SubblockMode[] left = new SubblockMode[4];
  private final SubblockMode[] blocks = new SubblockMode[16];
  private int segment;
  private boolean isEmpty;
  private boolean hasBlocks;
  private MacroblockMode luma;
  private MacroblockMode chroma;

  MacroblockModes(FrameHeader header, int columns) {
    this.header = header;
    above = new SubblockMode[4 * columns];
    Arrays.fill(above, SubblockMode.DC);
  }

  void startRow() {
    Arrays.fill(left, SubblockMode.DC);
  }

  /// Reads the next macroblock of the row.
  void read(int column) {
    var in = header.modes();
    segment = header.segments().segment(in);
    isEmpty = header.coded() >= 0 && in.bit(header.coded()) != 0;
    hasBlocks = in.bit(145) == 0;
    if (hasBlocks) {
      for (int i = 0; i < 16; i++) {
        int x = 4 * column + (i & 3), y = i >> 2;
        blocks[i] = above[x] = left[y] = SubblockMode.read(in, above[x], left[y]);
      }
    } else {
      luma = MacroblockMode.readLuma(in);
      Arrays.fill(above, 4 * column, 4 * column + 4, luma.ofBlocks());
      Arrays.fill(left, luma.ofBlocks());
    }
    chroma = MacroblockMode.readChroma(in);
  }

  int segment() {
    return segment;
  }

  /// Whether the macroblock has no coefficients in the other partition.
  boolean isEmpty() {
    return isEmpty;
  }

  /// Whether the luma's blocks have separate modes.
  boolean hasBlocks() {
    return hasBlocks;
  }

  /// The mode of the block at `(i % 4, i / 4)`, if [#hasBlocks].
  SubblockMode block(int i) {
    return blocks[i];
  }

  /// The mode of the luma, if not [#hasBlocks].
  MacroblockMode luma() {
    return luma;
  }

  MacroblockMode chroma() {
    return chroma;
  }
}
