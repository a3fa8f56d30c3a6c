package dev.fovea.cli;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Operation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import org.jetbrains.annotations.Nullable;

/// The operations of a call, each with its time, its result and its place in the source.
///
/// @param task what the call is for, by the name of the command that does the same
/// @param runs calls that were timed; a time is the median of them
/// @param ms all operations together, in milliseconds
/// @param callMs the whole call, with the preparation of pictures and texts and what becomes of the results
/// @param peakGflops measured peak of all threads; NaN if it was not measured
record Trace(String model, String family, String task, List<String> images, List<String> texts, String kernels, int threads,
    int runs, double ms, double callMs, long macs, double gflops, double peakGflops, double shareOfPeak, List<Row> operations,
    List<Kind> kinds) {

  /// An operation.
  ///
  /// @param number in the order of the call, from 1
  /// @param fused what is computed with it: an activation, or a sum with a residual
  /// @param sizes such as `M, N, K` of a product
  /// @param shape of the output
  /// @param share of the time of all operations
  /// @param gflops null unless it is a product
  /// @param shareOfPeak null unless it is a product
  /// @param source line of the model
  /// @param calls the methods of models and layers at work, the outermost first, each with its line
  record Row(int number, String operation, List<String> fused, List<Integer> sizes, List<Long> shape, double mean, double spread,
      long notFinite, double ms, double share, long macs, @Nullable Double gflops, @Nullable Double shareOfPeak, String source,
      String method, List<String> calls) {
    /// The operation and what is fused with it, such as `linear+gelu`.
    String name() {
      return String.join("+", operation, String.join("+", fused)).replaceAll("\\+$", "");
    }
  }

  /// All operations of one name.
  record Kind(String operation, int count, double ms, double share, long macs, @Nullable Double gflops,
      @Nullable Double shareOfPeak) {}

  /// The speed of products; the peak's share is of all threads.
  private record Speed(@Nullable Double gflops, @Nullable Double shareOfPeak) {
    static Speed of(long macs, double ms, double peak) {
      if (macs == 0) return new Speed(null, null);
      double gflops = 2 * macs / ms / 1e6;
      return new Speed(gflops, gflops / peak);
    }
  }

  /// The rows of a call.
  ///
  /// @param nanos the operations' times
  static List<Row> rows(List<TracingKernels.Seen> seen, List<Long> nanos, double peak) {
    double all = nanos.stream().mapToLong(Long::longValue).sum();
    var rows = new ArrayList<Row>();
    for (int i = 0; i < seen.size(); i++) {
      var operation = seen.get(i).operation();
      var values = seen.get(i).values();
      var frames = seen.get(i).frames();
      double ms = nanos.get(i) / 1e6;
      var speed = Speed.of(operation.macs(), ms, peak);
      var source = SourceFrame.ofModel(frames);
      rows.add(new Row(i + 1, operation.name(), fused(operation), operation.shape(), values.shape(), values.mean(), values.spread(),
          values.notFinite(), ms, nanos.get(i) / all, operation.macs(), speed.gflops, speed.shareOfPeak, source.source(),
          source.call(), frames.stream().map(frame -> frame.call() + " " + frame.source()).toList()));
    }
    return rows;
  }

  private static List<String> fused(Operation operation) {
    return switch (operation) {
      case Operation.Linear o -> fused(o.activation(), o.residual() != null);
      case Operation.Convolve o -> fused(o.activation(), o.residual() != null);
      case Operation.Depthwise o -> fused(o.activation(), false);
      case Operation.TransposedConvolution o -> fused(o.activation(), false);
      case Operation.Activate o -> fused(o.activation(), false);
      default -> List.of();
    };
  }

  private static List<String> fused(Activation activation, boolean isAdded) {
    var fused = new ArrayList<String>();
    if (activation != Activation.NONE) fused.add(activation.name().toLowerCase(Locale.ROOT));
    if (isAdded) fused.add("residual");
    return fused;
  }

  /// The rows by operation, those that take longest first.
  static List<Kind> kinds(List<Row> rows, double peak) {
    var byName = new LinkedHashMap<String, List<Row>>();
    for (var row : rows) byName.computeIfAbsent(row.operation, _ -> new ArrayList<>()).add(row);
    return byName.entrySet().stream().map(entry -> {
      double ms = entry.getValue().stream().mapToDouble(Row::ms).sum();
      long macs = entry.getValue().stream().mapToLong(Row::macs).sum();
      var speed = Speed.of(macs, ms, peak);
      return new Kind(entry.getKey(), entry.getValue().size(), ms, entry.getValue().stream().mapToDouble(Row::share).sum(), macs,
          speed.gflops, speed.shareOfPeak);
    }).sorted(Comparator.comparingDouble(Kind::ms).reversed()).toList();
  }

  /// The same with only the `count` operations that take longest, these first.
  Trace longest(int count) {
    return new Trace(model, family, task, images, texts, kernels, threads, runs, ms, callMs, macs, gflops, peakGflops, shareOfPeak,
        operations.stream().sorted(Comparator.comparingDouble(Row::ms).reversed()).limit(count).toList(), kinds);
  }

  /// What was traced, and how long it takes.
  List<String> heading() {
    var given = new ArrayList<>(images);
    texts.forEach(text -> given.add('"' + text + '"'));
    int count = kinds.stream().mapToInt(Kind::count).sum();
    return List.of(String.format(Locale.ROOT, "%s (%s), %s%s", model, family, task,
        given.isEmpty() ? " on random inputs" : " " + String.join(" ", given)),
        String.format(Locale.ROOT,
            "%s kernels, %d thread%s, the median of %d run%s: %d operations in %.2f ms, the whole call %.2f ms", kernels, threads,
            threads == 1 ? "" : "s", runs, runs == 1 ? "" : "s", count, ms, callMs),
        String.format(Locale.ROOT, "%.1f GFLOP/s%s", gflops, Double.isNaN(peakGflops) ? "" : String.format(Locale.ROOT,
            ", %s of the measured FMA peak of %.0f GFLOP/s", percent(shareOfPeak, 0), peakGflops)));
  }

  /// The heading, a row an operation, and the sums.
  String text() {
    var rows = new TextTable("><<>>>>><");
    rows.add("#", "operation", "shape", "mean", "spread", "ms", "whole", "peak", "line");
    for (var row : operations)
      rows.add(String.valueOf(row.number), row.name(), row.shape.toString(), number(row.mean), number(row.spread), millis(row.ms),
          percent(row.share, 1), percent(row.shareOfPeak, 0), row.source + notFinite(row, "  "));
    var sums = new TextTable("<>>>>");
    sums.add("operation", "count", "ms", "whole", "peak");
    for (var kind : kinds)
      sums.add(kind.operation, String.valueOf(kind.count), millis(kind.ms), percent(kind.share, 1), percent(kind.shareOfPeak, 0));
    var line = System.lineSeparator();
    return String.join(line, heading()) + line + line + rows + line + sums;
  }

  /// How many values of the output are no numbers, or nothing.
  static String notFinite(Row row, String before) {
    return row.notFinite == 0 ? "" : before + row.notFinite + " NaN or infinite";
  }

  static String number(double value) {
    return String.format(Locale.ROOT, "%.3g", value);
  }

  static String millis(double ms) {
    return String.format(Locale.ROOT, "%.3f", ms);
  }

  /// Nothing for null and NaN.
  static String percent(@Nullable Double share, int digits) {
    return share == null || Double.isNaN(share) ? "" : String.format(Locale.ROOT, "%." + digits + "f %%", 100 * share);
  }
}
