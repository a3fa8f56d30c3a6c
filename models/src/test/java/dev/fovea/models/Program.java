package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// Programs that run on the class path, where families are found that are no module's.
final class Program {
  private Program() {}

  /// Runs a program in a virtual machine of its own.
  ///
  /// @param folder where its services, and what it prints, are kept
  /// @param services the families beside those of Fovea
  /// @return the lines that it prints
  static List<String> run(Path folder, List<Class<? extends FamilyService>> services, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    return run(folder, services, List.of(), Duration.ofSeconds(120), program, arguments);
  }

  /// Runs a program in a virtual machine of its own, with options of that.
  static List<String> run(Path folder, List<Class<? extends FamilyService>> services, List<String> options, Duration most,
      Class<?> program, String... arguments) throws IOException, InterruptedException {
    var names = services.stream().map(Class::getName).collect(Collectors.joining("\n"));
    var found = Files.createDirectories(folder.resolve("services/META-INF/services"));
    Files.writeString(found.resolve(FamilyService.class.getName()), names);
    var path = new ArrayList<String>();
    for (var property : List.of("jdk.module.path", "java.class.path"))
      if (System.getProperty(property) != null) path.add(System.getProperty(property));
    // Surefire compiles tests into the module; here the module and they stand side by side.
    for (var place : List.of("target/classes", "target/test-classes")) path.add(Path.of(place).toAbsolutePath().toString());
    path.add(folder.resolve("services").toString());
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules=jdk.incubator.vector", "-cp", String.join(File.pathSeparator, path)));
    command.addAll(options);
    command.add(program.getName());
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out"), err = folder.resolve("err");
    var process = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    if (!process.waitFor(most.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      fail(program.getSimpleName() + " has not ended in " + most + ": " + Files.readString(out) + Files.readString(err));
    }
    assertThat(process.exitValue()).as(Files.readString(out) + Files.readString(err)).isZero();
    return Files.readAllLines(out);
  }
}
