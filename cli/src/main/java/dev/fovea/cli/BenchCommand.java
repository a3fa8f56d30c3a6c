package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.MachineProbe;
import dev.fovea.kernels.WarmUp;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.sam.PointPrompt;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "bench", description = "Measure how fast a model runs, beside what the processor could do.")
final class BenchCommand implements Callable<Integer> {
  private static final long WARM_UP_AT_LEAST = 1_500_000_000L, WARM_UP_AT_MOST = 15_000_000_000L;
  private static final int PASSES_WITHOUT_GAIN = 5, MAX_SIZE = 1 << 14;
  /// A pass below this fraction of the best time is faster; smaller gains are noise.
  private static final double GAIN = 0.97;
  /// Rounds of some milliseconds to measure the peak between two passes.
  private static final int PEAK_ROUNDS = 2;

  @ArgGroup(multiplicity = "1")
  private Subject subject;

  static final class Subject {
    @Parameters(paramLabel = "MODEL", description = ModelOptions.MODEL)
    private Path model;

    @Option(names = "--preset", paramLabel = "NAME",
        description = "A published size with random weights, such as vit-base-patch16-224.")
    private String preset;
  }

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "Pictures in a pass (default: 1).")
  private int batch;

  @Option(names = "--size", paramLabel = "N", defaultValue = "0",
      description = "Side of the pictures in pixels (default: the model's own).")
  private int size;

  @Option(names = "--runs", paramLabel = "N", defaultValue = "10", description = "Passes to measure (default: 10).")
  private int runs;

  @Option(names = "--point",
      description = "Of Segment Anything, measure what a point costs where the picture's embedding is ready.")
  private boolean point;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private record Report(String model, String kernels, int threads, int batch, double median_ms, double min_ms, double gflops,
      double peak_gflops, double share_of_peak, double peak_rss_mib) {}

  @Override
  public Integer call() {
    if (batch < 1 || batch > 4096) throw new Fovea.UsageException("--batch: expected 1 to 4096, got " + batch);
    if (point && batch != 1) throw new Fovea.UsageException("--batch: expected 1 beside --point, got " + batch);
    if (size < 0 || size > MAX_SIZE) throw new Fovea.UsageException("--size: expected 1 to " + MAX_SIZE + ", got " + size);
    if (runs < 1) throw new Fovea.UsageException("--runs: expected at least 1, got " + runs);
    try (var arena = Arena.ofShared();
        var checkpoint = subject.model == null ? null : modelOptions.open(subject.model, Residency.LOADED)) {
      var model = checkpoint == null ? preset(arena) : checkpoint.reading(() -> LoadedModel.of(checkpoint, arena));
      var report = measure(point ? ofPoint(model) : model, arena);
      Output.write(json ? Output.json(report) : text(report), null);
    }
    return Fovea.GOOD;
  }

  private LoadedModel preset(Arena arena) {
    try {
      return LoadedModel.preset(subject.preset, arena);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--" + e.getMessage());
    }
  }

  private static LoadedModel ofPoint(LoadedModel model) {
    try {
      return PointPrompt.of(model);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--point: " + e.getMessage());
    }
  }

  private Report measure(LoadedModel model, Arena arena) {
    long macs = macs(model);
    var inputs = model.randomInputs(batch, size, arena);
    try (var kernels = kernelOptions.open(); var workspace = new Workspace(kernels)) {
      Runnable pass = () -> model.run(workspace, inputs, Probe.NONE);
      WarmUp.await();
      warmUp(pass);
      // The clock rate varies, so the peak is measured between passes too; not with slow vectors, which would take too long.
      boolean hasPeak = KernelProvider.VECTOR.reasonAgainst().isEmpty();
      double peak = hasPeak ? MachineProbe.peakGflops() : Double.NaN;
      var millis = new double[runs];
      for (int i = 0; i < runs; i++) {
        millis[i] = millis(pass);
        if (hasPeak) peak = Math.max(peak, MachineProbe.peakGflops(PEAK_ROUNDS));
      }
      if (hasPeak) peak = Math.max(peak, MachineProbe.peakGflops());
      peak *= kernels.threads();
      Arrays.sort(millis);
      double median = (millis[(runs - 1) / 2] + millis[runs / 2]) / 2;
      double gflops = 2 * macs / median / 1e6;
      return new Report(model.name(), kernels.name(), kernels.threads(), batch, median, millis[0], gflops, peak, gflops / peak,
          peakRss());
    }
  }

  private long macs(LoadedModel model) {
    try {
      return model.dryRun(batch, size).macs();
    } catch (InputException e) {
      throw new Fovea.UsageException("--size: " + e.getMessage());
    }
  }

  private static double millis(Runnable pass) {
    long start = System.nanoTime();
    pass.run();
    return (System.nanoTime() - start) / 1e6;
  }

  /// Runs passes, while C2 compiles, until they no longer become faster or time is up.
  private static void warmUp(Runnable pass) {
    long start = System.nanoTime(), elapsed;
    double best = Double.POSITIVE_INFINITY;
    int withoutGain = 0;
    do {
      double millis = millis(pass);
      withoutGain = millis < GAIN * best ? 0 : withoutGain + 1;
      best = Math.min(best, millis);
      elapsed = System.nanoTime() - start;
    } while (elapsed < WARM_UP_AT_LEAST || withoutGain < PASSES_WITHOUT_GAIN && elapsed < WARM_UP_AT_MOST);
  }

  /// Peak resident memory as Linux reports it; NaN elsewhere.
  private static double peakRss() {
    try {
      for (var line : Files.readAllLines(Path.of("/proc/self/status")))
        if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
    } catch (IOException e) {
      // Not Linux.
    }
    return Double.NaN;
  }

  private static String text(Report r) {
    return String.format("%s, %s kernels, %d thread%s, batch %d%n  median %.1f ms, minimum %.1f ms%n"
        + "  %.0f GFLOP/s, %.0f %% of the measured FMA peak of %.0f GFLOP/s%n  peak resident memory %.0f MiB%n",
        r.model, r.kernels, r.threads, r.threads == 1 ? "" : "s", r.batch, r.median_ms, r.min_ms, r.gflops, 100 * r.share_of_peak,
        r.peak_gflops, r.peak_rss_mib);
  }
}
