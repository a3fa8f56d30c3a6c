package dev.fovea.engine.feature;

import com.google.common.primitives.Booleans;
import com.google.common.primitives.Floats;
import dev.fovea.engine.image.Picture;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Renders patch features as colours: patches with similar features get similar colours.
///
/// The method is that of the DINOv2 paper (Oquab et al., 2023, 7.4), over the patches of all pictures together. The first principal
/// component, thresholded at its mean 0, separates foreground from background. The first three components of the foreground patches
/// alone become red, green and blue, each scaled from its minimum to its maximum. The background is black.
///
/// The paper keeps positive values, but a component's sign is arbitrary. Here the foreground is the side with fewer patches at the
/// pictures' edges.
public final class PatchColours {
  private static final int COLOURS = 3;

  private PatchColours() {}

  /// One image per picture, with one pixel per patch.
  ///
  /// @param otherSide whether to exchange foreground and background
  /// @throws IllegalArgumentException if there is no picture, channels differ, or a feature is not finite
  public static List<Picture> of(List<PatchFeatures> pictures, boolean otherSide) {
    int channels = pictures.isEmpty() ? 0 : pictures.getFirst().channels();
    var features = concatenated(pictures, channels);
    boolean[] foreground = foreground(pictures, features, channels, otherSide);
    byte[] rgb = colours(features, channels, foreground);
    var coloured = new ArrayList<Picture>();
    int at = 0;
    for (var p : pictures) {
      int bytes = COLOURS * p.rows() * p.cols();
      coloured.add(new Picture("principal components", p.cols(), p.rows(), Arrays.copyOfRange(rgb, at, at += bytes)));
    }
    return coloured;
  }

  private static float[] concatenated(List<PatchFeatures> pictures, int channels) {
    long size = 0;
    for (var p : pictures) {
      if (p.channels() != channels)
        throw new IllegalArgumentException("patches: expected " + channels + " channels, got " + p.channels());
      size += p.values().length;
    }
    if (size == 0 || size > Integer.MAX_VALUE - 8)
      throw new IllegalArgumentException("patches: expected 1 to " + (Integer.MAX_VALUE - 8) + " features, got " + size);
    return Floats.concat(pictures.stream().map(PatchFeatures::values).toArray(float[][]::new));
  }

  private static boolean[] foreground(List<PatchFeatures> pictures, float[] features, int channels, boolean otherSide) {
    var scores = PrincipalComponents.of(features, channels, 1).project(features);
    int at = 0, positive = 0, edge = 0;
    for (var p : pictures)
      for (int y = 0; y < p.rows(); y++)
        for (int x = 0; x < p.cols(); x++, at++)
          if (y == 0 || x == 0 || y == p.rows() - 1 || x == p.cols() - 1) {
            edge++;
            if (scores[at][0] > 0) positive++;
          }
    boolean keepPositive = (2 * positive <= edge) != otherSide;
    var foreground = new boolean[scores.length];
    for (int i = 0; i < foreground.length; i++) foreground[i] = keepPositive ? scores[i][0] > 0 : scores[i][0] < 0;
    return foreground;
  }

  private static byte[] colours(float[] features, int channels, boolean[] foreground) {
    var kept = kept(features, channels, foreground);
    var rgb = new byte[COLOURS * foreground.length];
    if (kept.length == 0) return rgb;
    var scores = PrincipalComponents.of(kept, channels, COLOURS).project(kept);
    for (int k = 0; k < scores[0].length; k++) {
      double min = Double.POSITIVE_INFINITY, max = Double.NEGATIVE_INFINITY;
      for (var score : scores) {
        min = Math.min(min, score[k]);
        max = Math.max(max, score[k]);
      }
      for (int i = 0, from = 0; i < foreground.length; i++)
        if (foreground[i]) rgb[COLOURS * i + k] = stretched(scores[from++][k], min, max);
    }
    return rgb;
  }

  private static float[] kept(float[] features, int channels, boolean[] foreground) {
    var kept = new float[Booleans.countTrue(foreground) * channels];
    for (int i = 0, to = 0; i < foreground.length; i++)
      if (foreground[i]) System.arraycopy(features, i * channels, kept, channels * to++, channels);
    return kept;
  }

  /// `value` scaled from `[min, max]` to a byte; 128 if `min` equals `max`.
  private static byte stretched(double value, double min, double max) {
    return (byte) Math.round(max > min ? 255 * (value - min) / (max - min) : 127.5);
  }
}
