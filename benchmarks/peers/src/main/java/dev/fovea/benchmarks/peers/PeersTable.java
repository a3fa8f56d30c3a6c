package dev.fovea.benchmarks.peers;

import dev.fovea.benchmarks.Limit;
import dev.fovea.benchmarks.Timing;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/// Fovea, ONNX Runtime and PyTorch on the same operands, one after the other: a markdown table. Their results are compared first.
public final class PeersTable {
  private static final String PRESET = "vit-base-patch16-224";
  private static final String DETECTOR = "grounding-dino-tiny";
  private static final int HEIGHT = 800, WIDTH = 1066;
  /// "a cat. a remote control."
  private static final long[] TEXT = {101, 1037, 4937, 1012, 1037, 6556, 2491, 1012, 102};
  private static final int[] THREADS = {1, 2};
  /// Largest difference of two programs, relative to the largest number: what float32 sums in different orders may differ by,
  /// in one product and in a model of fifty.
  private static final double PRODUCT_BOUND = 1e-5, MODEL_BOUND = 1e-4;
  /// The same for a detector, and the share of its queries for which it may be larger: which places they start from is a choice
  /// among scores that may be as good as equal, and a box near an edge magnifies any difference.
  private static final double DETECTOR_BOUND = 1e-3, DETECTOR_OTHERS = 0.05;

  private PeersTable() {}

  /// @param args if only some rows are wanted, a regular expression that is found in their names
  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT);
    var wanted = Pattern.compile(args.length > 0 ? args[0] : "").asPredicate();
    System.out.printf("Java %s, ONNX Runtime %s, PyTorch %s (through DJL).%n"
        + "Median time, speed, and share of the FMA peak that was measured right before and after, times threads.%n%n",
        Runtime.version(), OnnxPeer.version(), TorchPeer.version());
    System.out.printf("| what | threads | Fovea | ONNX Runtime | PyTorch |%n|---|---|---|---|---|%n");
    products(wanted);
    if (wanted.test(PRESET)) models();
    if (wanted.test(DETECTOR)) detectors();
    System.exit(0);   // PyTorch's threads would linger.
  }

  private static void products(Predicate<String> wanted) {
    for (var size : Product.SIZES) {
      if (!wanted.test(size.toString())) continue;
      var p = size.random();
      for (int threads : THREADS)
        row(size.toString(), threads, 2.0 * p.m() * p.n() * p.k(), PRODUCT_BOUND, () -> FoveaPeer.product(p, threads),
            () -> OnnxPeer.product(p, threads), () -> TorchPeer.product(p, threads));
    }
  }

  private static void models() {
    try (var arena = Arena.ofShared()) {
      var weights = new VitWeights(PRESET, arena);
      var image = Product.uniform(new SplittableRandom(2), 3 * weights.config().imageHeight() * weights.config().imageWidth());
      for (int threads : THREADS)
        row(PRESET, threads, weights.flops(), MODEL_BOUND, () -> FoveaPeer.vit(weights, image, threads),
            () -> OnnxPeer.vit(weights, image, threads), () -> TorchPeer.vit(weights, image, threads));
    }
  }

  private static void detectors() {
    var sizes = GroundingDinoSizes.of(GroundingDinoSizes.json(DETECTOR));
    var parameters = Parameters.random();
    var pixels = Product.uniform(new SplittableRandom(2), 3 * HEIGHT * WIDTH);
    var input = new DetectorInput(HEIGHT, WIDTH, pixels, TEXT, SubSentences.of(TEXT, sizes.dim()));
    var onnx = OnnxGroundingDino.model(sizes, parameters, input);   // asks for all parameters
    var file = DetectorFile.of(DETECTOR, parameters);
    double flops = FoveaPeer.flops(file, input);
    int row = TEXT.length + 4;
    for (int threads : THREADS)
      row(DETECTOR + ", " + HEIGHT + "x" + WIDTH + ", " + TEXT.length + " tokens", threads, flops,
          (actual, expected) -> compareRows(actual, expected, row), () -> FoveaPeer.detector(file, input, threads),
          () -> OnnxPeer.groundingDino(onnx, input, threads), () -> TorchPeer.groundingDino(sizes, parameters, input, threads));
  }

  @SafeVarargs
  private static void row(String what, int threads, double flops, double bound, Supplier<Computation> fovea,
      Supplier<Computation>... peers) {
    row(what, threads, flops, (actual, expected) -> compare(actual, expected, bound), fovea, peers);
  }

  /// @param compare ends the program where a peer computes something else
  @SafeVarargs
  private static void row(String what, int threads, double flops, BiConsumer<float[], float[]> compare, Supplier<Computation> fovea,
      Supplier<Computation>... peers) {
    var row = new StringBuilder("| " + what + " | " + threads + " | ");
    float[] expected;
    try (var computation = fovea.get()) {
      expected = computation.output();
      row.append(cell(computation, flops, threads));
    }
    for (var peer : peers) {
      try (var computation = peer.get()) {
        compare.accept(computation.output(), expected);
        row.append(cell(computation, flops, threads));
      }
    }
    System.out.println(row.toString().stripTrailing());
  }

  private static String cell(Computation computation, double flops, int threads) {
    var timing = Timing.of(computation::run, () -> Limit.FMA.seconds(flops / threads));
    return String.format("%.2f ms, %.0f GFLOP/s, %s | ", 1e3 * timing.median(), flops / timing.median() / 1e9,
        Limit.FMA.ratio(timing.share()));
  }

  private static void compare(float[] actual, float[] expected, double bound) {
    double largest = largest(actual, expected);
    for (int i = 0; i < actual.length; i++)
      if (!(Math.abs((double) actual[i] - expected[i]) <= bound * largest))
        throw new IllegalStateException("number " + i + " is " + actual[i] + " against Fovea's " + expected[i]);
  }

  private static void compareRows(float[] actual, float[] expected, int row) {
    double largest = largest(actual, expected);
    int rows = actual.length / row, others = 0;
    for (int r = 0; r < rows; r++) {
      boolean same = true;
      for (int i = r * row; i < (r + 1) * row; i++)
        same &= Math.abs((double) actual[i] - expected[i]) <= DETECTOR_BOUND * largest;
      if (!same) others++;
    }
    if (others > DETECTOR_OTHERS * rows) throw new IllegalStateException(others + " of " + rows + " queries differ from Fovea's");
  }

  private static double largest(float[] actual, float[] expected) {
    if (actual.length != expected.length)
      throw new IllegalStateException(actual.length + " numbers against Fovea's " + expected.length);
    double largest = 0;
    for (float e : expected) largest = Math.max(largest, Math.abs(e));
    return largest;
  }
}
