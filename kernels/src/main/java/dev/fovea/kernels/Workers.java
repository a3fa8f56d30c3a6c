package dev.fovea.kernels;

import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/// Threads that share the tasks of an operation: own threads, those of an executor, or the ones that all of a process share.
///
/// The calling thread always works too, so a busy pool never blocks an operation. Threads take tasks one by one, so a busy core
/// does not delay the others. Of two concurrent callers, the second works alone instead of waiting. Threads without work look for
/// it for a tenth of a millisecond, less if others want the processor, and then sleep.
///
/// | workers | threads | closing them |
/// |---|---|---|
/// | [#threads(int)], [#all()] | own | ends the threads |
/// | [#using(Executor, int)] | the executor's | leaves the executor open |
/// | [#shared()] | one set for the process | ends the threads if nobody else has them |
/// | [#lent()] | the lender's | leaves the lender open |
/// | [#runBy(Runner, int)] | the runner's | leaves the runner alone |
///
/// Kernels own their workers: closing kernels closes these. Closed workers still run all tasks, on the calling thread alone.
/// Thread-safe.
public final class Workers implements AutoCloseable {
  /// A part of an operation, divided into numbered pieces.
  @FunctionalInterface
  public interface Task {
    /// Computes piece `index`, in `[0, tasks)`.
    void run(int index);
  }

  /// Runs the tasks of operations in its own way, for instance to time each of them.
  @FunctionalInterface
  public interface Runner {
    /// Runs `task` once for every index in `[0, tasks)`, on any threads, and returns when all are done. A task may call this again,
    /// and so may several threads at once.
    void forEach(int tasks, Task task);
  }

  /// How long an idle thread looks for work before it sleeps: longer than most gaps between two operations of a model.
  private static final long PATIENCE_NANOS = 100_000;
  /// Looks between two readings of the clock.
  private static final int LOOKS = 32;
  /// A gap between two readings in which another thread must have run on this processor.
  private static final long GAP_NANOS = 50_000;

  /// Numbers between two counts, 128 bytes: processors fetch cache lines in pairs.
  private static final int LINE = 16;
  /// Index of `tasks << 32 | next`: the number of tasks and the index of the next one, read and advanced atomically.
  private static final int TICKETS = LINE;
  /// Index of the number of tasks that are done.
  private static final int DONE = 2 * LINE;

  /// The threads that the users of [#shared()] share, while there are any, and the number of these users.
  private static Workers common;
  private static int users;

  private final int threads;
  private final Server[] servers;
  private final Executor executor;
  private final Helper[] helpers;
  /// Runs the tasks of these workers; null if they have threads of their own or an executor's.
  private final Runner lender;
  private final boolean sharesCommon;

  /// Held by the caller whose tasks the threads share.
  private final ReentrantLock sharing = new ReentrantLock();
  /// The counts that all threads write, each in a cache line of its own.
  private final AtomicLongArray counts = new AtomicLongArray(3 * LINE);
  private final BooleanSupplier hasWork = this::hasWork, isDone = this::isDone;
  private final AtomicBoolean closed = new AtomicBoolean();
  /// The operation: what a thread with a ticket reads.
  private Task task;
  private int tasks;
  private volatile Throwable failure;
  private volatile Thread waiting;

