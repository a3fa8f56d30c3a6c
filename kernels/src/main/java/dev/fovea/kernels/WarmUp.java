package dev.fovea.kernels;

import dev.fovea.kernels.vector.Rehearsal;
import java.util.function.Supplier;
import org.jetbrains.annotations.Nullable;

/// Avoids the slow start of the vector kernels.
///
/// A vector loop runs a hundred times slower until C2 has compiled it, and compilation takes several times as long in the middle of
/// a large task. So scalar loops, which C2 compiles quickly, compute the first picture or so, with identical results. If the
/// program continues, a background thread calls each vector loop repeatedly on tiny operands until C2 has compiled it; then vector
/// loops take over. The loops of a decoder follow when the program uses one. Programs that run a small model once skip this,
/// because compilation competes for the processor.
///
/// Thread-safe. The background thread is a daemon and ends when the loops are compiled; nothing is to be closed.
public final class WarmUp {
  private static final String NAME = "fovea-warm-up";

  /// The thread of the first step, and of the later ones if they have begun. No thread waits in between: it would keep these
  /// classes, which a server may want to unload.
  private static @Nullable Thread preparing, rehearsing, rehearsingDecoder;

  private WarmUp() {}

  /// Starts the warm-up, once per program, if [KernelProvider#VECTOR] can run, and returns at once. Further calls do nothing.
  public static synchronized void start() {
    if (preparing != null || !KernelProvider.hasVectorApi()) return;
    Rehearsal.announce();
    preparing = DetachedThread.start(NAME, WarmUp::prepare);
  }

  private static void prepare() {
    if (KernelProvider.VECTOR.reasonAgainst().isEmpty()) Rehearsal.prepare(WarmUp::rehearse, WarmUp::rehearseDecoder);
  }

  private static synchronized void rehearse() {
    try {
      rehearsing = DetachedThread.start(NAME, () -> Rehearsal.run(step -> DetachedThread.start(NAME + "-2", step)));
    } catch (OutOfMemoryError _) {
      Rehearsal.skip();   // There is no thread to be had, and this one computes something else.
    }
  }

  private static synchronized void rehearseDecoder() {
    try {
      rehearsingDecoder = DetachedThread.start(NAME, Rehearsal::runForDecoder);
    } catch (OutOfMemoryError _) {
      Rehearsal.skip();   // As above.
    }
  }

  /// Compiles the vector loops of a started warm-up now and waits until this is done; for those of a decoder, if the program has
  /// used one. An interrupt ends the wait and stays set. Without a started warm-up it returns at once.
  public static void await() {
    try {
      if (!join(() -> preparing)) return;
      Rehearsal.hurry();
      join(() -> rehearsing);
      join(() -> rehearsingDecoder);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Waits for a step; false if it has not begun.
  private static boolean join(Supplier<@Nullable Thread> of) throws InterruptedException {
    Thread step;
    synchronized (WarmUp.class) {
      step = of.get();
    }
    if (step != null) step.join();
    return step != null;
  }
}
