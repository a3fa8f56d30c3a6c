package dev.fovea.converter;

import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/// A conversion in a virtual machine of its own: `SOURCE TARGET TYPE`, and where a fourth argument follows, it says `halfway` in
/// the middle and waits for a line.
final class ConvertAlone {
  private ConvertAlone() {}

  public static void main(String[] arguments) {
    var paused = new AtomicBoolean(arguments.length < 4);
    var conversion = Conversion.to(WeightFormat.valueOf(arguments[2])).withProgress((_, done, total) -> {
      if (done < total / 2 || paused.getAndSet(true)) return;
      System.out.println("halfway");
      try {
        // The stream ends when the program is asked to end, which is not an answer.
        if (System.in.read() < 0) Thread.sleep(Duration.ofMinutes(2));
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    System.out.println(Converter.convert(Path.of(arguments[0]), Path.of(arguments[1]), conversion).sha256());
  }

  /// @param options of the virtual machine
  static Process start(List<String> options, Path source, Path target, String... more) throws IOException {
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(options);
    command.addAll(List.of("--add-modules=jdk.incubator.vector", "-cp", classPath(), ConvertAlone.class.getName(),
        source.toString(), target.toString()));
    command.addAll(List.of(more));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /// What this virtual machine runs from, be it modules or not.
  private static String classPath() {
    var path = new ArrayList<String>();
    for (var property : List.of("jdk.module.path", "java.class.path"))
      if (System.getProperty(property) != null) path.add(System.getProperty(property));
    path.addAll(List.of(Path.of("target", "classes").toString(), Path.of("target", "test-classes").toString()));
    return String.join(System.getProperty("path.separator"), path);
  }
}
