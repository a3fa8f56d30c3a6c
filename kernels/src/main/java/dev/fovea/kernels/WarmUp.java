package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Spares a program the slow start of the vector kernels.
///
/// A loop over vectors runs a hundred times slower until C2 has compiled it, and where it meets a large task first, C2
/// compiles it in the middle of the loop, which takes several times as long. So plain loops, which C2 is done with in a moment,
/// stand in for them at first, with the very same results. A program that goes on after a picture or so has its vector loops
/// compiled by calling each of them often on next to nothing, and continues with them. One that runs a small model once and
/// ends is better off without that, for compiling takes the processor away from computing.
public final class WarmUp {
  private static @Nullable Thread thread;

  private WarmUp() {}

  /// Begins, once in a program, where [KernelProvider#VECTOR] can run.
  public static synchronized void start() {
    if (thread != null || !KernelProvider.hasVectorApi()) return;
    Rehearsal.announce();
    thread = Thread.ofPlatform().name("fovea-warm-up").daemon().start(WarmUp::run);
  }

  private static void run() {
    if (KernelProvider.VECTOR.reasonAgainst().isEmpty()) Rehearsal.run();
  }

  /// Has the vector loops of a warm-up that has begun compiled now, and waits until they are; an interrupt ends the waiting
  /// and stays set.
  public static void await() {
    Thread begun;
    synchronized (WarmUp.class) {
      begun = thread;
    }
    if (begun == null) return;
    Rehearsal.hurry();
    try {
      begun.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
