package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Avoids the slow start of the vector kernels.
///
/// A vector loop runs a hundred times slower until C2 has compiled it, and compiling takes several times as long when C2 has to do it in
/// the middle of a large task. So scalar loops, which C2 compiles in a moment, compute the first picture or so, with identical
/// results. In a program that goes on, the vector loops are then compiled in the background, by calling each of them often on tiny
/// operands, and take over. A program that runs a small model once and ends is better off without that, because compiling takes the
/// processor away from computing.
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

  /// Waits until the vector loops of a warm-up that has begun are compiled, and has that done now. An interrupt ends the waiting and
  /// stays set.
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
