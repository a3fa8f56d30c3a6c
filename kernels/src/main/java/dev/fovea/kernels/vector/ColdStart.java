package dev.fovea.kernels.vector;

import dev.fovea.kernels.WeightFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.annotations.Nullable;

/// The start-up state of a program: cold until C2 has compiled the vector loops.
///
/// An uncompiled vector loop allocates an object for each vector and runs a hundred times slower. C2 compiles a scalar loop over
/// arrays within some tens of milliseconds, also to vector instructions, with a third to a half of the final speed.
/// [ColdStartKernels] chooses between the two.
final class ColdStart {
  /// Multiply-accumulates after which the compilation of the vector loops begins. It slows what runs beside it, and takes about as
  /// long as these have taken, so a program that ends sooner is faster without. ViT-B takes 18 billion per picture. A measure of
  /// work, because elapsed time means little on a busy machine.
  private static final long MANY = 50_000_000_000L;

  /// Multiply-accumulates of a pass that waits for the vector loops. C2 needs a second for them on two processors, in which the
  /// scalar loops take less than half of these (`benchmarks/NOTES.md`).
  private static final long VERY_MANY = 50_000_000_000L;

  /// Fewer rows of a product take scalar loops as long as these.
  private static final int FEW_ROWS = 64;

  private static final AtomicLong done = new AtomicLong();
  private static volatile boolean cold, hurried;
  /// What to do when many are counted.
  private static volatile @Nullable Runnable next;
  /// Zero once what was begun by `next` has ended.
  private static volatile @Nullable CountDownLatch rehearsed;
  private static final Set<WeightFormat> formats = ConcurrentHashMap.newKeySet();

  private ColdStart() {}

  /// Sets whether the vector loops still need compilation. A program is warm by default.
  static void set(boolean isCold) {
    cold = isCold;
    var waiting = rehearsed;
    if (!isCold && waiting != null) waiting.countDown();
  }

  static boolean isCold() {
    return cold;
  }

  /// Counts the multiply-accumulates of scalar loops.
  static void count(long multiplyAccumulates) {
    if (done.addAndGet(multiplyAccumulates) > MANY && next != null) begin(false);
  }

  /// The same for a product of `m` rows.
  static void count(long m, long n, long k) {
    count(Math.max(m, FEW_ROWS) * n * k);
  }

  /// Notes the formats of a pass that will run soon. If the pass is large, it begins the compilation of the vector loops and waits
  /// for that. An interrupt ends the wait and stays set.
  static void expect(long multiplyAccumulates, Set<WeightFormat> ofWeights) {
    formats.addAll(ofWeights);
    if (multiplyAccumulates < VERY_MANY) return;
    hurry();
    var waiting = rehearsed;
    if (!cold || waiting == null) return;
    try {
      waiting.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /// The formats noted so far.
  static Set<WeightFormat> formats() {
    return Set.copyOf(formats);
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

  /// Runs that action now, unless it has run, for somebody who waits. It has when this method returns.
  static void hurry() {
    begin(true);
  }

  /// Whether somebody waits for what the action has begun.
  static boolean isHurried() {
    return hurried;
  }

  private static synchronized void begin(boolean hurry) {
    hurried |= hurry;
    var action = next;
    next = null;
    if (action == null) return;
    rehearsed = new CountDownLatch(1);
    action.run();
  }
}
