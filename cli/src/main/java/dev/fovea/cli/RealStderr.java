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

/// The original stderr, which the launcher withholds from the virtual machine until the program itself writes to it.
///
/// Java warns of an incubating module at every start, which cannot be switched off, so the launcher passes a filter as descriptor 2
/// and the real stderr under another number. Opening that by its name under `/dev/fd` would be a second open file with its own
/// position, and the two would overwrite each other. So the first write has the C library replace the filter by the real
/// descriptor, for the same open file. That takes some fifty milliseconds, and only when there is something to print.
final class RealStderr extends OutputStream {
  private static final int STDERR = 2;

  private final OutputStream stderr = new FileOutputStream(FileDescriptor.err);
  private final int number;
  private boolean inPlace;

  private RealStderr(int number) {
    this.number = number;
  }

  /// Makes it [System#err], if the launcher has passed its number in the property `fovea.stderr`.
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

  /// `dup2(number, 2)`, once. If that fails, output goes through the filter, which passes it on.
  @SuppressWarnings("restricted")
  private void putInPlace() {
    inPlace = true;
    try {
      var linker = Linker.nativeLinker();
      var dup2 = linker.downcallHandle(linker.defaultLookup().findOrThrow("dup2"),
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int _ = (int) dup2.invokeExact(number, STDERR);
    } catch (Throwable _) {
      // Java cannot call this system's functions, or there is too little memory.
    }
  }
}
