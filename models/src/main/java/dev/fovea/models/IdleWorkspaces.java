package dev.fovea.models;

import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Workspace;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// The workspaces that a model lends to its calls, one each, and keeps between them.
///
/// As many are kept as can compute at a time. Of those, the ones that no call has needed for a while are closed, and a workspace
/// that calls no longer need as large as it is. Thread-safe.
final class IdleWorkspaces implements AutoCloseable {
  /// A workspace may be this many times as large as the calls of late needed.
  private static final int SLACK = 2;

  private final int most;
  private final long keepNanos;
  private final Supplier<Workspace> create;
  /// The one used last is at the end, and is lent first: those at the front become old.
  private final ArrayDeque<Lent> idle = new ArrayDeque<>();
  private final Set<Lent> busy = new HashSet<>();
  private final Timer timer;
  /// What will close old workspaces; null if nothing will.
  private @Nullable Future<?> alarm;
  private boolean closed;

  /// Runs a task on another thread, later.
  @FunctionalInterface
  interface Timer {
    Future<?> after(long nanos, Runnable task);
  }

  /// A workspace on loan.
  final class Lent implements AutoCloseable {
    private final Workspace workspace;
    private long observedSince = System.nanoTime(), idleSince;
    /// Bytes that the largest pass needed since then.
    private long needed;

    private Lent(Workspace workspace) {
      this.workspace = workspace;
    }

    Workspace workspace() {
      return workspace;
    }

    /// Gives the workspace back.
    @Override
    public void close() {
      giveBack(this);
    }

    /// Whether the calls of late would do with a much smaller workspace, asked once in a while.
    private boolean isTooLarge() {
      needed = Math.max(needed, workspace.takeLargestPassBytes());
      if (idleSince - observedSince < keepNanos) return false;
      long enough = SLACK * needed;
      observedSince = idleSince;
      needed = 0;
      return workspace.bytes() > enough;
    }
  }

  /// @param most number of idle workspaces
  /// @param keep time after which an idle workspace is closed
  IdleWorkspaces(int most, Duration keep, Supplier<Workspace> create) {
    this(most, keep, create, IdleWorkspaces::after);
  }

  IdleWorkspaces(int most, Duration keep, Supplier<Workspace> create, Timer timer) {
    this.most = most;
    keepNanos = keep.toNanos();
    this.create = create;
    this.timer = timer;
  }

  /// Borrows a workspace, until the loan is closed.
  Lent borrow() {
    closeAll(expired(keepNanos));
    synchronized (this) {
      var lent = idle.isEmpty() ? new Lent(create.get()) : idle.removeLast();
      busy.add(lent);
      return lent;
    }
  }

  private void giveBack(Lent lent) {
    lent.workspace.listen(Progress.NONE);
    lent.idleSince = System.nanoTime();
    boolean surplus = lent.isTooLarge();
    synchronized (this) {
      busy.remove(lent);
      surplus |= closed || idle.size() >= most;
      if (!surplus) {
        idle.addLast(lent);
        schedule();
      }
    }
    if (surplus) lent.workspace.close();
  }

  /// Closes all idle workspaces.
  void trim() {
    closeAll(expired(0));
  }

  private synchronized List<Lent> expired(long nanos) {
    var expired = new ArrayList<Lent>();
    long now = System.nanoTime();
    while (!idle.isEmpty() && now - idle.getFirst().idleSince >= nanos) expired.add(idle.removeFirst());
    return expired;
  }

  private static void closeAll(List<Lent> expired) {
    expired.forEach(lent -> lent.workspace.close());
  }

  /// Has one of Java's own threads close what is not used until then. It holds no model that the program has forgotten.
  private synchronized void schedule() {
    if (alarm != null || closed || idle.isEmpty()) return;
    long wait = keepNanos - (System.nanoTime() - idle.getFirst().idleSince);
    var self = new WeakReference<>(this);
    try {
      alarm = timer.after(Math.max(0, wait), () -> {
        var workspaces = self.get();
        if (workspaces != null) workspaces.closeExpired();
      });
    } catch (RejectedExecutionException | OutOfMemoryError _) {
      // No thread can be had, which is no failure of the call that ends here: a later one closes what is old by then.
    }
  }

  /// The first use in a process starts the timer's thread, which keeps the context class loader that it finds. A server could not
  /// unload the one of an application, but the system class loader stays anyway.
  private static Future<?> after(long nanos, Runnable task) {
    var thread = Thread.currentThread();
    var context = thread.getContextClassLoader();
    thread.setContextClassLoader(ClassLoader.getSystemClassLoader());
    try {
      return ForkJoinPool.commonPool().schedule(task, nanos, TimeUnit.NANOSECONDS);
    } finally {
      thread.setContextClassLoader(context);
    }
  }

  private void closeExpired() {
    try {
      closeAll(expired(keepNanos));
    } finally {
      synchronized (this) {
        alarm = null;
        schedule();
      }
    }
  }

  /// Bytes of the largest workspace that calls have used of late; 0 if none has.
  synchronized long largest() {
    return Stream.concat(idle.stream(), busy.stream()).mapToLong(lent -> lent.workspace.bytes()).max().orElse(0);
  }

  /// What is held: bytes of all workspaces, and their numbers.
  record Held(long bytes, int idle, int busy) {}

  /// The size of a workspace that is growing at this moment may be the one before.
  synchronized Held held() {
    long bytes = 0;
    for (var lent : idle) bytes += lent.workspace.bytes();
    for (var lent : busy) bytes += lent.workspace.bytes();
    return new Held(bytes, idle.size(), busy.size());
  }

  /// Closes idle workspaces now, and others when they are given back.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      // Until then it would hold this class, and its loader with it.
      if (alarm != null) alarm.cancel(false);
    }
    trim();
  }
}
