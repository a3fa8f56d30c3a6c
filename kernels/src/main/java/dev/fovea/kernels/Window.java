package dev.fovea.kernels;

/// The window that a convolution moves over a map: how large it is, how far it moves, and how many zeros surround the map.
///
/// All six are samples; the padding is on both sides.
public record Window(int height, int width, int strideY, int strideX, int padY, int padX) {

  /// @throws IllegalArgumentException if a size or stride is not positive, or a padding is negative
  public Window {
    if (height < 1 || width < 1 || strideY < 1 || strideX < 1)
      throw new IllegalArgumentException("window " + height + "x" + width + " with stride " + strideY + ", " + strideX
          + ": expected at least 1");
    if (padY < 0 || padX < 0)
      throw new IllegalArgumentException("window with padding " + padY + ", " + padX + ": expected at least 0");
  }

  /// A square window that moves by one sample, without padding.
  public static Window square(int size) {
    return new Window(size, size, 1, 1, 0, 0);
  }

  /// Square windows that touch without overlap, as a vision transformer's patches.
  public static Window patch(int size) {
    return square(size).stride(size);
  }

  /// The same window, moving by `stride` samples.
  public Window stride(int stride) {
    return new Window(height, width, stride, stride, padY, padX);
  }

  /// The same window, with `pad` zeros on each side of the map.
  public Window pad(int pad) {
    return new Window(height, width, strideY, strideX, pad, pad);
  }

  /// Samples in a window.
  public int size() {
    return height * width;
  }

  /// Windows down a map of `mapHeight` samples.
  public int rows(int mapHeight) {
    return (mapHeight + 2 * padY - height) / strideY + 1;
  }

  /// Windows across a map of `mapWidth` samples.
  public int cols(int mapWidth) {
    return (mapWidth + 2 * padX - width) / strideX + 1;
  }
}
