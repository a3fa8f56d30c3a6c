package dev.fovea.converter;

import com.google.common.primitives.Doubles;
import java.util.ArrayList;
import java.util.List;

/// Colours for classes without published ones: each is the colour of a grid that is perceptually farthest (CIE 1976 L*a*b*) from
/// all before it. So the first ones, and thus the classes of a small model, differ most.
final class Palette {
  /// Samples of a channel: 0, 32 … 224, 255.
  private static final int STEPS = 9;
  /// Least lightness: darker colours are hard to see on a picture.
  private static final double DARKEST = 30;
  private static final int BLACK = 0, FIRST = 0xe02020;

  private Palette() {}

  private record Lab(double lightness, double a, double b) {
    static Lab of(int rgb) {
      double r = linear(rgb >> 16), g = linear(rgb >> 8 & 0xff), b = linear(rgb & 0xff);
      double x = cube((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505), y = cube(0.2126 * r + 0.7152 * g + 0.0722 * b);
      double z = cube((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
      return new Lab(116 * y - 16, 500 * (x - y), 200 * (y - z));
    }

    /// sRGB's transfer function.
    private static double linear(int sample) {
      double s = sample / 255.0;
      return s <= 0.04045 ? s / 12.92 : Math.pow((s + 0.055) / 1.055, 2.4);
    }

    private static double cube(double t) {
      return t > 216.0 / 24389 ? Math.cbrt(t) : (24389.0 / 27 * t + 16) / 116;
    }

    double distance(Lab other) {
      return Math.hypot(Math.hypot(lightness - other.lightness, a - other.a), b - other.b);
    }
  }

  /// A colour per label, always the same for as many labels. A first label `background` is black; beyond some hundreds of classes
  /// colours repeat.
  static List<Integer> of(List<String> labels) {
    var grid = grid();
    var nearest = new double[grid.size()];
    java.util.Arrays.fill(nearest, Double.POSITIVE_INFINITY);
    var palette = new ArrayList<Integer>();
    for (int i = 0; i < labels.size(); i++) {
      int colour = i < grid.size() ? next(i, labels.getFirst(), grid, nearest) : palette.get(i - grid.size());
      palette.add(colour);
      var chosen = Lab.of(colour);
      for (int c = 0; c < nearest.length; c++) nearest[c] = Math.min(nearest[c], chosen.distance(Lab.of(grid.get(c))));
    }
    return List.copyOf(palette);
  }

  private static int next(int index, String firstLabel, List<Integer> grid, double[] nearest) {
    if (index == 0) return firstLabel.equalsIgnoreCase("background") ? BLACK : FIRST;
    return grid.get(Doubles.indexOf(nearest, Doubles.max(nearest)));
  }

  private static List<Integer> grid() {
    var grid = new ArrayList<Integer>();
    for (int i = 0; i < STEPS * STEPS * STEPS; i++) {
      int colour = sample(i / STEPS / STEPS) << 16 | sample(i / STEPS % STEPS) << 8 | sample(i % STEPS);
      if (Lab.of(colour).lightness >= DARKEST) grid.add(colour);
    }
    return grid;
  }

  private static int sample(int step) {
    return Math.min(255, 32 * step);
  }
}
