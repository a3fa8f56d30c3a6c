package dev.fovea.benchmarks;

import dev.fovea.kernels.MachineProbe;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Prints what keeps a pass from becoming faster with more threads, and the time that they could reach.
///
/// For each number of threads a pass is cut into tasks as for these, but one thread runs all tasks, so two processors suffice. Each
/// task and each gap counts with its least time in several passes.
final class ScalingTable {
  private static final List<Model> MODELS = List.of(new Model("vit-base-patch16-224"), new Model("dinov2-base"),
      new Model("segformer-b0"), new Model("sam-base, image encoder", "sam-vit-base"));
  private static final int[] THREADS = {1, 2, 4, 8, 16, 32, 64};
  /// The number of threads of the table of operations.
  private static final int DETAILED = 16;
  /// The least share of an operation with a row of its own.
  private static final double LEAST_SHARE = 0.02;

  /// @param name selects the model, so it must not contain that of another one
  private record Model(String name, String preset) {
    Model(String preset) {
      this(preset, preset);
    }
  }

  private final String name;
  private final ForkJoin cost;
  private final Map<Integer, TaskTimes> times;
  private final Map<Integer, List<Double>> measured;

  private ScalingTable(Model model, ForkJoin cost) {
    name = model.name;
    this.cost = cost;
    var measurement = ScalingCase.of(model.preset, THREADS);
    times = measurement.times();
    measured = measurement.seconds();
  }

  /// Prints tables for the models whose name contains the pattern.
  static void print(Pattern filter) {
    System.out.printf("Java %s, %d-bit vectors, %d processors; FMA peak of one thread %.0f GFLOP/s.%n", Runtime.version(),
        MachineProbe.vectorBits(), Runtime.getRuntime().availableProcessors(), MachineProbe.peakGflops());
    var cost = ForkJoin.measure(THREADS);
    print(cost);
    for (var model : MODELS) if (filter.asPredicate().test(model.name)) new ScalingTable(model, cost).print();
  }

  private static void print(ForkJoin cost) {
    System.out.printf("%nFork and join: how late threads begin, in us, after pauses of the caller; * extrapolated%n%n");
    row("threads", "multiply-adds over one thread", "empty tasks, us", "awake",
        Arrays.stream(ForkJoin.PAUSES).skip(1).mapToObj(pause -> "after " + pause + " us"));
    rule(3 + ForkJoin.PAUSES.length);
    for (int threads : THREADS) {
      if (threads == 1) continue;
      var measured = cost.measured().get(threads);
      row(threads + (measured == null ? " *" : ""), measured == null ? "" : times(measured.together()),
          measured == null ? "" : micros(measured.empty()),
          Arrays.stream(ForkJoin.PAUSES).mapToObj(pause -> micros(cost.late(threads, 1_000L * pause))));
    }
    if (cost.isDisturbed())
      System.out.printf("%nOther load kept threads from beginning: fork and join cost less on a quiet machine.%n");
  }

  private void print() {
    System.out.printf("%n## %s, %d passes%n%n", name, measured.get(1).size());
    passes();
    System.out.printf("%nEfficiency of tasks by kind of operation, where all threads begin at once%n%n");
    kinds();
    System.out.printf("%nOperations with %d threads%n%n", DETAILED);
    operations();
  }

  private Forecast pass(int threads) {
    return Forecast.of(times.get(threads), threads, cost);
  }

  private Map<String, Forecast> groups(int threads, Function<TaskTimes.Step, String> group) {
    return Forecast.of(times.get(threads), threads, cost, group);
  }

  private void passes() {
    row("threads", "joins", "tasks", "tasks / threads, ms", "+ uneven ends", "+ fork and join", "+ serial", "= forecast, ms",
        "speed-up", "if joins cost nothing", "serial share of one thread's time", "serial share of the forecast",
        "measured, ms: best, median", "speed-up");
    rule(14);
    double alone = pass(1).time(), measuredAlone = Collections.min(measured.get(1));
    for (int threads : THREADS) {
      var pass = pass(threads);
      var seconds = measured.get(threads);
      row(threads, pass.joins(), pass.tasks(), millis(pass.work() / threads), millis(pass.ideal() - pass.work() / threads),
          millis(pass.shared() - pass.ideal()), millis(pass.serial()), millis(pass.time()), times(alone / pass.time()),
          times(alone / (pass.serial() + pass.ideal())), percent(pass.serial() / alone),
          percent((double) pass.serial() / pass.time()),
          seconds == null ? "" : millis(1e9 * Collections.min(seconds)) + ", " + millis(1e9 * Timing.median(seconds)),
          seconds == null ? "" : times(measuredAlone / Collections.min(seconds)));
    }
  }

