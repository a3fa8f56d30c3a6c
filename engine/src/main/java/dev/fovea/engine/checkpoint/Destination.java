package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.CancelledException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collection;
import java.util.HashMap;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// The destination of an output. Only this class decides how a path is opened for writing:
///
/// | the path is | the output |
/// |---|---|
/// | a regular file, or nothing yet | is written to a temporary file beside it, which replaces it once complete |
/// | a symbolic link | is written to the link's target, whether it exists or not; the link stays |
/// | a device or a named pipe | is written to it |
/// | `/dev/stdout` or another descriptor of this program | is appended to it |
/// | a folder, or in no existing folder | is rejected |
public final class Destination {
  /// The number of links that Linux follows.
  private static final int MAX_LINKS = 40;
  private static final Pattern DESCRIPTOR = Pattern.compile("(?:/proc/\\d+(?:/task/\\d+)?|/dev)/fd/(\\d+)");
  private static final int NONE = -1, OUT = 1, ERR = 2;

  /// The path as the user wrote it.
  private final Path path;
  /// The path with all links resolved.
  private final Path target;
  private final int descriptor;
  private final boolean stream;

  private Destination(Path path, Path target, int descriptor) {
    this.path = path;
    this.target = target;
    this.descriptor = descriptor;
    stream = descriptor != NONE || isOther(target);
  }

  /// @throws CheckpointException if nothing can be written there: the path is a folder, is in no existing folder, is not writable
  ///   for this user, or is a link that leads to itself
  public static Destination of(Path path) {
    Objects.requireNonNull(path, "path");
    if (Files.isDirectory(path)) throw new CheckpointException(path + ": expected a file to write, got a directory");
    var destination = follow(path);
    if (destination.descriptor == NONE && Files.exists(destination.target) && !Files.isWritable(destination.target))
      throw new CheckpointException(path + ": cannot be written: access denied");
    return destination;
  }

  private static Destination follow(Path path) {
    var at = path.toAbsolutePath();
    for (int links = 0; links <= MAX_LINKS; links++) {
      var here = inRealFolder(path, at);
      var descriptor = DESCRIPTOR.matcher(here.toString());
      if (descriptor.matches()) return new Destination(path, here, Integer.parseInt(descriptor.group(1)));
      if (!Files.isSymbolicLink(here)) return new Destination(path, here, NONE);
      try {
        at = here.resolveSibling(Files.readSymbolicLink(here));
      } catch (IOException e) {
        throw cannot(path, e);
      }
    }
    throw new CheckpointException(path + ": cannot be written: a symbolic link that leads to itself, or too many of them");
  }

  private static Path inRealFolder(Path path, Path file) {
    var folder = file.getParent();
    try {
      var real = folder.toRealPath();
      if (Files.isDirectory(real)) return real.resolve(file.getFileName());
    } catch (NoSuchFileException _) {
      // Reported below.
    } catch (IOException e) {
      throw cannot(path, e);
    }
    throw new CheckpointException(path + ": there is no folder " + folder);
  }

  private static boolean isOther(Path file) {
    try {
      return Files.readAttributes(file, BasicFileAttributes.class).isOther();
    } catch (IOException e) {
      return false;
    }
  }

  /// @throws CancelledException if the thread is interrupted
  static CheckpointException cannot(Path path, IOException e) {
    WholeFile.requireUninterrupted(path.toString(), e);
    return new CheckpointException(path + ": cannot be written: " + WholeFile.reason(e), e);
  }

  /// The file to write, with all links resolved.
  public Path target() {
    return target;
  }

  /// Whether it is written sequentially and never replaced: a device, a pipe, a descriptor.
  public boolean isStream() {
    return stream;
  }

  /// Whether it is the program's standard output.
  public boolean isStdout() {
    return descriptor == OUT;
  }

  /// Checks before the work that its result can be written, by creating a file and deleting it at once.
  ///
  /// @throws CheckpointException if the output cannot be written
  public void requireWritable() {
    if (stream) return;
    try {
      Unfinished.of(target).close();
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// Opens a stream, which has no positions and hence no [FileChannel].
  WritableByteChannel openStream() throws IOException {
    if (descriptor == OUT) System.out.flush();
    if (descriptor == ERR) System.err.flush();
    return switch (descriptor) {
      case OUT -> Channels.newChannel(open(FileDescriptor.out));
      case ERR -> Channels.newChannel(open(FileDescriptor.err));
      case NONE -> Channels.newChannel(Channels.newOutputStream(FileChannel.open(target, StandardOpenOption.WRITE)));
      default -> Channels.newChannel(Channels.newOutputStream(FileChannel.open(target, StandardOpenOption.APPEND)));
    };
  }

  /// A stream that is never closed, because the program may print more.
  private static OutputStream open(FileDescriptor descriptor) {
    return new FileOutputStream(descriptor) {
      @Override
      public void close() {}
    };
  }

  /// Rejects an output inside the folder of a checkpoint.
  ///
  /// @param folder of the checkpoint
  /// @throws CheckpointException if the output is in the folder or below
  public void requireOutside(Path folder) {
    Objects.requireNonNull(folder, "folder");
    try {
      if (!stream && target.startsWith(folder.toRealPath()))
        throw new CheckpointException(path + ": expected a place outside the folder " + folder + ", whose files are read");
    } catch (IOException e) {
      WholeFile.requireUninterrupted(folder.toString(), e);
      throw new CheckpointException(folder + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// Rejects outputs that are also inputs, under any path, link or hard link.
  ///
  /// @throws CheckpointException if an output is also an input
  public static void requireOthers(Collection<Destination> outputs, Iterable<Path> inputs) {
    Objects.requireNonNull(outputs, "outputs");
    Objects.requireNonNull(inputs, "inputs");
    var identities = new HashMap<Object, Destination>();
    for (var output : outputs) {
      var identity = output.stream ? null : identity(output.target);
      if (identity != null) identities.put(identity, output);
    }
    if (identities.isEmpty()) return;
    for (var input : inputs) {
      var identity = identity(input);
      var output = identity == null ? null : identities.get(identity);
      if (output != null)
        throw new CheckpointException(output.path + ": would overwrite the input" + (input.equals(output.path) ? "" : " " + input)
            + "; expected another file to write");
    }
  }

  /// The identity of a file, whatever its name: its file key, or its real path on systems without file keys; null if there is no
  /// such file.
  private static @Nullable Object identity(Path file) {
    try {
      var key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key != null ? key : file.toRealPath();
    } catch (IOException e) {
      return null;
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
