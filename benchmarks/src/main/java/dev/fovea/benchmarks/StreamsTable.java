package dev.fovea.benchmarks;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.LoadedModel;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;

/// Pictures a second, in three ways on all processors: one at a time on all threads, a batch in one pass on all threads, and as
/// many at once as there are threads, each on one.
final class StreamsTable {
  private static final String SMALL = "embedded small ViT";
  private static final Path SMALL_FILE = Path.of("../cli/src/main/resources/dev/fovea/cli/demo/vit.safetensors");
  private static final List<String> MODELS = List.of("vit-base-patch16-224", "segformer-b0", SMALL);
  /// Pictures that each thread would compute, and the seconds that a model's rounds may take, at least so many.
  private static final int EACH = 4, FEWEST_ROUNDS = 5;
  private static final double WARM_UP = 6, SECONDS = 20;

  private StreamsTable() {}

  /// Prints the rows whose name contains the pattern.
  static void print(Pattern filter) {
    int threads = Runtime.getRuntime().availableProcessors();
    System.out.printf("Java %s, %d threads; pictures a second, median and best of rounds of %d pictures, the ways in turn; in "
        + "brackets the memory of activations.%n%n", Runtime.version(), threads, EACH * threads);
    System.out.printf("| model | one at a time | a batch | %d at once | at once over one at a time, over a batch |%n"
        + "|---|---|---|---|---|%n", threads);
    for (var name : MODELS) if (filter.asPredicate().test(name)) row(name, threads);
  }

  private static void row(String name, int threads) {
    try (var checkpoint = name.equals(SMALL) ? Checkpoint.open(SMALL_FILE) : null; var arena = Arena.ofShared();
        var kernels = KernelProvider.VECTOR.open(Workers.threads(threads))) {
      var model = checkpoint == null ? LoadedModel.preset(name, arena) : LoadedModel.of(checkpoint, arena);
      try (var ways = new Ways(model, kernels, arena, EACH * threads)) {
        ways.print(name);
      }
    }
  }

  /// The ways, each with its memory.
  private static final class Ways implements AutoCloseable {
    private final LoadedModel model;
    private final Kernels kernels;
    private final int count;
    private final Map<String, Tensor> one, all;
    private final Workspace single, batch;
    private final ConcurrentLinkedQueue<Workspace> each = new ConcurrentLinkedQueue<>();

    Ways(LoadedModel model, Kernels kernels, Arena arena, int count) {
      this.model = model;
      this.kernels = kernels;
      this.count = count;
      one = model.randomInputs(1, 0, arena);
      all = model.randomInputs(count, 0, arena);
      single = new Workspace(kernels);
      batch = new Workspace(kernels);
    }

    private void oneAtATime() {
      for (int i = 0; i < count; i++) model.run(single, one, Probe.NONE);
    }

    private void inABatch() {
      model.run(batch, all, Probe.NONE);
    }

    private void atOnce() {
      kernels.forEach(count, _ -> {
        var idle = each.poll();
        var workspace = idle == null ? new Workspace(kernels) : idle;
        model.run(workspace, one, Probe.NONE);
        each.add(workspace);
      });
    }

    void print(String name) {
      var ways = List.<Runnable>of(this::oneAtATime, this::inABatch, this::atOnce);
      rounds(ways, WARM_UP);
      var times = rounds(ways, SECONDS);
      List<Double> first = times.getFirst(), second = times.get(1), third = times.getLast();
      System.out.printf("| %s | %s | %s | %s | %.2f x, %.2f x |%n", name, cell(first, single.bytes()), cell(second, batch.bytes()),
          cell(third, each.stream().mapToLong(Workspace::bytes).sum()), median(ratios(first, third)),
          median(ratios(second, third)));
    }

    private static List<List<Double>> rounds(List<Runnable> ways, double seconds) {
      var times = new ArrayList<List<Double>>();
      ways.forEach(_ -> times.add(new ArrayList<>()));
      long start = System.nanoTime();
      while (System.nanoTime() - start < 1e9 * seconds || times.getFirst().size() < FEWEST_ROUNDS)
        for (int i = 0; i < ways.size(); i++) {
          long begin = System.nanoTime();
          ways.get(i).run();
          times.get(i).add((System.nanoTime() - begin) / 1e9);
        }
      return times;
    }

    private String cell(List<Double> times, long bytes) {
      return String.format("%.1f, best %.1f (%.1f MiB)", count / median(times), count / Collections.min(times),
          bytes / (double) (1 << 20));
    }

    private static List<Double> ratios(List<Double> a, List<Double> b) {
      var ratios = new ArrayList<Double>();
      for (int i = 0; i < a.size(); i++) ratios.add(a.get(i) / b.get(i));
      return ratios;
    }

    private static double median(List<Double> values) {
      var sorted = values.stream().sorted().toList();
      return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
    }

    @Override
    public void close() {
      single.close();
      batch.close();
      each.forEach(Workspace::close);
    }
  }
}
