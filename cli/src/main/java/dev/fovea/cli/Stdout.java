package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jetbrains.annotations.Nullable;

/// Standard output, in UTF-8. A [PrintStream] ignores write errors; this one remembers them.
final class Stdout extends PrintStream {
  private final Remembering written;

  Stdout(OutputStream out) {
    var remembering = new Remembering(out);
    super(remembering, false, StandardCharsets.UTF_8);
    written = remembering;
  }

  static void install() {
    System.setOut(new Stdout(new FileOutputStream(FileDescriptor.out)));
  }

  /// Whether output was lost, or nobody reads it any more.
  static boolean isLost() {
    return System.out.checkError();
  }

  /// Why output was lost, in words; null if none was, or if a reader such as `head` stopped early.
  static @Nullable String failure() {
    if (!System.out.checkError()) return null;
    if (!(System.out instanceof Stdout out) || out.written.failure == null) return "it takes no more";
    return out.written.readerHadEnough() ? null : WholeFile.reason(out.written.failure);
  }

  private static final class Remembering extends OutputStream {
    private static final int PIECE = 1 << 12;

    private final OutputStream out;
    private @Nullable IOException failure;
    private boolean begun;

    private Remembering(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    /// Piece by piece, to know whether anything was written before an error.
    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      if (failure != null) throw failure;
      try {
        for (int at = from, end = from + length; at < end; at += PIECE) {
          out.write(bytes, at, Math.min(PIECE, end - at));
          begun = true;
        }
      } catch (IOException e) {
        failure = e;
        throw e;
      }
    }

    /// Whether a pipe broke because its reader ended after it had received something.
    private boolean readerHadEnough() {
      return begun && String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT).contains("pipe");
    }
  }
}
