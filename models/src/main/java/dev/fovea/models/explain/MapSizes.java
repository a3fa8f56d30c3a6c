package dev.fovea.models.explain;

import java.util.LinkedHashMap;
import java.util.Map;

/// How much of each attention map is kept, so that all of them have at most so many weights.
final class MapSizes {
  /// What is kept of a map.
  ///
  /// @param block side of the blocks of patches; 0 if nothing is kept
  /// @param mean whether the heads are averaged
  record Kept(int block, boolean mean) {
    private static final Kept ALL = new Kept(1, false), NOTHING = new Kept(0, true);

    private long weights(Looks map) {
      if (block == 0) return 0;
      return (mean ? 1L : map.heads()) * map.inputs() * Blocks.of(map.queries(), block).count()
          * Blocks.of(map.keys(), block).count();
    }

    private Kept less(Looks map) {
      int side = Math.max(Blocks.side(map.queries()), Blocks.side(map.keys()));
      if (block < side && block < MAX_BLOCK) return new Kept(block + 1, mean);
      return mean || map.heads() == 1 ? NOTHING : new Kept(block, true);
    }
  }

  private static final int MAX_BLOCK = 8;

  private MapSizes() {}

  static Map<String, Kept> of(Map<String, Looks> maps, long most) {
    var kept = new LinkedHashMap<String, Kept>();
    var weights = new LinkedHashMap<String, Long>();
    maps.forEach((name, map) -> {
      kept.put(name, Kept.ALL);
      weights.put(name, Kept.ALL.weights(map));
    });
    while (weights.values().stream().mapToLong(count -> count).sum() > most) {
      var largest = weights.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
      var less = kept.get(largest).less(maps.get(largest));
      kept.put(largest, less);
      weights.put(largest, less.weights(maps.get(largest)));
    }
    return kept;
  }
}
