package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;

import dev.fovea.kernels.Weight;

/// Which bytes of a weight [MicroKernel] touches on the way, so that the next panel is in the second-level cache when it
/// is needed: a little in every step of every tile, instead of waiting for memory in the first.
///
/// @param first where the bytes of the first panel begin, `second` those of the second; the two share the tiles
/// @param chunk bytes for a tile
/// @param step bytes from a step to the next
record Fetch(long first, long second, long chunk, long step) {
  /// Tiles that a panel must meet before fetching pays.
  private static final int FEWEST_TILES = 4;
  private static final int PANELS = Math.max(1, WIDTH / Weight.PANEL);

  /// Fetches steps `k0 … k1 - 1` of the columns from `col` on, if there are such and the kernel reads them where they lie, while
  /// `tiles` tiles are multiplied.
  ///
  /// @param panel what the kernel reads; where there is nothing to fetch, it touches the beginning of that, again and again
  static Fetch of(Weight weight, int col, int k0, int k1, int tiles, Panels.Panel panel) {
    if (panel.segment() != weight.segment() || col >= weight.n() || k0 == k1 || tiles < FEWEST_TILES) {
      long idle = 4 * panel.first();
      return new Fetch(idle, idle, 0, 0);
    }
    // Four bytes are read at a time, also at the very end of a weight.
    long chunk = ((long) (k1 - k0) * Weight.PANEL * Float.BYTES - Integer.BYTES) / (tiles / PANELS);
    long first = weight.offset(col, k0);
    boolean hasSecond = PANELS > 1 && col + Weight.PANEL < weight.n();
    long second = hasSecond ? weight.offset(col + Weight.PANEL, k0) : first;
    return new Fetch(first, second, chunk, chunk / (k1 - k0));
  }

  /// Where tile `t` of `tiles` touches bytes in step `step` of the range.
  long at(int t, int tiles, int step) {
    return (t % PANELS == 0 ? first : second) + Math.min(t / PANELS, tiles / PANELS - 1) * chunk + step * this.step;
  }
}
