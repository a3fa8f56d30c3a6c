package dev.fovea.cli;

import dev.fovea.converter.Converter;
import dev.fovea.converter.Report;
import dev.fovea.kernels.Weight;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "convert", description = "Turn a published checkpoint into one model file.")
final class ConvertCommand implements Callable<Integer> {
  @Parameters(paramLabel = "SOURCE", description = "A checkpoint's folder, or the file or index of its weights.")
  private Path source;

  @Option(names = {"-o", "--output"}, paramLabel = "MODEL.safetensors", required = true, description = "The file to write.")
  private Path output;

  @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "f32", description = "How matrices are stored: f32, f16 or bf16 (default: f32).")
  private Weight.Type dtype;

  @Override
  public Integer call() {
    tell(output, Converter.convert(source, output, dtype));
    return Fovea.GOOD;
  }

  /// Says what a conversion did.
  static void tell(Path output, Report report) {
    System.out.printf("%s: %s, %,d parameters%n", output, report.family(), report.parameters());
    report.dropped().forEach((name, why) -> System.out.println("left out: " + name + ": " + why));
    report.nonFinite().forEach((name, count) -> System.out.printf("NaN or infinite, kept as they are: %,d of %s%n", count, name));
  }
}
