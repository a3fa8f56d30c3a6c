package dev.fovea.kernels.tornado;

import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import java.util.Arrays;
import java.util.List;

/// The ints of one call of a kernel, in their order.
final class Ints {
  private int[] all = new int[48];
  private int size;

  /// Begins with the number of iterations.
  ///
  /// @throws UnsupportedOperationException if a device cannot count that far
  Ints(long iterations) {
    add(of("iterations", iterations));
  }

  /// @throws UnsupportedOperationException if the number does not fit in an int, with which kernels compute
  static int of(String what, long number) {
    if (number > Integer.MAX_VALUE)
      throw new UnsupportedOperationException(what + ": expected at most " + Integer.MAX_VALUE + " on a device, got " + number);
    return (int) number;
  }

  int iterations() {
    return all[0];
  }

  Ints add(int... numbers) {
    if (size + numbers.length > all.length) all = Arrays.copyOf(all, 2 * (size + numbers.length));
    System.arraycopy(numbers, 0, all, size, numbers.length);
    size += numbers.length;
    return this;
  }

  /// Where the buffers lie in their arrays.
  Ints at(Place... places) {
    for (var place : places) add(place.at());
    return this;
  }

  /// All four strides.
  Ints strides(Matrices m) {
    return add(of("a stride", m.outerStride()), of("a stride", m.innerStride()), of("a stride", m.rowStride()),
        of("a stride", m.colStride()));
  }

  /// The strides of matrices with adjacent columns, without those of the columns.
  Ints rowStrides(Matrices m) {
    return add(of("a stride", m.outerStride()), of("a stride", m.innerStride()), of("a stride", m.rowStride()));
  }

  /// Height and width of each map.
  Ints sizes(List<MapSize> maps) {
    for (var map : maps) add(map.height(), map.width());
    return this;
  }

  int[] all() {
    return Arrays.copyOf(all, size);
  }
}
