package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Whichever allocation of an operation fails, the kernels work afterwards, compute the same bits, and no memory is lost.
class FailingAllocationTest {
  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(1);
  private int calls, failing;
  private final Set<Arena> open = new HashSet<>();

  @AfterEach
  void close() {
    arena.close();
  }

  /// @return whether an allocation fails
  private synchronized boolean isNext() {
    return ++calls == failing;
  }

  /// An arena whose creation or allocation may fail.
  private Arena arena() {
    if (isNext()) throw new OutOfMemoryError("no arena");
    var real = Arena.ofShared();
    var counted = new Arena() {
      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        if (isNext()) throw new OutOfMemoryError("no memory");
        return real.allocate(bytes, alignment);
      }

      @Override
      public MemorySegment.Scope scope() {
        return real.scope();
      }

      @Override
      public void close() {
        synchronized (FailingAllocationTest.this) {
          open.remove(this);
        }
        real.close();
      }
    };
    synchronized (this) {
      open.add(counted);
    }
    return counted;
  }

  private float[] array(int n) {
    if (isNext()) throw new OutOfMemoryError("no array");
    return new float[n];
  }

  private MemorySegment floats(int n) {
    var floats = arena.allocate(4L * n, 64);
    for (int i = 0; i < n; i++) floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
    return floats;
  }

  private Operation.Linear linear(int m, int n, int k) {
    var packed = arena.allocate(Weight.bytes(WeightFormat.F16, Weight.Layout.PANELS, n, k), 64);
    var weight = new Weight(packed, WeightFormat.F16, Weight.Layout.PANELS, n, k);
    Weight.rows(floats(n * k), n, k).copyTo(weight);
    return new Operation.Linear(floats(m * k), weight, floats(n), Activation.GELU, null, arena.allocate(4L * m * n, 64), m);
  }

  private List<Operation> operations() {
    int heads = 2, rows = 70, dim = 24;
    var q = Matrices.dense(floats(heads * rows * dim), heads, rows, dim);
    var k = Matrices.dense(floats(heads * rows * dim), heads, rows, dim);
    var v = Matrices.dense(floats(heads * rows * dim), heads, rows, dim);
    var to = Matrices.dense(arena.allocate(4L * heads * rows * dim, 64), heads, rows, dim);
    var product = Matrices.dense(arena.allocate(4L * heads * rows * rows, 64), heads, rows, rows);
    return List.of(linear(1, 40, 50), linear(90, 100, 700), new Operation.Matmul(q, k.transposed(), product, 1),
        new Operation.Attention(q, k, v, AttentionMask.NONE, to, 1),
        new Operation.Softmax(floats(40 * 30), arena.allocate(4 * 40 * 30, 64), 40, 30),
        new Operation.TopRows(floats(20 * 30), arena.allocate(4 * 5, 64), 1, 20, 30, 5),
        new Operation.DeformableAttention(floats(2000 * 8), floats(3000 * 4), floats(3000 * 2), arena.allocate(4 * 3000 * 8, 64), 1, 3000, 1, 8,
            List.of(new MapSize(40, 50)), 2),
        new Operation.Resize(floats(2 * 9 * 7), 1, 9, 7, 2, arena.allocate(4 * 2 * 20 * 15, 64), 20, 15, Interpolation.BILINEAR));
  }

  private static float[] run(Kernels kernels, Operation operation) {
    operation.out().fill((byte) 0);
    kernels.run(operation);
    return operation.out().toArray(ValueLayout.JAVA_FLOAT);
  }

  @Test
  void anyAllocationMayFail() {
    for (int threads : new int[] {1, 3})
      for (boolean cold : new boolean[] {false, true})
        for (var operation : operations()) {
          int failures = 0;
          boolean failed = true;
          float[] expected;
          try (var kernels = new ColdStartKernels(Workers.threads(threads), () -> cold)) {
            expected = run(kernels, operation);
          }
          for (int n = 1; failed; n++) {
            calls = 0;
            failing = n;
            var pool = new ScratchPool(3, this::arena, this::array);
            try (var kernels = new ColdStartKernels(Workers.threads(threads), () -> cold, pool)) {
              failed = fails(kernels, operation);
              if (failed) failures++;
              failing = 0;
              for (int again = 0; again < 2; again++)
                assertThat(run(kernels, operation)).as("%s, allocation %s", operation.getClass(), n).isEqualTo(expected);
            }
            assertThat(open).as("memory that nobody freed").isEmpty();
          }
          assertThat(failures).isGreaterThan(0);
        }
  }

  private static boolean fails(Kernels kernels, Operation operation) {
    try {
      run(kernels, operation);
      return false;
    } catch (OutOfMemoryError e) {
      return true;
    }
  }

  /// When there is no more memory, what there was stays in the pool.
  @Test
  void whatDoesNotGrowIsNotLost() {
    try (var pool = new ScratchPool(3, this::arena, this::array)) {
      pool.borrow(10).close();
      pool.borrowArray(10).close();
      for (int part = 1; part <= 2; part++) {
        calls = 0;
        failing = part;
        assertThatThrownBy(() -> pool.borrow(1000)).isInstanceOf(OutOfMemoryError.class);
        assertThat(open).as("the small piece").hasSize(1);
        try (var small = pool.borrow(10)) {
          assertThat(small.segment().byteSize()).isEqualTo(40);
        }
      }
      calls = 0;
      failing = 1;
      assertThatThrownBy(() -> pool.borrowArray(1000)).isInstanceOf(OutOfMemoryError.class);
      try (var array = pool.borrowArray(5)) {
        assertThat(array.floats()).as("the old one").hasSize(10);
      }
    }
    assertThat(open).isEmpty();
  }
}
