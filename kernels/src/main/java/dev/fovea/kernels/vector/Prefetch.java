package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;

import dev.fovea.kernels.Weight;

/// A software prefetch: [MicroKernel] reads some bytes of the next panel in every step, so that the panel is in the second-level
/// cache when it is used. Otherwise the first tile of each panel would wait for memory.
///
/// @param first position of the next panel in bytes
/// @param second position of the panel after it; tiles alternate between the two
/// @param chunk bytes prefetched by one tile
/// @param step bytes between two reads
record Prefetch(long first, long second, long chunk, long step) {
  /// The fewest tiles of rows that benefit from a prefetch.
  private static final int FEWEST_TILES = 4;
  private static final int PANELS = Math.max(1, WIDTH / Weight.PANEL);

  /// The prefetch of steps `k0 … k1 - 1` of the columns from `col` on, spread over `tiles` tiles. Missing columns, and columns that
  /// the kernel reads from a copy, are not prefetched.
  ///
  /// @param panel the current panel of the kernel; without a prefetch, every step reads its first bytes
  static Prefetch of(Weight weight, int col, int k0, int k1, int tiles, Panels.Panel panel) {
    if (panel.segment() != weight.segment() || col >= weight.n() || k0 == k1 || tiles < FEWEST_TILES) {
      long idle = 4 * panel.first();
      return new Prefetch(idle, idle, 0, 0);
    }
    // Each read takes four bytes, also at the very end of a weight.
    long chunk = ((long) (k1 - k0) * Weight.PANEL * Float.BYTES - Integer.BYTES) / (tiles / PANELS);
    long first = weight.offset(col, k0);
    boolean hasSecond = PANELS > 1 && col + Weight.PANEL < weight.n();
    long second = hasSecond ? weight.offset(col + Weight.PANEL, k0) : first;
    return new Prefetch(first, second, chunk, chunk / (k1 - k0));
  }

  /// Byte offset of the read of tile `t` of `tiles` in step `step`.
  long at(int t, int tiles, int step) {
    return (t % PANELS == 0 ? first : second) + Math.min(t / PANELS, tiles / PANELS - 1) * chunk + step * this.step;
  }
}
