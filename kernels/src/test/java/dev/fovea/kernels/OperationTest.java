package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Operations as data: what they say about their buffers holds for every type of them.
class OperationTest {
  private static Matrices m(int rows, int cols) {
    return Matrices.dense(empty(2L * rows * cols), 2, rows, cols);
  }

  private static Weight w(int n, int k) {
    return Weight.rows(empty((long) n * k), n, k);
  }

  /// One of each type, with every buffer that it can have.
  static List<Operation> samples() {
    var none = Activation.NONE;
    var window = Window.square(2);
    var grid = new GridBias(m(3, 2), m(3, 2));
    var levels = List.of(new MapSize(4, 6), new MapSize(2, 2));
    return List.of(
        new Operation.Linear(empty(6), w(4, 3), empty(4), none, empty(8), empty(8), 2),
        new Operation.Matmul(m(2, 3), m(3, 4), m(2, 4), 1),
        new Operation.Attention(m(3, 2), m(4, 2), m(4, 2), new AttentionMask(true, empty(4), m(3, 4), grid, null), m(3, 2), 1),
        new Operation.Attention(m(3, 2), m(4, 2), m(4, 2), AttentionMask.cached(Buffers.of(3)), m(3, 2), 1),
        new Operation.AttentionMaps(m(3, 2), m(4, 2), new AttentionMask(false, empty(4), m(3, 4), grid, null), empty(24), 1),
        new Operation.Softmax(empty(6), empty(6), 2, 3),
        new Operation.LayerNorm(empty(6), empty(3), empty(3), 1, empty(6), 2, 3),
        new Operation.RmsNorm(empty(6), empty(3), 1, empty(6), 2, 3),
        new Operation.Activate(none, empty(6), empty(6), 6),
        new Operation.Scale(empty(6), 2, empty(6), 6),
        new Operation.Add(empty(6), empty(3), empty(6), 6, 3),
        new Operation.Multiply(empty(6), empty(3), empty(6), 6, 3),
        new Operation.Copy(m(2, 3), m(2, 3)),
        new Operation.Append(m(1, 3), m(4, 3), Buffers.of(2)),
        new Operation.Gather(w(5, 3), Buffers.of(4, 0), empty(6), 2),
        new Operation.Find(empty(6), 1, empty(2), 2, 3),
        new Operation.TopRows(empty(12), empty(4), 2, 3, 2, 2),
        new Operation.SamplingPoints(empty(16), empty(48), empty(48), 2, 2, 3, levels, 1, 2),
        new Operation.DeformableAttention(empty(224), empty(96), empty(48), empty(16), 2, 2, 2, 2, levels, 3),
        new Operation.Fourier(empty(4), 1, 0, empty(6), empty(12), 2, 2, 3),
        new Operation.RotaryTable(empty(3), Buffers.of(4), empty(12), 2, 3),
        new Operation.Rotary(m(2, 6), empty(12), m(2, 6)),
        new Operation.Convolve(empty(18), Convolution.of(1, 3, 3, 2, window), w(5, 8), empty(5), none, empty(20), empty(20)),
        new Operation.Depthwise(empty(18), Convolution.depthwise(1, 3, 3, 2, window), empty(8), empty(2), none, empty(8)),
        new Operation.TransposedConvolution(empty(12), 1, 2, 2, 2, w(8, 3), empty(2), none, empty(32)),
        new Operation.Resize(empty(8), 1, 2, 2, 2, empty(18), 3, 3, Interpolation.BILINEAR),
        new Operation.ResizeArgmax(empty(8), 1, 2, 2, 2, empty(9), 3, 3, Interpolation.BILINEAR));
  }

  private static Stream<Class<?>> types(Class<?> type) {
    return type.isSealed() ? Stream.of(type.getPermittedSubclasses()).flatMap(OperationTest::types) : Stream.of(type);
  }

  @Test
  void thereIsASampleOfEachType() {
    assertThat(samples().stream().map(Object::getClass).distinct().toList()).containsExactlyInAnyOrderElementsOf(
        types(Operation.class).<Class<?>>map(type -> type).toList());
  }

  /// Every segment that a record holds, also within its matrices, weights and masks, found by reflection.
  private static List<MemorySegment> segments(Object value) throws ReflectiveOperationException {
    if (value instanceof MemorySegment s) return List.of(s);
    var all = new ArrayList<MemorySegment>();
    if (value instanceof Record && !(value instanceof Convolution))
      for (RecordComponent component : value.getClass().getRecordComponents()) all.addAll(segments(component.getAccessor().invoke(value)));
    return all;
  }

  /// A buffer that nobody lists is one whose memory a plan would give away.
  @ParameterizedTest
  @MethodSource("samples")
  void listsEveryBuffer(Operation operation) throws ReflectiveOperationException {
    assertThat(operation.buffers()).usingElementComparator((a, b) -> a == b ? 0 : 1).containsExactlyInAnyOrderElementsOf(segments(operation));
    assertThat(operation.buffers()).contains(operation.out());
  }

