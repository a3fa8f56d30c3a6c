package dev.fovea.models;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The class of every pixel of a picture.
///
/// @param classes `[height][width]`, class indices as unsigned numbers; must not be modified
/// @param shares shares of the classes in the picture, largest first
public record Segmentation(int width, int height, short[] classes, List<Share> shares) {
  /// The share of a class in a picture.
  ///
  /// @param index index of the class
  /// @param share fraction of all pixels, in `(0, 1]`
  public record Share(int index, String label, int pixels, double share) {}

  /// The class of the pixel in column `x` and row `y`.
  public int at(int x, int y) {
    return classes[y * width + x] & 0xffff;
  }

  /// @param labels names of all classes, in order
  static Segmentation of(int width, int height, short[] classes, List<String> labels) {
    var counts = new int[labels.size()];
    for (short c : classes) counts[c & 0xffff]++;
    var shares = new ArrayList<Share>();
    for (int i = 0; i < counts.length; i++)
      if (counts[i] > 0) shares.add(new Share(i, labels.get(i), counts[i], (double) counts[i] / classes.length));
    shares.sort(Comparator.comparingInt(Share::pixels).reversed());
    return new Segmentation(width, height, classes, List.copyOf(shares));
  }
}