  private void kinds() {
    var shared = Arrays.stream(THREADS).filter(threads -> threads > 1).boxed().toList();
    row("kind", "count", "one thread, ms", shared.stream().map(threads -> threads + " threads"));
    rule(3 + shared.size());
    var forecasts = shared.stream().map(threads -> groups(threads, TaskTimes.Step::kind)).toList();
    groups(1, TaskTimes.Step::kind).forEach((kind, alone) -> {
      if (!kind.equals(Forecast.BETWEEN)) row(kind, alone.operations(), millis(alone.time()),
          forecasts.stream().map(forecast -> share(forecast.get(kind).efficiency())));
    });
  }

  /// One row for each kind and shape that takes a while, and one for the others of a kind; the longest first.
  private void operations() {
    Function<TaskTimes.Step, String> byShape = step -> step.kind() + " " + step.shape();
    double least = LEAST_SHARE * pass(DETAILED).time();
    var byItself = groups(DETAILED, byShape);
    Function<TaskTimes.Step, String> group = step -> byItself.get(byShape.apply(step)).time() >= least ? byShape.apply(step)
        : "other " + step.kind();
    var alone = groups(1, group);
    var tasks = times.get(DETAILED).steps().stream().collect(Collectors.groupingBy(group));
    row("operation", "count", "one thread, ms", "joins", "tasks", "task, us: least, median, longest", "uneven ends, ms",
        "fork and join, ms", "serial, ms", "forecast, ms", "speed-up", "efficiency of tasks");
    rule(12);
    groups(DETAILED, group).entrySet().stream().sorted((a, b) -> Long.compare(b.getValue().time(), a.getValue().time()))
        .forEach(entry -> {
          var o = entry.getValue();
          long one = alone.get(entry.getKey()).time();
          row(entry.getKey(), o.operations() == 0 ? "" : o.operations(), millis(one), o.joins(), o.tasks(),
              sizes(tasks.getOrDefault(entry.getKey(), List.of())), millis(o.ideal() - o.work() / DETAILED),
              millis(o.shared() - o.ideal()), millis(o.serial()), millis(o.time()), times((double) one / o.time()),
              share(o.efficiency()));
        });
  }

  private static String sizes(List<TaskTimes.Step> steps) {
    var sizes = steps.stream().flatMap(step -> step.joins().stream()).flatMapToLong(join -> Arrays.stream(join.tasks())).sorted()
        .toArray();
    if (sizes.length == 0) return "";
    return IntStream.of(0, sizes.length / 2, sizes.length - 1).mapToObj(i -> micros(sizes[i]))
        .collect(Collectors.joining(", "));
  }

  /// @param cells cells, or streams of cells
  private static void row(Object... cells) {
    System.out.println(Stream.of(cells).flatMap(cell -> cell instanceof Stream<?> several ? several : Stream.of(cell))
        .map(String::valueOf).collect(Collectors.joining(" | ", "| ", " |")));
  }

  private static void rule(int columns) {
    System.out.println("|" + "---|".repeat(columns));
  }

  private static String millis(double nanos) {
    return String.format(nanos < 1e8 ? "%.2f" : "%.0f", nanos / 1e6);
  }

  private static String micros(double nanos) {
    return String.format(nanos < 1e4 ? "%.2f" : "%.1f", nanos / 1e3);
  }

  private static String times(double ratio) {
    return String.format("%.2f x", ratio);
  }

  private static String percent(double share) {
    return String.format("%.1f %%", 100 * share);
  }

  private static String share(double share) {
    return Double.isNaN(share) ? "" : String.format("%.2f", share);
  }
}
