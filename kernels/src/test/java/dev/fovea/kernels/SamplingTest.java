package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static java.lang.Float.NEGATIVE_INFINITY;
import static java.lang.Float.NaN;
import static java.lang.Float.POSITIVE_INFINITY;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Deformable attention, its points, and the choice of rows: the reference against loops over other formulas, the vector provider
/// against the reference, with one thread and with three.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SamplingTest {
  private static final List<MapSize> ONE = List.of(new MapSize(3, 5)), DOT = List.of(new MapSize(1, 1)),
      FOUR = List.of(new MapSize(7, 9), new MapSize(4, 5), new MapSize(2, 3), new MapSize(1, 2));
  private static final int BATCH = 2, QUERIES = 37, HEADS = 3, POINTS = 3;

  private Kernels reference, one, three;

  @BeforeAll
  void open() {
    reference = KernelProvider.REFERENCE.open(Workers.threads(2));
    one = KernelProvider.VECTOR.open(Workers.threads(1));
    three = KernelProvider.VECTOR.open(Workers.threads(3));
  }

  @AfterAll
  void close() {
    Stream.of(reference, one, three).forEach(Kernels::close);
  }

  private static MemorySegment run(Kernels kernels, long n, BiConsumer<Kernels, MemorySegment> operation) {
    var out = empty(n);
    operation.accept(kernels, out);
    return out;
  }

  private void compare(long n, long terms, BiConsumer<Kernels, MemorySegment> operation) {
    MemorySegment expected = run(reference, n, operation), actual = run(one, n, operation);
    assertThat(Buffers.normalizedError(actual, expected)).isLessThanOrEqualTo(1e-12);
    assertThat(Buffers.largestError(actual, expected)).isLessThanOrEqualTo(Buffers.roundings(terms));
    assertThat(floats(run(three, n, operation))).isEqualTo(floats(actual));
    assertThat(Buffers.keepsGuards(n, out -> operation.accept(three, out))).isTrue();
  }

  /// Points inside, at the edges, exactly on cells and far away, of all levels in turn.
  private static MemorySegment points(List<MapSize> levels, int heads) {
    var random = new Random(3);
    var points = empty(2L * BATCH * QUERIES * heads * levels.size() * POINTS);
    float[] places = {0, 1, -0.001f, 1.001f, -40, 1e30f, POSITIVE_INFINITY, NEGATIVE_INFINITY, -Float.MAX_VALUE};
    for (int i = 0; i < points.byteSize() / 4; i++) {
      var map = levels.get(i / 2 / POINTS % levels.size());
      int size = i % 2 == 0 ? map.width() : map.height();
      Buffers.set(points, i, switch (random.nextInt(8)) {
        case 0 -> (random.nextInt(size + 2) - 0.5f) / size;          // on a cell, or on one outside
        case 1 -> (random.nextInt(size + 1) + 0f) / size;            // between two cells
        case 2 -> places[random.nextInt(places.length)];
        default -> 1.6f * random.nextFloat() - 0.3f;
      });
    }
    return points;
  }

  private static Operation.DeformableAttention attention(MemorySegment out, int heads, int depth, List<MapSize> levels) {
    var buffers = new Buffers(5);
    var values = buffers.normal(BATCH * MapSize.cells(levels) * heads * depth);
    var weights = buffers.normal((long) BATCH * QUERIES * heads * levels.size() * POINTS);
    return new Operation.DeformableAttention(values, points(levels, heads), weights, out, BATCH, QUERIES, heads, depth, levels, POINTS);
  }

  /// A hat function on every cell of the map: no floor, no corner, no test for the edge.
  private static double hats(Operation.DeformableAttention o, int batch, int query, int head, int d) {
    double sum = 0;
    int levels = o.levels().size(), cell = 0;
    for (int level = 0; level < levels; level++) {
      var map = o.levels().get(level);
      for (int row = 0; row < map.height(); row++)
        for (int col = 0; col < map.width(); col++, cell++)
          for (int point = 0; point < o.pointsPerLevel(); point++) {
            int sample = (((batch * o.queries() + query) * o.heads() + head) * levels + level) * o.pointsPerLevel() + point;
            double x = (double) Buffers.get(o.points(), 2L * sample) * map.width() - 0.5;
            double y = (double) Buffers.get(o.points(), 2L * sample + 1) * map.height() - 0.5;
            double share = Math.max(0, 1 - Math.abs(x - col)) * Math.max(0, 1 - Math.abs(y - row));
            long at = ((batch * MapSize.cells(o.levels()) + cell) * o.heads() + head) * o.depth() + d;
            sum += Buffers.get(o.weights(), sample) * share * Buffers.get(o.values(), at);
          }
    }
    return sum;
  }

  static Stream<List<MapSize>> levels() {
    return Stream.of(DOT, ONE, FOUR);
  }

  @ParameterizedTest
  @MethodSource("levels")
  void theReferenceIsASumOfHats(List<MapSize> levels) {
    var o = attention(empty((long) BATCH * QUERIES * HEADS * 2), HEADS, 2, levels);
    reference.run(o);
    int i = 0;
    for (int batch = 0; batch < BATCH; batch++)
      for (int query = 0; query < QUERIES; query++)
        for (int head = 0; head < HEADS; head++)
          for (int d = 0; d < 2; d++, i++)
            assertThat((double) Buffers.get(o.out(), i)).as("element %d", i).isCloseTo(hats(o, batch, query, head, d), Offset.offset(2e-6));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 61, 64, 100})
  void deformableAttention(int depth) {
    for (var levels : List.of(DOT, ONE, FOUR))
      for (int heads : new int[] {1, HEADS})
        compare((long) BATCH * QUERIES * heads * depth, 4L * levels.size() * POINTS, (kernels, out) ->
            kernels.run(attention(out, heads, depth, levels)));
  }

  /// By hand: `(x, y)` of the centre of the second cell, of the middle of all four, of the upper left corner, and of two cells away.
  @ParameterizedTest
  @EnumSource
  void aMapOfFourCells(KernelProvider provider) {
    var points = Buffers.of(0.75f, 0.25f,   0.5f, 0.5f,   0, 0,   -0.75f, 0.5f,   POSITIVE_INFINITY, 0.5f);
    try (var kernels = provider.open(Workers.threads(1))) {
      var out = empty(5);
      kernels.run(new Operation.DeformableAttention(Buffers.of(8, 16, 32, 64), points, Buffers.of(1, 1, 1, 1, 3), out, 1, 5, 1, 1,
          List.of(new MapSize(2, 2)), 1));
      assertThat(floats(out)).isEqualTo(new float[] {16, 30, 2, 0, 0});
    }
  }

  /// NaN concerns its own query and head alone, also where the map has no cell; without points and without levels there is nothing.
  @ParameterizedTest
  @EnumSource
  void whatIsNoNumber(KernelProvider provider) {
    var map = List.of(new MapSize(1, 2));
    try (var kernels = provider.open(Workers.threads(1))) {
      var points = Buffers.of(0.25f, 0.5f,   NaN, 0.5f,   0.25f, NaN,   50, NaN,   NaN, NEGATIVE_INFINITY,   50, 50,   0.25f, 0.5f,   0.75f, 0.5f);
      var out = empty(8);
      kernels.run(new Operation.DeformableAttention(Buffers.of(2, 7), points, Buffers.of(1, 1, 1, 1, 1, NaN, POSITIVE_INFINITY, 1), out, 1, 8, 1, 1, map, 1));
      assertThat(floats(out)).isEqualTo(new float[] {2, NaN, NaN, NaN, NaN, NaN, NaN, 7});
      out = Buffers.of(5, 5);
      kernels.run(new Operation.DeformableAttention(empty(0), empty(0), empty(0), out, 1, 2, 1, 1, List.of(), 3));
      assertThat(floats(out)).isEqualTo(new float[2]);
      out = Buffers.of(5, 5);
      kernels.run(new Operation.DeformableAttention(Buffers.of(2, 7), empty(0), empty(0), out, 1, 2, 1, 1, map, 0));
      assertThat(floats(out)).isEqualTo(new float[2]);
    }
  }

  private static Operation.SamplingPoints samplingPoints(MemorySegment out, int heads, List<MapSize> levels, int points, int coordinates) {
    var buffers = new Buffers(6);
    return new Operation.SamplingPoints(buffers.normal((long) BATCH * QUERIES * levels.size() * coordinates),
        buffers.normal((long) BATCH * QUERIES * heads * levels.size() * points * 2), out, BATCH, QUERIES, heads, levels, points, coordinates);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void theReferenceMovesPoints(int coordinates) {
    var o = samplingPoints(empty(2L * BATCH * QUERIES * HEADS * 4 * POINTS), HEADS, FOUR, POINTS, coordinates);
    reference.run(o);
    int i = 0;
    for (int query = 0; query < BATCH * QUERIES; query++)
      for (int head = 0; head < HEADS; head++)
        for (int level = 0; level < 4; level++)
          for (int point = 0; point < POINTS; point++, i += 2) {
            int from = (query * 4 + level) * coordinates;
            double x = Buffers.get(o.reference(), from), y = Buffers.get(o.reference(), from + 1);
            double dx = Buffers.get(o.offsets(), i), dy = Buffers.get(o.offsets(), i + 1);
            x += coordinates == 2 ? dx / FOUR.get(level).width() : dx / POINTS * Buffers.get(o.reference(), from + 2) * 0.5;
            y += coordinates == 2 ? dy / FOUR.get(level).height() : dy / POINTS * Buffers.get(o.reference(), from + 3) * 0.5;
            assertThat((double) Buffers.get(o.out(), i)).isCloseTo(x, Offset.offset(1e-6));
            assertThat((double) Buffers.get(o.out(), i + 1)).isCloseTo(y, Offset.offset(1e-6));
          }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 8, 11, 17})
  void samplingPoints(int points) {
    for (var levels : List.of(DOT, ONE, FOUR))
      for (int heads : new int[] {1, HEADS})
        for (int coordinates : new int[] {2, 4})
          compare(2L * BATCH * QUERIES * heads * levels.size() * points, 1, (kernels, out) ->
              kernels.run(samplingPoints(out, heads, levels, points, coordinates)));
  }

  @Test
  void samplingPointsThatAreNoNumbers() {
    var offsets = Buffers.of(NaN, 1, POSITIVE_INFINITY, 1, 1, NEGATIVE_INFINITY, 0, 1);
    for (var centre : new float[][] {{1, 2, 3, 4}, {NaN, 1, 2, 3}, {1, POSITIVE_INFINITY, POSITIVE_INFINITY, 0}}) {
      MemorySegment expected = empty(8), actual = empty(8);
      for (var kernels : List.of(reference, one))
        kernels.run(new Operation.SamplingPoints(Buffers.of(centre), offsets, kernels == one ? actual : expected, 1, 1, 1, ONE, 4, 4));
      assertThat(floats(actual)).isEqualTo(floats(expected));
    }
  }

  /// The place of each row is the number of rows that come before it.
  private static float[] ranked(float[] x, int batch, int rows, int cols, int count) {
    var out = new float[batch * count];
    var largest = new float[batch * rows];
    for (int row = 0; row < largest.length; row++) {
      largest[row] = NaN;
      for (int col = 0; col < cols; col++) if (!(x[row * cols + col] <= largest[row]) && !Float.isNaN(x[row * cols + col])) largest[row] = x[row * cols + col];
    }
    for (int row = 0; row < largest.length; row++) {
      int place = 0, first = row / rows * rows;
      for (int other = first; other < first + rows; other++) {
        boolean isEqual = largest[other] == largest[row] || Float.isNaN(largest[other]) && Float.isNaN(largest[row]);
        boolean isGreater = largest[other] > largest[row] || !Float.isNaN(largest[other]) && Float.isNaN(largest[row]);
        if (isGreater || isEqual && other < row) place++;
      }
      if (place < count) out[row / rows * count + place] = row;
    }
    return out;
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "1,7,1", "2,8,3", "3,100,1", "2,257,5", "1,1000,17", "2,3000,33"})
  void topRows(int batch, int rows, int cols) {
    var random = new Random(8);
    var x = new Buffers(9).normal((long) batch * rows * cols);
    for (boolean isCoarse : new boolean[] {false, true}) {
      if (isCoarse)
        for (int i = 0; i < batch * rows * cols; i++)
          Buffers.set(x, i, SOME[random.nextInt(SOME.length)]);
      for (int count : new int[] {0, 1, 2, rows / 2, rows - 1, rows}) {
        if (count > rows) continue;
        var expected = ranked(floats(x), batch, rows, cols, count);
        for (var kernels : List.of(reference, one, three))
          assertThat(floats(run(kernels, (long) batch * count, (k, out) -> k.run(new Operation.TopRows(x, out, batch, rows, cols, count)))))
              .as("%d of %s", count, kernels.name()).isEqualTo(expected);
      }
    }
  }

  /// With ties, and rows of NaN alone.
  private static final float[] SOME = {NaN, NaN, NEGATIVE_INFINITY, -1, -0f, 0, 1, 1, POSITIVE_INFINITY};

  @ParameterizedTest
  @EnumSource
  void rowsOfTwoItems(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var out = empty(6);
      kernels.run(new Operation.TopRows(Buffers.of(1, 2,   NaN, 5,   NaN, NaN,   -7, 5,   NEGATIVE_INFINITY, NaN,   NaN, NaN,   -0f, -3,   0, -1), out, 2, 4, 2, 3));
      assertThat(floats(out)).isEqualTo(new float[] {1, 3, 0, 6, 7, 4});
    }
  }

  @Test
  void logits() {
    var x = Buffers.of(0.5f, 0.9f, 0.1f, 0, 1, -3, 7, NaN, POSITIVE_INFINITY, NEGATIVE_INFINITY);
    float most = 11.512915f;
    for (var kernels : List.of(reference, one)) {
      var out = floats(run(kernels, 10, (k, to) -> k.run(new Operation.Activate(Activation.LOGIT, x, to, 10))));
      assertThat(out).containsExactly(new float[] {0, 2.1972246f, -2.1972246f, -most, most, -most, most, NaN, most, -most}, Offset.offset(1e-6f));
    }
  }
}
