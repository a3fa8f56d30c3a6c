package dev.fovea.engine.image.webp;

/// The prediction of a macroblock's luma (16x16) or chroma (8x8) from the pixels above and to the left (RFC 6386, sections 11.2,
/// 11.4 and 12.2).
enum MacroblockMode {
  /// The mean of the pixels above and to the left that lie in the picture.
  DC,
  /// The row above, repeated.
  VERTICAL,
  /// The column to the left, repeated.
  HORIZONTAL,
  /// The sum of the pixels above and to the left, minus the corner.
  TRUE_MOTION;

  /// Reads the mode of a macroblock's luma whose blocks have no separate modes.
  static MacroblockMode readLuma(BooleanDecoder modes) {
    if (modes.bit(156) == 0) return modes.bit(163) == 0 ? DC : VERTICAL;
    return modes.bit(128) == 0 ? HORIZONTAL : TRUE_MOTION;
  }

  static MacroblockMode readChroma(BooleanDecoder modes) {
    if (modes.bit(142) == 0) return DC;
    if (modes.bit(114) == 0) return VERTICAL;
    return modes.bit(183) == 0 ? HORIZONTAL : TRUE_MOTION;
  }

  /// The block mode of this macroblock's blocks, from which the modes of adjacent blocks are predicted.
  SubblockMode ofBlocks() {
    return switch (this) {
      case DC -> SubblockMode.DC;
      case VERTICAL -> SubblockMode.VERTICAL;
      case HORIZONTAL -> SubblockMode.HORIZONTAL;
      case TRUE_MOTION -> SubblockMode.TRUE_MOTION;
    };
  }
}
