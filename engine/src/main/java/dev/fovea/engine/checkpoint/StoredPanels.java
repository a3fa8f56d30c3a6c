package dev.fovea.engine.checkpoint;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The tensor layout of a weight in panels: `[⌈N/16⌉, blocks, elements of sixteen rows' blocks]`, which is `[⌈N/16⌉, K, 16]` if
/// blocks have one number. The blocks of [WeightFormat#Q8] are bytes, `[⌈N/16⌉, ⌈K/32⌉, 544]`. Only this class maps a
/// [WeightFormat] to its element type in a file.
public final class StoredPanels {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int F16_EXPONENT = 0x7c00;

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
    var expected = Arrays.stream(WeightFormat.values()).filter(format -> stored.shape().equals(shape(format, n, k)))
        .map(StoredPanels::dtype).distinct().toList();
    if (!expected.isEmpty())
      throw new WeightSource.MismatchException("'" + stored.name() + "': expected one of " + expected + " in panels, got "
          + stored.dtype());
    return null;
  }

  /// The type of a tensor's numbers: the format's name if they are in blocks, which are bytes in the file.
  public static String typeName(StoredTensor stored) {
    var shape = stored.shape();
    for (var format : WeightFormat.values())
      if (format.blockLength() > 1 && stored.dtype() == dtype(format) && shape.size() == 3
          && shape.getLast() == (long) Weight.PANEL * format.blockBytes() / dtype(format).bytes()) return format.name();
    return stored.dtype().name();
  }

  /// Checks what a format excludes and no converter writes: scales that are not finite, whose numbers would all be NaN.
  ///
  /// @param format of the tensor
  /// @throws WeightSource.MismatchException if there is one
  static void requireScales(StoredTensor stored, WeightFormat format, int k) {
    switch (format) {
      case F32, F16, BF16 -> {}
      case Q8 -> {
        var scales = new short[Weight.PANEL];
        long group = (long) Weight.PANEL * format.blockBytes(), groups = stored.data().byteSize() / group;
        for (long i = 0; i < groups; i++) {
          MemorySegment.copy(stored.data(), SHORT, i * group, scales, 0, scales.length);
          for (int row = 0; row < scales.length; row++)
            if ((scales[row] & F16_EXPONENT) == F16_EXPONENT)
              throw new WeightSource.MismatchException("'" + stored.name() + "': expected finite scales, got "
                  + Float.float16ToFloat(scales[row]) + " for row " + (i / format.blocks(k) * Weight.PANEL + row) + " from column "
                  + i % format.blocks(k) * format.blockLength());
        }
      }
    }
  }
}
