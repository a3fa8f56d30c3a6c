package dev.fovea.engine.checkpoint;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The tensor layout of a weight in panels: `[⌈N/16⌉, blocks, elements of sixteen rows' blocks]`, which is `[⌈N/16⌉, K, 16]` if
/// blocks have one number. Only this class maps a [WeightFormat] to its element type in a file.
public final class StoredPanels {
  private StoredPanels() {}

  /// The element type of a format's tensors.
  public static DType dtype(WeightFormat format) {
    return switch (format) {
      case F32 -> DType.F32;
      case F16 -> DType.F16;
      case BF16 -> DType.BF16;
      case Q8 -> DType.U8;
    };
  }

  /// The shape of the tensor for a weight `[n, k]`.
  public static List<Long> shape(WeightFormat format, int n, int k) {
    long panels = Weight.panels(n), blocks = format.blocks(k);
    return List.of(panels, blocks, (long) Weight.PANEL * format.blockBytes() / dtype(format).bytes());
  }

  /// The format of a tensor that holds a weight `[n, k]` in panels.
  ///
  /// @return null if it is not in panels; it may still hold the weight row by row
  /// @throws WeightSource.MismatchException if it has the shape of panels but the element type of no format
  public static @Nullable WeightFormat format(StoredTensor stored, int n, int k) {
    for (var format : WeightFormat.values())
      if (stored.dtype() == dtype(format) && stored.shape().equals(shape(format, n, k))) return format;
    for (var format : WeightFormat.values())
      if (stored.shape().equals(shape(format, n, k)))
        throw new WeightSource.MismatchException("'" + stored.name() + "': expected one of " + dtypes() + " in panels, got "
            + stored.dtype());
    return null;
  }

  private static List<DType> dtypes() {
    return Arrays.stream(WeightFormat.values()).map(StoredPanels::dtype).distinct().toList();
  }
}
