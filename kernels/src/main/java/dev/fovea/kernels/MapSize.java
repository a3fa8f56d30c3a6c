package dev.fovea.kernels;

import java.util.List;
import java.util.Objects;

/// The size of a feature map in cells.
public record MapSize(int height, int width) {

  /// @throws IllegalArgumentException if the map has no cell
  public MapSize {
    if (height < 1 || width < 1) throw new IllegalArgumentException("map " + height + "x" + width + ": expected at least 1x1");
  }

  /// Number of cells.
  public long cells() {
    return (long) height * width;
  }

  /// Number of cells of all maps.
  public static long cells(List<MapSize> maps) {
    Objects.requireNonNull(maps, "maps");
    long cells = 0;
    for (int i = 0; i < maps.size(); i++) cells += maps.get(i).cells();
    return cells;
  }
}
