package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Objects;

/// Partitions a map into square windows, each a map of its own, and joins them again. Windows that extend beyond the map are padded
/// with one value per channel (Liu et al., "Swin Transformer", 2021; ref: segment_anything `modeling/image_encoder.py`,
/// `window_partition`).
///
/// Shapes: B maps, H × W positions, R × S windows of `size` × `size`, C channels.
///
/// @param size of a window's sides
/// @param fill padding, `[C]`
public record MapWindows(int size, Tensor fill) {
  public MapWindows {
    Objects.requireNonNull(fill, "fill");
  }

  /// Windows padded with zeros.
  ///
  /// @param channels of the map
  public MapWindows(int size, int channels) {
    this(size, Tensor.zeros(Arena.ofAuto(), channels));
  }

  /// `[B, H, W, C]` → `[B · R · S, size, size, C]`.
  public Tensor cut(Tensor x) {
    int batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
    int rows = Math.ceilDiv(height, size), cols = Math.ceilDiv(width, size);
    var padded = padded(x, rows * size, cols * size);
    var windows = x.allocate(batch * rows * cols, size, size, channels);
    windows.reshape(batch * rows, cols, size, size, channels)
        .set(padded.reshape(batch * rows, size, cols, size, channels).transposed(1, 2));
    return windows;
  }

  /// `[B · R · S, size, size, C]` → `[B, H, W, C]`.
  public Tensor join(Tensor windows, int batch, int height, int width) {
    int rows = Math.ceilDiv(height, size), cols = Math.ceilDiv(width, size), channels = windows.dim(3);
    var padded = windows.allocate(batch, rows * size, cols * size, channels);
    padded.reshape(batch * rows, size, cols, size, channels)
        .set(windows.reshape(batch * rows, cols, size, size, channels).transposed(1, 2));
    return padded.slice(1, 0, height).slice(2, 0, width).contiguous();
  }

  private Tensor padded(Tensor x, int height, int width) {
    int batch = x.dim(0), below = height - x.dim(1), right = width - x.dim(2);
    if (below == 0 && right == 0) return x;
    var padded = x.allocate(batch, height, width, x.dim(3));
    padded.slice(1, 0, x.dim(1)).slice(2, 0, x.dim(2)).set(x);
    padded.slice(1, x.dim(1), height).set(fill.expand(width).expand(below).expand(batch));
    padded.slice(1, 0, x.dim(1)).slice(2, x.dim(2), width).set(fill.expand(right).expand(x.dim(1)).expand(batch));
    return padded;
  }
}
