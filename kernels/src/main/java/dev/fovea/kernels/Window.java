package dev.fovea.kernels;

/// The window of a convolution: its size, its stride, and the zero padding of the feature map.
///
/// All components count samples; the padding applies to both sides.
public record Window(int height, int width, int strideY, int strideX, int padY, int padX) {

  /// @throws IllegalArgumentException if a size or stride is not positive, or a padding is negative
  public Window {
    if (height < 1 || width < 1 || strideY < 1 || strideX < 1)
      throw new IllegalArgumentException("window " + height + "x" + width + " with stride " + strideY + ", " + strideX
          + ": expected at least 1");
    if (padY < 0 || padX < 0)
      throw new IllegalArgumentException("window with padding " + padY + ", " + padX + ": expected at least 0");
  }

  /// A square window with stride 1 and without padding.
  public static Window square(int size) {
    return new Window(size, size, 1, 1, 0, 0);
  }

  /// Adjacent square windows without overlap, such as the patches of a vision transformer.
  public static Window patch(int size) {
    return square(size).stride(size);
  }

  /// The same window with stride `stride`.
  public Window stride(int stride) {
    return new Window(height, width, stride, stride, padY, padX);
  }

  /// The same window with `pad` zeros on each side of the map.
  public Window pad(int pad) {
    return new Window(height, width, strideY, strideX, pad, pad);
  }

  /// Number of samples in a window.
  public int size() {
    return height * width;
  }

  /// Rows of windows on a map of `mapHeight` samples.
  public int rows(int mapHeight) {
    return (mapHeight + 2 * padY - height) / strideY + 1;
  }

  /// Columns of windows on a map of `mapWidth` samples.
  public int cols(int mapWidth) {
    return (mapWidth + 2 * padX - width) / strideX + 1;
  }
}
