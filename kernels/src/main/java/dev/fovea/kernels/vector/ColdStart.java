package dev.fovea.kernels.vector;

import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.annotations.Nullable;

/// The start-up state of a program: cold until C2 has compiled the vector loops.
///
/// An uncompiled vector loop allocates an object for each vector and runs a hundred times slower. C2 compiles a scalar loop over
/// arrays within some tens of milliseconds, also to vector instructions, with a third to a half of the final speed.
/// [ColdStartKernels] chooses between the two.
final class ColdStart {
  /// Multiply-accumulates after which a program is expected to continue: ViT-B takes 18 billion per picture. A measure of work,
  /// because elapsed time means little on a busy machine.
  private static final long MANY = 20_000_000_000L;

  private static final AtomicLong done = new AtomicLong();
  private static volatile boolean cold;
  /// What to do when many are counted.
  private static volatile @Nullable Runnable next;

  private ColdStart() {}

  /// Sets whether the vector loops still need compilation. A program is warm by default.
  static void set(boolean isCold) {
    cold = isCold;
  }

  static boolean isCold() {
    return cold;
  }

  /// Adds multiply-accumulates of the scalar loops to the count.
  static void count(long multiplyAccumulates) {
    if (done.addAndGet(multiplyAccumulates) > MANY && next != null) hurry();
  }

  /// Multiply-accumulates counted so far.
  static long counted() {
    return done.get();
  }

  /// Has `action` run once compilation of the vector loops is worthwhile.
  static void whenMany(Runnable action) {
    next = action;
    count(0);
  }

  /// Runs that action now, unless it has run. It has when this method returns.
  static synchronized void hurry() {
    var action = next;
    next = null;
    if (action != null) action.run();
  }
}
