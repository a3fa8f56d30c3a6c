package dev.fovea.benchmarks;

import static dev.fovea.benchmarks.Shapes.NONE;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Locale;

/// Fails when a kernel is slower than it should be: each must reach a share of what the machine allows, close to the share that it
/// reaches on a quiet machine.
///
/// Kernel and limit are measured in turn, in runs of about a millisecond, and the best run of each counts. A busy machine makes the
/// gate take longer, because more runs are needed until one of each is undisturbed; it does not make the gate more lenient.
public final class SpeedGate {
  private static final double ROUND = 0.01;
  /// The fewest rounds, so that the limit is not taken from a disturbed run.
  private static final int FEWEST_ROUNDS = 15;

  /// A kernel and the least share of its limit, by the width of the vectors in bits.
  private record Row(Shape shape, double at128, double at256, double at512) {
    double floor(int bits) {
      return bits >= 512 ? at512 : bits >= 256 ? at256 : at128;
    }
  }

  /// Measured shares, best limit over best run, less a tenth. The floors for 256 bit allow for AVX2's sixteen registers and for
  /// cores whose other hardware thread is busy (`benchmarks/NOTES.md`).
  private static final List<Row> ROWS = List.of(
      //                                                           128 bit      256 bit      512 bit
      new Row(product(197, WeightFormat.F32),                          0.60,        0.60,        0.85),
      new Row(product(197, WeightFormat.BF16),                         0.60,        0.50,        0.80),
      new Row(product(197, WeightFormat.Q8),                           0.60,        0.50,        0.80),
      // A processor with two 512-bit multiply-add units reaches 72 %, for it loads each vector of the weight for four of them.
      new Row(product(4, WeightFormat.F32),                            0.60,        0.45,        0.65),
      // A token of a language model; each weight is decoded for one multiply-add.
      new Row(product(1, WeightFormat.BF16),                           0.15,        0.15,        0.33),
      new Row(product(1, WeightFormat.Q8),                             0.05,        0.10,        0.26),
      new Row(AttentionShapes.attention("vit-base", 197, NONE),       0.50,        0.30,        0.60),
      // Shares of a copy's speed.
      new Row(depthwise(),                                         1 / 7.0,     1 / 5.0,     1 / 3.0),
      new Row(Shapes.softmax(64, 3072, NONE),                     1 / 14.0,     1 / 8.0,     1 / 5.5),
      new Row(Shapes.layerNorm(64, 3072, NONE),                    1 / 9.0,     1 / 5.5,     1 / 3.5),
      new Row(Shapes.activation(Activation.GELU, 64, 3072, NONE), 1 / 14.0,     1 / 8.0,     1 / 7.0));

  private SpeedGate() {}

  /// The weight fits in the second-level cache.
  private static Shape product(int rows, WeightFormat type) {
    return Shapes.product("speed gate", rows, 384, 768, type, NONE);
  }

  private static Shape depthwise() {
    return ConvolutionShapes.depthwise("speed gate", 32, 128, Window.square(3).pad(1));
  }

  /// Ends with status 1 if a kernel stays below its floor.
  ///
  /// @param args the seconds that each kernel has to reach it; further arguments, which the launcher adds, are ignored
  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT);
    if (args.length == 0 || !args[0].matches("[1-9][0-9]{0,3}")) {
      System.err.println("speed gate: expected a number of seconds for each kernel, got '" + String.join(" ", args) + "'");
      System.exit(2);
    }
    if (Boolean.getBoolean("fovea.warmUp")) {
      WarmUp.start();
      WarmUp.await();
    }
    boolean isGood = true;
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      for (var row : ROWS) isGood &= reaches(row, kernels, Integer.parseInt(args[0]));
    }
    System.exit(isGood ? 0 : 1);
  }

  /// Whether the kernel reaches its floor; stops when it does, or when the time is over.
  private static boolean reaches(Row row, Kernels kernels, double seconds) {
    double floor = row.floor(MachineProbe.vectorBits());
    boolean isGood = false;
    var shape = row.shape;
    try (var arena = Arena.ofShared()) {
      var prepared = shape.prepare().apply(arena);
      prepared.runChecked(kernels);
      double best = Double.POSITIVE_INFINITY, limit = Double.POSITIVE_INFINITY;
      long start = System.nanoTime();
      for (int round = 1; !isGood && System.nanoTime() - start < 1e9 * seconds; round++) {
        best = Math.min(best, round(prepared, kernels));
        limit = Math.min(limit, shape.limit().quickSeconds(shape.amount()));
        isGood = round >= FEWEST_ROUNDS && limit / best >= floor;
      }
      System.out.printf("%s %s: %s of the %s, floor %s, after %.1f s%n", isGood ? "good  " : "FAILED", shape.name(),
          shape.limit().ratio(limit / best), shape.limit().words(), shape.limit().ratio(floor), (System.nanoTime() - start) / 1e9);
    }
    return isGood;
  }

  /// The best of some runs, in seconds.
  private static double round(Case prepared, Kernels kernels) {
    double best = Double.POSITIVE_INFINITY;
    for (double total = 0; total < ROUND;) {
      prepared.restore();
      long start = System.nanoTime();
      prepared.run(kernels);
      double run = (System.nanoTime() - start) / 1e9;
      best = Math.min(best, run);
      total += run;
    }
    return best;
  }
}
