package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// The pictures given on a command line: files, folders of pictures, and `-` for stdin. Unreadable ones are reported on stderr and
/// skipped.
final class PictureInputs {
  static final String STDIN = "-";
  /// The path of stdin on systems that have one.
  static final Path STDIN_FILE = Path.of("/dev/stdin");
  /// For the help of a command.
  static final String FOOTER = "%nA picture that cannot be read is told on stderr; the others go on, and the exit code is 2.";

  private final List<String> names = new ArrayList<>();
  private final Set<Path> folders = new HashSet<>();
  /// Reported once it is known whether there are other pictures.
  private final List<String> complaints = new ArrayList<>();
  private boolean passedOver;
  private @Nullable Picture stdin;

  /// The work on a picture.
  @FunctionalInterface
  interface Work {
    /// @param index among the names
    /// @param progress of this picture
    /// @throws ImageException if the picture cannot be used, though others may
    void on(int index, String name, Picture picture, Progress progress);
  }

  /// How a task computes many inputs, such as [dev.fovea.models.ImageClassifier#each].
  interface Task {
    <T, P, R> void each(List<T> inputs, Function<? super T, ? extends P> prepare, Function<? super P, ? extends R> compute,
        BiConsumer<? super T, ? super R> use);
  }

  /// What is computed of a picture, on any thread.
  @FunctionalInterface
  interface Computation<R> {
    /// @param progress of this picture
    /// @throws ImageException if the picture cannot be used, though others may
    R of(Picture picture, Progress progress);
  }

  /// What becomes of a result, on the calling thread and in the order of the names.
  @FunctionalInterface
  interface Use<R> {
    /// @param index among the names
    void of(int index, String name, R result);
  }

  /// What becomes of a picture: a value, or the reason why it is skipped.
  record Outcome<R>(@Nullable R value, @Nullable ImageException failure) {
    static <R> Outcome<R> of(Supplier<R> work) {
      try {
        return new Outcome<>(work.get(), null);
      } catch (ImageException e) {
        return new Outcome<>(null, e);
      }
    }

    <S> Outcome<S> then(Function<R, S> next) {
      return failure == null ? of(() -> next.apply(value)) : new Outcome<>(null, failure);
    }
  }

  private PictureInputs() {}

  /// Replaces folders by the pictures in them and in the folders below, by name.
  ///
  /// @throws ImageException if everything given is unreadable
  static PictureInputs of(List<String> images) {
    var inputs = new PictureInputs();
    for (var image : images) {
      if (image.equals(STDIN) || !Files.isDirectory(Path.of(image))) inputs.names.add(image);
      else inputs.addFolder(Path.of(image));
    }
    inputs.passedOver = !inputs.complaints.isEmpty();
    var last = inputs.names.isEmpty() && inputs.passedOver ? inputs.complaints.removeLast() : null;
    inputs.complaints.forEach(Fovea::complain);
    if (last != null) throw new ImageException(last);
    return inputs;
  }

  private void addFolder(Path folder) {
    var found = new ArrayList<String>();
    int before = complaints.size();
    try {
      Files.walkFileTree(folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, new Finder(found));
    } catch (IOException e) {
      complaints.add(unreadable(folder, e));
    }
    if (found.isEmpty() && complaints.size() == before) complaints.add(folder + ": there is no picture in this folder");
    found.sort(null);
    names.addAll(found);
  }

  private static String unreadable(Path path, IOException e) {
    return path + ": cannot be read: " + WholeFile.reason(e);
  }

  /// Continues after any error.
  private final class Finder extends SimpleFileVisitor<Path> {
    private final List<String> found;

    private Finder(List<String> found) {
      this.found = found;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
      folders.add(folder.toRealPath());
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      if (!isPicture(file)) return FileVisitResult.CONTINUE;
      // Reading a pipe would wait for a writer.
      if (attributes.isOther()) complaints.add(file + ": expected a picture, got a device or a pipe");
      else found.add(file.toString());
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path path, IOException e) {
      complaints.add(unreadable(path, e));
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) {
      if (e != null) complaints.add(unreadable(folder, e));
      return FileVisitResult.CONTINUE;
    }
  }

  /// Whether a file in a folder is a picture, by its name.
  static boolean isPicture(Path file) {
    return file.toString().toLowerCase(Locale.ROOT).matches(".*\\.(png|jpe?g|webp|bmp|gif)");
  }

  /// Whether there is such a file, or a picture may be meant that is not there.
  static boolean isFile(String name) {
    try {
      var path = Path.of(name);
      return Files.exists(path) || isPicture(path) && name.chars().noneMatch(Character::isWhitespace);
    } catch (InvalidPathException _) {
      return false;
    }
  }

  /// The files' names, and `-` for stdin.
  List<String> names() {
    return names;
  }

  /// The real paths of the folders searched for pictures.
  Set<Path> folders() {
    return folders;
  }

  /// Whether anything given, or found in a folder, has been unreadable so far.
  boolean passedOver() {
    return passedOver;
  }

  /// Runs the work on each readable picture.
  void each(Terminal.ProgressBar bar, Work work) {
    for (int i = 0; i < names.size(); i++) {
      var name = names.get(i);
      double done = i, all = names.size();
      try {
        work.on(i, name, read(name), (now, total) -> bar.update((done + (double) now / Math.max(1, total)) / all, name));
      } catch (ImageException e) {
        passOver(e, bar);
      }
    }
  }

  /// Computes each readable picture, several at once where that is faster, while others are read.
  <R> void each(Task task, Terminal.ProgressBar bar, Computation<R> computation, Use<R> use) {
    var progress = bar.shared(names.size());
    task.each(IntStream.range(0, names.size()).boxed().toList(),
        i -> Outcome.of(() -> read(names.get(i))).then(picture -> Map.entry(i, picture)),
        read -> read.then(each -> computation.of(each.getValue(), progress.of(names.get(each.getKey())))),
        (i, outcome) -> {
          if (outcome.failure != null) passOver(outcome.failure, bar);
          else use.of(i, names.get(i), outcome.value);
          progress.finished();
        });
  }

  /// Reports on stderr why a picture is skipped.
  void passOver(ImageException why, Terminal.ProgressBar bar) {
    bar.complain(why.getMessage());
    passedOver = true;
  }

  /// The picture of that name. That of stdin can be read again.
  ///
  /// @throws ImageException if it is no readable picture
  Picture read(String name) {
    return name.equals(STDIN) ? stdin() : Picture.read(path(name));
  }

  private synchronized Picture stdin() {
    if (stdin == null) stdin = readStdin();
    return stdin;
  }

  /// A folder may hold names that are not text in the locale's charset. Java replaces their bytes by U+FFFD and cannot open them.
  private static Path path(String name) {
    try {
      var path = Path.of(name);
      if (name.indexOf('\uFFFD') < 0 || Files.exists(path, LinkOption.NOFOLLOW_LINKS)) return path;
    } catch (InvalidPathException _) {
      // The charset cannot encode it either.
    }
    throw new ImageException(name + ": its name is not text in " + System.getProperty("sun.jnu.encoding"));
  }

  /// A single picture, possibly stdin.
  ///
  /// @throws ImageException if it is no readable picture
  static Picture one(String name) {
    return new PictureInputs().read(name);
  }

  private static Picture readStdin() {
    return Picture.decode("stdin", System.in);
  }
}
