package dev.fovea.models;

import dev.fovea.models.argument.Arguments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The class of every pixel of a picture. It shares nothing with the segmenter. Two are equal if their sizes, classes and shares
/// are.
///
/// @param classes `[height][width]`, class indices as unsigned numbers; not copied, must not be modified
/// @param shares shares of the classes in the picture, largest first
public record Segmentation(int width, int height, short[] classes, List<Share> shares) {
  /// The share of a class in a picture.
  ///
  /// @param index index of the class
  /// @param share fraction of all pixels, in `(0, 1]`
  public record Share(int index, String label, int pixels, double share) {
    public Share {
      Objects.requireNonNull(label, "label");
    }
  }

  /// @throws IllegalArgumentException if a side is not positive, or the number of classes does not match
  public Segmentation {
    Objects.requireNonNull(classes, "classes");
    shares = Arguments.elements(shares, "shares");
    if (width < 1 || height < 1 || classes.length != (long) width * height)
      throw new IllegalArgumentException("segmentation of " + width + "x" + height + ": expected " + (long) width * height
          + " classes, got " + classes.length);
  }

  /// The class of the pixel in column `x` and row `y`.
  ///
  /// @throws IndexOutOfBoundsException if the pixel is outside the picture
  public int at(int x, int y) {
    if (x < 0 || x >= width) throw new IndexOutOfBoundsException("x: expected 0 to " + (width - 1) + ", got " + x);
    if (y < 0 || y >= height) throw new IndexOutOfBoundsException("y: expected 0 to " + (height - 1) + ", got " + y);
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
    return new Segmentation(width, height, classes, shares);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Segmentation s && width == s.width && height == s.height && Arrays.equals(classes, s.classes)
        && shares.equals(s.shares);
  }

  @Override
  public int hashCode() {
    return 31 * width + Arrays.hashCode(classes);
  }

  @Override
  public String toString() {
    return width + "x" + height + " pixels of " + shares.size() + " classes: " + shares;
  }
}
