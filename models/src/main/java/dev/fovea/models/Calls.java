package dev.fovea.models;

import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// The running calls of a model, which its closing awaits.
///
/// A call may close its own model from a callback, or another one, whose calls may close this one: a thread inside any call never
/// waits for calls. The last call then frees the memory.
final class Calls {
  private static final ScopedValue<Call> CURRENT = ScopedValue.newInstance();

  /// A call of a model, with the one whose callback has begun it.
  record Call(Calls of, @Nullable Call outer) {}

  private final String name;
  private final Runnable free;
  private int running;
  private boolean closed, freeing, freed;

  /// @param name the model's name in error messages
  /// @param free frees what calls use; run once
  Calls(String name, Runnable free) {
    this.name = name;
    this.free = free;
  }

  /// Whether this thread is inside a call of any model.
  static boolean isInside() {
    return CURRENT.isBound();
  }

  /// The call that this thread is inside.
  static @Nullable Call current() {
    return CURRENT.isBound() ? CURRENT.get() : null;
  }

  /// Runs `work` as a part of a call, perhaps on another thread, while the call waits for that.
  static <R> R within(Call call, Supplier<R> work) {
    return ScopedValue.where(CURRENT, call).call(work::get);
  }

  /// Runs `work` as a call. A call inside a call is part of it.
  ///
  /// @throws IllegalStateException if the model is closed
  <R> R call(Supplier<R> work) {
    var outer = current();
    for (var each = outer; each != null; each = each.outer) if (each.of == this) return work.get();
    begin();
    try {
      return within(new Call(this, outer), work);
    } finally {
      end();
    }
  }

  private synchronized void begin() {
    if (closed) throw new IllegalStateException(name + ": the model is closed");
    running++;
  }

  private void end() {
    synchronized (this) {
      running--;
      if (!closed) return;
    }
    freeIfOver();
  }

  /// Refuses new calls, and waits for the running ones and until the memory is free, unless this thread is inside a call. An
  /// interrupt does not end the wait and stays set.
  void close() {
    synchronized (this) {
      closed = true;
      if (running > 0 && isInside()) return;
    }
    freeIfOver();
    awaitFreed();
  }

  synchronized boolean isClosed() {
    return closed;
  }

  private void freeIfOver() {
    synchronized (this) {
      if (running > 0 || freeing) return;
      freeing = true;
    }
    try {
      free.run();
    } finally {
      synchronized (this) {
        freed = true;
        notifyAll();
      }
    }
  }

  private synchronized void awaitFreed() {
    boolean interrupted = false;
    while (!freed) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
  }
}
