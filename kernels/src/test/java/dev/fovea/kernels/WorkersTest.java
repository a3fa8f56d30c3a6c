package dev.fovea.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

  /// 100,000 operations of twelve callers on three pools: own threads, more of them than processors; threads of an executor that
  /// refuses every other time; and a loan. Some callers are interrupted, some tasks fail, and pauses let threads fall asleep.
  @Test
  void aHundredThousandJoins() throws Exception {
    var lent = new AtomicInteger();
    var executor = Executors.newFixedThreadPool(3);
    Executor moody = command -> {
      if (lent.incrementAndGet() % 2 == 0) throw new RejectedExecutionException("not now");
      executor.execute(command);
    };
    int rounds = 100_000 / 12 + 1;
    var finished = new AtomicInteger();
    try (var own = Workers.threads(7); var borrowed = Workers.using(moody, 4);
        var callers = Executors.newFixedThreadPool(12)) {
      var pools = List.of(own, borrowed, own.lent());
      var all = IntStream.range(0, 12).mapToObj(caller -> callers.submit(() -> {
        var workers = pools.get(caller % 3);
        for (int round = 0; round < rounds; round++) {
          int seed = 31 * caller + round, tasks = seed % 29;
          if (seed % 97 == 0) Thread.currentThread().interrupt();
          if (seed % 61 == 0 && tasks > 0) {
            assertThatThrownBy(() -> workers.forEach(tasks, i -> {
              if (i == tasks / 2) throw new IllegalStateException("task " + i);
            })).hasMessage("task " + tasks / 2);
          } else {
            runsEachOnce(workers, tasks);
          }
          assertThat(Thread.interrupted()).as("still interrupted").isEqualTo(seed % 97 == 0);
          if (seed % 501 == 0) sleep(2);
          finished.incrementAndGet();
        }
      })).toList();
      for (var caller : all) caller.get(50, TimeUnit.SECONDS);
    }
    executor.shutdown();
    assertThat(finished).hasValue(12 * rounds);
    assertThat(executor.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
  }

  /// Threads without work may spin a moment, and then use no processor time.
  @Test
  void idleThreadsSleep() throws Exception {
    var others = workerThreads();
    var executor = Executors.newFixedThreadPool(3);
    try (var workers = Workers.threads(8); var borrowed = Workers.using(executor, 4)) {
      runsEachOnce(workers, 100);
      runsEachOnce(borrowed, 100);
      var threads = workerThreads();
      threads.removeAll(others);
      assertThat(threads).hasSize(7);
      sleep(100);
      for (int look = 0; look < 100; look++) {
        assertThat(threads).as("threads that sleep").allMatch(thread -> thread.getState() == Thread.State.WAITING);
        sleep(2);
      }
      assertThat(executor).as("threads come back").matches(e -> ((ThreadPoolExecutor) e).getActiveCount() == 0);
      runsEachOnce(workers, 100);
    }
    executor.shutdown();
  }

  /// All threads take part in the next operation, though each wakes two others only.
  @Test
  void sleepingThreadsAllWake() {
    try (var workers = Workers.threads(16)) {
      for (int round = 0; round < 20; round++) {
        sleep(2);
        var together = new CountDownLatch(16);
        workers.forEach(16, _ -> {
          together.countDown();
          await(together);
        });
      }
    }
  }

  /// So several passes run at once, each on a thread of its own.
  @Test
  void tasksInTasksStayOnTheirThreads() {
    try (var workers = Workers.threads(3); var lent = workers.lent()) {
      var together = new CountDownLatch(3);
      workers.forEach(3, _ -> {
        together.countDown();
        await(together);
        for (int round = 0; round < 1000; round++) {
          var threads = ConcurrentHashMap.<Thread>newKeySet();
          lent.forEach(5, _ -> threads.add(Thread.currentThread()));
          assertThat(threads).containsExactly(Thread.currentThread());
        }
      });
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

  /// An executor that lends one thread and fails at the second.
  @Test
  void anExceptionOfTheExecutorWaitsForThoseThatHelp() {
    var began = new CountDownLatch(1);
    var ended = new AtomicBoolean();
    var calls = new AtomicInteger();
    Executor executor = command -> {
      if (calls.incrementAndGet() == 2) {
        await(began);
        throw new IllegalStateException("no threads today");
      }
      if (calls.get() == 1) Thread.ofPlatform().daemon().start(command);
      else command.run();
    };
    try (var workers = Workers.using(executor, 3)) {
      assertThatThrownBy(() -> workers.forEach(3, _ -> {
        began.countDown();
        sleep(300);
        ended.set(true);
      })).isInstanceOf(IllegalStateException.class).hasMessage("no threads today");
      assertThat(ended).as("the thread that helped has stopped").isTrue();
      runsEachOnce(workers, 10);
    }
  }

  @Test
  void errorsOfTheExecutorLeaveToo() {
    var error = new OutOfMemoryError("unable to create native thread");
    Executor executor = _ -> {
      throw error;
    };
    try (var workers = Workers.using(executor, 3)) {
      assertThatThrownBy(() -> workers.forEach(3, _ -> {})).isSameAs(error);
      assertThatThrownBy(() -> workers.forEach(3, _ -> {})).as("again").isSameAs(error);
    }
  }

  /// An executor whose threads are busy with something else for a long time.
  @Test
  void aBlockedExecutorGetsNoMoreTasksThanItLendsThreads() {
    var queue = new ArrayDeque<Runnable>();
    try (var workers = Workers.using(queue::add, 4)) {
      runsEachOnce(workers, 2);
      assertThat(queue).hasSize(1);
      for (int round = 0; round < 1000; round++) runsEachOnce(workers, 17);
      assertThat(queue).hasSize(3);
      for (int i = 0; i < 3; i++) queue.remove().run();
      runsEachOnce(workers, 17);
      assertThat(queue).as("asked again once they ran").hasSize(3);
    }
  }

  private static Set<Thread> workerThreads() {
    return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("fovea-worker"))
        .collect(Collectors.toSet());
  }

  private static void awaitEnd(Set<Thread> threads) throws InterruptedException {
    for (var thread : threads) {
      thread.join(10_000);
      assertThat(thread.isAlive()).as(thread.getName()).isFalse();
    }
  }

  @Test
  void fiftyUsersShareOneSetOfThreads() throws Exception {
    var others = workerThreads();
    var all = new ArrayList<Workers>();
    for (int i = 0; i < 50; i++) all.add(Workers.shared());
    var threads = workerThreads();
    threads.removeAll(others);
    int processors = Runtime.getRuntime().availableProcessors();
    assertThat(threads).hasSize(processors - 1);
    assertThat(threads).allMatch(thread -> thread.getContextClassLoader() == Workers.class.getClassLoader());
    for (var workers : all) {
      assertThat(workers.threads()).isEqualTo(processors);
      runsEachOnce(workers, 17);
    }
    for (var workers : all.subList(1, 50)) {
      workers.close();
      workers.close();
    }
    runsEachOnce(all.getFirst(), 17);
    runsEachOnce(all.getLast(), 17);
    assertThat(threads).as("somebody still uses them").allMatch(Thread::isAlive);
    all.getFirst().close();
    awaitEnd(threads);
    runsEachOnce(all.getFirst(), 17);
    all.getFirst().close();
    try (var again = Workers.shared()) {
      runsEachOnce(again, 17);
      assertThat(workerThreads()).as("new ones").doesNotContainAnyElementsOf(threads);
      threads = workerThreads();
      threads.removeAll(others);
      assertThat(threads).hasSize(processors - 1);
    }
    awaitEnd(threads);
  }

  /// The threads of a process come and go while many open and close it.
  @Test
  void usersOfTheSharedThreadsComeAndGoAtOnce() throws Exception {
    var others = workerThreads();
    var seen = ConcurrentHashMap.<Thread>newKeySet();
    try (var users = Executors.newFixedThreadPool(8)) {
      var rounds = IntStream.range(0, 8).mapToObj(_ -> users.submit(() -> {
        for (int round = 0; round < 200; round++) {
          var workers = Workers.shared();
          runsEachOnce(workers, 5);
          workers.forEach(3, _ -> seen.add(Thread.currentThread()));
          workers.close();
          workers.close();
        }
      })).toList();
      for (var round : rounds) round.get();
    }
    seen.addAll(workerThreads());
    seen.removeAll(others);
    awaitEnd(seen.stream().filter(thread -> thread.getName().startsWith("fovea-worker")).collect(Collectors.toSet()));
  }

  @Test
  void closingALoanLeavesTheLenderOpen() throws Exception {
    var others = workerThreads();
    var lender = Workers.threads(3);
    var threads = workerThreads();
    threads.removeAll(others);
    var loan = lender.lent();
    runsEachOnce(loan, 17);
    loan.close();
    assertThat(threads).hasSize(2).allMatch(Thread::isAlive);
    runsEachOnce(loan, 17);
    lender.close();
    awaitEnd(threads);
    runsEachOnce(lender.lent(), 17);
  }

  @Test
  void aRunnerGetsAllTasks() {
    var counts = new ArrayList<Integer>();
    var runner = new Workers.Runner() {
      @Override
      public void forEach(int tasks, Workers.Task task) {
        counts.add(tasks);
        for (int i = tasks - 1; i >= 0; i--) task.run(i);
      }
    };
    var workers = Workers.runBy(runner, 16);
    assertThat(workers.threads()).isEqualTo(16);
    assertThat(workers.lent().threads()).isEqualTo(16);
    runsEachOnce(workers, 7);
    runsEachOnce(workers, 1);
    runsEachOnce(workers.lent(), 0);
    workers.forEach(2, _ -> runsEachOnce(workers, 3));
    assertThat(counts).containsExactly(7, 1, 0, 2, 3, 3);
    assertThatThrownBy(() -> workers.forEach(2, _ -> {
      throw new IllegalStateException("mine");
    })).hasMessage("mine");

    counts.clear();
    workers.close();
    runsEachOnce(workers, 7);
    assertThat(counts).as("tasks that closed workers hand to the runner").isEmpty();
    assertThatThrownBy(() -> Workers.runBy(runner, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("got 0");
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// The virtual machine itself may hold the last exception of a thread for a while, so the field is asked, not the collector.
  @Test
  void aFailureIsNotKept() throws ReflectiveOperationException {
    try (var workers = Workers.threads(2)) {
      var failure = Workers.class.getDeclaredField("failure");
      failure.setAccessible(true);
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(() -> workers.forEach(10, _ -> {
          throw new IllegalStateException("mine");
        })).isInstanceOf(IllegalStateException.class).hasMessage("mine");
        assertThat(failure.get(workers)).isNull();
      }
    }
  }
}
