package dev.fovea.cli;

import dev.fovea.converter.Conversion;
import dev.fovea.converter.Converter;
import dev.fovea.converter.HuggingFaceExport;
import dev.fovea.converter.Report;
import dev.fovea.kernels.WeightFormat;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Predicate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(name = "convert", description = "Turn a published checkpoint into one model file, or such a file back.")
final class ConvertCommand implements Callable<Integer> {
  private static final int SHOWN = 6;
  private static final String NOT_FINITE = "NaN or infinite, kept as they are";
  private static final Set<String> EXPORTING = Set.of("--to", "--output", "--json", "--debug");

  /// The output's form.
  enum Form {
    FOVEA, HF
  }

  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "SOURCE",
      description = "A checkpoint's folder, or the file or index of its weights; with --to hf a model file.")
  private Path source;

  @Option(names = {"-o", "--output"}, paramLabel = "MODEL.safetensors",
      description = "The file to write; with --to hf a new folder.")
  private Path output;

  @Option(names = "--to", paramLabel = "FORM", defaultValue = "fovea",
      description = "What to write: fovea, or hf, the folder that Hugging Face's transformers read (default: fovea).")
  private Form to;

  @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "f32",
      description = "How matrices are stored: f32, f16, bf16 or q8, a language model's in 8 bits (default: f32).")
  private WeightFormat dtype;

  @Option(names = "--towers", description = "With --dtype q8: all matrices in 8 bits, also those of image encoders.")
  private boolean towers;

  @Option(names = "--config", paramLabel = "FILE",
      description = "What tells the model's sizes, instead of the config.json beside the weights.")
  private Path config;

  @Option(names = "--preset", paramLabel = "NAME", description = "A published model whose sizes these are, instead of a config.")
  private String preset;

  @Option(names = "--dry-run", description = "Do everything but write the file.")
  private boolean dryRun;

  @Option(names = "--verbose", description = "Print what each parameter was made of.")
  private boolean verbose;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Override
  public Integer call() {
    if (to == Form.HF) return export();
    if (output == null && !dryRun) throw new Fovea.UsageException("expected -o MODEL.safetensors, where to write, or --dry-run");
    requireQ8(towers, dtype);
    var outputs = Outputs.of(output);
    var report = converted();
    complain(source, report, dtype, Fovea::complain);
    var text = json ? Output.json(report)
        : text(dryRun ? source : output, dryRun ? ", not written" : "", report, dtype, verbose);
    Output.report(text, dryRun ? Outputs.of() : outputs);
    return Fovea.GOOD;
  }

  private int export() {
    for (var option : spec.commandLine().getParseResult().matchedOptions())
      if (!EXPORTING.contains(option.longestName()))
        throw new Fovea.UsageException(option.longestName()
            + ": expected no such option beside --to hf, which keeps what the file holds");
    if (output == null) throw new Fovea.UsageException("expected -o FOLDER, where to write");
    var report = HuggingFaceExport.write(source, output);
    var text = new StringBuilder(String.format("%s: %s as Hugging Face's, %,d parameters%n", output, report.family(),
        report.parameters()));
    if (report.decoded() > 0) text.append(String.format("decoded: %d matrices in 8 bits, now float32%n", report.decoded()));
    report.added().forEach((name, why) -> text.append(String.format("added: %s: %s%n", name, why)));
    Output.write(json ? Output.json(report) : text.toString(), null);
    return Fovea.GOOD;
  }

  private Report converted() {
    try (var bar = new Terminal.ProgressBar()) {
      var conversion = conversion(dtype, bar).withTowers(towers).withConfig(config).withPreset(preset);
      return dryRun ? Converter.rehearse(source, conversion) : Converter.convert(source, output, conversion);
    }
  }

  /// @throws Fovea.UsageException if all matrices shall be in a format that has them all anyway
  static void requireQ8(boolean towers, WeightFormat dtype) {
    if (towers && dtype != WeightFormat.Q8) throw new Fovea.UsageException("--towers: expected --dtype q8 beside it");
  }

  /// A conversion with a progress bar.
  static Conversion conversion(WeightFormat dtype, Terminal.ProgressBar bar) {
    return Conversion.to(dtype).withProgress((tensor, done, total) -> bar.update((double) done / total, tensor));
  }

  /// The report on a conversion as text.
  ///
  /// @param but a remark for the first line, or empty
  static String text(Path file, String but, Report report, WeightFormat dtype, boolean verbose) {
    var text = new StringBuilder(String.format("%s: %s, %,d parameters, %,d bytes%s%n", file, report.family(), report.parameters(),
        report.bytes(), but));
    text.append(String.format("config       %s%n", report.configFrom()));
    for (var line : report.assumed()) text.append(String.format("assumed      %s%n", line));
    text.append(String.format("mapped       %d parameters: %d fused, %d folded, %d cast, %d reordered%n", report.mapped().size(),
        count(report, Report.Parameter::fused), count(report, Report.Parameter::folded), count(report, Report.Parameter::cast),
        count(report, Report.Parameter::reordered)));
    text.append(String.format("sha256       %s%n", report.sha256()));
    if (verbose) report.mapped().forEach(parameter -> text.append(line(parameter)));
    report.dropped().forEach((name, why) -> text.append(String.format("left out: %s: %s%n", name, why)));
    counts(text, NOT_FINITE, report.nonFinite(), verbose);
    counts(text, tooLarge(dtype), report.overflown(), verbose);
    return text.toString();
  }

  /// Warns on stderr of weights that are not finite, because results will not be either.
  ///
  /// @param stderr takes a line
  static void complain(Object source, Report report, WeightFormat dtype, Consumer<String> stderr) {
    var text = new StringBuilder();
    counts(text, source + ": weights that are " + NOT_FINITE, report.nonFinite(), false);
    counts(text, source + ": weights that are " + tooLarge(dtype), report.overflown(), false);
    text.toString().lines().forEach(stderr);
  }

  private static String tooLarge(WeightFormat dtype) {
    // Numbers in 8 bits do not become infinite; what else there is beside them is float16.
    var stored = dtype == WeightFormat.Q8 ? WeightFormat.F16 : dtype;
    return "too large for " + stored.toString().toLowerCase(Locale.ROOT) + ", now infinite";
  }

  private static long count(Report report, Predicate<Report.Parameter> what) {
    return report.mapped().stream().filter(what).count();
  }

  private static String line(Report.Parameter parameter) {
    var line = new StringBuilder(String.format("%-32s %-4s %s <-", parameter.name(), parameter.dtype(), parameter.shape()));
    for (var origin : parameter.origins()) {
      line.append(line.charAt(line.length() - 1) == '-' ? " " : " + ").append(origin.name());
      if (origin.parts() > 1) line.append(String.format("[%d/%d]", origin.part(), origin.parts()));
      line.append(' ').append(origin.dtype()).append(' ').append(origin.shape());
      if (!origin.order().isEmpty()) line.append(" in the order ").append(origin.order());
      if (origin.norm() != null) line.append(" ~ ").append(origin.norm());
    }
    return line.append(System.lineSeparator()).toString();
  }

  private static void counts(StringBuilder text, String what, Map<String, Long> counts, boolean verbose) {
    if (counts.isEmpty()) return;
    int shown = verbose ? counts.size() : Math.min(SHOWN, counts.size());
    text.append(String.format("%s: %,d, in %s%s%n", what, counts.values().stream().mapToLong(Long::longValue).sum(),
        String.join(", ", counts.keySet().stream().limit(shown).map(name -> name + " " + counts.get(name)).toList()),
        counts.size() > shown ? " and " + (counts.size() - shown) + " more" : ""));
  }
}
