package dev.fovea.kernels.vector;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/// When plain loops stand in for those over vectors.
///
/// Until C2 has compiled it, a loop over vectors makes an object of each vector and runs a hundred times slower. A plain loop
/// over arrays is compiled within some tens of milliseconds, to vector instructions too, and reaches a third to a half of the
/// speed that the other one has in the end. Both make the same bits: each sum is added up in the same order, with an fma where
/// the other has one. So one may take over from the other at any time, and nobody sees it (`StandInsTest`).
enum StandIns {
  NEVER, ALWAYS,
  /// While the program is [#cold].
  WHILE_COLD;

  /// Multiply-accumulates after which a program is taken for one that goes on: a picture through ViT-B takes 18 billion. Work
  /// and not time, which says nothing on a machine that does something else as well.
  private static final long MANY = 20_000_000_000L;

  private static final AtomicLong done = new AtomicLong();
  private static final CountDownLatch doneMany = new CountDownLatch(1);
  private static volatile boolean cold, working;

  /// Says whether the loops over vectors are still to be compiled. A program is taken to be warm unless this is called.
  static void cold(boolean isCold) {
    cold = isCold;
  }

  boolean inUse() {
    return this == ALWAYS || this == WHILE_COLD && cold;
  }

  /// Counts what has been multiplied by plain loops.
  static void count(long multiplyAccumulates) {
    working = true;
    if (done.addAndGet(multiplyAccumulates) > MANY) doneMany.countDown();
  }

  /// Whether a program has begun to multiply.
  static boolean areWorking() {
    return working;
  }

  /// Waits until the loops over vectors are worth compiling.
  static void awaitMany() throws InterruptedException {
    doneMany.await();
  }

  /// Ends that waiting.
  static void hurry() {
    doneMany.countDown();
  }
}
