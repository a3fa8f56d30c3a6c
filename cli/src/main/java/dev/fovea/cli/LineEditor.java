package dev.fovea.cli;

import dev.fovea.engine.tensor.CancelledException;
import java.io.IOError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jetbrains.annotations.Nullable;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Attributes;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.Signals;

/// Lines that somebody edits on the terminal, with those before at the arrow keys.
///
/// Ctrl-C clears the line; on an empty line it says how to end, and the next one ends. While a line is answered, it cancels the
/// answer. Ctrl-D on an empty line ends.
///
/// JLine edits, without native code: it has the programs `tty` and `stty` ask for and change the modes of the terminal. Where these
/// are missing, as on Windows, the system edits the line and there are no arrow keys.
final class LineEditor implements AskChat.Lines, AutoCloseable {
  /// Held here, because a logger that nobody holds forgets its level. Errors reach the user as exceptions.
  private static final Logger LOG = Logger.getLogger("org.jline");
  private static final String INTERRUPT = "INT";
  private static final int TRIES = 3;

  private final org.jline.terminal.Terminal terminal;
  private final LineReader reader;
  /// The modes of the terminal between lines.
  private final Attributes modes;
  private final Object previousHandler;
  private boolean ends;
  /// The thread that answers a line; null between answers.
  private @Nullable Thread answering;

  /// @param terminal which [#close()] closes
  LineEditor(org.jline.terminal.Terminal terminal) {
    this.terminal = terminal;
    reader = LineReaderBuilder.builder().terminal(terminal).option(LineReader.Option.DISABLE_EVENT_EXPANSION, true).build();
    modes = terminal.getAttributes();
    terminal.handle(Signal.INT, _ -> interrupt());
    // A terminal without modes does not do so itself.
    previousHandler = Signals.register(INTERRUPT, () -> terminal.raise(Signal.INT));
  }

  /// An editor on the terminal of stdin and stdout.
  static LineEditor open() throws IOException {
    LOG.setLevel(Level.OFF);
    return new LineEditor(TerminalBuilder.builder().system(true).encoding(StandardCharsets.UTF_8)
        .stdinEncoding(StandardCharsets.UTF_8).provider(TerminalBuilder.PROP_PROVIDER_EXEC).dumb(true).build());
  }

  @Override
  public @Nullable String next() throws IOException {
    while (true) {
      try {
        var line = reader.readLine("> ");
        ends = false;
        return line;
      } catch (EndOfFileException _) {
        return null;
      } catch (UserInterruptException e) {
        restore();
        if (!e.getPartialLine().isEmpty()) ends = false;
        else if (endsNow()) return null;
      } catch (IOError _) {
        // The terminal sends Ctrl-C to stty as well, if it is running.
        restore();
        if (endsNow()) return null;
      } finally {
        Thread.interrupted();
      }
    }
  }

  /// Whether Ctrl-C on an empty line comes again.
  private boolean endsNow() {
    if (ends) return true;
    ends = true;
    System.err.println("Ctrl-C again, Ctrl-D or /exit ends.");
    return false;
  }

  @Override
  public void answer(Runnable work) {
    begin();
    try {
      work.run();
    } catch (CancelledException _) {
      // The terminal shows ^C.
      System.out.println();
    } finally {
      end();
    }
  }

  private synchronized void begin() {
    answering = Thread.currentThread();
  }

  private synchronized void interrupt() {
    if (answering != null) answering.interrupt();
  }

  private synchronized void end() {
    answering = null;
    Thread.interrupted();
  }

  /// Gives the terminal its modes back, where JLine was interrupted before it could.
  private void restore() throws IOException {
    for (int tries = 1;; tries++) {
      Thread.interrupted();
      try {
        terminal.setAttributes(modes);
        return;
      } catch (IOError e) {
        if (tries == TRIES) throw new IOException(e.getCause());
      }
    }
  }

  @Override
  public void close() throws IOException {
    try {
      restore();
    } finally {
      closeQuietly();
      Signals.unregister(INTERRUPT, previousHandler);
    }
  }

  private void closeQuietly() {
    try {
      terminal.close();
    } catch (IOException _) {
      // Ctrl-C has ended stty, when there was nothing left to change.
    }
  }
}
