package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Avoids the slow start of the vector kernels.
///
/// A vector loop runs a hundred times slower until C2 has compiled it, and compilation takes several times as long in the middle of
/// a large task. So scalar loops, which C2 compiles quickly, compute the first pictures, with identical results. If the program
/// continues, background threads call each vector loop repeatedly on tiny operands until C2 has compiled it; then vector loops take
/// over. Programs that end sooner skip this, because compilation competes for the processor. A very large pass waits for the vector
/// loops.
///
/// Thread-safe. The background threads are daemons and end when the loops are compiled; nothing is to be closed.
public final class WarmUp {
  private static final String NAME = "fovea-warm-up";

  /// The thread of the first step, and of the second one if that has begun. No thread waits in between: it would keep these
  /// classes, which a server may want to unload.
  private static @Nullable Thread preparing, rehearsing;

  private WarmUp() {}

  /// Starts the warm-up, once per program, if [KernelProvider#VECTOR] can run, and returns at once. Further calls do nothing.
  public static synchronized void start() {
    if (preparing != null || !KernelProvider.hasVectorApi()) return;
    Rehearsal.announce();
    preparing = DetachedThread.start(NAME, WarmUp::prepare);
  }

  private static void prepare() {
    if (KernelProvider.VECTOR.reasonAgainst().isEmpty()) Rehearsal.prepare(WarmUp::rehearse);
  }

  private static synchronized void rehearse() {
    try {
      rehearsing = DetachedThread.start(NAME, () -> Rehearsal.run(step -> DetachedThread.start(NAME + "-2", step)));
    } catch (OutOfMemoryError _) {
      Rehearsal.skip();   // There is no thread to be had, and this one computes something else.
    }
  }

  /// Compiles the vector loops of a started warm-up now and waits until this is done. An interrupt ends the wait and stays set.
  /// Without a started warm-up it returns at once.
  public static void await() {
    try {
      if (!join(true)) return;
      Rehearsal.hurry();
      join(false);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Waits for a step; false if it has not begun.
  private static boolean join(boolean first) throws InterruptedException {
    Thread step;
    synchronized (WarmUp.class) {
      step = first ? preparing : rehearsing;
    }
    if (step != null) step.join();
    return step != null;
  }
}
