package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// The matrix `[N, K]` of a linear map `x · Wᵀ`, as it lies in native memory: element type and layout.
///
/// | layout | memory | made by |
/// |---|---|---|
/// | [Layout#ROWS] | `[N][K]`, as PyTorch's `Linear.weight` | published checkpoints |
/// | [Layout#PANELS] | `[⌈N/16⌉][K][16]`, the last panel filled up with zeros | the converter, so that kernels stream it |
///
/// It may lie in a mapped file, which no other buffer may: a file that another program truncates then ends in an
/// [InternalError] and not in a crash of Java.
///
/// @param segment native memory of exactly [#bytes(Type, Layout, int, int)] bytes
/// @param n output features
/// @param k input features
public record Weight(MemorySegment segment, Type type, Layout layout, int n, int k) {
  /// Output features in a panel: the most lanes that a vector of floats has today.
  public static final int PANEL = 16;

  /// How an element is stored. Products always compute in float32.
  public enum Type {
    F32(4), F16(2), BF16(2);

    private final int bytes;

    Type(int bytes) {
      this.bytes = bytes;
    }

    /// Size of an element.
    public int bytes() {
      return bytes;
    }
  }

  /// The order of elements.
  public enum Layout {
    ROWS, PANELS
  }

  /// @throws IllegalArgumentException if a size is negative; the memory is checked where it is used
  public Weight {
    Check.size("n", n);
    Check.size("k", k);
  }

  /// Float32 rows, as PyTorch keeps them.
  public static Weight rows(MemorySegment segment, int n, int k) {
    return new Weight(segment, Type.F32, Layout.ROWS, n, k);
  }

  /// The same form in another segment.
  public Weight in(MemorySegment segment) {
    return new Weight(segment, type, layout, n, k);
  }

  /// Bytes that a weight of this form occupies.
  public static long bytes(Type type, Layout layout, int n, int k) {
    long rows = layout == Layout.ROWS ? n : (long) panels(n) * PANEL;
    return Math.multiplyExact(Math.multiplyExact(rows, (long) k), type.bytes());
  }

  /// Panels that `n` output features fill.
  public static int panels(int n) {
    return Math.ceilDiv(n, PANEL);
  }

  /// Position of element `(row, column)`, in elements.
  public long index(int row, int column) {
    return switch (layout) {
      case ROWS -> (long) row * k + column;
      case PANELS -> ((long) (row / PANEL) * k + column) * PANEL + row % PANEL;
    };
  }

  /// One element, widened.
  public float get(int row, int column) {
    long index = index(row, column);
    return switch (type) {
      case F32 -> segment.get(JAVA_FLOAT_UNALIGNED, index * 4);
      case F16 -> Float.float16ToFloat(segment.get(JAVA_SHORT_UNALIGNED, index * 2));
      case BF16 -> Float.intBitsToFloat(segment.get(JAVA_SHORT_UNALIGNED, index * 2) << 16);
    };
  }

  /// Copies `rows`, float32 `[N, K]`, into `panels`, float32 `[⌈N/16⌉][K][16]`.
  ///
  /// @throws IllegalArgumentException if a size is wrong
  public static void pack(MemorySegment rows, MemorySegment panels, int n, int k) {
    var from = rows(rows, n, k);
    var to = new Weight(panels, Type.F32, Layout.PANELS, n, k);
    for (int row = 0; row < panels(n) * PANEL; row++)
      for (int column = 0; column < k; column++)
        panels.set(JAVA_FLOAT_UNALIGNED, to.index(row, column) * 4, row < n ? from.get(row, column) : 0);
  }
}
