package dev.fovea.engine.image.mask;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import com.google.common.primitives.Booleans;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Tensor;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// A binary mask of a picture. Thread-safe as long as nobody modifies its pixels.
///
/// @param pixels `[height][width]`; not copied, must not be modified
public record Mask(int width, int height, boolean[] pixels) {
  private static final int HALF = 128;

  /// @throws IllegalArgumentException if a side is not positive, or the size of `pixels` does not match
  public Mask {
    if (width < 1 || height < 1 || pixels.length != (long) width * height)
      throw new IllegalArgumentException("mask " + width + "x" + height + ": expected " + (long) width * height
          + " pixels, got " + pixels.length);
  }

  /// The pixels whose logit is above `threshold`.
  ///
  /// @param logits `[height, width]`
  public static Mask above(float threshold, Tensor logits) {
    var pixels = new boolean[Math.toIntExact(logits.size())];
    var values = logits.segment();
    for (int i = 0; i < pixels.length; i++) pixels[i] = values.get(JAVA_FLOAT_UNALIGNED, 4L * i) > threshold;
    return new Mask(logits.dim(1), logits.dim(0), pixels);
  }

  /// Number of the logits `[height, width]` above `threshold`.
  public static long countAbove(float threshold, Tensor logits) {
    long count = 0, n = logits.size();
    var values = logits.segment();
    for (long i = 0; i < n; i++) if (values.get(JAVA_FLOAT_UNALIGNED, 4 * i) > threshold) count++;
    return count;
  }

  /// The mask in a picture of a mask: its pixels with red of at least 128.
  public static Mask of(Picture picture) {
    var pixels = new boolean[picture.width() * picture.height()];
    for (int i = 0; i < pixels.length; i++) pixels[i] = (picture.rgb()[3 * i] & 0xff) >= HALF;
    return new Mask(picture.width(), picture.height(), pixels);
  }

  /// Whether a pixel is in the mask; pixels outside the picture are not.
  public boolean at(int x, int y) {
    return x >= 0 && y >= 0 && x < width && y < height && pixels[y * width + x];
  }

  /// Number of pixels in the mask.
  public int area() {
    return Booleans.countTrue(pixels);
  }

  /// The bounding box: the first and last columns and rows with pixels of the mask, inclusive; all 0 for an empty mask (ref:
  /// segment_anything `utils/amg.py`, `batched_mask_to_box`).
  public Box box() {
    int left = width, top = height, right = -1, bottom = -1;
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        if (pixels[y * width + x]) {
          left = Math.min(left, x);
          right = Math.max(right, x);
          top = Math.min(top, y);
          bottom = y;
        }
    return right < 0 ? new Box(0, 0, 0, 0) : new Box(left, top, right, bottom);
  }

  /// Intersection over union of two masks; 1 if both are empty.
  ///
  /// @throws IllegalArgumentException if the sizes differ
  public double iou(Mask other) {
    if (width != other.width || height != other.height)
      throw new IllegalArgumentException("expected a mask of " + width + "x" + height + ", got " + other);
    long both = 0, either = 0;
    for (int i = 0; i < pixels.length; i++) {
      if (pixels[i] && other.pixels[i]) both++;
      if (pixels[i] || other.pixels[i]) either++;
    }
    return either == 0 ? 1 : (double) both / either;
  }

  /// The pixels that are not in this mask.
  public Mask inverted() {
    var inverted = new boolean[pixels.length];
    for (int i = 0; i < pixels.length; i++) inverted[i] = !pixels[i];
    return new Mask(width, height, inverted);
  }

  /// This mask at `(left, top)` of a larger picture.
  public Mask inside(int left, int top, int width, int height) {
    if (left == 0 && top == 0 && width == this.width && height == this.height) return this;
    var larger = new boolean[width * height];
    for (int y = 0; y < this.height; y++) System.arraycopy(pixels, y * this.width, larger, (top + y) * width + left, this.width);
    return new Mask(width, height, larger);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Mask m && width == m.width && height == m.height && Arrays.equals(pixels, m.pixels);
  }

  @Override
  public int hashCode() {
    return 31 * width + Arrays.hashCode(pixels);
  }

  @Override
  public String toString() {
    return width + "x" + height + " with " + area() + " pixels";
  }
}
