package dev.fovea.cli;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// The vectors that `embed` has computed so far, in `FILE.partial` beside its output, for `--resume`.
///
/// Each is a line of JSON, appended and never changed, so an interruption loses at most the last line; broken lines are ignored.
/// The first line has the model and the options. A picture is identified by name, size and modification time, a text by itself.
final class EmbedJournal implements AutoCloseable {
  private static final Gson GSON = new Gson();

  private record Header(String settings) {}

  private record Line(String image, String stamp, String embedding) {}

  private record Known(String stamp, float[] embedding) {}

  private final Path path;
  private final FileChannel channel;
  private final Map<String, Known> known = new HashMap<>();
  /// Taken before the pictures are read: one that changes meanwhile is not known.
  private final Map<String, String> stamps = new HashMap<>();
  private final UnaryOperator<String> stamping;
  private boolean finished;

  /// Opens the journal of an output whose vectors are of pictures, and locks it.
  ///
  /// @param settings everything that the vectors depend on besides the pictures
  /// @param resume whether to reuse existing vectors
  /// @throws Fovea.UsageException if it cannot be written, or another run uses it
  EmbedJournal(Path output, String settings, boolean resume) {
    this(output, settings, resume, EmbedJournal::stamp);
  }

  /// The same for texts.
  static EmbedJournal ofTexts(Path output, String settings, boolean resume) {
    return new EmbedJournal(output, settings, resume, _ -> "text");
  }

  private EmbedJournal(Path output, String settings, boolean resume, UnaryOperator<String> stamping) {
    this.stamping = stamping;
    path = file(output);
    if (Destination.of(path).isStream()) throw new Fovea.UsageException(path + ": expected a file, got a device or a pipe");
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    } catch (IOException e) {
      throw cannot(e);
    }
    try {
      if (channel.tryLock() == null) throw new OverlappingFileLockException();
      boolean continues = channel.size() > 0 && read(settings, resume);
      if (!continues) channel.truncate(0);
      channel.position(channel.size());
      // Ends a line that an interruption cut off, which is then ignored.
      append(continues ? "" : GSON.toJson(new Header(settings)));
    } catch (OverlappingFileLockException e) {
      closeQuietly();
      throw new Fovea.UsageException(path + ": another run is writing to " + output);
    } catch (IOException e) {
      closeQuietly();
      throw cannot(e);
    }
  }

  /// The path of an output's journal.
  static Path file(Path output) {
    return Path.of(output + ".partial");
  }

  private Fovea.UsageException cannot(IOException e) {
    return new Fovea.UsageException(path + ": cannot be written: " + WholeFile.reason(e));
  }

  /// Reads the vectors if they have these settings and `resume` is set, and returns whether they do.
  private boolean read(String settings, boolean resume) throws IOException {
    // Closing the reader would close the channel.
    var lines = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8.newDecoder()
        .onMalformedInput(CodingErrorAction.REPLACE), -1));
    var first = parsed(lines.readLine(), Header.class);
    if (!resume || first == null || !settings.equals(first.settings)) {
      if (lines.readLine() != null)
        Fovea.complain(path + ": " + (resume ? "is of another model or other options"
            : "holds an interrupted run's vectors, which --resume would take over") + ": everything is computed anew");
      return false;
    }
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      var entry = parsed(line, Line.class);
      if (entry != null && entry.image != null && entry.stamp != null && entry.embedding != null) remember(entry);
    }
    return true;
  }

  private static <T> @Nullable T parsed(@Nullable String line, Class<T> type) {
    try {
      return GSON.fromJson(line, type);
    } catch (JsonParseException e) {
      return null;
    }
  }

  private void remember(Line line) {
    try {
      var bytes = ByteBuffer.wrap(Base64.getDecoder().decode(line.embedding)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      var embedding = new float[bytes.remaining()];
      bytes.get(embedding);
      known.put(line.image, new Known(line.stamp, embedding));
    } catch (IllegalArgumentException _) {
      // Broken lines are ignored.
    }
  }

  /// A picture's vector from an earlier run, or null if there is none or the picture has changed.
  float @Nullable [] known(String image) {
    var now = stamping.apply(image);
    stamps.put(image, now);
    var entry = known.get(image);
    return entry == null || now.isEmpty() || !entry.stamp.equals(now) ? null : entry.embedding;
  }

  /// Adds the vector of a picture for which [#known] was called.
  ///
  /// @throws Fovea.UsageException if it cannot be written
  void add(Embedding picture) {
    if (picture.name().equals(PictureInputs.STDIN)) return;
    var bytes = ByteBuffer.allocate(4 * picture.embedding().length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(picture.embedding());
    var line = new Line(picture.name(), stamps.get(picture.name()), Base64.getEncoder().encodeToString(bytes.array()));
    try {
      append(GSON.toJson(line));
      known.put(picture.name(), new Known(line.stamp, picture.embedding()));
    } catch (IOException e) {
      throw cannot(e);
    }
  }

  private void append(String line) throws IOException {
    WholeFile.writeFully(channel, ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
  }

  /// A file's size and modification time, which change with it.
  static String stamp(String file) {
    try {
      var path = Path.of(file);
      return Files.size(path) + "@" + Files.getLastModifiedTime(path).toInstant();
    } catch (IOException e) {
      return "";
    }
  }

  /// Marks the output as complete and the journal as no longer needed.
  void finished() {
    finished = true;
  }

  /// Closes the journal; the file stays if there is something to resume.
  @Override
  public void close() {
    try {
      if (finished || known.isEmpty()) Files.deleteIfExists(path);
    } catch (IOException e) {
      throw cannot(e);
    } finally {
      closeQuietly();
    }
  }

  private void closeQuietly() {
    try {
      channel.close();
    } catch (IOException _) {
      // Everything was written before.
    }
  }
}
