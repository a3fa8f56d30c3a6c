package dev.fovea.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/// The stderr of whoever started the program, which the launcher keeps from the virtual machine until the program itself
/// has something to say.
///
/// Java announces an incubating module at every start and has no switch for it, so that the launcher starts it with a filter
/// for descriptor 2, and with the real stderr under another number. Opening that by its name under `/dev/fd` would be a second
/// file with a position of its own, and what was written through one would hide what was written through the other. So the
/// first byte has the C library put the real one in the place of the filter: a descriptor for the same open file. That
/// takes some fifty milliseconds, which only those wait for that have something to read.
final class RealStderr extends OutputStream {
  private static final int STDERR = 2;

  private final OutputStream stderr = new FileOutputStream(FileDescriptor.err);
  private final int number;
  private boolean inPlace;

  private RealStderr(int number) {
    this.number = number;
  }

  /// Makes it [System#err], where the launcher has said its number in the property `fovea.stderr`.
  static void use() {
    Integer number = Integer.getInteger("fovea.stderr");
    if (number != null) System.setErr(new PrintStream(new RealStderr(number), true, StandardCharsets.UTF_8));
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int from, int length) throws IOException {
    if (!inPlace) putInPlace();
    stderr.write(bytes, from, length);
  }

  /// `dup2(number, 2)`, once. Where it is not to be had, what is written goes through the filter, which lets it pass.
  @SuppressWarnings("restricted")
  private void putInPlace() {
    inPlace = true;
    try {
      var linker = Linker.nativeLinker();
      var dup2 = linker.downcallHandle(linker.defaultLookup().findOrThrow("dup2"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int _ = (int) dup2.invokeExact(number, STDERR);
    } catch (Throwable _) {
      // A system whose functions Java cannot call, or too little memory left to prepare it.
    }
  }
}
