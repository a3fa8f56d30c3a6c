package dev.fovea.benchmarks;

import java.util.Locale;
import java.util.regex.Pattern;

/// The benchmarks' program: `short` for targets and measured results, `long` for all kernels and models under JMH, `scaling` for
/// the time that many threads could reach, `bits` for products of integers, `streams` for many pictures, `tokenizers` for the
/// speed of tokenizers.
public final class Table {
  private Table() {}

  /// @param args `short`, `long`, `scaling`, `bits`, `streams` or `tokenizers`, then, to select rows, a regular expression that
  ///   their names contain
  public static void main(String[] args) throws Exception {
    Locale.setDefault(Locale.ROOT);
    var filter = Pattern.compile(args.length > 1 ? args[1] : "");
    switch (args.length == 0 ? "" : args[0]) {
      case "short" -> ShortTable.print(filter);
      case "long" -> LongTable.print(filter);
      case "scaling" -> ScalingTable.print(filter);
      case "bits" -> BitsTable.print(filter);
      case "streams" -> StreamsTable.print(filter);
      case "tokenizers" -> TokenizerTable.print(filter);
      default -> {
        System.err.println("table: expected short, long, scaling, bits, streams or tokenizers, got '" + String.join(" ", args)
            + "'");
        System.exit(2);
      }
    }
  }
}
