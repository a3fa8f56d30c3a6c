package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// The matrix `[N, K]` of a linear map `x · Wᵀ` in native memory, with its format and layout.
///
/// | layout | memory, in a format whose blocks are single numbers | made by |
/// |---|---|---|
/// | [Layout#ROWS] | `[N][K]`, as PyTorch's `Linear.weight` | published checkpoints |
/// | [Layout#PANELS] | `[⌈N/16⌉][K][16]`, the last panel padded with zeros | the converter, for sequential reads in kernels |
///
/// In other formats, blocks replace the numbers: `[N][⌈K/L⌉]` and `[⌈N/16⌉][⌈K/L⌉][16]`, where `L` is the block length.
///
/// Weights are the only buffers that may lie in a mapped file. Another program may truncate that file, so kernels copy mapped data
/// before vectors touch it, and throw an [InternalError] instead of crashing. Weights in plain memory are used in place.
///
/// @param segment native memory of exactly [#bytes(WeightFormat, Layout, int, int)] bytes
/// @param n output features
/// @param k input features
public record Weight(MemorySegment segment, WeightFormat format, Layout layout, int n, int k) {
  /// Output features in a panel: the lanes of the widest float vectors today.
  public static final int PANEL = 16;

  /// The order of blocks.
  public enum Layout {
    /// The blocks of each row consecutively.
    ROWS(1),
    /// The blocks of sixteen rows interleaved.
    PANELS(PANEL);

    private final int across;

    Layout(int across) {
      this.across = across;
    }

    /// Number of rows with adjacent blocks.
    public int across() {
      return across;
    }
  }

  /// @throws IllegalArgumentException if a size is negative; operations check the memory
  public Weight {
    Objects.requireNonNull(segment, "segment");
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(layout, "layout");
    Check.size("n", n);
    Check.size("k", k);
  }

  /// Float32 rows, as in PyTorch.
  public static Weight rows(MemorySegment segment, int n, int k) {
    return new Weight(segment, WeightFormat.F32, Layout.ROWS, n, k);
  }

  /// A weight of the same format, layout and size in another segment.
  public Weight in(MemorySegment segment) {
    return new Weight(segment, format, layout, n, k);
  }

  /// Size in bytes of a weight of this format, layout and size.
  public static long bytes(WeightFormat format, Layout layout, int n, int k) {
    Objects.requireNonNull(layout, "layout");
    return format.bytes(layout == Layout.ROWS ? n : (long) panels(n) * PANEL, k);
  }

  /// Number of panels for `n` output features.
  public static int panels(int n) {
    return Math.ceilDiv(n, PANEL);
  }

  /// Byte offset of the group of blocks with element `(row, column)`.
  public long offset(int row, int column) {
    int length = format.blockLength(), block = length == 1 ? column : column / length;
    return switch (layout) {
      case ROWS -> ((long) row * format.blocks(k) + block) * format.blockBytes();
      case PANELS -> ((long) (row / PANEL) * format.blocks(k) + block) * PANEL * format.blockBytes();
    };
  }

  /// One element as float32.
  public float get(int row, int column) {
    int length = format.blockLength(), step = length == 1 ? 0 : column % length;
    return switch (layout) {
      case ROWS -> format.get(segment, offset(row, column), 1, step, 0);
      case PANELS -> format.get(segment, offset(row, column), PANEL, step, row % PANEL);
    };
  }

  /// Copies all elements to another weight, rounded to its format. The padding of its last panel and last blocks becomes zero.
  ///
  /// @throws IllegalArgumentException if its size differs
  public void copyTo(Weight to) {
    if (to.n != n || to.k != k)
      throw new IllegalArgumentException("weight: expected [" + n + ", " + k + "], got [" + to.n + ", " + to.k + "]");
    int across = to.layout.across;
    var group = new float[Math.multiplyExact(k, across)];
    for (int row = 0; row < n; row += across) {
      for (int r = 0; r < across; r++)
        for (int column = 0; column < k; column++) group[column * across + r] = row + r < n ? get(row + r, column) : 0;
      to.format.encode(group, 0, across, k, to.segment, to.offset(row, 0));
    }
  }

  /// Copies `rows`, float32 `[N, K]`, into `panels`, float32 `[⌈N/16⌉][K][16]`.
  ///
  /// @throws IllegalArgumentException if a size is wrong
  public static void pack(MemorySegment rows, MemorySegment panels, int n, int k) {
    Objects.requireNonNull(rows, "rows");
    Objects.requireNonNull(panels, "panels");
    rows(rows, n, k).copyTo(new Weight(panels, WeightFormat.F32, Layout.PANELS, n, k));
  }
}
