package dev.fovea.converter.hub;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WholeFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.stream.Collectors;
import org.jetbrains.annotations.Nullable;

/// A repository's part of the cache, in the layout that other programs use too (ref: huggingface_hub, `file_download.py`): `blobs`
/// has contents under their hash, `refs` the commit of each branch, and `snapshots` a folder per commit with links from file names
/// to blobs. Folders are created when first needed.
final class HubCache {
  private static final long LOCK_INTERVAL_MILLIS = 50;

  private final Path root;
  private final String folder;
  private final Linker linker;

  /// Makes a link; if that fails, a copy replaces it.
  @FunctionalInterface
  interface Linker {
    void link(Path from, Path to) throws IOException;
  }

  HubCache(Path root, Repository repository, Linker linker) {
    this.root = root;
    this.folder = "models--" + repository.id().replace("/", "--");
    this.linker = linker;
  }

  private Path repository() {
    return root.resolve(folder);
  }

  /// A commit's folder.
  Path snapshot(String commit) {
    return repository().resolve("snapshots").resolve(commit);
  }

  /// The path of the content with this hash.
  Path blob(String hash) {
    return repository().resolve("blobs").resolve(hash);
  }

  /// The path of its incomplete download.
  Path incomplete(String hash) {
    return repository().resolve("blobs").resolve(hash + ".incomplete");
  }

  /// The names of a commit's cached top-level files.
  Set<String> names(String commit) {
    try (var files = Files.list(snapshot(commit))) {
      return files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).collect(Collectors.toSet());
    } catch (NoSuchFileException e) {
      return Set.of();
    } catch (IOException e) {
      throw failed(snapshot(commit), "read", e);
    }
  }

  /// The last known commit of a branch or a tag; null if there is none.
  @Nullable String commit(Repository repository) {
    if (repository.isCommit()) return repository.revision();
    var ref = ref(repository);
    try {
      var commit = Files.readString(ref).strip();
      if (Repository.isCommit(commit)) return commit;
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      throw failed(ref, "read", e);
    }
    throw new CheckpointException(ref + ": expected a commit of 40 hexadecimal digits");
  }

  /// Stores the commit of a branch or a tag.
  void remember(Repository repository, String commit) {
    if (commit.equals(commit(repository))) return;
    makeFolder(ref(repository).getParent());
    WholeFile.write(ref(repository), commit.getBytes(StandardCharsets.UTF_8));
  }

  private Path ref(Repository repository) {
    return repository().resolve("refs").resolve(repository.revision());
  }

  /// Deletes an incomplete download.
  void discard(String hash) {
    try {
      Files.deleteIfExists(incomplete(hash));
    } catch (IOException e) {
      throw failed(incomplete(hash), "deleted", e);
    }
  }

  /// Moves a complete download to its path.
  void complete(String hash) {
    try {
      Files.move(incomplete(hash), blob(hash), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw failed(blob(hash), "written", e);
    }
  }

  /// Links a name in a commit's folder to a content.
  void link(String commit, String name, String hash) {
    var file = snapshot(commit).resolve(name);
    makeFolder(file.getParent());
    try {
      try {
        linker.link(file, file.getParent().relativize(blob(hash)));
      } catch (FileAlreadyExistsException e) {
        Files.delete(file);   // A dangling link, or one that another program has just made.
        linker.link(file, file.getParent().relativize(blob(hash)));
      }
    } catch (UnsupportedOperationException | IOException e) {
      copy(blob(hash), file);
    }
  }

  private static void copy(Path from, Path to) {
    WholeFile.write(to, channel -> {
      try (var source = FileChannel.open(from)) {
        for (long at = 0, size = source.size(); at < size; ) at += source.transferTo(at, size - at, channel);
      }
    });
  }

  /// Free bytes on the cache's disk.
  long freeBytes() {
    var place = repository().toAbsolutePath();
    while (!Files.exists(place)) place = place.getParent();
    try {
      return Files.getFileStore(place).getUsableSpace();
    } catch (IOException e) {
      throw failed(place, "read", e);
    }
  }

  /// Waits for the exclusive right to fetch the content with this hash, held until the lock is closed.
  Closeable lock(String hash) throws InterruptedException {
    var file = root.resolve(".locks").resolve(folder).resolve(hash + ".lock");
    makeFolder(file.getParent());
    makeFolder(blob(hash).getParent());
    try {
      var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        while (!isLocked(channel)) Thread.sleep(LOCK_INTERVAL_MILLIS);
        return channel;
      } catch (InterruptedException | IOException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw failed(file, "locked", e);
    }
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {   // Held by another thread of this program.
      return false;
    }
  }

  private static void makeFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw failed(folder, "made", e);
    }
  }

  static CheckpointException failed(Path path, String what, IOException e) {
    return new CheckpointException(path + ": cannot be " + what + ": " + WholeFile.reason(e), e);
  }
}
