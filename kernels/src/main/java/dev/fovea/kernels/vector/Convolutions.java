package dev.fovea.kernels.vector;

import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation.Convolve;
import dev.fovea.kernels.Operation.TransposedConvolution;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import org.jetbrains.annotations.Nullable;

/// Convolutions as matrix products: the outputs of a group are its windows times its rows of the weight. [Windows] copies the
/// windows into the product's tiles, so that they are never all in memory at once.
final class Convolutions {
  private final MatrixProduct product;
  private final ScratchPool scratch;
  private final boolean vectors;

  /// @param vectors whether to copy windows with vector loops
  Convolutions(MatrixProduct product, ScratchPool scratch, boolean vectors) {
    this.product = product;
    this.scratch = scratch;
    this.vectors = vectors;
  }

  void run(Convolve o) {
    if (o.out().byteSize() == 0) return;
    var g = o.geometry();
    var weight = o.weight();
    int all = weight.n(), groups = Math.max(1, g.groups()), n = all / groups;
    for (int group = 0; group < groups; group++) {
      int first = group * n;
      try (var space = scratch.borrow(scratch(weight, first, n))) {
        product.run(new Windows(o.x(), g, group, vectors), g.windows(), rows(weight, first, n, space.segment()),
            part(o.bias(), first, n), o.activation(), o.residual(), o.out(), window -> (long) window * all + first);
      }
    }
  }

  /// Runs one product for each position `(dy, dx)` of the window; its rows are the outputs at that position.
  void run(TransposedConvolution o) {
    if (o.out().byteSize() == 0) return;
    var weight = o.weight();
    int kernel = o.kernel(), width = o.width(), n = o.channels(), samples = o.batch() * o.height() * width;
    var left = RowReader.of(Matrices.dense(o.x(), 1, samples, weight.k()), 0, 0);
    for (int place = 0; place < kernel * kernel; place++) {
      int dy = place / kernel, dx = place % kernel, first = place * n;
      try (var space = scratch.borrow(scratch(weight, first, n))) {
        product.run(left, samples, rows(weight, first, n, space.segment()), o.bias(), o.activation(), null, o.out(),
            row -> (((long) (row / width) * kernel + dy) * width * kernel + (long) (row % width) * kernel + dx) * n);
      }
    }
  }

  private static @Nullable MemorySegment part(@Nullable MemorySegment bias, int first, int n) {
    return bias == null ? null : bias.asSlice(4L * first, 4L * n);
  }

  /// Whether rows `first … first + n - 1` of a weight are contiguous and form a weight of the same layout.
  private static boolean isPart(Weight weight, int first, int n) {
    return weight.layout() == Weight.Layout.ROWS
        || first % Weight.PANEL == 0 && (n % Weight.PANEL == 0 || first + n == weight.n());
  }

  /// Floats of scratch memory for [#rows].
  private static long scratch(Weight weight, int first, int n) {
    return isPart(weight, first, n) ? 0 : (long) n * weight.k();
  }

  /// Rows `first … first + n - 1` of a weight: a view if they are contiguous, else a copy in `space`.
  private static Weight rows(Weight weight, int first, int n, MemorySegment space) {
    if (first == 0 && n == weight.n()) return weight;
    int k = weight.k();
    if (isPart(weight, first, n)) {
      var segment = weight.segment().asSlice(weight.offset(first, 0),
          Weight.bytes(weight.format(), weight.layout(), n, k));
      return new Weight(segment, weight.format(), weight.layout(), n, k);
    }
    for (int row = 0; row < n; row++)
      for (int column = 0; column < k; column++) Simd.put(space, (long) row * k + column, weight.get(first + row, column));
    return Weight.rows(space.asSlice(0, 4L * n * k), n, k);
  }
}
