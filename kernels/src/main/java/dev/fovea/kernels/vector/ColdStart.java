package dev.fovea.kernels.vector;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Operation.Append;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Operation.Multiply;
import dev.fovea.kernels.WeightFormat;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.annotations.Nullable;

/// The start-up state of a program: cold until C2 has compiled the vector loops.
///
/// The loops that only a decoder needs are compiled later, when one is seen, because others would wait for them. Until then its
/// operations stay cold by themselves.
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

  /// The formats of weights seen so far, a bit each.
  private static final AtomicInteger formats = new AtomicInteger();
  /// Whether a decoder was seen and its loops still need compilation.
  private static volatile boolean decoderCold;
  /// What to do when a decoder is seen.
  private static volatile @Nullable Runnable nextForDecoder;

  private ColdStart() {}

  /// Sets whether the vector loops still need compilation. A program is warm by default.
  static void set(boolean isCold) {
    cold = isCold;
  }

  /// Whether a scalar loop is the better choice for an operation.
  static boolean isCold(Operation operation) {
    if (nextForDecoder != null) look(operation);
    return cold || decoderCold && isOfDecoder(operation);
  }

  /// Notes the format of a weight. Only decoders append to a cache; they are of interest once the program is warm for others.
  private static void look(Operation operation) {
    if (operation instanceof Linear linear) formats.accumulateAndGet(1 << linear.weight().format().ordinal(), (a, b) -> a | b);
    else if (operation instanceof Append && !cold) meetDecoder();
  }

  /// A product of one row or with SiLU, the product of a gate, and attention to a cache.
  private static boolean isOfDecoder(Operation operation) {
    return switch (operation) {
      case Linear o -> o.m() == 1 || o.activation() == Activation.SILU;
      case Attention o -> o.mask().causal() || o.mask().length() != null;
      case Multiply _ -> true;
      default -> false;
    };
  }

  private static synchronized void meetDecoder() {
    var action = nextForDecoder;
    nextForDecoder = null;
    decoderCold = action != null;
    if (action != null) action.run();
  }

  /// Has `action` run once a decoder is seen in a program that is warm otherwise.
  static void whenDecoder(Runnable action) {
    nextForDecoder = action;
  }

  /// Marks the loops of a decoder as compiled.
  static void decoderIsWarm() {
    decoderCold = false;
  }

  /// Whether a weight of this format was seen.
  static boolean hasSeen(WeightFormat format) {
    return (formats.get() & 1 << format.ordinal()) != 0;
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
