package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import org.jetbrains.annotations.Nullable;

/// Avoids the slow start of the vector kernels.
///
/// A vector loop runs a hundred times slower until C2 has compiled it, and compilation takes several times as long in the middle of
/// a large task. So scalar loops, which C2 compiles quickly, compute the first picture or so, with identical results. If the
/// program continues, a background thread calls each vector loop repeatedly on tiny operands until C2 has compiled it; then vector
/// loops take over. Programs that run a small model once skip this, because compilation competes for the processor.
///
/// Thread-safe. The background thread is a daemon and ends when the loops are compiled; nothing is to be closed.
public final class WarmUp {
  private static @Nullable Thread thread;

  private WarmUp() {}

  /// Starts the warm-up, once per program, if [KernelProvider#VECTOR] can run, and returns at once. Further calls do nothing.
  public static synchronized void start() {
    if (thread != null || !KernelProvider.hasVectorApi()) return;
    Rehearsal.announce();
    thread = Thread.ofPlatform().name("fovea-warm-up").daemon().start(WarmUp::run);
  }

  private static void run() {
    if (KernelProvider.VECTOR.reasonAgainst().isEmpty()) Rehearsal.run();
  }

  /// Compiles the vector loops of a started warm-up now and waits until this is done. An interrupt ends the wait
  /// and stays set. Without a started warm-up it returns at once.
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
