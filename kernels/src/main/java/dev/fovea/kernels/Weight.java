package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;

/// The matrix `[N, K]` of a linear map `x · Wᵀ`, as it lies in native memory: format and layout.
///
/// | layout | memory, in a format whose blocks are single numbers | made by |
/// |---|---|---|
/// | [Layout#ROWS] | `[N][K]`, as PyTorch's `Linear.weight` | published checkpoints |
/// | [Layout#PANELS] | `[⌈N/16⌉][K][16]`, the last panel filled up with zeros | the converter, so that kernels stream it |
///
/// In other formats the blocks take the numbers' places: `[N][⌈K/L⌉]` and `[⌈N/16⌉][⌈K/L⌉]` of sixteen each, where `L` is the
/// block's length.
///
/// A weight may lie in a mapped file, which no other buffer may. Another program may truncate that file; kernels copy what they
/// use before vectors touch it, and end in an [InternalError] instead of a crash. A weight in plain memory is used where it lies.
///
/// @param segment native memory of exactly [#bytes(WeightFormat, Layout, int, int)] bytes
/// @param n output features
/// @param k input features
public record Weight(MemorySegment segment, WeightFormat format, Layout layout, int n, int k) {
  /// Output features in a panel: the most lanes that a vector of floats has today.
  public static final int PANEL = 16;

  /// The order of blocks.
  public enum Layout {
    /// A row's blocks, one behind the other.
    ROWS(1),
    /// The blocks of sixteen rows side by side.
    PANELS(PANEL);

    private final int across;

    Layout(int across) {
      this.across = across;
    }

    /// Rows whose blocks lie side by side.
    public int across() {
      return across;
    }
  }

  /// @throws IllegalArgumentException if a size is negative; the memory is checked where it is used
  public Weight {
    Check.size("n", n);
    Check.size("k", k);
  }

  /// Float32 rows, as PyTorch keeps them.
  public static Weight rows(MemorySegment segment, int n, int k) {
    return new Weight(segment, WeightFormat.F32, Layout.ROWS, n, k);
  }

  /// The same form in another segment.
  public Weight in(MemorySegment segment) {
    return new Weight(segment, format, layout, n, k);
  }

  /// Bytes that a weight of this form occupies.
  public static long bytes(WeightFormat format, Layout layout, int n, int k) {
    return format.bytes(layout == Layout.ROWS ? n : (long) panels(n) * PANEL, k);
  }

  /// Panels that `n` output features fill.
  public static int panels(int n) {
    return Math.ceilDiv(n, PANEL);
  }

  /// Byte where the block begins that holds `(row, column)`, with the blocks that lie side by side with it.
  public long offset(int row, int column) {
    int length = format.blockLength(), block = length == 1 ? column : column / length;
    return switch (layout) {
      case ROWS -> ((long) row * format.blocks(k) + block) * format.blockBytes();
      case PANELS -> ((long) (row / PANEL) * format.blocks(k) + block) * PANEL * format.blockBytes();
    };
  }

  /// One number, widened.
  public float get(int row, int column) {
    int length = format.blockLength(), step = length == 1 ? 0 : column % length;
    return switch (layout) {
      case ROWS -> format.get(segment, offset(row, column), 1, step, 0);
      case PANELS -> format.get(segment, offset(row, column), PANEL, step, row % PANEL);
    };
  }

  /// Stores all numbers in the form of another weight, rounded to the nearest that it has. What fills up its last panel and its
  /// last blocks becomes zeros.
  ///
  /// @throws IllegalArgumentException if its size is another
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
    rows(rows, n, k).copyTo(new Weight(panels, WeightFormat.F32, Layout.PANELS, n, k));
  }
}
