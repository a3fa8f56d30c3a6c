package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// What a path means for an output; what needs a shell is in `.ci/outputs`.
@DisabledOnOs(OS.WINDOWS)
class DestinationTest {
  @TempDir
  private Path folder;

  private static byte[] bytes(String text) {
    return text.getBytes();
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /// Reads a pipe to its end on a thread of its own.
  private static FutureTask<byte[]> reading(Path pipe) throws Exception {
    assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0);
    Callable<byte[]> all = () -> Files.readAllBytes(pipe);
    var task = new FutureTask<>(all);
    Thread.ofPlatform().daemon().start(task);
    return task;
  }

  @Test
  void linksAreFollowed() throws IOException {
    var below = Files.createDirectory(folder.resolve("below"));
    var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("below/file"));
    var second = Files.createSymbolicLink(folder.resolve("second"), link);
    WholeFile.write(second, bytes("new"));
    assertThat(below.resolve("file")).hasContent("new");
    WholeFile.write(link, bytes("newer"));
    assertThat(below.resolve("file")).hasContent("newer");
    assertThat(link).isSymbolicLink();
    assertThat(second).isSymbolicLink();
    assertThat(names()).containsExactly("below", "link", "second");

    var loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
    assertThatThrownBy(() -> WholeFile.write(loop, bytes("x"))).isInstanceOf(CheckpointException.class)
        .hasMessage(loop + ": cannot be written: a symbolic link that leads to itself, or too many of them");
    var lost = Files.createSymbolicLink(folder.resolve("lost"), Path.of("no/file"));
    assertThatThrownBy(() -> WholeFile.write(lost, bytes("x"))).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(lost + ": there is no folder ").hasMessageEndingWith("/no");
    var toFolder = Files.createSymbolicLink(folder.resolve("to-folder"), Path.of("below"));
    assertThatThrownBy(() -> WholeFile.write(toFolder, bytes("x"))).hasMessage(toFolder + ": expected a file to write, got a directory");
  }

  /// A new file has the mode of any new file, one that is replaced keeps its own.
  @Test
  void modes() throws IOException {
    Path file = folder.resolve("file"), plain = Files.createFile(folder.resolve("plain"));
    WholeFile.write(file, bytes("new"));
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(plain));
    for (var mode : List.of("rw-rw-r--", "rw-------", "rwxr-xr-x")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
      WholeFile.write(file, bytes(mode));
      assertThat(file).hasContent(mode);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo(mode);
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    assumeTrue(!Files.isWritable(file), "root may write everything");
    assertThatThrownBy(() -> WholeFile.write(file, bytes("x"))).hasMessage(file + ": cannot be written: access denied");
    assertThat(file).hasContent("rwxr-xr-x");
  }

  @Test
  void pipesTakeWhatIsWritten() throws Exception {
    var pipe = folder.resolve("pipe");
    var reader = reading(pipe);
    assertThat(Destination.of(pipe).isStream()).isTrue();
    Destination.of(pipe).requireWritable();
    WholeFile.write(pipe, Long.MAX_VALUE, channel -> WholeFile.writeFully(channel, ByteBuffer.wrap(bytes("through"))));
    assertThat(reader.get(20, TimeUnit.SECONDS)).isEqualTo(bytes("through"));
    assertThat(names()).containsExactly("pipe");
    assertThat(Files.isRegularFile(pipe, LinkOption.NOFOLLOW_LINKS)).isFalse();
  }

  /// The header comes first, though it tells of what follows.
  @Test
  void aCheckpointThroughAPipe() throws Exception {
    var contents = new byte[3_000_000];
    new java.util.Random(7).nextBytes(contents);
    var writer = new CheckpointWriter().tensor("x", DType.U8, new long[] {contents.length}, () -> Bytes.segment(contents));
    writer.metadata("sha256", "0".repeat(Sha256.LENGTH), writer::sha256);
    var file = folder.resolve("file");
    writer.write(file);
    var pipe = folder.resolve("pipe");
    var reader = reading(pipe);
    writer.write(pipe);
    assertThat(reader.get(20, TimeUnit.SECONDS)).isEqualTo(Files.readAllBytes(file));
  }

  @Test
  void devices() {
    var full = Path.of("/dev/full");
    assumeTrue(Files.exists(full));
    assertThatThrownBy(() -> WholeFile.write(full, bytes("x"))).isInstanceOf(CheckpointException.class)
        .hasMessage("/dev/full: cannot be written: No space left on device");
    WholeFile.write(Path.of("/dev/null"), bytes("x"));
    assertThat(Destination.of(Path.of("/dev/null")).isStream()).isTrue();
    assertThat(Destination.of(Path.of("/dev/stdout"))).returns(true, Destination::isStream).returns(true, Destination::isStdout);
    assertThat(Destination.of(folder.resolve("file"))).returns(false, Destination::isStream).returns(false, Destination::isStdout);
  }

  @Test
  void inputsAreKnownByAnyName() throws IOException {
    var input = Files.writeString(folder.resolve("input"), "precious");
    Files.createDirectory(folder.resolve("below"));
    var names = List.of(input, folder.resolve("below/../input"), Files.createLink(folder.resolve("hard"), input),
        Files.createSymbolicLink(folder.resolve("soft"), input));
    for (var name : names)
      assertThatThrownBy(() -> Destination.requireOthers(List.of(Destination.of(name)), List.of(folder.resolve("none"), input)))
          .isInstanceOf(CheckpointException.class).hasMessageStartingWith(name + ": would overwrite the input");
    var others = List.of(Destination.of(folder.resolve("new")), Destination.of(Files.writeString(folder.resolve("other"), "")));
    Destination.requireOthers(others, names);
  }

  @Test
  void foldersOfCheckpoints() throws IOException {
    var below = Files.createDirectory(folder.resolve("below"));
    var link = Files.createSymbolicLink(folder.resolve("link"), below);
    for (var file : List.of(below.resolve("new"), link.resolve("new")))
      for (var source : List.of(below, link, folder))
        assertThatThrownBy(() -> Destination.of(file).requireOutside(source)).isInstanceOf(CheckpointException.class)
            .hasMessage(file + ": expected a place outside the folder " + source + ", whose files are read");
    Destination.of(folder.resolve("below.safetensors")).requireOutside(below);
  }
}
