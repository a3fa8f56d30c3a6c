package dev.fovea.cli;

import dev.fovea.engine.tensor.Progress;
import java.io.PrintStream;
import java.util.Locale;

/// Properties of the terminal, and a progress bar on it.
final class Terminal {
  private Terminal() {}

  static boolean isStdout() {
    return System.console() != null && System.console().isTerminal();
  }

  /// The launcher passes it; Java cannot find out.
  static boolean isStderr() {
    return Boolean.getBoolean("fovea.stderrTerminal");
  }

  /// A progress bar on stderr for work that takes longer than a second, if stderr is a terminal.
  ///
  /// Written here because the libraries for it depend on a terminal library with native code.
  static final class ProgressBar implements AutoCloseable {
    private static final long DELAY = 1_000_000_000, INTERVAL = 100_000_000;
    private static final int WIDTH = 30;

    private final PrintStream out = System.err;
    private final boolean shown = isStderr();
    private final long start = System.nanoTime();
    private long last = start + DELAY - INTERVAL;
    private boolean drawn;

    /// @param share of the work that is done, in `[0, 1]`
    void update(double share, String what) {
      long now = System.nanoTime();
      if (!shown || now - last < INTERVAL) return;
      last = now;
      drawn = true;
      int full = (int) (share * WIDTH);
      out.printf(Locale.ROOT, "\r\033[K%3.0f%% [%s%s] %s", 100 * share, "#".repeat(full), " ".repeat(WIDTH - full), what);
      out.flush();
    }

    /// The bar for pictures of which several may be computed at a time.
    Shared shared(int pictures) {
      return new Shared(pictures);
    }

    /// Draws the finished pictures, and the one that its own thread computes.
    final class Shared {
      private final Thread thread = Thread.currentThread();
      private final int pictures;
      private int finished;

      private Shared(int pictures) {
        this.pictures = pictures;
      }

      /// The progress of a picture.
      Progress of(String what) {
        if (Thread.currentThread() != thread) return Progress.NONE;
        return (done, total) -> update((finished + (double) done / Math.max(1, total)) / pictures, what);
      }

      /// Counts a picture, on the bar's thread.
      void finished() {
        finished++;
      }
    }

    /// Prints a one-line error; the bar is redrawn below it.
    void complain(String message) {
      close();
      Fovea.complain(message);
    }

    @Override
    public void close() {
      if (drawn) out.print("\r\033[K");
      drawn = false;
      out.flush();
    }
  }
}