  private Workers(int threads, boolean spawn, Executor executor) {
    if (threads < 1) throw new IllegalArgumentException("threads: expected at least 1, got " + threads);
    this.threads = threads;
    this.executor = executor;
    lender = null;
    sharesCommon = false;
    helpers = new Helper[executor == null ? 0 : threads - 1];
    for (int i = 0; i < helpers.length; i++) helpers[i] = new Helper();
    servers = new Server[spawn ? threads - 1 : 0];
    for (int i = 0; i < servers.length; i++) servers[i] = new Server();
    try {
      for (int i = 0; i < servers.length; i++) DetachedThread.start("fovea-worker-" + (i + 1), servers[i]::serve);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /// @param lender runs the tasks, and stays as it is when these workers close
  private Workers(Runner lender, int threads, boolean sharesCommon) {
    if (threads < 1) throw new IllegalArgumentException("threads: expected at least 1, got " + threads);
    this.lender = lender;
    this.sharesCommon = sharesCommon;
    this.threads = threads;
    executor = null;
    helpers = new Helper[0];
    servers = new Server[0];
  }

  /// Workers with `threads - 1` daemon threads, ended by [#close()].
  ///
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers threads(int threads) {
    return new Workers(threads, true, null);
  }

  /// Workers with one thread per processor, ended by [#close()].
  public static Workers all() {
    return threads(Runtime.getRuntime().availableProcessors());
  }

  /// Workers that borrow up to `threads - 1` threads of `executor` for each operation, and keep them for the next one if it follows
  /// within a tenth of a millisecond; closing does not close the executor.
  ///
  /// No more than `threads - 1` of their tasks wait in the executor at any time. If it rejects one with a
  /// [RejectedExecutionException], the calling thread does the work; any other exception of the executor ends the operation once
  /// the threads that already help have stopped. An executor that silently drops tasks lends no thread again.
  ///
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers using(Executor executor, int threads) {
    return new Workers(threads, false, Objects.requireNonNull(executor, "executor"));
  }

  /// Workers that hand all tasks to `runner`, also a single task and those of a task, until they are closed.
  ///
  /// @param threads what [#threads()] returns: kernels divide operations for so many threads, whatever the runner has
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers runBy(Runner runner, int threads) {
    return new Workers(Objects.requireNonNull(runner, "runner"), threads, false);
  }

  /// The workers of the process, with one thread per processor: all that ask share one set of threads. The first user starts it,
  /// and it ends when the last one closes its workers. Each call counts as a user until its own result is closed, once or several
  /// times.
  ///
  /// Many models in a process should share these: with threads of their own they would have more threads than processors.
  public static Workers shared() {
    synchronized (Workers.class) {
      if (common == null) common = all();
      var workers = new Workers(common::forEach, common.threads, true);
      users++;
      return workers;
    }
  }

  /// These workers on loan: they share the threads, and closing the loan leaves these open.
  public Workers lent() {
    return new Workers(this::forEach, threads, false);
  }

  /// The largest number of concurrent threads, including the caller's.
  public int threads() {
    return threads;
  }

  /// Runs `task` for every index in `[0, tasks)`, on this thread and others, and returns when all are done. What a task itself runs
  /// by these workers stays on the task's thread. An interrupt does not end it, and stays set.
  ///
  /// After an exception no further task starts, and the exception is thrown here when the running ones have ended.
  public void forEach(int tasks, Task task) {
    Objects.requireNonNull(task, "task");
    boolean isClosed = closed.get();
    if (lender != null && !isClosed) {
      lender.forEach(tasks, task);
      return;
    }
    if (isClosed || threads == 1 || tasks <= 1 || sharing.isHeldByCurrentThread() || !sharing.tryLock()) {
      for (int i = 0; i < tasks; i++) task.run(i);
      return;
    }
    try {
      share(tasks, task);
    } finally {
      sharing.unlock();
    }
  }

  private void share(int tasks, Task task) {
    this.task = task;
    this.tasks = tasks;
    failure = null;
    counts.set(DONE, 0);
    counts.set(TICKETS, (long) tasks << 32);
    wake(tasks - 1);
    try {
      borrow(Math.min(helpers.length, tasks - 1));
    } catch (Throwable e) {
      failure = e;
      counts.addAndGet(DONE, cancel());
    }
    work();
    awaitDone();
    this.task = null;
    var thrown = failure;
    // Else idle workers, which may be those of the process, would hold it and all classes of its stack trace.
    failure = null;
    switch (thrown) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }

  /// Passes helpers to the executor, but none that still waits there since an earlier operation and will help this one.
  private void borrow(int count) {
    for (int i = 0; i < count; i++) {
      if (!helpers[i].queued.compareAndSet(false, true)) continue;
      try {
        executor.execute(helpers[i]);
      } catch (RejectedExecutionException _) {
        // A full or closed executor lends no thread: the calling thread does the work.
        helpers[i].queued.set(false);
        return;
      } catch (Throwable e) {
        helpers[i].queued.set(false);
        throw e;
      }
    }
  }

  /// The task that borrows a thread of the executor.
  private final class Helper implements Runnable {
    /// Whether it waits in the executor or helps.
    private final AtomicBoolean queued = new AtomicBoolean();

    @Override
    public void run() {
      try {
        // Between two operations the thread stays, unless it is the caller's own.
        do work(); while (!sharing.isHeldByCurrentThread() && looksUntil(hasWork));
      } finally {
        queued.set(false);
      }
    }
  }

  /// A thread of these workers.
  private final class Server {
    private final AtomicBoolean asleep = new AtomicBoolean();
    private volatile Thread thread;

    void serve() {
      thread = Thread.currentThread();
      while (!closed.get())
        if (looksUntil(hasWork)) work();
        else sleep();
    }

    /// Sleeps until there is work or something else wakes the thread. A waker posts work first and reads `asleep` then; this
    /// thread does both in the opposite order, so that one of the two notices the other.
    private void sleep() {
      asleep.set(true);
      if (!hasWork() && !closed.get()) LockSupport.park(Workers.this);
      // Awake by somebody else's doing: the others may sleep, too.
      if (!asleep.compareAndSet(true, false)) wake(2);
    }

    /// @return whether the thread slept
    boolean rouse() {
      if (!asleep.get() || !asleep.compareAndSet(true, false)) return false;
      LockSupport.unpark(thread);
      return true;
    }
  }

  /// Wakes at most two sleeping threads. Each of them wakes two more, so that a caller of many threads soon works itself.
  private void wake(int most) {
    int left = Math.min(2, most);
    for (int i = 0; i < servers.length && left > 0 && hasWork(); i++) if (servers[i].rouse()) left--;
  }

  /// Takes tasks until none is left. A ticket includes the number of tasks of its operation, so that a late helper never confuses
  /// a finished operation with the next one; and an operation does not end before each ticket taken is counted as done.
  private void work() {
    int mine = 0;
    try {
      while (true) {
        long ticket = counts.getAndIncrement(TICKETS);
        if ((int) ticket >= (int) (ticket >>> 32)) break;
        mine++;
        task.run((int) ticket);
      }
    } catch (Throwable e) {
      failure = e;
      mine += cancel();
    }
    if (mine > 0 && counts.addAndGet(DONE, mine) == tasks) LockSupport.unpark(waiting);
  }

  /// Withdraws the tasks that nobody has taken.
  ///
  /// @return their number
  private int cancel() {
    long ticket = counts.getAndSet(TICKETS, 0);
    return Math.max(0, (int) (ticket >>> 32) - (int) ticket);
  }

  private boolean hasWork() {
    long ticket = counts.get(TICKETS);
    return (int) ticket < (int) (ticket >>> 32);
  }

  private boolean isDone() {
    return counts.get(DONE) == tasks;
  }

  private void awaitDone() {
    if (looksUntil(isDone)) return;
    waiting = Thread.currentThread();
    boolean interrupted = false;
    while (!isDone()) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    waiting = null;
    if (interrupted) Thread.currentThread().interrupt();
  }

  /// Looks for an event for a while, and leaves the processor at once if others want it.
  ///
  /// @return whether it has happened
  private static boolean looksUntil(BooleanSupplier event) {
    long start = System.nanoTime(), last = start;
    while (true) {
      for (int i = 0; i < LOOKS; i++) {
        if (event.getAsBoolean()) return true;
        Thread.onSpinWait();
      }
      long now = System.nanoTime();
      if (now - start > PATIENCE_NANOS || now - last > GAP_NANOS) return event.getAsBoolean();
      last = now;
    }
  }

  /// Ends own threads, or gives borrowed ones back; a running operation finishes. Closing twice is harmless.
  @Override
  public void close() {
    if (closed.getAndSet(true)) return;
    for (var server : servers) LockSupport.unpark(server.thread);
    if (sharesCommon) returnCommon();
  }

  private static void returnCommon() {
    synchronized (Workers.class) {
      if (--users > 0) return;
      common.close();
      common = null;
    }
  }
}
