package dev.fovea.models;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The class of every pixel of a picture.
///
/// @param classes `[height][width]`, the classes' numbers as unsigned; not to be changed
/// @param shares of the classes that appear, largest first
public record Segmentation(int width, int height, short[] classes, List<Share> shares) {
  /// How much of a picture shows a class.
  ///
  /// @param index the class's number
  /// @param share of all pixels, in `(0, 1]`
  public record Share(int index, String label, int pixels, double share) {}

  /// The class of the pixel in column `x` of row `y`.
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
