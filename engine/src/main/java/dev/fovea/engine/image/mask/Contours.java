package dev.fovea.engine.image.mask;

import com.google.common.primitives.ImmutableIntArray;
import java.util.ArrayList;
import java.util.List;

/// The outlines of a mask's connected components along the edges of pixels: a component is exactly the area inside its outline and
/// outside its holes.
public final class Contours {
  /// Right, down, left, up: the mask is on the right of an edge.
  private static final int[] DX = {1, 0, -1, 0}, DY = {0, 1, 0, -1};

  private final Mask mask;
  private final boolean[] seen;

  private Contours(Mask mask) {
    this.mask = mask;
    seen = new boolean[mask.width() * (mask.height() + 1)];
  }

  /// The outer outlines, each `x0, y0, x1, y1, …`, like COCO's polygons, which have no holes. Components that touch at a corner are
  /// one.
  public static List<int[]> outer(Mask mask) {
    return new Contours(mask).rings().stream().filter(ring -> area(ring) > 0).toList();
  }

  /// All outlines: outer ones run clockwise, those of holes counterclockwise.
  public static List<int[]> all(Mask mask) {
    return new Contours(mask).rings();
  }

  /// The signed area of a ring, negative if it runs counterclockwise.
  static long area(int[] ring) {
    long twice = 0;
    for (int i = 0; i < ring.length; i += 2) {
      int next = (i + 2) % ring.length;
      twice += (long) ring[i] * ring[next + 1] - (long) ring[next] * ring[i + 1];
    }
    return twice / 2;
  }

  /// All rings: each has an edge to the right, which is the upper edge of a pixel.
  private List<int[]> rings() {
    var rings = new ArrayList<int[]>();
    for (int y = 0; y <= mask.height(); y++)
      for (int x = 0; x < mask.width(); x++) if (isEdge(x, y, 0) && !seen[y * mask.width() + x]) rings.add(ring(x, y));
    return rings;
  }

  private int[] ring(int startX, int startY) {
    var corners = ImmutableIntArray.builder();
    int x = startX, y = startY, direction = 0;
    do {
      if (direction == 0) seen[y * mask.width() + x] = true;
      x += DX[direction];
      y += DY[direction];
      int next = turn(x, y, direction);
      if (next != direction) corners.add(x).add(y);
      direction = next;
    } while (x != startX || y != startY || direction != 0);
    return corners.build().toArray();
  }

  /// The next direction: left if that is an edge, so that pixels that touch at a corner stay together.
  private int turn(int x, int y, int direction) {
    for (int turn : new int[] {3, 0}) if (isEdge(x, y, (direction + turn) % 4)) return (direction + turn) % 4;
    return (direction + 1) % 4;
  }

  /// Whether the edge that goes from the corner `(x, y)` in a direction has the mask on its right and not on its left.
  private boolean isEdge(int x, int y, int direction) {
    return switch (direction) {
      case 0 -> mask.at(x, y) && !mask.at(x, y - 1);
      case 1 -> mask.at(x - 1, y) && !mask.at(x, y);
      case 2 -> mask.at(x - 1, y - 1) && !mask.at(x - 1, y);
      default -> mask.at(x, y - 1) && !mask.at(x - 1, y - 1);
    };
  }
}
