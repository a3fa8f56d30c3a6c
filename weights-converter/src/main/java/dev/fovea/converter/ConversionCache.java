package dev.fovea.converter;

import dev.fovea.converter.SourceFiles.Stamp;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// A folder of converted models, in which a published checkpoint is converted once.
///
/// ```java
/// var file = ConversionCache.ofUser().resolve(Path.of("vit-base-patch16-224"));
/// try (var classifier = ImageClassifier.open(file)) …
/// ```
///
/// An entry's name is a hash: of the bytes of all files that its conversion reads, of what the conversion was asked for, and of
/// the converter's version. So a changed checkpoint has a new entry, and equal ones share theirs. What is hashed once is
/// hashed again when a file's size or time has changed.
///
/// Any number of threads and processes may use a folder at once. An entry that is broken is made anew, and all of them may be
/// deleted at any time; nothing else deletes them.
public final class ConversionCache {
  private static final String PROPERTY = "fovea.cache", VARIABLE = "FOVEA_CACHE", OFF = "off", NAME = "fovea";
  /// What keeps the threads of this program from each other, as a lock on a file does with processes.
  private static final Map<Path, Object> BUSY = new ConcurrentHashMap<>();

  private final @Nullable Path folder;
  private final String refusal;

  private ConversionCache(@Nullable Path folder, String refusal) {
    this.folder = folder;
    this.refusal = refusal;
  }

  /// The cache in this folder, which is made when there is something to keep.
  public ConversionCache(Path folder) {
    this(folder, "");
  }

  /// The user's: in the folder that the property `fovea.cache` or else the variable `FOVEA_CACHE` names, or in `fovea` where
  /// the system keeps caches: `$XDG_CACHE_HOME` or `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`;
  /// `~` is [UserHome].
  /// Where the name is `off`, nothing is converted.
  public static ConversionCache ofUser() {
    var given = System.getProperty(PROPERTY, Objects.requireNonNullElse(System.getenv(VARIABLE), ""));
    if (given.equals(OFF)) return refusing(VARIABLE + "=" + OFF);
    if (!given.isEmpty()) return new ConversionCache(Path.of(given));
    var usual = usual(System.getProperty("os.name"), UserHome.of(System.getenv()), System::getenv);
    return usual != null ? new ConversionCache(usual) : refusing("a user without a home folder and " + VARIABLE);
  }

  /// One that converts nothing.
  ///
  /// @param why what asks for that, such as an option
  public static ConversionCache refusing(String why) {
    return new ConversionCache(null, why);
  }

  /// Null where it would lie in the home folder of a user without one.
  static @Nullable Path usual(String system, @Nullable Path home, UnaryOperator<@Nullable String> environment) {
    if (system.startsWith("Mac")) return home == null ? null : home.resolve(Path.of("Library", "Caches", NAME));
    boolean windows = system.startsWith("Windows");
    var folder = environment.apply(windows ? "LOCALAPPDATA" : "XDG_CACHE_HOME");
    // The specification of XDG: what is not absolute counts for nothing.
    if (folder != null && Path.of(folder).isAbsolute()) return Path.of(folder, NAME);
    if (home == null) return null;
    return home.resolve(windows ? Path.of("AppData", "Local", NAME) : Path.of(".cache", NAME));
  }

  /// The model file for a checkpoint, with float32 matrices.
  ///
  /// @see #resolve(Path, Conversion, Consumer)
  public Path resolve(Path model) {
    return resolve(model, Conversion.to(WeightFormat.F32), _ -> {});
  }

  /// The model file for a checkpoint, converted now where it never was.
  ///
  /// @param model the checkpoint's folder, or the file or index of its weights; a model in Fovea's form stands for itself
  /// @param conversion its listener hears the hashing too, with names of files
  /// @param converting hears where the result will be, before a conversion
  /// @throws CheckpointException if it cannot be converted, or not be kept, or this cache converts nothing
  public Path resolve(Path model, Conversion conversion, Consumer<Path> converting) {
    return resolve(model, conversion, converting, _ -> {});
  }

  /// The model file for a checkpoint, converted now where it never was.
  ///
  /// @param converted hears what a conversion did
  /// @see #resolve(Path, Conversion, Consumer)
  public Path resolve(Path model, Conversion conversion, Consumer<Path> converting, Consumer<Report> converted) {
    try (var already = ModelHeader.open(model)) {
      if (already != null) return model;
    }
    if (folder == null) {
      Converter.plan(model, conversion);   // What is no checkpoint at all has an error of its own.
      throw new CheckpointException(model + ": is not converted, which " + refusal + " leaves to you: fovea convert " + model
          + " -o model.safetensors");
    }
    var files = SourceFiles.of(model, conversion);
    var stamps = files.stamps();
    var note = new HashNote(folder.resolve("sources").resolve(sha256(model.toAbsolutePath().normalize().toString())));
    var known = note.read(stamps);
    if (known == null) Converter.plan(model, conversion);   // What cannot be converted is not worth reading.
    var place = place();
    var hash = known == null ? hash(files, stamps, note, conversion) : known;
    var key = sha256(String.join(" ", ModelHeader.VERSION, Integer.toString(Converter.VERSION), conversion.format().name(),
        String.valueOf(conversion.preset()), hash));
    var entry = place.resolve(key + ".safetensors");
    if (isWhole(entry)) return entry;
    synchronized (BUSY.computeIfAbsent(entry, _ -> new Object())) {
      return underLock(entry, () -> {
        converting.accept(entry);
        var report = Converter.convert(model, entry, conversion);
        if (files.stamps().equals(stamps)) {
          converted.accept(report);
          return;
        }
        delete(entry);
        throw new CheckpointException(model + ": was changed while it was being converted");
      });
    }
  }

  /// By Java alone: Guava's hashing would load fifteen classes more at each start with a published checkpoint.
  private static String sha256(String text) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }

  /// The folder of the model files.
  private Path place() {
    var place = folder.resolve("models");
    try {
      return Files.createDirectories(place).toRealPath();
    } catch (FileAlreadyExistsException e) {
      throw unwritable(place, new FileSystemException(e.getFile(), null, "a file is in the way"));
    } catch (IOException e) {
      throw unwritable(place, e);
    }
  }

  private static String hash(SourceFiles files, List<Stamp> stamps, HashNote note, Conversion conversion) {
    var began = Instant.now();
    var hash = files.hash(conversion.progress());
    note.write(hash, began, stamps);
    return hash;
  }

  private static boolean isWhole(Path entry) {
    try (var checkpoint = ModelHeader.open(entry)) {
      return checkpoint != null;
    }
  }

  /// Makes an entry, or finds that another process has made it meanwhile.
  private static Path underLock(Path entry, Runnable conversion) {
    var file = Path.of(entry + ".lock");
    try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE); var _ = lock(channel)) {
      if (!isWhole(entry)) conversion.run();
      return entry;
    } catch (IOException e) {
      throw unwritable(entry.getParent(), e);
    } finally {
      delete(file);
    }
  }

  /// Null on a file system that knows no locks: two processes may convert at once there, and the later result replaces the other.
  private static @Nullable FileLock lock(FileChannel channel) {
    try {
      return channel.lock();
    } catch (IOException | OverlappingFileLockException _) {
      return null;
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException _) {
      // Whoever needs the place will say so.
    }
  }

  private static CheckpointException unwritable(Path place, IOException e) {
    return new CheckpointException(place + ": converted models cannot be kept there: " + WholeFile.reason(e) + "; " + VARIABLE
        + " names another folder, and 'fovea convert' needs none", e);
  }
}
