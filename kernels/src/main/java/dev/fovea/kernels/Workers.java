package dev.fovea.kernels;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/// Threads that share the tasks of an operation: own threads, or those of an executor.
///
/// The calling thread always works too, so a busy pool never blocks an operation. Threads take tasks one by one, so a busy core
/// does not delay the others. Of two concurrent callers, the second works alone instead of waiting. Idle threads sleep.
public final class Workers implements AutoCloseable {
  /// A part of an operation, divided into numbered pieces.
  @FunctionalInterface
  public interface Task {
    /// Computes piece `index`, in `[0, tasks)`.
    void run(int index);
  }

  /// Spins of a worker before it sleeps: about the gap between two operations of a model.
  private static final int SPINS = 2_000;

  private final int threads;
  private final Thread[] own;
  private final Executor executor;
  private final Runnable helper = this::help;

  /// Held by the caller whose tasks the threads share.
  private final ReentrantLock sharing = new ReentrantLock();
  /// `tasks << 32 | next`: the number of tasks and the index of the next one, read and advanced atomically.
  private final AtomicLong tickets = new AtomicLong();
  private final AtomicInteger helping = new AtomicInteger();
  private Task task;
  private volatile Throwable failure;
  private volatile Thread waiting;
  private volatile boolean closed;

  /// The workers that these lend; null if these are no loan.
  private final Workers lender;

  /// @param lender runs the tasks, and stays open
  private Workers(Workers lender) {
    this.lender = lender;
    threads = lender.threads;
    executor = null;
    own = new Thread[0];
  }

  private Workers(int threads, boolean spawn, Executor executor) {
    lender = null;
    if (threads < 1) throw new IllegalArgumentException("threads: expected at least 1, got " + threads);
    this.threads = threads;
    this.executor = executor;
    own = new Thread[spawn ? threads - 1 : 0];
    for (int i = 0; i < own.length; i++)
      own[i] = Thread.ofPlatform().name("fovea-worker-" + (i + 1)).daemon().start(this::serve);
  }

  /// Workers with `threads - 1` daemon threads, ended by [#close()].
  ///
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers threads(int threads) {
    return new Workers(threads, true, null);
  }

  /// Workers with one thread per processor.
  public static Workers all() {
    return threads(Runtime.getRuntime().availableProcessors());
  }

  /// Workers that borrow up to `threads - 1` threads of `executor` for each operation; closing does not close the executor.
  ///
  /// @throws IllegalArgumentException if `threads` is less than 1
  public static Workers using(Executor executor, int threads) {
    return new Workers(threads, false, executor);
  }

  /// These workers on loan: they share the threads, and closing the loan leaves these open.
  public Workers lent() {
    return new Workers(this);
  }

  /// The largest number of concurrent threads, including the caller's.
  public int threads() {
    return threads;
  }

  /// Runs `task` for every index in `[0, tasks)`, on this thread and others, and returns when all are done.
  ///
  /// After an exception no further task starts, and the exception is thrown here.
  public void forEach(int tasks, Task task) {
    if (lender != null) {
      lender.forEach(tasks, task);
      return;
    }
    if (threads == 1 || tasks <= 1 || sharing.isHeldByCurrentThread() || !sharing.tryLock()) {
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
    if (executor != null) borrow(Math.min(threads, tasks) - 1);
    work();
    awaitHelpers();
    this.task = null;
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }

  private void borrow(int helpers) {
    try {
      for (int i = 0; i < helpers; i++) executor.execute(helper);
    } catch (RejectedExecutionException _) {
      // A full or closed executor lends no thread: the calling thread does the work.
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

  private void help() {
    helping.incrementAndGet();
    try {
      work();
    } catch (Throwable e) {
      failure = e;   // An error of the virtual machine may occur late, outside a task.
    } finally {
      if (helping.decrementAndGet() == 0) LockSupport.unpark(waiting);
    }
  }

  private boolean hasWork() {
    long ticket = tickets.get();
    return (int) ticket < (int) (ticket >>> 32);
  }

  private void serve() {
    while (!closed) {
      for (int i = 0; i < SPINS && !hasWork(); i++) Thread.onSpinWait();
      if (hasWork()) help();
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

  /// Ends own threads; a running operation finishes on its calling thread.
  @Override
  public void close() {
    closed = true;
    for (var thread : own) LockSupport.unpark(thread);
  }
}
