package dev.fovea.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WorkersTest {
  private static void runsEachOnce(Workers workers, int tasks) {
    var runs = new AtomicIntegerArray(tasks);
    workers.forEach(tasks, runs::incrementAndGet);
    for (int i = 0; i < tasks; i++) assertThat(runs.get(i)).isEqualTo(1);
  }

  @Test
  void everyTaskOnce() {
    try (var workers = Workers.threads(4)) {
      for (int round = 0; round < 20_000; round++) runsEachOnce(workers, round % 23);
    }
  }

  @Test
  void anExecutorLendsThreads() throws Exception {
    var executor = Executors.newFixedThreadPool(3);
    try (var workers = Workers.using(executor, 4)) {
      for (int round = 0; round < 5_000; round++) runsEachOnce(workers, round % 23);
      var together = new CountDownLatch(2);
      workers.forEach(2, _ -> {
        together.countDown();
        await(together);
      });
    }
    executor.submit(() -> {}).get();
    executor.shutdown();
  }

  @Test
  void aClosedExecutorOnlyMakesItSlower() {
    var executor = Executors.newFixedThreadPool(1);
    executor.shutdown();
    try (var workers = Workers.using(executor, 3)) {
      runsEachOnce(workers, 10);
    }
  }

  @Test
  void severalCallersAtOnce() throws Exception {
    try (var workers = Workers.threads(3)) {
      var callers = Executors.newFixedThreadPool(8);
      var rounds = new AtomicInteger();
      for (int caller = 0; caller < 8; caller++)
        callers.submit(() -> {
          for (int round = 0; round < 500; round++) runsEachOnce(workers, 17);
          rounds.incrementAndGet();
        });
      callers.shutdown();
      assertThat(callers.awaitTermination(50, TimeUnit.SECONDS)).isTrue();
      assertThat(rounds).hasValue(8);
    }
  }

  @Test
  void aTaskInATask() {
    try (var workers = Workers.threads(2)) {
      var count = new AtomicInteger();
      workers.forEach(4, _ -> workers.forEach(4, _ -> count.incrementAndGet()));
      assertThat(count).hasValue(16);
    }
  }

  @Test
  void failuresReachTheCaller() {
    try (var workers = Workers.threads(3)) {
      assertThatThrownBy(() -> workers.forEach(100, i -> {
        if (i == 50) throw new IllegalStateException("task " + i);
      })).hasMessage("task 50");
      runsEachOnce(workers, 10);
    }
  }

  @Test
  void anInterruptedCallerStillFinishesAndStaysInterrupted() {
    try (var workers = Workers.threads(2)) {
      Thread.currentThread().interrupt();
      runsEachOnce(workers, 1000);
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
