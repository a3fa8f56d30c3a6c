package dev.fovea.kernels;

import java.util.Objects;

/// The geometry of a convolution: a feature map and the windows on it. The result is always `[B, rows, cols, N]`.
///
/// @param groups number of equal parts of the input and output channels; each output part reads one input part
public record Convolution(int batch, int height, int width, int channels, Window window, int groups, Layout layout) {

  /// The order of the feature map in memory, and of a weight's columns.
  public enum Layout {
    /// `[B, H, W, C]`; columns `(dy, dx, c)`. A window's row is contiguous.
    CHANNELS_LAST,
    /// `[B, C, H, W]`, as for pictures; columns `(c, dy, dx)`, as in PyTorch.
    PLANES
  }

  /// @throws IllegalArgumentException if a size is negative, the window is larger than the padded map, or the channels are
  ///     not a multiple of the groups
  public Convolution {
    Objects.requireNonNull(layout, "layout");
    if (batch < 0 || channels < 0 || height < 0 || width < 0)
      throw new IllegalArgumentException("convolution: negative size in [" + batch + ", " + height + ", " + width + ", " + channels
          + "]");
    if (height + 2 * window.padY() < window.height() || width + 2 * window.padX() < window.width())
      throw new IllegalArgumentException("convolution: window " + window.height() + "x" + window.width()
          + " is larger than the map "
          + height + "x" + width + " with padding " + window.padY() + ", " + window.padX());
    if (groups < 0 || (groups == 0 ? channels > 0 : channels % groups != 0))
      throw new IllegalArgumentException("convolution: " + channels + " channels are not a multiple of " + groups + " groups");
  }

  /// Over a map `[B, H, W, C]`.
  public static Convolution of(int batch, int height, int width, int channels, Window window) {
    return new Convolution(batch, height, width, channels, window, 1, Layout.CHANNELS_LAST);
  }

  /// Over planes `[B, C, H, W]`.
  public static Convolution ofPlanes(int batch, int channels, int height, int width, Window window) {
    return new Convolution(batch, height, width, channels, window, 1, Layout.PLANES);
  }

  /// Over a map `[B, H, W, C]`, each channel separately.
  public static Convolution depthwise(int batch, int height, int width, int channels, Window window) {
    return of(batch, height, width, channels, window).grouped(channels);
  }

  /// The same convolution with `groups` groups.
  public Convolution grouped(int groups) {
    return new Convolution(batch, height, width, channels, window, groups, layout);
  }

  /// Sizes of the feature map, in memory order.
  long[] mapShape() {
    return switch (layout) {
      case CHANNELS_LAST -> new long[] {batch, height, width, channels};
      case PLANES -> new long[] {batch, channels, height, width};
    };
  }

  /// Number of windows in the vertical direction.
  public int rows() {
    return window.rows(height);
  }

  /// Number of windows in the horizontal direction.
  public int cols() {
    return window.cols(width);
  }

  /// Number of all windows: `B · rows · cols`.
  ///
  /// @throws ArithmeticException if it exceeds an int
  public int windows() {
    return Math.toIntExact((long) batch * rows() * cols());
  }

  /// Input channels per output.
  public int depth() {
    return groups == 0 ? 0 : channels / groups;
  }

  /// Inputs per output, which equals the number of the weight's columns: `window size · C / groups`.
  public int k() {
    return Math.multiplyExact(window.size(), depth());
  }

  /// Position of a sample of the feature map, in floats.
  public long index(int b, int y, int x, int c) {
    return switch (layout) {
      case CHANNELS_LAST -> (((long) b * height + y) * width + x) * channels + c;
      case PLANES -> (((long) b * channels + c) * height + y) * width + x;
    };
  }

  /// The weight's column for sample `(dy, dx)` of a window in the `c`-th channel of a group.
  public int column(int c, int dy, int dx) {
    return switch (layout) {
      case CHANNELS_LAST -> (dy * window.width() + dx) * depth() + c;
      case PLANES -> (c * window.height() + dy) * window.width() + dx;
    };
  }
}
