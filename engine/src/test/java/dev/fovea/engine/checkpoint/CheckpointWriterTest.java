package dev.fovea.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {
  @TempDir
  Path folder;
  private Path file;

  @BeforeEach
  void name() {
    file = folder.resolve("model.safetensors");
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static byte[] random(int n, long seed) {
    var bytes = new byte[n];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private static CheckpointWriter all() {
    var writer = new CheckpointWriter().metadata("b", "ü\"\\\n<'>").metadata("a", "1");
    for (var dtype : DType.values()) {
      writer.tensor("odd." + dtype, dtype, odd(dtype), () -> Bytes.segment(random(bytes(dtype, odd(dtype)), dtype.ordinal())));
      writer.tensor("line." + dtype, dtype, new long[] {64}, () -> Bytes.segment(random(bytes(dtype, 64), 100 + dtype.ordinal())));
      writer.tensor("few." + dtype, dtype, few(dtype), () -> Bytes.segment(random(bytes(dtype, few(dtype)), 200 + dtype.ordinal())));
      writer.tensor("none." + dtype, dtype, new long[] {2, 0}, () -> MemorySegment.NULL);
    }
    return writer;
  }

  /// Elements of less than a byte come in numbers that fill whole bytes.
  private static long[] odd(DType dtype) {
    return dtype.bits() % Byte.SIZE == 0 ? new long[] {3, 1, 5} : new long[] {3, 1, 4};
  }

  /// A scalar where an element is whole bytes.
  private static long[] few(DType dtype) {
    return dtype.bits() % Byte.SIZE == 0 ? new long[0] : new long[] {4};
  }

  private static int bytes(DType dtype, long... shape) {
    long bits = dtype.bits();
    for (long d : shape) bits *= d;
    return Math.toIntExact(bits / Byte.SIZE);
  }

  @Test
  void elementsFillWholeBytes() {
    assertThatThrownBy(() -> new CheckpointWriter().tensor("x", DType.F6_E2M3, new long[] {3, 1, 5}, () -> MemorySegment.NULL))
        .isInstanceOf(IllegalArgumentException.class).hasMessage("tensor 'x': expected whole bytes, got 15 elements of 6 bits");
  }

  @Test
  void everyDtypeComesBack() {
    all().write(file);
    try (var checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("a", "1", "b", "ü\"\\\n<'>"));
      assertThat(checkpoint.tensors()).hasSize(4 * DType.values().length);
      for (var dtype : DType.values()) {
        var odd = checkpoint.tensor("odd." + dtype);
        assertThat(odd.dtype()).isEqualTo(dtype);
        assertThat(odd.shape()).isEqualTo(java.util.Arrays.stream(odd(dtype)).boxed().toList());
        assertThat(odd.data().toArray(JAVA_BYTE)).isEqualTo(random(bytes(dtype, odd(dtype)), dtype.ordinal()));
        assertThat(checkpoint.tensor("line." + dtype).data().toArray(JAVA_BYTE)).isEqualTo(random(bytes(dtype, 64), 100 + dtype.ordinal()));
        assertThat(checkpoint.tensor("few." + dtype).shape()).hasSize(few(dtype).length);
        assertThat(checkpoint.tensor("none." + dtype).size()).isZero();
      }
      assertThat(checkpoint.tensors().values().stream().mapToLong(t -> t.data().byteSize()).sum()).isEqualTo(all().bytes());
    }
  }

  @Test
  void tensorsAreAligned() throws IOException {
    all().write(file);
    var header = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat((8 + header.getLong()) % 64).isZero();
    try (var checkpoint = Checkpoint.open(file)) {
      for (var tensor : checkpoint.tensors().values()) {
        if (tensor.data().byteSize() % 64 == 0) assertThat(tensor.data().address() % 64).as(tensor.name()).isZero();
        if (tensor.dtype() == DType.F32) assertThat(tensor.data().address() % 4).as(tensor.name()).isZero();
      }
    }
  }

  @Test
  void theSameContentsGiveTheSameBytes() throws IOException {
    all().write(file);
    var other = folder.resolve("other");
    all().write(other);
    assertThat(Files.readAllBytes(other)).isEqualTo(Files.readAllBytes(file));

    new CheckpointWriter().tensor("x", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 1))
        .metadata("p", "1").metadata("q", "2").tensor("y", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 2)).write(file);
    new CheckpointWriter().tensor("y", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 2))
        .metadata("q", "2").metadata("p", "1").tensor("x", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 1)).write(other);
    assertThat(Files.readAllBytes(other)).isEqualTo(Files.readAllBytes(file));
  }

  @Test
  void largerThanAChunk() throws IOException {
    var bytes = random((1 << 20) + 12345, 5);
    new CheckpointWriter().tensor("x", DType.U8, new long[] {bytes.length}, () -> Bytes.segment(bytes)).write(file);
    try (var checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.tensor("x").data().toArray(JAVA_BYTE)).isEqualTo(bytes);
    }
  }

  /// Bytes may come in pieces of any size, and the metadata may say what they were.
  @Test
  void piecesAndTheirHash() throws IOException, NoSuchAlgorithmException {
    var bytes = random((2 << 20) + 777, 6);
    var writer = new CheckpointWriter().tensor("x", DType.U8, new long[] {bytes.length}, sink -> {
      for (int at = 0, n = 1; at < bytes.length; at += n, n = Math.min(3 * n, bytes.length - at))
        sink.write(ByteBuffer.wrap(bytes, at, n));
    });
    writer.metadata("sha256", "0".repeat(Sha256.LENGTH), writer::sha256);
    assertThatThrownBy(writer::sha256).isInstanceOf(IllegalStateException.class);
    writer.rehearse();
    assertThat(files()).isEmpty();
    var expected = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    assertThat(writer.sha256()).isEqualTo(expected);
    for (int i = 0; i < 2; i++) {
      writer.write(file);
      assertThat(Files.size(file)).isEqualTo(writer.fileBytes());
      try (var checkpoint = Checkpoint.open(file)) {
        assertThat(checkpoint.tensor("x").data().toArray(JAVA_BYTE)).isEqualTo(bytes);
        assertThat(checkpoint.metadata()).isEqualTo(Map.of("sha256", expected));
      }
    }
    Files.write(folder.resolve("bytes"), bytes);
    assertThat(Sha256.of(folder.resolve("bytes"))).isEqualTo(expected);
    assertThatThrownBy(() -> Sha256.of(folder.resolve("none"))).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(folder.resolve("none") + ": cannot be read");
  }

  /// An entry that is longer than was said would move the tensors.
  @Test
  void metadataThatGrow() throws IOException {
    var writer = new CheckpointWriter().tensor("a", DType.U8, new long[0], () -> Bytes.segment((byte) 1)).metadata("k", "short",
        () -> "x".repeat(99));
    assertThatThrownBy(() -> writer.write(file)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("the metadata became longer");
    assertThat(files()).isEmpty();
  }

  @Test
  void noRoom() throws IOException {
    Files.writeString(file, "old");
    assertThatThrownBy(() -> WholeFile.write(file, Long.MAX_VALUE, _ -> {})).isInstanceOf(CheckpointException.class)
        .hasMessageMatching("\\Q" + file + "\\E: expected room for 9,223,372,036,854,775,807 bytes on its disk, got [\\d,]+");
    // A tensor of as many bytes: nobody asks for them.
    var writer = new CheckpointWriter().tensor("a", DType.U8, new long[] {Long.MAX_VALUE / 2}, _ -> {
      throw new AssertionError("nobody asks");
    });
    assertThatThrownBy(() -> writer.write(file)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("expected room for 4,611,686,018,427,3");
    assertThat(files()).containsExactly(file);
    assertThat(file).hasContent("old");
  }

  /// What a killed program has left beside the file goes; what only looks like it, and what somebody is writing, stays.
  @Test
  void leftovers() throws IOException {
    var others = List.of(".model.safetensors.old.tmp", ".model.safetensors.1.tmp.gz", ".other.safetensors.1.tmp",
        "model.safetensors.1.tmp");
    for (var other : others) Files.createFile(folder.resolve(other));
    Files.createFile(folder.resolve(".model.safetensors.123456789.tmp"));
    var inner = new CheckpointWriter().tensor("a", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 1));
    new CheckpointWriter().tensor("a", DType.U8, new long[] {1}, () -> {
      inner.write(file);
      return Bytes.segment((byte) 2);
    }).write(file);
    assertThat(files()).extracting(each -> each.getFileName().toString()).containsExactlyInAnyOrder(others.get(0), others.get(1),
        others.get(2), others.get(3), "model.safetensors");
    try (var checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.tensor("a").longAt(0)).isEqualTo(2);
    }
  }

  @Test
  void nothingAtAll() {
    new CheckpointWriter().write(file);
    try (var checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.tensors()).isEmpty();
      assertThat(checkpoint.size()).isEqualTo(64);
    }
  }

  @Test
  void failedSupplierLeavesNothing() throws IOException {
    Files.writeString(file, "old");
    var writer = new CheckpointWriter().tensor("a", DType.U8, new long[] {2}, () -> Bytes.segment((byte) 1, (byte) 2))
        .tensor("b", DType.U8, new long[] {2}, () -> {
          throw new UnsupportedOperationException("no bytes");
        });
    assertThatThrownBy(() -> writer.write(file)).isInstanceOf(UnsupportedOperationException.class).hasMessage("no bytes");
    assertThat(files()).containsExactly(file);
    assertThat(file).hasContent("old");
  }

  @Test
  void wrongSizeLeavesNothing() throws IOException {
    Files.writeString(file, "old");
    for (int size : new int[] {0, 11, 13}) {
      var writer = new CheckpointWriter().tensor("a", DType.F32, new long[] {3}, () -> Bytes.segment(new byte[size]));
      assertThatThrownBy(() -> writer.write(file)).isInstanceOf(CheckpointException.class).hasMessageContaining(file.toString())
          .hasMessageContaining("tensor 'a' needs 12 bytes").hasMessageContaining("got " + size);
    }
    assertThat(files()).containsExactly(file);
    assertThat(file).hasContent("old");
  }

  @Test
  void replacesAFileThatIsOpen() throws IOException {
    new CheckpointWriter().tensor("a", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 1)).write(file);
    try (var old = Checkpoint.open(file)) {
      new CheckpointWriter().tensor("a", DType.U8, new long[] {1}, () -> Bytes.segment((byte) 2)).write(file);
      assertThat(old.tensor("a").longAt(0)).isEqualTo(1);
      try (var replaced = Checkpoint.open(file)) {
        assertThat(replaced.tensor("a").longAt(0)).isEqualTo(2);
      }
    }
    assertThat(files()).containsExactly(file);
  }

  @Test
  void noFolderAndDirectory() throws IOException {
    var lost = folder.resolve("missing").resolve("x");
    assertThatThrownBy(() -> all().write(lost)).isInstanceOf(CheckpointException.class).hasMessage(lost + ": there is no folder " + lost.getParent());
    assertThatThrownBy(() -> all().write(folder)).isInstanceOf(CheckpointException.class).hasMessageContaining("got a directory");
    assertThat(files()).isEmpty();
  }

  @Test
  void twoTensorsOfOneName() {
    var writer = new CheckpointWriter().tensor("a", DType.U8, new long[0], () -> Bytes.segment((byte) 1));
    assertThatThrownBy(() -> writer.tensor("a", DType.U8, new long[0], () -> Bytes.segment((byte) 1)))
        .isInstanceOf(IllegalArgumentException.class).hasMessage("there are two tensors 'a'");
    assertThatThrownBy(() -> writer.tensor("__metadata__", DType.U8, new long[0], () -> Bytes.segment((byte) 1)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
