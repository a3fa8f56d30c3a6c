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

/// A cache folder of converted models: each published checkpoint is converted once.
///
/// ```java
/// var file = ConversionCache.ofUser().resolve(Path.of("vit-base-patch16-224"));
/// try (var classifier = ImageClassifier.open(file)) …
/// ```
///
/// An entry's name is a hash of all source files, the conversion's options and the converter's version. So a changed checkpoint
/// gets a new entry, and equal ones share theirs. Files are hashed again only if a size or time has changed.
///
/// Any number of threads and processes may use a folder at once. Broken entries are replaced. Users may delete entries at any time;
/// the cache never does.
public final class ConversionCache {
  private static final String PROPERTY = "fovea.cache", VARIABLE = "FOVEA_CACHE", OFF = "off", NAME = "fovea";
  /// Locks between threads of this program; file locks work only between processes.
  private static final Map<Path, Object> BUSY = new ConcurrentHashMap<>();

  private final @Nullable Path folder;
  private final String refusal;

  private ConversionCache(@Nullable Path folder, String refusal) {
    this.folder = folder;
    this.refusal = refusal;
  }

  /// The cache in this folder, which is created with the first entry.
  public ConversionCache(Path folder) {
    this(Objects.requireNonNull(folder, "folder"), "");
  }

  /// The user's cache: the folder in the property `fovea.cache`, otherwise in the variable `FOVEA_CACHE`, otherwise `fovea` in the
  /// system's cache folder: `$XDG_CACHE_HOME` or `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`; `~` is
  /// [UserHome]. If the name is `off`, nothing is converted.
  public static ConversionCache ofUser() {
    var given = System.getProperty(PROPERTY, Objects.requireNonNullElse(System.getenv(VARIABLE), ""));
    if (given.equals(OFF)) return refusing(VARIABLE + "=" + OFF);
    if (!given.isEmpty()) return new ConversionCache(Path.of(given));
    var usual = usual(System.getProperty("os.name"), UserHome.of(System.getenv()), System::getenv);
    return usual != null ? new ConversionCache(usual) : refusing("a user without a home folder and " + VARIABLE);
  }

  /// A cache that refuses to convert.
  ///
  /// @param why what asks for the refusal, such as an option
  public static ConversionCache refusing(String why) {
    Objects.requireNonNull(why, "why");
    return new ConversionCache(null, why);
  }

  /// Null if it would be in the home folder of a user without one.
  static @Nullable Path usual(String system, @Nullable Path home, UnaryOperator<@Nullable String> environment) {
    if (system.startsWith("Mac")) return home == null ? null : home.resolve(Path.of("Library", "Caches", NAME));
    boolean windows = system.startsWith("Windows");
    var folder = environment.apply(windows ? "LOCALAPPDATA" : "XDG_CACHE_HOME");
    // XDG's specification: relative paths are ignored.
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

  /// The model file for a checkpoint, converted now if it is not cached.
  ///
  /// @param model the checkpoint's folder, or the file or index of its weights; a Fovea model file is returned as it is
  /// @param conversion its listener also gets the progress of hashing, with file names
  /// @param converting gets the result's path before a conversion
  /// @throws CheckpointException if it cannot be converted or stored, or this cache refuses to convert
  public Path resolve(Path model, Conversion conversion, Consumer<Path> converting) {
    return resolve(model, conversion, converting, _ -> {});
  }

  /// The model file for a checkpoint, converted now if it is not cached.
  ///
  /// @param converted gets the report of a conversion
  /// @see #resolve(Path, Conversion, Consumer)
  public Path resolve(Path model, Conversion conversion, Consumer<Path> converting, Consumer<Report> converted) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(conversion, "conversion");
    Objects.requireNonNull(converting, "converting");
    Objects.requireNonNull(converted, "converted");
    try (var already = ModelHeader.open(model)) {
      if (already != null) return model;
    }
    if (folder == null) {
      Converter.plan(model, conversion);   // A path that is no checkpoint gets its own error.
      throw new CheckpointException(model + ": is not converted, which " + refusal + " leaves to you: fovea convert " + model
          + " -o model.safetensors");
    }
    var files = SourceFiles.of(model, conversion);
    var stamps = files.stamps();
    var note = new HashNote(folder.resolve("sources").resolve(sha256(model.toAbsolutePath().normalize().toString())));
    var known = note.read(stamps);
    if (known == null) Converter.plan(model, conversion);   // Fails before gigabytes are hashed in vain.
    var place = place();
    var hash = known == null ? hash(files, stamps, note, conversion) : known;
    var key = sha256(String.join(" ", ModelHeader.VERSION, Integer.toString(Converter.VERSION), conversion.format().name()
        + (conversion.towers() ? "+towers" : ""), String.valueOf(conversion.preset()), hash));
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

  /// Creates an entry, unless another process has done so meanwhile.
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

  /// Null on a file system without locks: there, two processes may convert at once, and the later result replaces the other.
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
      // The next write to this path reports it.
    }
  }

  private static CheckpointException unwritable(Path place, IOException e) {
    return new CheckpointException(place + ": converted models cannot be kept there: " + WholeFile.reason(e) + "; " + VARIABLE
        + " names another folder, and 'fovea convert' needs none", e);
  }
}
