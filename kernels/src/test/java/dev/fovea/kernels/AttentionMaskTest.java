package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Attention with masks: padding of keys, causal order and additive biases, alone and together, against plain loops that
/// stand here.
class AttentionMaskTest {
  private static final int BATCH = 2, HEADS = 3;
  private static final float NOT_SEEN = Float.NEGATIVE_INFINITY;

  /// Queries, keys and depth: about the sizes of vectors, tiles and blocks of keys, and unlike numbers of queries and keys.
  static Stream<int[]> shapes() {
    return Stream.of(new int[] {1, 1, 3}, new int[] {5, 9, 8}, new int[] {17, 17, 16}, new int[] {33, 12, 5}, new int[] {29, 70, 64},
        new int[] {70, 600, 20}, new int[] {1, 530, 8});
  }

  private record Case(int queries, int keys, int depth, Matrices q, Matrices k, Matrices v, AttentionMask mask) {
    static Case of(int[] shape, boolean causal, boolean padded, boolean biased) {
      return of(shape, causal, padded, biased, 0);
    }

    /// @param gridCols columns of the grid that the keys lie in; 0 for no grid
    static Case of(int[] shape, boolean causal, boolean padded, boolean biased, int gridCols) {
      int queries = shape[0], keys = shape[1], depth = shape[2];
      var buffers = new Buffers(11);
      var bias = buffers.normal((long) HEADS * queries * keys);
      var padding = empty((long) BATCH * keys);
      // The second item of the batch ends after two thirds of its keys.
      for (int i = 0; i < BATCH * keys; i++) Buffers.set(padding, i, i < keys + Math.max(1, 2 * keys / 3) ? 0 : NOT_SEEN);
      // The heads' biases are the same for each item: an outer stride of zero.
      var biases = new Matrices(bias, BATCH, HEADS, queries, keys, 0, (long) queries * keys, keys, 1);
      return new Case(queries, keys, depth, matrices(buffers, queries, depth), matrices(buffers, keys, depth), matrices(buffers, keys, depth),
          new AttentionMask(causal, padded ? padding : null, biased ? biases : null,
              gridCols == 0 ? null : new GridBias(matrices(buffers, queries, keys / gridCols), matrices(buffers, queries, gridCols)), null));
    }

    private static Matrices matrices(Buffers buffers, int rows, int cols) {
      return matrices(buffers.normal((long) BATCH * HEADS * rows * cols), rows, cols);
    }

    private static Matrices matrices(MemorySegment s, int rows, int cols) {
      return new Matrices(s, BATCH, HEADS, rows, cols, (long) HEADS * rows * cols, (long) rows * cols, cols, 1);
    }

    /// What a query takes from each key.
    private double[] weights(int o, int i, int query) {
      var weights = new double[keys];
      double sum = 0;
      for (int key = 0; key < keys; key++) {
        double score = 0;
        for (int d = 0; d < depth; d++) score += (double) at(q, o, i, query, d) * at(k, o, i, key, d);
        score *= 0.3f;
        if (mask.bias() != null) score += at(mask.bias(), o, i, query, key);
        if (mask.grid() != null) {
          Matrices rows = mask.grid().rows(), cols = mask.grid().cols();
          score += at(rows, o, i, query, rows.cols() - 1 - key / cols.cols()) + at(cols, o, i, query,
              cols.cols() - 1 - key % cols.cols());
        }
        boolean hidden = mask.causal() && key > query + keys - queries || mask.keys() != null && Buffers.get(mask.keys(), (long) o * keys + key) != 0;
        weights[key] = hidden ? 0 : Math.exp(score);
        sum += weights[key];
      }
      for (int key = 0; key < keys; key++) weights[key] = sum == 0 ? 0 : weights[key] / sum;
      return weights;
    }

    private static float at(Matrices m, int o, int i, int row, int col) {
      return Buffers.get(m.segment(), m.index(o, i, row, col));
    }

    MemorySegment expectedMaps() {
      var maps = empty((long) BATCH * HEADS * queries * keys);
      for (int row = 0; row < BATCH * HEADS * queries; row++) {
        var weights = weights(row / queries / HEADS, row / queries % HEADS, row % queries);
        for (int key = 0; key < keys; key++) Buffers.set(maps, (long) row * keys + key, (float) weights[key]);
      }
      return maps;
    }

    MemorySegment expected() {
      var out = empty((long) BATCH * HEADS * queries * depth);
      for (int row = 0; row < BATCH * HEADS * queries; row++) {
        int o = row / queries / HEADS, i = row / queries % HEADS;
        var weights = weights(o, i, row % queries);
        for (int d = 0; d < depth; d++) {
          double sum = 0;
          for (int key = 0; key < keys; key++) sum += weights[key] * at(v, o, i, key, d);
          Buffers.set(out, (long) row * depth + d, (float) sum);
        }
      }
      return out;
    }

    MemorySegment run(Kernels kernels) {
      var out = empty((long) BATCH * HEADS * queries * depth);
      kernels.run(new Operation.Attention(q, k, v, mask, matrices(out, queries, depth), 0.3f));
      return out;
    }

