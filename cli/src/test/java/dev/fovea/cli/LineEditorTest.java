package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.tensor.CancelledException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.locks.LockSupport;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Keys and what they do; real terminals are in `.ci/terminal`.
@Timeout(60)
class LineEditorTest {
  private static final String UP = "\033OA", LEFT = "\033OD", CTRL_C = "\003", CTRL_D = "\004", ENTER = "\r";
  private static final String ENDING = "Ctrl-C again, Ctrl-D or /exit ends." + System.lineSeparator();

  /// Keys that nobody has read yet; a pipe would take the end of the thread that types for its own.
  private static final class Keys extends InputStream {
    private final BlockingQueue<Integer> typed = new LinkedBlockingQueue<>();

    @Override
    public int read() throws IOException {
      try {
        return typed.take();
      } catch (InterruptedException _) {
        throw new InterruptedIOException();
      }
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      bytes[from] = (byte) read();
      return 1;
    }
  }

  private final PrintStream realOut = System.out, realErr = System.err;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream(),
      shown = new ByteArrayOutputStream();
  private final Keys keys = new Keys();
  private org.jline.terminal.Terminal terminal;
  private LineEditor editor;

  @BeforeEach
  void open() throws IOException {
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    terminal = TerminalBuilder.builder().system(false).streams(keys, shown)
        .type("xterm").provider(TerminalBuilder.PROP_PROVIDER_EXEC).encoding(StandardCharsets.UTF_8).build();
    editor = new LineEditor(terminal);
  }

  @AfterEach
  void close() throws IOException {
    editor.close();
    System.setOut(realOut);
    System.setErr(realErr);
  }

  /// A user who types when words are shown: words and keys in turn.
  private void user(String... script) {
    Thread.startVirtualThread(() -> {
      int at = 0;
      for (int i = 0; i < script.length; i += 2) {
        int found;
        while ((found = shown.toString(StandardCharsets.UTF_8).indexOf(script[i], at)) < 0) LockSupport.parkNanos(1_000_000);
        at = found + script[i].length();
        for (byte key : script[i + 1].getBytes(StandardCharsets.UTF_8)) keys.typed.add(key & 0xff);
      }
    });
  }

  @Test
  void editsAndRecalls() throws IOException {
    user("> ", "What is this?" + ENTER, "> ", UP + LEFT + " größe" + ENTER, "> ", CTRL_D);
    assertThat(editor.next()).isEqualTo("What is this?");
    assertThat(editor.next()).isEqualTo("What is this größe?");
    assertThat(editor.next()).isNull();
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  /// Nothing in a question is a command of the editor.
  @Test
  void linesAreTakenAsTheyAre() throws IOException {
    user("> ", "first" + ENTER, "> ", "!! \\'a\" {!x" + ENTER);
    assertThat(editor.next()).isEqualTo("first");
    assertThat(editor.next()).isEqualTo("!! \\'a\" {!x");
  }

  @Test
  void ctrlCClearsTheLine() throws IOException {
    user("> ", "half", "half", CTRL_C, "> ", "other", "other", CTRL_C, "> ", "another" + ENTER);
    assertThat(editor.next()).isEqualTo("another");
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  /// Twice in a row, and not before.
  @Test
  void ctrlCOnAnEmptyLine() throws IOException {
    user("> ", CTRL_C, "> ", "go on" + ENTER, "> ", CTRL_C, "> ", CTRL_C);
    assertThat(editor.next()).isEqualTo("go on");
    assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(ENDING);
    assertThat(editor.next()).isNull();
    assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo(ENDING + ENDING);
  }

  @Test
  void ctrlCCancelsAnAnswer() throws IOException {
    terminal.raise(Signal.INT);
    var reached = new boolean[1];
    editor.answer(() -> {
      assertThat(Thread.currentThread().isInterrupted()).isFalse();
      terminal.raise(Signal.INT);
      reached[0] = Thread.currentThread().isInterrupted();
      throw new CancelledException("answer", new InterruptedException());
    });
    assertThat(reached[0]).isTrue();
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(System.lineSeparator());
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    // One that comes too late is nobody's.
    editor.answer(() -> terminal.raise(Signal.INT));
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    user("> ", "next" + ENTER);
    assertThat(editor.next()).isEqualTo("next");
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
  }
}
