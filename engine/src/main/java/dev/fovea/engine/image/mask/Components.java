package dev.fovea.engine.image.mask;

import java.util.Objects;

/// The connected components of a mask; pixels that touch at a corner are connected.
///
/// @param labels `[height][width]`: 0 outside the mask, else the number of the component
/// @param sizes number of pixels of each component; at index 0, of the pixels outside
public record Components(int width, int height, int[] labels, int[] sizes) {
  public Components {
    Objects.requireNonNull(labels, "labels");
    Objects.requireNonNull(sizes, "sizes");
  }

  /// The components of a mask.
  public static Components of(Mask mask) {
    int width = mask.width(), height = mask.height(), parts = 0;
    var labels = new int[width * height];
    var sizes = new int[width * height / 2 + 2];
    var stack = new int[width * height];
    for (int start = 0; start < labels.length; start++) {
      if (!mask.pixels()[start] || labels[start] != 0) continue;
      int open = 0;
      labels[start] = ++parts;
      stack[open++] = start;
      while (open > 0) {
        int at = stack[--open], x = at % width, y = at / width;
        sizes[parts]++;
        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++) {
            int to = at + dy * width + dx;
            if (!mask.at(x + dx, y + dy) || labels[to] != 0) continue;
            labels[to] = parts;
            stack[open++] = to;
          }
      }
    }
    sizes = java.util.Arrays.copyOf(sizes, parts + 1);
    sizes[0] = labels.length - mask.area();
    return new Components(width, height, labels, sizes);
  }

  /// Number of components.
  public int count() {
    return sizes.length - 1;
  }

  /// The mask without components of fewer than `least` pixels; the largest is always kept (ref: segment_anything `utils/amg.py`,
  /// `remove_small_regions`, "islands"). Returns the same mask if there are none.
  public static Mask withoutIslands(Mask mask, int least) {
    var parts = of(mask);
    int largest = 0;
    boolean any = false;
    for (int part = 1; part <= parts.count(); part++) {
      any |= parts.sizes[part] < least;
      if (largest == 0 || parts.sizes[part] > parts.sizes[largest]) largest = part;
    }
    if (!any) return mask;
    var pixels = new boolean[mask.pixels().length];
    for (int i = 0; i < pixels.length; i++) {
      int part = parts.labels[i];
      pixels[i] = part != 0 && (parts.sizes[part] >= least || part == largest && parts.sizes[largest] < least);
    }
    return new Mask(mask.width(), mask.height(), pixels);
  }

  /// The mask with its holes of fewer than `least` pixels filled (ref: `remove_small_regions`, "holes"). Returns the same mask if
  /// there are none.
  public static Mask withoutHoles(Mask mask, int least) {
    var outside = of(mask.inverted());
    boolean any = false;
    for (int part = 1; part <= outside.count(); part++) any |= outside.sizes[part] < least;
    if (!any) return mask;
    var pixels = new boolean[mask.pixels().length];
    for (int i = 0; i < pixels.length; i++) {
      int part = outside.labels[i];
      pixels[i] = part == 0 || outside.sizes[part] < least;
    }
    return new Mask(mask.width(), mask.height(), pixels);
  }
}
