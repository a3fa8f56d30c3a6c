package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is printed and lost is no success; real devices and pipes are in `.ci/outputs`.
class StdoutTest {
  /// Takes some bytes, then fails.
  private static final class Failing extends OutputStream {
    private final String reason;
    private int left;

    private Failing(String reason, int left) {
      this.reason = reason;
      this.left = left;
    }

    @Override
    public void write(int b) throws IOException {
      if (left-- <= 0) throw new IOException(reason);
    }
  }

  private static CommandsTest.Run run(PrintStream stdout, String... arguments) {
    PrintStream realOut = System.out, realErr = System.err;
    var err = new ByteArrayOutputStream();
    System.setOut(stdout);
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      return new CommandsTest.Run(Fovea.run(arguments), "", err.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(realOut);
      System.setErr(realErr);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--version", "--help", "classify --help", "generate-completion", "demo", "doctor --json",
      "tokenize ../weights-converter/src/test/resources/fixtures/bert-tiny-classifier a"})
  void lost(String call) {
    assertThat(run(new Stdout(new Failing("No space left on device", 0)), call.split(" "))).isEqualTo(
        new CommandsTest.Run(2, "", "fovea: stdout: cannot be written: No space left on device\n"));
  }

  @Test
  void lostOnAStreamOfAnotherKind() {
    var out = new PrintStream(new Failing("No space left on device", 0), true, StandardCharsets.UTF_8);
    assertThat(run(out, "--version")).isEqualTo(new CommandsTest.Run(2, "", "fovea: stdout: cannot be written: it takes no more\n"));
  }

  /// A reader such as `head` ends when it has had enough; one that ends before has got nothing.
  @Test
  void brokenPipes() {
    assertThat(run(new Stdout(new Failing("Broken pipe", 5000)), "generate-completion")).isEqualTo(new CommandsTest.Run(0, "", ""));
    assertThat(run(new Stdout(new Failing("Broken pipe", 0)), "generate-completion")).isEqualTo(
        new CommandsTest.Run(2, "", "fovea: stdout: cannot be written: Broken pipe\n"));
    assertThat(run(new Stdout(new Failing("File too large", 5000)), "generate-completion").status()).isEqualTo(2);
  }

  @Test
  void everyByteComes() {
    var bytes = new ByteArrayOutputStream();
    var text = "größe 模型 ".repeat(3000);
    var out = new Stdout(bytes);
    out.print(text);
    out.flush();
    assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo(text);
  }
}
