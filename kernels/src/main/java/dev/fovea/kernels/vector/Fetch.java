package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.WIDTH;

import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;

/// Which bytes of a weight [MicroKernel] touches on the way, so that the next panel is in the second-level cache when it
/// is needed: a little in every step of every tile, instead of waiting for memory in the first.
///
/// @param segment the weight
/// @param first where the bytes of the first panel begin, `second` those of the second; the two share the tiles
/// @param chunk bytes for a tile
/// @param step bytes from a step to the next
record Fetch(MemorySegment segment, long first, long second, long chunk, long step) {
  /// Tiles that a panel must meet before fetching pays.
  private static final int FEWEST_TILES = 4;
  private static final int PANELS = Math.max(1, WIDTH / Weight.PANEL);

  /// Fetches steps `k0 … k1 - 1` of the columns from `col` on, if there are such, while `tiles` tiles are multiplied.
  ///
  /// @param idle what is touched, again and again at one place, where there is nothing to fetch
  static Fetch of(Weight weight, int col, int k0, int k1, int tiles, MemorySegment idle) {
    if (weight.layout() == Weight.Layout.ROWS || col >= weight.n() || k0 == k1 || tiles < FEWEST_TILES)
      return new Fetch(idle, 0, 0, 0, 0);
    int bytes = weight.type().bytes();
    // Four bytes are read at a time, also at the very end of a weight.
    long chunk = ((long) (k1 - k0) * Weight.PANEL * bytes - Integer.BYTES) / (tiles / PANELS);
    long first = weight.index(col / Weight.PANEL * Weight.PANEL, k0) * bytes;
    boolean hasSecond = PANELS > 1 && col + Weight.PANEL < weight.n();
    long second = hasSecond ? weight.index(col + Weight.PANEL, k0) * bytes : first;
    return new Fetch(weight.segment(), first, second, chunk, chunk / (k1 - k0));
  }

  /// Where tile `t` of `tiles` touches bytes in step `step` of the range.
  long at(int t, int tiles, int step) {
    return (t % PANELS == 0 ? first : second) + Math.min(t / PANELS, tiles / PANELS - 1) * chunk + step * this.step;
  }
}
