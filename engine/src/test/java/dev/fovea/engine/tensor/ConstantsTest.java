package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ConstantsTest {
  private final Tensor tensor = Tensor.of(Arena.ofAuto(), new float[] {1}, 1);

  private static Tensor failAt(CountDownLatch began, CountDownLatch gate, Throwable failure) {
    began.countDown();
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    if (failure instanceof Error error) throw error;
    throw (RuntimeException) failure;
  }

  /// One caller is interrupted, or has no memory, while others wait for the constant that it computes.
  @Test
  void theFailureOfACallerIsNotThatOfAnother() throws Exception {
    for (var failure : new Throwable[] {new CancelledException(), new OutOfMemoryError("mine"), new StackOverflowError("mine")}) {
      var constants = new Constants(1 << 20);
      CountDownLatch began = new CountDownLatch(1), gate = new CountDownLatch(1);
      try (var pool = Executors.newCachedThreadPool()) {
        var first = pool.submit(() -> constants.get("a", () -> failAt(began, gate, failure)));
        began.await();
        var entered = new Thread[2];
        var others = IntStream.range(0, 2).mapToObj(i -> pool.submit(() -> {
          entered[i] = Thread.currentThread();
          return constants.get("a", () -> tensor);
        })).toList();
        for (int i = 0; i < 2; i++)
          while (entered[i] == null || entered[i].getState() != Thread.State.WAITING) Thread.sleep(1);
        gate.countDown();
        assertThatThrownBy(first::get).isInstanceOf(ExecutionException.class).hasCause(failure);
        for (var other : others) assertThat(other.get()).as("%s", failure).isSameAs(tensor);
      }
      assertThat(constants.bytes()).isEqualTo(4);
    }
  }

  /// Of 250 constants of a kibibyte, sixteen fit: the last ones, and one that is used again and again.
  @Test
  void theLeastRecentlyUsedAreEvicted() {
    var constants = new Constants(16 << 10);
    var kibibyte = Tensor.zeros(Arena.ofAuto(), 256);
    var computed = new AtomicInteger();
    Supplier<Tensor> compute = () -> {
      computed.incrementAndGet();
      return kibibyte;
    };
    for (int i = 0; i < 250; i++) {
      constants.get(i, compute);
      constants.get("often", compute);
      assertThat(constants.bytes()).isLessThanOrEqualTo(16 << 10);
    }
    assertThat(computed).hasValue(251);
    for (int i = 240; i < 250; i++) constants.get(i, compute);
    assertThat(computed).hasValue(251);
    constants.get(0, compute);
    assertThat(computed).hasValue(252);
    constants.clear();
    assertThat(constants.bytes()).isZero();
  }
}