    MemorySegment maps(Kernels kernels) {
      var maps = empty((long) BATCH * HEADS * queries * keys);
      kernels.run(new Operation.AttentionMaps(q, k, mask, maps, 0.3f));
      return maps;
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void everyCombination(int[] shape) {
    for (int parts = 0; parts < 8; parts++) check(parts, Case.of(shape, (parts & 1) != 0, (parts & 2) != 0, (parts & 4) != 0));
  }

  /// Queries, keys, depth and columns of the grid: a window's, a map's whose rows are cut by blocks of keys, one row, one column.
  static Stream<int[]> grids() {
    return Stream.of(new int[] {49, 49, 16, 7}, new int[] {196, 196, 64, 14}, new int[] {33, 600, 20, 40}, new int[] {5, 620, 8,
        62},
        new int[] {9, 300, 8, 300}, new int[] {9, 270, 8, 1}, new int[] {1, 1, 3, 1});
  }

  @ParameterizedTest
  @MethodSource("grids")
  void keysInAGrid(int[] shape) {
    for (int parts = 0; parts < 8; parts++) check(parts, Case.of(shape, (parts & 1) != 0, (parts & 2) != 0, (parts & 4) != 0,
        shape[3]));
  }

  private static void check(int parts, Case c) {
    MemorySegment expected = c.expected(), maps = c.expectedMaps();
    for (var provider : KernelProvider.values())
      try (var one = provider.open(Workers.threads(1)); var three = provider.open(Workers.threads(3))) {
        var actual = c.run(one);
        assertClose(actual, expected, Buffers.roundings(c.keys, c.depth, 0.3), provider + ", parts " + parts);
        assertThat(floats(c.run(three))).isEqualTo(floats(actual));
        var actualMaps = c.maps(one);
        assertClose(actualMaps, maps, Buffers.roundings(0, c.depth, 0.3), "maps of " + provider + ", parts " + parts);
        assertThat(floats(c.maps(three))).isEqualTo(floats(actualMaps));
      }
  }

  private static void assertClose(MemorySegment actual, MemorySegment expected, double largest, String what) {
    assertThat(Buffers.normalizedError(actual, expected)).as(what).isLessThan(1e-12);
    assertThat(Buffers.largestError(actual, expected)).as(what).isLessThan(largest);
  }

  /// More queries than keys leave the first ones, in causal order, without any.
  @ParameterizedTest
  @EnumSource
  void aQueryThatSeesNothingGivesZeros(KernelProvider provider) {
    var c = Case.of(new int[] {6, 4, 3}, true, false, false);
    try (var kernels = provider.open(Workers.threads(1))) {
      for (int head = 0; head < BATCH * HEADS; head++) {
        assertThat(floats(c.run(kernels).asSlice(head * 6L * 3 * 4, 2 * 3 * 4))).containsOnly(0);
        assertThat(floats(c.maps(kernels).asSlice(head * 6L * 4 * 4, 2 * 4 * 4))).containsOnly(0);
      }
      var nothing = empty(4L * BATCH);
      for (int i = 0; i < 4 * BATCH; i++) Buffers.set(nothing, i, NOT_SEEN);
      assertThat(floats(new Case(6, 4, 3, c.q, c.k, c.v, AttentionMask.padding(nothing)).run(kernels))).containsOnly(0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void wrongMasksAreRefused(KernelProvider provider) {
    var c = Case.of(new int[] {5, 9, 8}, false, false, false);
    try (var kernels = provider.open(Workers.threads(1))) {
      assertThatThrownBy(() -> new Case(5, 9, 8, c.q, c.k, c.v, AttentionMask.padding(empty(17))).run(kernels))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("mask of keys: expected 72 bytes for [2, 9], got 68");
      var wrong = new Matrices(empty(50), BATCH, HEADS, 5, 10, 0, 0, 10, 1);
      assertThatThrownBy(() -> new Case(5, 9, 8, c.q, c.k, c.v, AttentionMask.bias(wrong)).maps(kernels))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("attention bias: expected [2, 3, 5, 9], got [2, 3, 5, 10]");
      Matrices rows = Case.matrices(new Buffers(1), 5, 3), cols = Case.matrices(new Buffers(1), 5, 2);
      assertThatThrownBy(() -> new Case(5, 9, 8, c.q, c.k, c.v, AttentionMask.grid(new GridBias(rows, cols))).run(kernels))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("grid of keys: 3x2 for 9 keys");
      var few = Case.matrices(new Buffers(1), 4, 3);
      assertThatThrownBy(() -> new Case(5, 9, 8, c.q, c.k, c.v, AttentionMask.grid(new GridBias(rows, few))).run(kernels))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("grid of keys: expected [2, 3, 5, 3], got [2, 3, 4, 3]");
      var s = empty(5 * 9 * 8 * 6);
      assertThatThrownBy(() -> kernels.run(new Operation.AttentionMaps(c.q, c.k, AttentionMask.bias(new Matrices(s, BATCH, HEADS, 5, 9, 0, 0, 9, 1)), s.asSlice(0, 4L * 6 * 45), 1)))
          .hasMessage("out overlaps attention bias");
    }
  }
}
