package dev.fovea.benchmarks;

import dev.fovea.benchmarks.ModelCase.Pass;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// Prints a markdown table of targets and measured results, one row after the other.
final class ShortTable {
  private final Predicate<String> wanted;

  private ShortTable(Pattern filter) {
    wanted = filter.asPredicate();
  }

  /// Prints the rows whose name contains the pattern.
  ///
  /// @throws IllegalStateException if a result is wrong
  static void print(Pattern filter) {
    double peak = MachineProbe.peakGflops(), read = MachineProbe.readBandwidth(1), copy = MachineProbe.copyBandwidth();
    System.out.printf("Java %s, %d-bit vectors; FMA peak %.0f GFLOP/s, read %.1f GB/s, copy %.1f GB/s read and written.%n"
        + "Times are medians and, after the slash, the best of 5 calls or more; limits are measured right before and after.%n%n",
        Runtime.version(), MachineProbe.vectorBits(), peak, read, copy);
    System.out.printf("| what | reach | measured | ratio |%n|---|---|---|---|%n");
    new ShortTable(filter).rows();
  }

  private void rows() {
    for (var shape : Shapes.ALL) if (!Double.isNaN(shape.reach())) kernel(shape);
    for (var format : List.of("f32", "f16", "bf16", "q8")) together(2, "linear 1x5504x2048 " + format + ", llm-1.3b up");
    slower("f16 weights", "linear 197x3072x768 f16, vit-base fc1", "linear 197x3072x768 f32, vit-base fc1");
    slower("bf16 weights", "linear 197x3072x768 bf16, vit-base fc1", "linear 197x3072x768 f32, vit-base fc1");
    slower("q8 weights", "linear 197x3072x768 q8, vit-base fc1", "linear 197x3072x768 f32, vit-base fc1");
    //    pass                                   share of the peak, and the time where that is 250 GFLOP/s
    model(new Pass("vit-base-patch16-224", 1, 1), 0.85, "165 ms");
    model(new Pass("dinov2-base", 1, 1),          0.78, "1.55 s");
    // Shares refer to computed operations; the published heads have more.
    model(new Pass("segformer-b0", 1, 1), 0.30, "110 ms");
    model(new Pass("segformer-b2", 1, 1), 0.26, "750 ms");
    model(Pass.ofPoint("sam-vit-base", 1), 0.38, "30 ms");
    threads(new Pass("vit-base-patch16-224", 1, 1), new Pass("vit-base-patch16-224", 1, 2), 1.85);
    batch(new Pass("vit-base-patch16-224", 1, 1), new Pass("vit-base-patch16-224", 8, 1), 0.97);
  }

  private void kernel(Shape shape) {
    row(shape.name(), shape, 1, () -> shape.limit().seconds(shape.amount()));
  }

  /// A product that the memory limits, against what as many threads read together.
  private void together(int threads, String name) {
    var shape = Shapes.named(name);
    row(name + ", " + threads + " threads", shape, threads, () -> shape.amount() / (1e9 * MachineProbe.readBandwidth(threads)));
  }

  private void row(String name, Shape shape, int threads, DoubleSupplier limit) {
    row(name, shape.limit().reach(shape.reach()), () -> {
      try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(threads))) {
        var prepared = shape.prepare().apply(arena);
        prepared.runChecked(kernels);
        var timing = Timing.of(prepared::restore, () -> prepared.run(kernels), limit);
        return measured(timing, shape.limit(), shape.amount());
      }
    });
  }

  private void model(Pass pass, double reach, String time) {
    row(pass.toString(), Limit.FMA.reach(reach) + " (" + time + " at 250 GFLOP/s)", () -> {
      try (var model = new ModelCase(pass)) {
        model.runChecked();
        double flops = pass.flopsPerThread();
        return measured(Timing.of(model::run, () -> Limit.FMA.seconds(flops)), Limit.FMA, flops);
      }
    });
  }

  private static String measured(Timing t, Limit limit, double amount) {
    return String.format("%s / %s (%s of %s) | %s, best %s", millis(t.median()), millis(t.best()),
        limit.speed(amount, t.median()), limit.speed(amount, t.limit()), limit.ratio(t.share()), limit.ratio(t.bestShare()));
  }

  /// Weights that must be widened, against float32 ones.
  private void slower(String what, String widened, String plain) {
    row(what + " over f32, " + plain, "<= 1.05 x", () -> {
      try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
        Case first = Shapes.named(widened).prepare().apply(arena), second = Shapes.named(plain).prepare().apply(arena);
        first.runChecked(kernels);
        second.runChecked(kernels);
        return measured(Timing.pair(() -> first.run(kernels), () -> second.run(kernels)));
      }
    });
  }

  private void threads(Pass one, Pass more, double reach) {
    row(more + ", speed-up over 1", ">= " + reach + " x", () -> {
      try (var alone = new ModelCase(one); var together = new ModelCase(more)) {
        alone.runChecked();
        together.runChecked();
        return measured(Timing.pair(alone::run, together::run));
      }
    });
  }

  /// A batch against as many single pictures.
  private void batch(Pass one, Pass batch, double reach) {
    row(batch + ", time over " + batch.batch() + " passes of 1", "<= " + reach + " x", () -> {
      try (var single = new ModelCase(one); var many = new ModelCase(batch)) {
        single.runChecked();
        many.runChecked();
        return measured(Timing.pair(many::run, () -> {
          for (int i = 0; i < batch.batch(); i++) single.run();
        }));
      }
    });
  }

  private static String measured(Timing.Pair pair) {
    return String.format("%s over %s | %.2f x, best %.2f x", millis(pair.first()), millis(pair.second()), pair.ratio(),
        pair.bestRatio());
  }

  private static String millis(double seconds) {
    return String.format(seconds < 0.001 ? "%.3f ms" : seconds < 0.1 ? "%.2f ms" : "%.0f ms", 1e3 * seconds);
  }

  /// Measures a row's last two cells.
  @FunctionalInterface
  private interface Measurement {
    String cells();
  }

  private void row(String what, String reach, Measurement measurement) {
    if (wanted.test(what)) System.out.println("| " + what + " | " + reach + " | " + measurement.cells() + " |");
  }
}
