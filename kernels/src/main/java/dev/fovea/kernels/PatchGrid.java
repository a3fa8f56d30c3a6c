package dev.fovea.kernels;

/// How windows are cut out of planes `[B, C, H, W]`: the geometry of a convolution, and of a patch embedding.
///
/// The sizes are samples; padding is zeros on both sides.
public record PatchGrid(int batch, int channels, int height, int width,
    int patchHeight, int patchWidth, int strideY, int strideX, int padY, int padX) {

  /// @throws IllegalArgumentException if a size or stride is not positive, or the window is larger than the padded plane
  public PatchGrid {
    if (batch < 0 || channels < 0 || height < 0 || width < 0 || padY < 0 || padX < 0)
      throw new IllegalArgumentException("patches: negative size in [" + batch + ", " + channels + ", " + height + ", " + width
          + "], padding " + padY + ", " + padX);
    if (patchHeight < 1 || patchWidth < 1 || strideY < 1 || strideX < 1)
      throw new IllegalArgumentException("patches: window " + patchHeight + "x" + patchWidth + " with stride " + strideY + ", "
          + strideX + ": expected at least 1");
    if (height + 2 * padY < patchHeight || width + 2 * padX < patchWidth)
      throw new IllegalArgumentException("patches: window " + patchHeight + "x" + patchWidth + " is larger than the picture "
          + height + "x" + width + " with padding " + padY + ", " + padX);
  }

  /// Windows that touch without overlap, as a vision transformer's.
  public static PatchGrid patchify(int batch, int channels, int height, int width, int patch) {
    return new PatchGrid(batch, channels, height, width, patch, patch, patch, patch, 0, 0);
  }

  /// Windows down.
  public int rows() {
    return (height + 2 * padY - patchHeight) / strideY + 1;
  }

  /// Windows across.
  public int cols() {
    return (width + 2 * padX - patchWidth) / strideX + 1;
  }

  /// Numbers in a window: `C · patchHeight · patchWidth`.
  public int patchSize() {
    return channels * patchHeight * patchWidth;
  }
}
