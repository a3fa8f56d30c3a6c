package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Avoids the slow start of the vector kernels.
///
/// A vector loop runs a hundred times slower until C2 has compiled it, and compiling takes several times as long in the middle of a
/// large task. So scalar loops, which C2 compiles quickly, compute the first picture or so, with identical results. If the program
/// goes on, the background thread calls each vector loop often on tiny operands until C2 has compiled it, and vector loops take
/// over. Programs that run a small model once skip this, because compiling competes with computing for the processor.
public final class WarmUp {
  private static @Nullable Thread thread;

  private WarmUp() {}

  /// Starts the warm-up, once in a program, if [KernelProvider#VECTOR] can run.
  public static synchronized void start() {
    if (thread != null || !KernelProvider.hasVectorApi()) return;
    Rehearsal.announce();
    thread = Thread.ofPlatform().name("fovea-warm-up").daemon().start(WarmUp::run);
  }

  private static void run() {
    if (KernelProvider.VECTOR.reasonAgainst().isEmpty()) Rehearsal.run();
  }

  /// Compiles the vector loops of a started warm-up now, and waits for the end. An interrupt ends the waiting and stays set.
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