  /// Puts zeros in place of each buffer.
  private static final BufferVisitor ELSEWHERE = new BufferVisitor() {
    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      return empty(buffer.byteSize() / 4).fill((byte) 0);
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      return dense(name, matrices.segment());
    }

    @Override
    public MemorySegment weight(Weight weight) {
      return dense("weight", weight.segment());
    }
  };

  @ParameterizedTest
  @MethodSource("samples")
  void movesEveryBufferAndNothingElse(Operation operation) throws ReflectiveOperationException {
    var moved = operation.on(ELSEWHERE);
    assertThat(segments(moved)).hasSameSizeAs(segments(operation)).doesNotContainAnyElementsOf(segments(operation));
    assertThat(moved.shape()).isEqualTo(operation.shape());
    assertThat(moved.macs()).isEqualTo(operation.macs());
    for (RecordComponent component : operation.getClass().getRecordComponents()) {
      var type = component.getType();
      if (type.isPrimitive() || type.isEnum() || type == Convolution.class)
        assertThat(component.getAccessor().invoke(moved)).isEqualTo(component.getAccessor().invoke(operation));
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void runsInEveryProviderAndRefusesWrongBuffers(Operation operation) {
    for (var provider : KernelProvider.values())
      try (var kernels = provider.open(Workers.threads(1))) {
        kernels.run(operation);
        var onHeap = operation.on(new Replaced(operation.out(), MemorySegment.ofArray(new byte[(int) operation.out().byteSize()])));
        assertThatThrownBy(() -> kernels.run(onHeap)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("native memory");
        var first = operation.buffers().getFirst();
        var small = operation.on(new Replaced(first, first.asSlice(0, first.byteSize() - 4)));
        assertThatThrownBy(() -> kernels.run(small)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("bytes");
      }
  }

  /// Puts another buffer in place of one.
  private record Replaced(MemorySegment buffer, MemorySegment by) implements BufferVisitor {
    @Override
    public MemorySegment dense(String name, MemorySegment visited, long... shape) {
      return visited == buffer ? by : visited;
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      return dense(name, matrices.segment());
    }

    @Override
    public MemorySegment weight(Weight weight) {
      return dense("weight", weight.segment());
    }
  }

  @ParameterizedTest
  @EnumSource
  void gathersNaNWhereAnIndexIsNoneOfTheTables(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var out = empty(12);
      kernels.run(new Operation.Gather(Weight.rows(Buffers.of(1, 2, 3, 4), 2, 2), Buffers.of(1, 2, -1, 0.5f, Float.NaN, 0), out, 6));
      float nan = Float.NaN;
      assertThat(floats(out)).isEqualTo(new float[] {3, 4, nan, nan, nan, nan, nan, nan, nan, nan, 1, 2});
    }
  }

  @ParameterizedTest
  @EnumSource
  void appendsBehindWhatIsThere(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var rows = Matrices.dense(Buffers.of(1, 2, 3, 4), 1, 2, 2);
      float[][] expected = {{1, 2, 3, 4, 0, 0}, {0, 0, 1, 2, 3, 4}, {0, 0, 0, 0, 1, 2}, {0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 0, 0}, {1, 2, 3, 4, 0, 0}};
      float[] lengths = {0, 1, 2, 3, -5, Float.NaN};
      for (int i = 0; i < lengths.length; i++) {
        var cache = Buffers.of(0, 0, 0, 0, 0, 0);
        kernels.run(new Operation.Append(rows, Matrices.dense(cache, 1, 3, 2), Buffers.of(lengths[i])));
        assertThat(floats(cache)).as("length %s", lengths[i]).isEqualTo(expected[i]);
      }
    }
  }

  /// Attention over a cache of which a part is there equals attention over that part, bit for bit.
  @ParameterizedTest
  @EnumSource
  void attendsToTheKeysThatAreThere(KernelProvider provider) {
    int heads = 3, capacity = 70, queries = 4, depth = 24;
    var buffers = new Buffers(5);
    var q = Matrices.dense(buffers.normal((long) heads * queries * depth), heads, queries, depth);
    MemorySegment k = buffers.normal((long) heads * capacity * depth), v = buffers.normal((long) heads * capacity * depth);
    try (var kernels = provider.open(Workers.threads(2))) {
      for (int length : new int[] {4, 5, 33, 70}) {
        var there = new Matrices[] {Matrices.dense(k, heads, capacity, depth), Matrices.dense(v, heads, capacity, depth)};
        MemorySegment expected = empty((long) heads * queries * depth), actual = empty((long) heads * queries * depth);
        kernels.run(new Operation.Attention(q, there[0].firstRows(length), there[1].firstRows(length), AttentionMask.CAUSAL,
            Matrices.dense(expected, heads, queries, depth), 0.2f));
        kernels.run(new Operation.Attention(q, there[0], there[1], AttentionMask.cached(Buffers.of(length)),
            Matrices.dense(actual, heads, queries, depth), 0.2f));
        assertThat(floats(actual)).isEqualTo(floats(expected));
        MemorySegment few = empty((long) heads * queries * length), all = empty((long) heads * queries * capacity);
        kernels.run(new Operation.AttentionMaps(q, there[0].firstRows(length), AttentionMask.CAUSAL, few, 0.2f));
        kernels.run(new Operation.AttentionMaps(q, there[0], AttentionMask.cached(Buffers.of(length)), all, 0.2f));
        for (int row = 0; row < heads * queries; row++)
          for (int key = 0; key < capacity; key++)
            assertThat(Buffers.get(all, (long) row * capacity + key))
                .isEqualTo(key < length ? Buffers.get(few, (long) row * length + key) : 0);
      }
    }
  }

  /// A step that is bound once follows the length from run to run, and what lies beyond it plays no part, not even NaN.
  @ParameterizedTest
  @EnumSource
  void aBoundStepFollowsTheLength(KernelProvider provider) {
    int heads = 2, capacity = 1100, depth = 40;
    var buffers = new Buffers(6);
    var q = Matrices.dense(buffers.normal((long) heads * depth), heads, 1, depth);
    MemorySegment k = buffers.normal((long) heads * capacity * depth), v = buffers.normal((long) heads * capacity * depth);
    MemorySegment keys = empty((long) heads * capacity * depth), values = empty((long) heads * capacity * depth), length = empty(1);
    MemorySegment expected = empty((long) heads * depth), actual = empty((long) heads * depth);
    try (var kernels = provider.open(Workers.threads(2))) {
      var step = kernels.bind(new Operation.Attention(q, Matrices.dense(keys, heads, capacity, depth),
          Matrices.dense(values, heads, capacity, depth), AttentionMask.cached(length), Matrices.dense(actual, heads, 1, depth), 0.2f));
      for (int count : new int[] {1, 7, 8, 40, 513, 1024, 1100, 3}) {
        for (long i = 0; i < (long) heads * capacity * depth; i++) {
          boolean isThere = i / depth % capacity < count;
          Buffers.set(keys, i, isThere ? Buffers.get(k, i) : Float.NaN);
          Buffers.set(values, i, isThere ? Buffers.get(v, i) : Float.NaN);
        }
        Buffers.set(length, 0, count);
        step.run();
        kernels.run(new Operation.Attention(q, Matrices.dense(k, heads, capacity, depth).firstRows(count),
            Matrices.dense(v, heads, capacity, depth).firstRows(count), AttentionMask.NONE, Matrices.dense(expected, heads, 1, depth), 0.2f));
        assertThat(floats(actual)).as("%d keys", count).isEqualTo(floats(expected));
      }
    }
  }

  @Test
  void aRecordingRunsWithoutTheModel() {
    // x -> y = 2 x, an input of one name and a buffer between; the second operation reads the first one's result.
    long x = Recording.FIRST_ADDRESS, y = x + 128, z = y + 128;
    var operations = List.<Operation>of(new Operation.Scale(MemorySegment.ofAddress(x), 2, MemorySegment.ofAddress(y), 3),
        new Operation.Add(MemorySegment.ofAddress(y), MemorySegment.ofAddress(x), MemorySegment.ofAddress(z), 3, 3));
    var plan = Plan.of(List.of(new Plan.Lifetime(12, 0, 1), new Plan.Lifetime(12, 1, 9)), 0);
    var recording = new Recording(operations, java.util.Map.of("x", new Recording.Buffer(x, 12)),
        List.of(new Recording.Buffer(y, 12), new Recording.Buffer(z, 12)), List.of(new Recording.Buffer(z, 12)), plan, Recording.Constants.NONE);
    for (var provider : KernelProvider.values())
      try (var kernels = provider.open(Workers.threads(1)); var program = recording.run(kernels, java.util.Map.of("x", Buffers.of(1, 2, 3)))) {
        assertThat(floats(program.memory(MemorySegment.ofAddress(z), 12))).isEqualTo(new float[] {3, 6, 9});
      }
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      assertThatThrownBy(() -> recording.run(kernels, java.util.Map.of())).hasMessage("input 'x' is missing");
      assertThatThrownBy(() -> recording.run(kernels, java.util.Map.of("x", empty(2)))).hasMessage("input 'x': expected 12 bytes, got 8");
      assertThatThrownBy(() -> kernels.prepare(recording, java.util.Map.of("q", empty(3)))).hasMessage("input 'q': expected one of [x]");
    }
  }
}
