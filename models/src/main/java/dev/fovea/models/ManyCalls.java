package dev.fovea.models;

import com.google.common.base.Throwables;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// Calls of a model for many inputs: as many at once as there are threads, each on a thread of its own, or one at a time on all
/// threads.
///
/// An input is prepared, such as a picture decoded, and then computed. At once, each thread does both, so some inputs are prepared
/// while others compute. One at a time, as many as there are threads are prepared together, then all threads compute each.
///
/// Results are used on the calling thread, in the order of the inputs. The first exception in that order ends it: no further input
/// is begun, and passes on other threads end before their next operation, as they do when the calling thread is interrupted.
final class ManyCalls<T, P, R> {
  /// Activations of a pass in bytes; all threads compute one that needs more.
  static final long LARGE = 256L << 20;
  /// Inputs begun, whose results are not used yet, for each thread.
  private static final int AHEAD = 2;

  /// Throws if nobody waits any more for what this thread computes.
  private static final ScopedValue<Runnable> WATCH = ScopedValue.newInstance();

  private final String name;
  private final Kernels kernels;
  private final LongSupplier passBytes;
  private final List<T> inputs;
  private final Function<? super T, ? extends P> prepare;
  private final Function<? super P, ? extends R> compute;
  private final BiConsumer<? super T, ? super R> use;
  private final Thread caller = Thread.currentThread();
  private final Calls.@Nullable Call call = Calls.current();

  /// What each input has become, in this order; null before and after.
  private final Outcome[] prepared, done;
  /// The input to begin next, the one whose result is used next, and the end of those to compute at once.
  private int next, used, end;
  /// The first input that has failed.
  private int failed = Integer.MAX_VALUE;
  private boolean leading, over;
  /// Whether several at once have found no memory.
  private boolean alone;

  /// A value, or what was thrown instead.
  private record Outcome(@Nullable Object value, @Nullable Throwable failure) {
    static Outcome of(Supplier<?> work) {
      try {
        return new Outcome(work.get(), null);
      } catch (Throwable e) {
        return new Outcome(null, e);
      }
    }

    @Nullable Object orThrow() {
      if (failure == null) return value;
      Throwables.throwIfUnchecked(failure);
      throw new IllegalStateException(failure);
    }
  }

  /// @param name the model's, in error messages
  /// @param passBytes activations of the largest pass so far; 0 if there was none
  ManyCalls(String name, Kernels kernels, LongSupplier passBytes, List<T> inputs, Function<? super T, ? extends P> prepare,
      Function<? super P, ? extends R> compute, BiConsumer<? super T, ? super R> use) {
    this.name = name;
    this.kernels = kernels;
    this.passBytes = passBytes;
    this.inputs = inputs;
    this.prepare = prepare;
    this.compute = compute;
    this.use = use;
    prepared = new Outcome[inputs.size()];
    done = new Outcome[inputs.size()];
  }

  /// How many inputs to compute at once: as many as there are threads, or what is left if that is more than half of them; otherwise
  /// one, also while no pass has shown how large it is.
  static int atOnce(int left, int threads, long passBytes) {
    int most = Math.min(left, threads);
    return passBytes > 0 && passBytes <= LARGE && 2 * most > threads ? most : 1;
  }

  void run() {
    int threads = kernels.threads();
    while (used < inputs.size()) {
      int left = inputs.size() - used, together = alone ? 1 : atOnce(left, threads, passBytes.getAsLong());
      if (together == 1) computeOne(Math.min(left, threads));
      else computeAtOnce(together, 2 * (left % threads) > threads ? left : left - left % together);
    }
  }

  /// @param together inputs to prepare together, unless the next one is prepared already
  private void computeOne(int together) {
    int first = used;
    if (prepared[first] == null && together > 1 && !alone)
      kernels.forEach(together, i -> {
        var outcome = of(first + i, () -> prepare.apply(inputs.get(first + i)));
        // One by one there may be memory enough.
        prepared[first + i] = outcome.failure instanceof OutOfMemoryError ? null : outcome;
      });
    use(of(first, () -> computed(first)));
  }

  @SuppressWarnings("unchecked")
  private R computed(int index) {
    var ready = prepared[index];
    prepared[index] = null;
    return compute.apply(ready == null ? prepare.apply(inputs.get(index)) : (P) ready.orThrow());
  }

  /// The outcome of a part of the call, on any thread.
  private Outcome of(int index, Supplier<?> work) {
    var watched = ScopedValue.where(WATCH, () -> requireAwaited(index));
    return Outcome.of(() -> watched.call(() -> call == null ? work.get() : Calls.within(call, work)));
  }

  private synchronized void requireAwaited(int index) {
    if (over || failed < index || caller.isInterrupted()) throw new CancelledException(name, new InterruptedException());
  }

  /// A listener that also ends a pass that nobody waits for any more.
  static Progress watched(Progress progress) {
    if (!WATCH.isBound()) return progress;
    var watch = WATCH.get();
    return (done, total) -> {
      watch.run();
      progress.advanced(done, total);
    };
  }

  @SuppressWarnings("unchecked")
  private void use(Outcome outcome) {
    use.accept(inputs.get(used), (R) outcome.orThrow());
    synchronized (this) {
      done[used++] = null;
      notifyAll();
    }
  }

  private void computeAtOnce(int together, int count) {
    next = used;
    end = used + count;
    over = false;
    kernels.forEach(together, _ -> {
      if (Thread.currentThread() == caller) lead();
      else help();
    });
    // Other threads may have been so fast that this one had no part.
    lead();
    if (!alone) return;
    // What other threads have computed meanwhile is computed again: it may be much.
    over = false;
    failed = Integer.MAX_VALUE;
    for (int i = used; i < end; i++) done[i] = null;
  }

  private void lead() {
    synchronized (this) {
      leading = true;
    }
    try {
      while (used < end && !alone) {
        var ready = result();
        if (ready != null && ready.failure instanceof OutOfMemoryError) alone = true;
        else if (ready != null) use(ready);
        else compute();
      }
    } finally {
      synchronized (this) {
        leading = false;
        over |= used < end;
        notifyAll();
      }
    }
  }

  private synchronized @Nullable Outcome result() {
    return done[used];
  }

  /// Computes the next input, or waits for the result to be used next.
  private void compute() {
    int index = take();
    if (index >= 0) {
      finish(index);
      return;
    }
    synchronized (this) {
      try {
        while (done[used] == null) wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancelledException(name, e);
      }
    }
  }

  private void finish(int index) {
    var outcome = of(index, () -> computed(index));
    synchronized (this) {
      done[index] = outcome;
      if (outcome.failure != null) failed = Math.min(failed, index);
      notifyAll();
    }
  }

  /// The next input to begin; -1 if there is none, or none yet.
  private synchronized int take() {
    return mayBegin() && next - used < AHEAD * kernels.threads() ? next++ : -1;
  }

  private boolean mayBegin() {
    return next < end && failed == Integer.MAX_VALUE && !over;
  }

  private void help() {
    for (int index = awaitTurn(); index >= 0; index = awaitTurn()) finish(index);
  }

  /// It waits for results to be used, but not while the calling thread does something else and may wait for this one.
  private synchronized int awaitTurn() {
    try {
      while (mayBegin() && leading && next - used >= AHEAD * kernels.threads()) wait();
      return take();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    }
  }
}
