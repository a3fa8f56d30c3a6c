package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.kernels.WarmUp;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Verification;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "verify", description = "Run a model on a reference's inputs and compare its outputs.",
    footer = "%nExits 1 where an error exceeds tolerance x max(1, largest |reference|).")
final class VerifyCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Option(names = "--against", paramLabel = "REFERENCE.safetensors", required = true, description = "Tensors input.* and output.*.")
  private Path reference;

  @Option(names = "--tolerance", paramLabel = "T", defaultValue = "1e-4", description = "Largest error allowed (default: 1e-4).")
  private double tolerance;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private record Row(String name, int[] shape, double max_abs, double max_error) {}

  private record Report(String family, String kernels, int threads, List<Row> outputs, boolean passed) {}

  @Override
  public Integer call() {
    if (!(tolerance >= 0)) throw new Fovea.UsageException("--tolerance: expected a number of at least 0, got " + tolerance);
    try (var checkpoint = modelOptions.open(model); var against = Checkpoint.open(reference); var arena = Arena.ofShared();
        var kernels = kernelOptions.open()) {
      WarmUp.await();
      var comparisons = checkpoint.reading(() -> against.reading(() ->
          new Verification(LoadedModel.of(checkpoint, arena).model(), against).compare(kernels)));
      if (comparisons.isEmpty()) throw new CheckpointException(reference + ": there is no tensor 'output.*' to compare with");
      boolean passed = comparisons.stream().allMatch(c -> c.maxError() <= tolerance * Math.max(1, c.maxAbs()));
      var rows = comparisons.stream().map(c -> new Row(c.name(), c.shape(), c.maxAbs(), c.maxError())).toList();
      var report = new Report(ModelHeader.of(checkpoint).family(), kernels.name(), kernels.threads(), rows, passed);
      Output.write(json ? Output.json(report) : text(report), null);
      return passed ? Fovea.GOOD : Fovea.FALLS_SHORT;
    }
  }

  private static String text(Report report) {
    int longest = report.outputs.stream().mapToInt(row -> row.name.length()).max().orElse(0);
    var name = "%-" + Math.max(24, longest) + "s";
    var text = new StringBuilder(String.format(name + " %-22s %12s %12s%n", "output", "shape", "max |ref|", "max error"));
    for (var row : report.outputs)
      text.append(String.format(name + " %-22s %12.4g %12.3g%n", row.name, Arrays.toString(row.shape), row.max_abs, row.max_error));
    return text.append(report.passed ? "passed" : "FAILED").append(System.lineSeparator()).toString();
  }
}
