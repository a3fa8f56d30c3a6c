package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;

import dev.fovea.kernels.CacheSizes;

/// The division of a product into tasks: blocks of tiles of rows by groups of panels of columns. No result depends on it.
///
/// @param tilesAtOnce tiles that are packed before their tasks begin
/// @param tilesInBlock tiles of a task
/// @param panels number of panels
/// @param panelsInGroup panels of a task
/// @param piecesAtOnce pieces of the steps by which a task multiplies a tile before the next tile
/// @param keepsSums whether a task keeps the sums of all its tiles, because it comes back to them with the next pieces
record ProductCut(int tilesAtOnce, int tilesInBlock, int panels, int panelsInGroup, int piecesAtOnce, boolean keepsSums) {
  /// Most bytes of the left operand that a task goes through for each panel, so that they stay in the second-level cache beside
  /// panels.
  private static final long BLOCK = CacheSizes.bytes(2) * 3 / 4;
  /// Most bytes of packed tiles.
  private static final long PACKED = 16L << 20;
  /// Most panels of a task.
  private static final int MOST_PANELS = 4;

  /// What it costs a task to begin with a panel and with a tile, as a part of the product of the two (`benchmarks/NOTES.md`), and
  /// the part of a task that threads wait for the last one.
  private static final double PANEL = 0.8, TILE = 0.1, LAST = 0.25;

  /// The fastest division by this model, in which tasks are equal and threads take them one after the other.
  ///
  /// @param tiles number of tiles of rows
  /// @param threads number of threads
  static ProductCut of(int tiles, int panels, StepCut steps, int threads) {
    // Short products: all pieces of a tile at once, for which its sums stay in the first-level cache.
    int pieces = steps.count(), piecesAtOnce = pieces <= 2 ? pieces : 1;
    boolean keepsSums = piecesAtOnce < pieces;
    int atOnce = Math.clamp(PACKED / (4L * RowTiles.BLOCK * pieces), 1, Math.max(1, tiles));
    atOnce = Math.ceilDiv(Math.max(1, tiles), Math.ceilDiv(Math.max(1, tiles), atOnce));
    int most = Math.clamp(BLOCK / (4L * MAX_ROWS * piecesAtOnce * Math.max(1, steps.length())), 1, atOnce);
    int bestBlock = 1, bestGroup = 1;
    double least = Double.MAX_VALUE;
    for (int group = 1; group <= Math.min(panels, keepsSums ? MOST_PANELS : 1); group++)
      for (int blocks = Math.ceilDiv(atOnce, most); blocks <= atOnce; blocks++) {
        int block = Math.ceilDiv(atOnce, blocks), tasks = Math.ceilDiv(atOnce, block) * Math.ceilDiv(panels, group);
        double task = block * group + TILE * block + PANEL * group;
        double time = task * (Math.ceilDiv(tasks, threads) + (threads == 1 ? 0 : LAST));
        if (time >= least) continue;
        least = time;
        bestBlock = block;
        bestGroup = group;
      }
    return new ProductCut(atOnce, bestBlock, panels, bestGroup, piecesAtOnce, keepsSums);
  }

  /// Number of blocks of so many tiles.
  int blocks(int tiles) {
    return Math.ceilDiv(tiles, tilesInBlock);
  }

  int groups() {
    return Math.ceilDiv(panels, panelsInGroup);
  }
}
