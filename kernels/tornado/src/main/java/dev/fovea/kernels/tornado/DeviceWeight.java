package dev.fovea.kernels.tornado;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jetbrains.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The matrix `[N, K]` of a linear map as kernels read it, always row by row.
///
/// | format | `floats` | `bytes` |
/// |---|---|---|
/// | F32, F16, BF16 | the numbers, widened to float32: `[N, K]` from index `at` on | null |
/// | Q8 | the scales: `[N, ⌈K / 32⌉]` | the whole numbers: `[N, 32 · ⌈K / 32⌉]`, zeros behind each row's end |
///
/// @param at index of the first number in `floats`; 0 if there are `bytes`
record DeviceWeight(int n, int k, FloatArray floats, int at, @Nullable ByteArray bytes) {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// Numbers that share a scale.
  static final int BLOCK = 32;

  /// Numbers of a row including the padding of its last block.
  static int padded(int k) {
    return Math.ceilDiv(k, BLOCK) * BLOCK;
  }

  /// A float32 matrix that a pass computes.
  static DeviceWeight computed(Place place, int n, int k) {
    return new DeviceWeight(n, k, place.array(), place.at(), null);
  }

  /// Reads a weight of any format and layout.
  ///
  /// @throws UnsupportedOperationException if it has more numbers than an array can hold
  static DeviceWeight load(Weight weight) {
    return switch (weight.format()) {
      case F32, F16, BF16 -> wide(weight);
      case Q8 -> narrow(weight);
    };
  }

  private static DeviceWeight wide(Weight weight) {
    int n = weight.n(), k = weight.k(), across = weight.layout().across();
    var floats = new FloatArray(Math.max(1, Ints.of("a weight's size", (long) n * k)));
    var to = floats.getSegment();
    if (weight.format() == WeightFormat.F32 && across == 1 && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN)
      MemorySegment.copy(weight.segment(), 0, to, 0, weight.segment().byteSize());
    else {
      float[] group = new float[Math.multiplyExact(k, across)], row = new float[k];
      for (int first = 0; first < n; first += across) {
        weight.format().decode(weight.segment(), weight.offset(first, 0), across, k, group, 0);
        for (int lane = 0; lane < Math.min(across, n - first); lane++) {
          for (int i = 0; i < k; i++) row[i] = group[i * across + lane];
          MemorySegment.copy(row, 0, to, JAVA_FLOAT_UNALIGNED, (first + lane) * 4L * k, k);
        }
      }
    }
    return new DeviceWeight(n, k, floats, 0, null);
  }

  /// Takes the groups of [WeightFormat#Q8] apart: the scales of `across` rows, then their whole numbers, step by step.
  private static DeviceWeight narrow(Weight weight) {
    int n = weight.n(), k = weight.k(), across = weight.layout().across(), blocks = Math.ceilDiv(k, BLOCK);
    var scales = new FloatArray(Math.max(1, Ints.of("a weight's scales", (long) n * blocks)));
    var bytes = new ByteArray(Math.max(1, Ints.of("a weight's size", (long) n * blocks * BLOCK)));
    MemorySegment from = weight.segment(), toScales = scales.getSegment(), toBytes = bytes.getSegment();
    for (int row = 0; row < n; row++)
      for (int block = 0; block < blocks; block++) {
        long group = weight.offset(row, block * BLOCK), at = (long) row * blocks + block;
        int lane = row % across;
        toScales.set(JAVA_FLOAT_UNALIGNED, at * Float.BYTES, Float.float16ToFloat(from.get(SHORT, group + 2L * lane)));
        long numbers = group + 2L * across + lane;
        if (across == 1) MemorySegment.copy(from, numbers, toBytes, at * BLOCK, BLOCK);
        else
          for (int i = 0; i < BLOCK; i++) toBytes.set(JAVA_BYTE, at * BLOCK + i, from.get(JAVA_BYTE, numbers + (long) across * i));
      }
    return new DeviceWeight(n, k, scales, 0, bytes);
  }
}
