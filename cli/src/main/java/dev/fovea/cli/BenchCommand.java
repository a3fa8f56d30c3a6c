package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.sam.PointPrompt;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "bench", description = "Measure how fast a model runs, beside what the processor could do.")
final class BenchCommand implements Callable<Integer> {
  private static final int MAX_SIZE = 1 << 14, RUNS = 10, RUNS_OF_TEXT = 3;

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

  @Option(names = "--runs", paramLabel = "N",
      description = "Passes to measure (default: " + RUNS + "; of a model that continues texts " + RUNS_OF_TEXT + ").")
  private @Nullable Integer runs;

  @Option(names = "--dtype", paramLabel = "TYPE",
      description = "With --preset: store its matrices as convert does, f32, f16, bf16 or q8 (default: f32).")
  private @Nullable WeightFormat dtype;

  @Option(names = "--prompt", paramLabel = "N",
      description = "Of a model that continues texts, tokens of text in the prompt (default: " + TextBench.TEXT
          + ", beside a picture " + TextBench.TEXT_BESIDE_PICTURE + ").")
  private @Nullable Integer prompt;

  @Option(names = "--texts", paramLabel = "FILE",
      description = "Of a model that embeds texts, measure the embedding of a file's lines in one call, with the tokenizer's time.")
  private @Nullable Path textFile;

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
    if (runs != null && runs < 1) throw new Fovea.UsageException("--runs: expected at least 1, got " + runs);
    if (prompt != null && prompt < 1) throw new Fovea.UsageException("--prompt: expected at least 1, got " + prompt);
    if (dtype != null && subject.preset == null) throw new Fovea.UsageException("--dtype: expected --preset beside it");
    if (textFile != null) {
      if (subject.model == null) throw new Fovea.UsageException("--texts: expected a MODEL, since presets have no tokenizer");
      if (point || batch != 1 || size != 0 || prompt != null)
        throw new Fovea.UsageException("--texts: expected no --point, --batch, --size or --prompt beside it");
      var report = ofLines(TextEmbedRun.lines(textFile));
      Output.write(json ? Output.json(report) : report.text(), null);
      return Fovea.GOOD;
    }
    try (var arena = Arena.ofShared();
        var checkpoint = subject.model == null ? null : modelOptions.open(subject.model, Residency.LOADED)) {
      var model = checkpoint == null ? preset(arena) : checkpoint.reading(() -> LoadedModel.of(checkpoint, arena));
      if (!point && model.model() instanceof ContinuesText continues) {
        var report = ofText(model, continues, arena);
        Output.write(json ? Output.json(report) : report.text(), null);
        return Fovea.GOOD;
      }
      if (prompt != null) throw new Fovea.UsageException("--prompt: only a model that continues texts takes it, and " + model.name()
          + " is none");
      var report = measure(point ? ofPoint(model) : model, arena);
      Output.write(json ? Output.json(report) : text(report), null);
    }
    return Fovea.GOOD;
  }

  /// Of texts that are embedded in one call.
  private record LinesReport(String model, String kernels, int threads, int texts, long tokens, double median_ms, double min_ms,
      double texts_per_s, double tokens_per_s, double peak_rss_mib) {
    String text() {
      return String.format(Locale.ROOT, "%s, %s kernels, %d thread%s, %d texts of %d tokens%n  median %.1f ms, minimum %.1f ms%n"
          + "  %.1f texts/s, %.0f tokens/s%n  peak resident memory %.0f MiB%n", model, kernels, threads, threads == 1 ? "" : "s",
          texts, tokens, median_ms, min_ms, texts_per_s, tokens_per_s, peak_rss_mib);
    }
  }

  private LinesReport ofLines(List<String> lines) {
    try (var kernels = kernelOptions.open();
        var embedder = TextEmbedder.of(modelOptions.open(subject.model, Residency.LOADED), kernels)) {
      WarmUp.await();
      Runnable pass = () -> embedder.embed(lines);
      PassTimes.warmUp(pass);
      var times = new PassTimes();
      for (int i = 0; i < (runs == null ? RUNS : runs); i++) times.add(pass);
      long tokens = lines.stream().mapToLong(line -> Math.min(embedder.maxTokens(), embedder.countTokens(line))).sum();
      return new LinesReport(subject.model.toString(), kernels.name(), kernels.threads(), lines.size(), tokens, times.median(),
          times.best(), 1000 * lines.size() / times.median(), 1000 * tokens / times.median(), PassTimes.peakRss());
    }
  }

  private LoadedModel preset(Arena arena) {
    try {
      return LoadedModel.preset(subject.preset, dtype == null ? WeightFormat.F32 : dtype, arena);
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

  private TextBench.Report ofText(LoadedModel model, ContinuesText continues, Arena arena) {
    if (batch != 1) throw new Fovea.UsageException("--batch: expected 1 for a model that continues texts, got " + batch);
    if (size != 0) throw new Fovea.UsageException("--size: a model that continues texts takes its own, got " + size);
    try (var kernels = kernelOptions.open(); var workspace = new Workspace(kernels)) {
      return new TextBench(model, continues, kernels, workspace, arena).measure(prompt, runs == null ? RUNS_OF_TEXT : runs);
    } catch (InputException e) {
      throw new Fovea.UsageException("--prompt: " + e.getMessage());
    }
  }

  private Report measure(LoadedModel model, Arena arena) {
    long macs = macs(model);
    var inputs = model.randomInputs(batch, size, arena);
    int count = runs == null ? RUNS : runs;
    try (var kernels = kernelOptions.open(); var workspace = new Workspace(kernels)) {
      Runnable pass = () -> model.run(workspace, inputs, Probe.NONE);
      WarmUp.await();
      PassTimes.warmUp(pass);
      var peak = new SeenPeak(kernels.threads());
      var times = new PassTimes();
      for (int i = 0; i < count; i++) {
        times.add(pass);
        peak.glance();
      }
      peak.look();
      double gflops = 2 * macs / times.median() / 1e6;
      return new Report(model.name(), kernels.name(), kernels.threads(), batch, times.median(), times.best(), gflops, peak.gflops(),
          gflops / peak.gflops(), PassTimes.peakRss());
    }
  }

  private long macs(LoadedModel model) {
    try {
      return model.dryRun(batch, size).macs();
    } catch (InputException e) {
      throw new Fovea.UsageException("--size: " + e.getMessage());
    }
  }

  private static String text(Report r) {
    return String.format("%s, %s kernels, %d thread%s, batch %d%n  median %.1f ms, minimum %.1f ms%n"
        + "  %.0f GFLOP/s, %.0f %% of the measured FMA peak of %.0f GFLOP/s%n  peak resident memory %.0f MiB%n",
        r.model, r.kernels, r.threads, r.threads == 1 ? "" : "s", r.batch, r.median_ms, r.min_ms, r.gflops, 100 * r.share_of_peak,
        r.peak_gflops, r.peak_rss_mib);
  }
}
