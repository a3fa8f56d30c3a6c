package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// A program's first kernels: scalar loops while it is cold, vector loops afterwards, and those at once where there is no other.
class ColdStartTest {
  private static final int M = 20, N = 48, K = 40;

  private final Arena arena = Arena.ofAuto();
  private final Random random = new Random(4);
  private final MemorySegment x = floats(M * K), w = floats(N * K);
  private final AtomicBoolean cold = new AtomicBoolean(true);
  private final AtomicInteger questions = new AtomicInteger();

  private MemorySegment floats(long n) {
    var segment = arena.allocate(4 * n, 64);
    for (long i = 0; i < n; i++) segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    return segment;
  }

  private ColdStartKernels open() {
    return new ColdStartKernels(Workers.threads(1), () -> {
      questions.incrementAndGet();
      return cold.get();
    });
  }

  private byte[] linear(ColdStartKernels kernels) {
    var out = arena.allocate(4L * M * N, 64);
    kernels.run(new Operation.Linear(x, Weight.rows(w, N, K), null, Activation.GELU, null, out, M));
    return out.toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void whatRunsChangesAtOnceAndNoBitWithIt() {
    try (var kernels = open()) {
      var scalar = linear(kernels);
      cold.set(false);
      assertThat(linear(kernels)).isEqualTo(scalar);
      assertThat(questions).hasValue(2);
    }
  }

  /// Scalar loops count what they multiply, few rows as many; vector loops do not.
  @Test
  void scalarLoopsRunOnlyWhileCold() {
    try (var kernels = open()) {
      cold.set(false);
      long before = ColdStart.counted();
      linear(kernels);
      assertThat(ColdStart.counted()).isEqualTo(before);
      cold.set(true);
      linear(kernels);
      assertThat(ColdStart.counted()).isEqualTo(before + 64L * N * K);
    }
  }

  @Test
  void operationsWithoutScalarLoopsRunWhileCold() {
    var out = arena.allocate(4L * M * M, 64);
    try (var kernels = open()) {
      kernels.run(new Operation.AttentionMaps(Matrices.dense(x, 1, M, K), Matrices.dense(x, 1, M, K), AttentionMask.NONE, out, 1));
      assertThat(out.get(ValueLayout.JAVA_FLOAT, 0)).isPositive();
    }
  }

  /// The pass is recorded only: its operands have no memory.
  private Recording recording(int rows) {
    long macs = (long) rows * N * K;
    var buffer = MemorySegment.ofAddress(Recording.FIRST_ADDRESS);
    var linear = new Operation.Linear(buffer, Weight.rows(w, N, K), null, Activation.NONE, null, buffer, rows);
    return new Recording(List.of(linear), Map.of(), List.of(), List.of(), Plan.of(List.of(), macs), Recording.Constants.NONE);
  }

  @Test
  void aVeryLargePassWaitsForTheVectorLoops() throws InterruptedException {
    var compiled = new CountDownLatch(1);
    var begun = new CountDownLatch(1);
    ColdStart.set(true);
    try (var kernels = open()) {
      ColdStart.whenMany(() -> {
        begun.countDown();
        Thread.ofVirtual().start(() -> {
          try {
            compiled.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          ColdStart.set(false);
        });
      });
      kernels.expect(recording(1000));
      assertThat(ColdStart.formats()).contains(WeightFormat.F32);
      assertThat(ColdStart.isHurried()).isFalse();
      assertThat(ColdStart.isCold()).isTrue();
      var pass = Thread.ofPlatform().start(() -> kernels.expect(recording(100_000_000)));
      begun.await();
      pass.join(Duration.ofMillis(100));
      assertThat(pass.isAlive()).isTrue();
      assertThat(ColdStart.isHurried()).isTrue();
      pass.interrupt();
      pass.join();
      compiled.countDown();
      kernels.expect(recording(100_000_000));
      assertThat(ColdStart.isCold()).isFalse();
    } finally {
      ColdStart.set(false);
    }
  }

  @Test
  void closedKernelsRefuse() {
    var kernels = open();
    kernels.close();
    kernels.close();
    assertThatThrownBy(() -> linear(kernels)).isInstanceOf(IllegalStateException.class);
    cold.set(false);
    assertThatThrownBy(() -> linear(kernels)).isInstanceOf(IllegalStateException.class);
  }
}
