package dev.fovea.kernels;

import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/// Threads that share the tasks of an operation: own threads, those of an executor, or the ones that all of a process share.
///
/// The calling thread always works too, so a busy pool never blocks an operation. Threads take tasks one by one, so a busy core
/// does not delay the others. Of two concurrent callers, the second works alone instead of waiting. Idle threads sleep.
///
/// | workers | threads | closing them |
/// |---|---|---|
/// | [#threads(int)], [#all()] | own | ends the threads |
/// | [#using(Executor, int)] | the executor's | leaves the executor open |
/// | [#shared()] | one set for the process | ends the threads if nobody else has them |
/// | [#lent()] | the lender's | leaves the lender open |
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

  /// Spins of a worker before it sleeps: about the gap between two operations of a model.
  private static final int SPINS = 2_000;

  /// The threads that the users of [#shared()] share, while there are any, and the number of these users.
  private static Workers common;
  private static int users;

  private final int threads;
  private final Thread[] own;
  private final Executor executor;
  private final Helper[] helpers;
  /// The workers that run the tasks of these; null if these have threads of their own or an executor's.
  private final Workers lender;
  private final boolean sharesCommon;

  /// Held by the caller whose tasks the threads share.
  private final ReentrantLock sharing = new ReentrantLock();
  /// `tasks << 32 | next`: the number of tasks and the index of the next one, read and advanced atomically.
  private final AtomicLong tickets = new AtomicLong();
  private final AtomicInteger helping = new AtomicInteger();
  private final AtomicBoolean closed = new AtomicBoolean();
  private Task task;
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
    own = new Thread[spawn ? threads - 1 : 0];
    try {
      for (int i = 0; i < own.length; i++) own[i] = DetachedThread.start("fovea-worker-" + (i + 1), this::serve);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /// @param lender runs the tasks, and stays open
  private Workers(Workers lender, boolean sharesCommon) {
    this.lender = lender;
    this.sharesCommon = sharesCommon;
    threads = lender.threads;
    executor = null;
    helpers = new Helper[0];
    own = new Thread[0];
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

  /// Workers that borrow up to `threads - 1` threads of `executor` for each operation; closing does not close the executor.
  ///
  /// No more than `threads - 1` of their tasks wait in the executor at any time. If it rejects one with a
  /// [RejectedExecutionException], the calling thread does the work; any other exception of the executor ends the operation once
  /// the threads that already help have stopped. An executor that silently drops tasks lends no thread again.
  ///
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers using(Executor executor, int threads) {
    return new Workers(threads, false, Objects.requireNonNull(executor, "executor"));
  }

  /// The workers of the process, with one thread per processor: all that ask share one set of threads. The first user starts it,
  /// and it ends when the last one closes its workers. Each call counts as a user until its own result is closed, once or several
  /// times.
  ///
  /// Many models in a process should share these: with threads of their own they would have more threads than processors.
  public static Workers shared() {
    synchronized (Workers.class) {
      if (common == null) common = all();
      var workers = new Workers(common, true);
      users++;
      return workers;
    }
  }

  /// These workers on loan: they share the threads, and closing the loan leaves these open.
  public Workers lent() {
    return new Workers(this, false);
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
    awaitHelpers();
    this.task = task;
    failure = null;
    tickets.set((long) tasks << 32);
    for (int i = 0; i < Math.min(own.length, tasks - 1); i++) LockSupport.unpark(own[i]);
    try {
      borrow(Math.min(helpers.length, tasks - 1));
    } catch (Throwable e) {
      failure = e;
      tickets.set(0);
    }
    work();
    awaitHelpers();
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
      help(this);
    }
  }

  /// Takes tasks until none is left. A ticket includes the number of tasks of its operation, so that a late helper never confuses
  /// a finished operation with the next one.
  private void work() {
    while (true) {
      long ticket = tickets.getAndIncrement();
      int index = (int) ticket;
      if (index >= (int) (ticket >>> 32)) return;
      try {
        task.run(index);
      } catch (Throwable e) {
        failure = e;
        tickets.set(0);
        return;
      }
    }
  }

  /// @param helper the caller's, if it is a thread of the executor; null for an own thread
  private void help(Helper helper) {
    helping.incrementAndGet();
    try {
      work();
    } catch (Throwable e) {
      failure = e;   // An error of the virtual machine may occur late, outside a task.
    } finally {
      if (helper != null) helper.queued.set(false);
      if (helping.decrementAndGet() == 0) LockSupport.unpark(waiting);
    }
  }

  private boolean hasWork() {
    long ticket = tickets.get();
    return (int) ticket < (int) (ticket >>> 32);
  }

  private void serve() {
    while (!closed.get()) {
      for (int i = 0; i < SPINS && !hasWork(); i++) Thread.onSpinWait();
      if (hasWork()) help(null);
      else LockSupport.park(this);
    }
  }

  private void awaitHelpers() {
    for (int i = 0; i < SPINS; i++) {
      if (helping.get() == 0) return;
      Thread.onSpinWait();
    }
    waiting = Thread.currentThread();
    boolean interrupted = false;
    while (helping.get() != 0) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    waiting = null;
    if (interrupted) Thread.currentThread().interrupt();
  }

  /// Ends own threads, or gives borrowed ones back; a running operation finishes. Closing twice is harmless.
  @Override
  public void close() {
    if (closed.getAndSet(true)) return;
    for (var thread : own) if (thread != null) LockSupport.unpark(thread);
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
