package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A file that is loaded and one that is mapped hold the same, and are safe from what other programs do to the file.
class ResidencyTest {
  @TempDir
  private Path folder;

  private static Map<String, byte[]> contents(int... sizes) {
    var random = new Random(1);
    var contents = new TreeMap<String, byte[]>();
    for (int size : sizes) {
      var bytes = new byte[size];
      random.nextBytes(bytes);
      contents.put("t" + contents.size(), bytes);
    }
    return contents;
  }

  private Path write(String name, Map<String, byte[]> contents) {
    var writer = new CheckpointWriter().metadata("a", "b");
    contents.forEach((tensor, bytes) -> writer.tensor(tensor, DType.U8, new long[] {bytes.length}, () -> Bytes.segment(bytes)));
    var path = folder.resolve(name);
    writer.write(path);
    return path;
  }

  private static void requireContents(Checkpoint checkpoint, Map<String, byte[]> contents) {
    assertThat(checkpoint.tensors().keySet()).isEqualTo(contents.keySet());
    contents.forEach((name, bytes) ->
        assertThat(checkpoint.tensor(name).data().mismatch(Bytes.segment(bytes))).as(name).isEqualTo(-1));
  }

  private static void truncate(Path path, long length) throws IOException {
    try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    }
  }

  /// Tensors of odd sizes, without elements, and so large that there are several pieces, which threads share.
  @ParameterizedTest
  @EnumSource
  void theSameBytes(Residency residency) {
    var contents = contents(1, 63, 0, 64, 65, 20_000_001, 30_000_000, 7, 33_554_432, 100, 0);
    var path = write("m.st", contents);
    try (var checkpoint = Checkpoint.open(path, residency)) {
      requireContents(checkpoint, contents);
      assertThat(checkpoint.residency()).isEqualTo(residency);
      assertThat(checkpoint.path()).isEqualTo(path);
      assertThat(checkpoint.size()).isEqualTo(path.toFile().length());
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("a", "b"));
      for (var tensor : checkpoint.tensors().values()) {
        assertThat(tensor.data().isReadOnly()).isTrue();
        assertThat(tensor.data().isNative()).isTrue();
        assertThat(tensor.data().isMapped()).isEqualTo(residency == Residency.MAPPED);
        if (residency == Residency.LOADED) assertThat(tensor.data().address() % 64).as(tensor.name()).isZero();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void noTensors(Residency residency) {
    try (var checkpoint = Checkpoint.open(write("m.st", Map.of()), residency)) {
      assertThat(checkpoint.tensors()).isEmpty();
    }
  }

  @Test
  void mappedUnlessSaid() {
    try (var checkpoint = Checkpoint.open(write("m.st", contents(5)))) {
      assertThat(checkpoint.residency()).isEqualTo(Residency.MAPPED);
    }
    try (var checkpoint = Checkpoint.read("bytes", Bytes.file("{}"))) {
      assertThat(checkpoint.residency()).isEqualTo(Residency.LOADED);
    }
  }

  @ParameterizedTest
  @EnumSource
  void usedAfterClose(Residency residency) {
    var checkpoint = Checkpoint.open(write("m.st", contents(5)), residency);
    var tensor = checkpoint.tensor("t0");
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(() -> tensor.longAt(0)).isInstanceOf(IllegalStateException.class);
  }

  /// The header was read, and then the file becomes shorter.
  @Test
  void truncatedWhileItIsLoaded() throws IOException {
    var path = write("m.st", contents(100, 40_000_000, 5_000));
    for (long length : new long[] {40_001_000, 300, 0})
      try (var channel = FileChannel.open(path); var arena = Arena.ofShared()) {
        var header = SafetensorsHeader.read("m.st", channel);
        truncate(path, length);
        assertThatThrownBy(() -> new LoadedTensors("m.st", channel, header, arena).read()).isInstanceOf(CheckpointException.class)
            .hasMessageMatching("m.st: was truncated while it was being read: expected bytes up to \\d+, got " + length);
        Files.delete(path);
        write("m.st", contents(100, 40_000_000, 5_000));
      }
  }

  @Test
  void truncatedOrDeletedAfterItWasLoaded() throws IOException {
    var contents = contents(100, 5_000);
    var path = write("m.st", contents);
    try (var checkpoint = Checkpoint.open(path, Residency.LOADED)) {
      truncate(path, 0);
      checkpoint.reading(() -> {
        requireContents(checkpoint, contents);
        return true;
      });
      Files.delete(path);
      checkpoint.reading(() -> {
        requireContents(checkpoint, contents);
        return true;
      });
    }
  }

  /// As programs do that write a file anew: what was opened stays whole, also where the new file is shorter.
  @ParameterizedTest
  @EnumSource
  void replacedByRename(Residency residency) throws IOException {
    var contents = contents(100_000, 5_000);
    var path = write("m.st", contents);
    try (var checkpoint = Checkpoint.open(path, residency)) {
      Files.move(write("new.st", contents(10)), path, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
      assertThat(checkpoint.reading(() -> {
        requireContents(checkpoint, contents);
        return true;
      })).isTrue();
    }
    try (var checkpoint = Checkpoint.open(path, residency)) {
      requireContents(checkpoint, contents(10));
    }
  }

  /// More than any machine has.
  @Test
  void noMemory() throws IOException {
    long bytes = 1L << 60;
    var path = write("m.st", contents(10));
    try (var channel = FileChannel.open(path); var arena = Arena.ofShared()) {
      var big = new SafetensorsHeader.Entry("big", DType.U8, List.of(bytes), 0, bytes);
      var header = new SafetensorsHeader(List.of(big), Map.of(), 8, bytes);
      requireNoRoom("1,152,921,504,606,846,976", () -> new LoadedTensors("m.st", channel, header, arena).read());
      requireNoRoom("200", () -> new LoadedTensors("m.st", channel, header, arena).requireRoom(200, 199));
      new LoadedTensors("m.st", channel, header, arena).requireRoom(200, 200);
    }
  }

  private static void requireNoRoom(String bytes, ThrowingCallable load) {
    assertThatThrownBy(load).isInstanceOf(CheckpointException.class)
        .hasMessageMatching("m.st: expected room for its " + bytes + " bytes in memory, got [0-9,]+; --weights mapped, in Java "
            + "Residency.MAPPED, leaves them in the file");
  }

  /// What Java says where a system does not hand out what it has.
  @Test
  void refusedBySystem() throws IOException {
    var path = write("m.st", contents(10));
    try (var channel = FileChannel.open(path); var arena = refusing()) {
      var header = SafetensorsHeader.read("m.st", channel);
      assertThatThrownBy(() -> new LoadedTensors("m.st", channel, header, arena).read()).isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith("m.st: expected room for its ").hasMessageContaining(" bytes in memory, refused; --weights mapped")
          .hasCauseInstanceOf(OutOfMemoryError.class);
    }
  }

  /// An arena that has nothing to give.
  private static Arena refusing() {
    var arena = Arena.ofShared();
    return new Arena() {
      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        throw new OutOfMemoryError("refused");
      }

      @Override
      public MemorySegment.Scope scope() {
        return arena.scope();
      }

      @Override
      public void close() {
        arena.close();
      }
    };
  }

  /// The file that is open decides, not the one at its path.
  @Test
  void truncatedUnderAnotherName() throws IOException {
    var path = write("m.st", contents(100_000, 5_000));
    try (var checkpoint = Checkpoint.open(path)) {
      var moved = folder.resolve("moved.st");
      Files.move(path, moved);
      assertThat(checkpoint.reading(() -> 1)).isEqualTo(1);
      Files.copy(moved, path);
      truncate(path, 10);
      assertThat(checkpoint.reading(() -> 1)).as("only the copy is short").isEqualTo(1);
      truncate(moved, 5_000);
      assertThatThrownBy(() -> checkpoint.reading(() -> 1)).isInstanceOf(CheckpointException.class)
          .hasMessage(path + ": was truncated while in use: expected " + checkpoint.size() + " bytes, got 5000");
      Files.delete(moved);
      assertThatThrownBy(() -> checkpoint.reading(() -> 1)).as("deleted").isInstanceOf(CheckpointException.class);
    }
  }

  /// An interrupted thread that asks for the length closes no file of others.
  @ParameterizedTest
  @EnumSource
  void readByAnInterruptedThread(Residency residency) throws IOException {
    var contents = contents(100);
    var path = write("m.st", contents);
    try (var checkpoint = Checkpoint.open(path, residency)) {
      Thread.currentThread().interrupt();
      assertThat(checkpoint.reading(() -> 1)).isEqualTo(1);
      assertThat(Thread.interrupted()).isTrue();
      requireContents(checkpoint, contents);
      truncate(path, 5);
      if (residency == Residency.MAPPED)
        assertThatThrownBy(() -> checkpoint.reading(() -> 1)).isInstanceOf(CheckpointException.class);
    }
  }

  private static long descriptors(Path path) throws IOException {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      return open.filter(descriptor -> {
        try {
          return Files.readSymbolicLink(descriptor).equals(path);
        } catch (IOException e) {
          return false;   // Closed meanwhile.
        }
      }).count();
    }
  }

  @Test
  @EnabledIf("hasDescriptors")
  void noDescriptorIsLeft() throws IOException {
    var path = write("m.st", contents(100)).toRealPath();
    for (var residency : Residency.values())
      for (int i = 0; i < 100; i++) Checkpoint.open(path, residency).close();
    assertThat(descriptors(path)).isZero();
    var checkpoint = Checkpoint.open(path);
    assertThat(descriptors(path)).as("it tells the length").isEqualTo(1);
    checkpoint.close();
    checkpoint.close();
    assertThat(descriptors(path)).isZero();
    try (var loaded = Checkpoint.open(path, Residency.LOADED)) {
      assertThat(loaded.tensors()).isNotEmpty();
      assertThat(descriptors(path)).isZero();
    }
    Files.write(path, new byte[100]);
    for (var residency : Residency.values())
      assertThatThrownBy(() -> Checkpoint.open(path, residency)).isInstanceOf(CheckpointException.class);
    assertThat(descriptors(path)).as("after failures").isZero();
  }

  static boolean hasDescriptors() {
    return Files.isDirectory(Path.of("/proc/self/fd"));
  }

  @ParameterizedTest
  @EnumSource
  void noSuchFile(Residency residency) throws IOException {
    var none = folder.resolve("none.st");
    assertThatThrownBy(() -> Checkpoint.open(none, residency)).hasMessage(none + ": no such file");
    var secret = write("secret.st", contents(5));
    if (!secret.toFile().setReadable(false) || Files.isReadable(secret)) return;   // Root reads everything.
    assertThatThrownBy(() -> Checkpoint.open(secret, residency)).hasMessage(secret + ": cannot be read: access denied");
  }

  /// As a caller and the closing of what it uses may do.
  @ParameterizedTest
  @EnumSource
  void closedByTwoAtOnce(Residency residency) throws Exception {
    var path = write("m.st", contents(10));
    try (var pool = Executors.newFixedThreadPool(2)) {
      for (int i = 0; i < 2000; i++) {
        var checkpoint = Checkpoint.open(path, residency);
        var barrier = new CyclicBarrier(2);
        Callable<Void> close = () -> {
          barrier.await();
          checkpoint.close();
          return null;
        };
        for (var closing : pool.invokeAll(List.of(close, close))) closing.get();
      }
    }
  }

  /// Such as a model inside an archive.
  @Test
  void inAFileSystemOfJava() throws IOException {
    var contents = contents(10, 20);
    var path = write("m.st", contents);
    try (var archive = FileSystems.newFileSystem(folder.resolve("archive.zip"), Map.of("create", "true"))) {
      var inside = archive.getPath("m.st");
      Files.copy(path, inside);
      try (var checkpoint = Checkpoint.open(inside, Residency.LOADED)) {
        requireContents(checkpoint, contents);
      }
      assertThatThrownBy(() -> Checkpoint.open(inside, Residency.MAPPED)).isInstanceOf(CheckpointException.class)
          .hasMessage("m.st: cannot be mapped from its file system; Residency.LOADED reads it");
    }
  }
}
