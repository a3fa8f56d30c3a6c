package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Has the vector kernels compiled while a program still does something else, such as opening its model.
///
/// A loop over vectors runs a hundred times slower until C2 has compiled it, and where it meets a large task first, C2
/// compiles it in the middle of the loop, which takes several times as long. The warm-up calls each loop often on next to
/// nothing instead.
public final class WarmUp {
  private static @Nullable Thread thread;

  private WarmUp() {}

  /// Begins in a thread of its own, once in a program, where [KernelProvider#VECTOR] can run.
  public static synchronized void start() {
    if (thread == null && KernelProvider.VECTOR.reasonAgainst().isEmpty())
      thread = Thread.ofPlatform().name("fovea-warm-up").daemon().start(Rehearsal::run);
  }

  /// Waits until a warm-up that has begun is over; an interrupt ends the waiting and stays set.
  public static void await() {
    Thread begun;
    synchronized (WarmUp.class) {
      begun = thread;
    }
    try {
      if (begun != null) begun.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
