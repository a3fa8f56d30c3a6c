package dev.fovea.engine.checkpoint;

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
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Where an output goes. Here alone it is decided how a path is opened for writing:
///
/// | the path is | what is written |
/// |---|---|
/// | a regular file, or nothing yet | goes into another file beside it, which takes its place when it is complete |
/// | a symbolic link | goes to what it leads to, be that there or not; the link stays |
/// | a device or a named pipe | goes into it |
/// | `/dev/stdout` or another descriptor of this program | goes into that, after what is there |
/// | a folder, or in none | is refused |
public final class Destination {
  /// As many links as Linux follows.
  private static final int MAX_LINKS = 40;
  private static final Pattern DESCRIPTOR = Pattern.compile("(?:/proc/\\d+(?:/task/\\d+)?|/dev)/fd/(\\d+)");
  private static final int NONE = -1, OUT = 1, ERR = 2;

  /// As the user wrote it.
  private final Path path;
  /// After all links, in a folder without any.
  private final Path target;
  private final int descriptor;
  private final boolean stream;

  private Destination(Path path, Path target, int descriptor) {
    this.path = path;
    this.target = target;
    this.descriptor = descriptor;
    stream = descriptor != NONE || isOther(target);
  }

  /// @throws CheckpointException if nothing can be written there: it is a folder, in none, not to be changed by this user, or
  /// a link that leads to itself
  public static Destination of(Path path) {
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
      // As said below.
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

  static CheckpointException cannot(Path path, IOException e) {
    return new CheckpointException(path + ": cannot be written: " + WholeFile.reason(e), e);
  }

  /// The file that is written, after all links, in a folder without any.
  public Path target() {
    return target;
  }

  /// Whether it is written from the first byte to the last and never replaced: a device, a pipe, a descriptor.
  public boolean isStream() {
    return stream;
  }

  /// Whether it is what else the program prints to.
  public boolean isStdout() {
    return descriptor == OUT;
  }

  /// Finds out before the work whether its result can be written, by a file that is made and deleted at once.
  ///
  /// @throws CheckpointException if it cannot
  public void requireWritable() {
    if (stream) return;
    try {
      Unfinished.of(target).close();
    } catch (IOException e) {
      throw cannot(path, e);
    }
  }

  /// Opens a stream. What is not a file knows no positions, hence no [FileChannel].
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

  /// Stays open, for the program may print more.
  private static OutputStream open(FileDescriptor descriptor) {
    return new FileOutputStream(descriptor) {
      @Override
      public void close() {}
    };
  }

  /// Refuses an output that lies among the files of a checkpoint.
  ///
  /// @param folder of the checkpoint
  /// @throws CheckpointException if it is in there, or in a folder below
  public void requireOutside(Path folder) {
    try {
      if (!stream && target.startsWith(folder.toRealPath()))
        throw new CheckpointException(path + ": expected a place outside the folder " + folder + ", whose files are read");
    } catch (IOException e) {
      throw new CheckpointException(folder + ": cannot be read: " + WholeFile.reason(e), e);
    }
  }

  /// Refuses outputs that are inputs too, by whatever path, link or hard link.
  ///
  /// @throws CheckpointException if one is
  public static void requireOthers(Collection<Destination> outputs, Iterable<Path> inputs) {
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

  /// What a file is known by whatever its name: its number on its disk, or its real path on systems that count none; null where
  /// there is no such file.
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
