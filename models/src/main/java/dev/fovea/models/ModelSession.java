package dev.fovea.models;

import dev.fovea.engine.tensor.Workspace;
import java.util.Objects;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// State of a caller between passes of an open model, such as the embedding of a picture.
///
/// ```java
/// try (var session = opened.session()) {
///   session.use(() -> session.workspace().run("encode", image, model::encode, List::of).copy(arena));
/// }
/// ```
///
/// One thread uses a session at a time; different threads may use it one after the other, and one that comes while another is using
/// it is refused. [#close()], [#bytes()] and [#toString()] are for any thread at any time. A session that nobody closes keeps its
/// memory until its model is closed. Between calls it has no workspace: each call borrows one of the model's.
public final class ModelSession implements AutoCloseable {
  private final OpenModel model;
  private boolean closed;
  private @Nullable Thread user;
  /// Uses inside one another by [#user].
  private int depth;
  private @Nullable AutoCloseable kept;
  private long keptBytes;

  /// The workspace of the running use, once it is needed. Only [#user] reads and writes it.
  private IdleWorkspaces.@Nullable Lent lent;

  ModelSession(OpenModel model) {
    this.model = model;
  }

  /// Runs `work` on the calling thread as a call of the model with the session's state. A use inside a use, such as in a callback,
  /// is part of it. What `work` throws is thrown, and the session keeps its state.
  ///
  /// @throws IllegalStateException if the session or the model is closed, or another thread is using the session
  public <R> R use(Supplier<R> work) {
    Objects.requireNonNull(work, "work");
    return model.call(() -> {
      enter();
      try {
        return work.get();
      } finally {
        leave();
      }
    });
  }

  private synchronized void enter() {
    boolean inside = user == Thread.currentThread();
    if (closed && !inside) throw new IllegalStateException("the session is closed");
    if (user != null && !inside)
      throw new IllegalStateException("the session is in use by another thread: one thread uses a session at a time");
    user = Thread.currentThread();
    depth++;
  }

  private void leave() {
    synchronized (this) {
      if (depth > 1) {
        depth--;
        return;
      }
    }
    var used = lent;
    lent = null;
    try {
      if (used != null) used.close();
    } finally {
      if (ended()) free();
    }
  }

  /// Ends the use, and tells whether a close has been waiting for that.
  private synchronized boolean ended() {
    depth = 0;
    user = null;
    notifyAll();
    return closed;
  }

  /// The workspace of the running use, the same until it ends. Results in it are valid until its next pass, or the end of the use.
  /// With a mapped file, passes are best run inside [dev.fovea.engine.checkpoint.Checkpoint#reading], which reports a truncation.
  ///
  /// @throws IllegalStateException if this thread is not in [#use]
  public Workspace workspace() {
    requireUse();
    if (lent == null) lent = model.borrow();
    return lent.workspace();
  }

  /// Keeps `state` until the session is closed, in place of what it has kept before, which is closed now.
  ///
  /// @param state a shared arena, which any thread can close, or something that owns one: the session owns it from here on
  /// @param bytes size of the state, for [OpenModel#memory()]
  /// @throws IllegalStateException if this thread is not in [#use]
  public void keep(AutoCloseable state, long bytes) {
    Objects.requireNonNull(state, "state");
    requireUse();
    replace(state, bytes);
  }

  private synchronized void requireUse() {
    if (user != Thread.currentThread()) throw new IllegalStateException("expected a call inside ModelSession.use");
  }

  private void replace(@Nullable AutoCloseable state, long bytes) {
    AutoCloseable before;
    synchronized (this) {
      before = kept;
      kept = state;
      keptBytes = bytes;
    }
    if (before != null && before != state) close(before);
  }

  private static void close(AutoCloseable state) {
    try {
      state.close();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("a session's state cannot be closed", e);
    }
  }

  /// Bytes of what the session keeps between calls.
  public synchronized long bytes() {
    return keptBytes;
  }

  /// Frees the session's memory, after a running use by another thread has ended normally. Inside a call of any model, such as in a
  /// callback, it does not wait: the running use frees the memory at its end. Closing twice is harmless, also at once and after the
  /// model is closed.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (user != null && Calls.isInside()) return;
      awaitEnd();
    }
    free();
  }

  private synchronized void awaitEnd() {
    boolean interrupted = false;
    while (user != null) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
  }

  /// Frees the memory; harmless if it is free. No use is running.
  void free() {
    try {
      replace(null, 0);
    } finally {
      model.forget(this);
    }
  }

  @Override
  public synchronized String toString() {
    return "session of " + model.name() + ", " + keptBytes + " bytes" + (closed ? ", closed" : "");
  }
}
