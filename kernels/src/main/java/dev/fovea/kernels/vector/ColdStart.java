package dev.fovea.kernels.vector;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/// The state of a program's start: cold until C2 has compiled the vector loops.
///
/// An uncompiled vector loop allocates an object for each vector and runs a hundred times slower. A scalar loop over arrays is
/// compiled within some tens of milliseconds, to vector instructions too, and reaches a third to a half of the final speed.
/// [ColdStartKernels] chooses between the two.
final class ColdStart {
  /// Multiply-accumulates after which a program is expected to go on: a picture through ViT-B takes 18 billion. A measure of
  /// work, because time says nothing on a machine that is busy with something else.
  private static final long MANY = 20_000_000_000L;

  private static final AtomicLong done = new AtomicLong();
  private static final CountDownLatch doneMany = new CountDownLatch(1);
  private static volatile boolean cold;

  private ColdStart() {}

  /// Sets whether the vector loops are still to be compiled. A program counts as warm unless this is called.
  static void set(boolean isCold) {
    cold = isCold;
  }

  static boolean isCold() {
    return cold;
  }

  /// Counts multiply-accumulates of the scalar loops.
  static void count(long multiplyAccumulates) {
    if (done.addAndGet(multiplyAccumulates) > MANY) doneMany.countDown();
  }

  /// Multiply-accumulates counted so far.
  static long counted() {
    return done.get();
  }

  /// Waits until it pays to compile the vector loops.
  static void awaitMany() throws InterruptedException {
    doneMany.await();
  }

  /// Ends that waiting.
  static void hurry() {
    doneMany.countDown();
  }
}
