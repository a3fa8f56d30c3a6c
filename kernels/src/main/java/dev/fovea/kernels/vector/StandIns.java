package dev.fovea.kernels.vector;

/// When plain loops stand in for those over vectors.
///
/// Until C2 has compiled it, a loop over vectors makes an object of each vector and runs a hundred times slower. A plain loop
/// over arrays is compiled within some tens of milliseconds, to vector instructions too, and reaches a third to a half of the
/// speed that the other one has in the end. Both make the same bits: each sum is added up in the same order, with an fma where
/// the other has one. So one may take over from the other at any time, and nobody sees it (`StandInsTest`).
enum StandIns {
  NEVER, ALWAYS,
  /// While the program is [#cold].
  WHILE_COLD;

  private static volatile boolean cold;

  /// Says whether the loops over vectors are still to be compiled. A program is taken to be warm unless this is called.
  static void cold(boolean isCold) {
    cold = isCold;
  }

  boolean inUse() {
    return this == ALWAYS || this == WHILE_COLD && cold;
  }
}
