package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A virtual machine on which kernels are slow: every command that computes says so in one line, and how to change it.
class SlowJavaTest {
  private static final Path FIXTURE = Path.of("../weights-converter/src/test/resources/fixtures/vit-tiny");
  private static final String PICTURE = FIXTURE.resolve("image.png").toString();
  private static final String C1_ALONE = "-XX:TieredStopAtLevel=1", MODULE = "--add-modules=jdk.incubator.vector";
  private static final String ANNOUNCEMENT = "WARNING: Using incubator modules: jdk.incubator.vector";

  @TempDir
  private Path folder;
  private String model;

  @BeforeEach
  void convert() {
    model = folder.resolve("model.safetensors").toString();
    assertThat(Fovea.run("convert", FIXTURE.toString(), "-o", model)).isZero();
  }

  private record Run(int status, String out, List<String> err) {}

  /// Runs the program in a virtual machine of its own, from the class path.
  private Run fovea(List<String> javaOptions, String... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(javaOptions);
    command.addAll(List.of("-cp", classPath(), "dev.fovea.cli.Fovea"));
    command.addAll(Arrays.asList(arguments));
    Path out = folder.resolve("out"), err = folder.resolve("err");
    var process = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ends").isTrue();
    var lines = Files.readString(err, StandardCharsets.UTF_8).lines().filter(line -> !line.equals(ANNOUNCEMENT)).toList();
    return new Run(process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), lines);
  }

  /// What this virtual machine runs from, be it modules or not.
  static String classPath() {
    var path = new ArrayList<String>();
    for (var property : List.of("jdk.module.path", "java.class.path"))
      if (System.getProperty(property) != null) path.addAll(List.of(System.getProperty(property).split(System.getProperty("path.separator"))));
    // Surefire compiles tests into the program's own module; here the program stands alone.
    path.add(Path.of("target", "classes").toAbsolutePath().toString());
    return String.join(System.getProperty("path.separator"), path);
  }

  private static void assumeX86(String option) {
    assumeTrue(!option.contains("UseAVX") || List.of("amd64", "x86_64").contains(System.getProperty("os.arch")), "an option of x86");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "-Xint                   | remove -Xint",
      "-XX:TieredStopAtLevel=1 | remove -XX:TieredStopAtLevel",
      "-XX:UseAVX=0            | remove -XX:-UseFMA, -XX:UseAVX",
      "-XX:-UseFMA             | remove -XX:-UseFMA",
      "-Dno.module             | add --add-modules jdk.incubator.vector"})
  void saysWhyInOneLine(String option, String wayOut) throws IOException, InterruptedException {
    assumeX86(option);
    var options = option.equals("-Dno.module") ? List.of(option) : List.of(MODULE, option);
    var answer = fovea(options, "classify", model, PICTURE);
    assertThat(answer.out).contains("LABEL_");
    assertThat(answer.status).isZero();
    assertThat(answer.err).singleElement().asString().startsWith("fovea: kernels run slowly: ").contains(wayOut);

    var doctor = fovea(options, "doctor", "--json");
    assertThat(doctor.status).isEqualTo(1);
    assertThat(doctor.err).isEmpty();
    var report = JsonParser.parseString(doctor.out).getAsJsonObject();
    assertThat(report.get("verdict").getAsString()).contains(wayOut);
    assertThat(report.get("kernels").getAsString()).isEqualTo("reference");

    var named = fovea(options, "classify", model, PICTURE, "--kernels", "vector");
    assertThat(named.status).isEqualTo(2);
    assertThat(named.err).singleElement().asString().contains("kernels 'vector' cannot run").contains(wayOut);
  }

  @ParameterizedTest
  @ValueSource(strings = {"demo", "verify", "bench"})
  void everyCommandThatComputes(String command) throws IOException, InterruptedException {
    var arguments = switch (command) {
      case "demo" -> new String[] {command};
      case "verify" -> new String[] {command, model, "--against", FIXTURE.resolve("reference.safetensors").toString()};
      default -> new String[] {command, model, "--runs", "1"};
    };
    var run = fovea(List.of(MODULE, C1_ALONE), arguments);
    assertThat(run.status).isZero();
    assertThat(run.err).singleElement().asString().startsWith("fovea: kernels run slowly: ");
  }

  @Test
  void aFastOneSaysNothing() throws IOException, InterruptedException {
    var run = fovea(List.of(MODULE), "demo");
    assertThat(run.status).isZero();
    assertThat(run.err).isEmpty();
  }

  @Test
  void theWarmUpChangesNothing() throws IOException, InterruptedException {
    var without = fovea(List.of(MODULE), "demo");
    var with = fovea(List.of(MODULE, "-Dfovea.warmUp=true"), "demo");
    assertThat(with).isEqualTo(without);
  }
}
