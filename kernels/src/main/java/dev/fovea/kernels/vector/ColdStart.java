package dev.fovea.kernels.vector;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

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
  private static final CountDownLatch doneMany = new CountDownLatch(1);
  private static volatile boolean cold;

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
    if (done.addAndGet(multiplyAccumulates) > MANY) doneMany.countDown();
  }

  /// Multiply-accumulates counted so far.
  static long counted() {
    return done.get();
  }

  /// Waits until compilation of the vector loops is worthwhile, but no longer than `most`: a program that computes little and goes
  /// on, such as a server, must not keep a waiting thread for ever, and with it all that is loaded.
  static void awaitMany(Duration most) throws InterruptedException {
    doneMany.await(most.toNanos(), TimeUnit.NANOSECONDS);
  }

  /// Ends that wait.
  static void hurry() {
    doneMany.countDown();
  }
}
