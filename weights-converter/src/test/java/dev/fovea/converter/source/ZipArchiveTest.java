package dev.fovea.converter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// NumPy's archives, and what a zip file may do to its reader.
@Timeout(20)
class ZipArchiveTest {
  @TempDir
  private Path folder;

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("model.npz"), bytes);
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(byte[] bytes) throws IOException {
    var file = write(bytes);
    return assertThatThrownBy(() -> Source.open(file).close()).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": ");
  }

  static byte[] npy(String header, byte[] elements) {
    var text = header.getBytes(StandardCharsets.ISO_8859_1);
    return ByteBuffer.allocate(10 + text.length
        + elements.length).order(ByteOrder.LITTLE_ENDIAN).put((byte) 0x93).put("NUMPY".getBytes())
        .put((byte) 1).put((byte) 0).putShort((short) text.length).put(text).put(elements).array();
  }

  static byte[] npy(String descr, String fortran, String shape, byte[] elements) {
    return npy("{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n", elements);
  }

  private static byte[] zip(int method, String name, byte[] bytes) {
    return Pickler.zip(method, Map.of(name, bytes));
  }

  private static float[] floats(SourceTensor tensor) {
    var values = new float[(int) tensor.size()];
    for (int i = 0; i < values.length; i++) values[i] = tensor.floatAt(i);
    return values;
  }

  @Test
  void arrays() throws IOException {
    var six = Pickler.floats(0, 1, 2, 3, 4, 5);
    var entries = new LinkedHashMap<String, byte[]>();
    entries.put("layer/rows.npy", npy("<f4", "False", "(2, 3)", six));
    entries.put("columns.npy", npy("<f4", "True", "(2, 3)", six));
    entries.put("big.npy", npy(">f4", "False", "(2,)", Pickler.floats(ByteOrder.BIG_ENDIAN, 1, -3)));
    entries.put("one.npy", npy("<i8", "False", "()", new byte[] {7, 0, 0, 0, 0, 0, 0, 0}));
    entries.put("half.npy", npy("<f2", "False", "(1,)", new byte[] {0, 0x3c}));
    for (int method : new int[] {ZipEntry.STORED, ZipEntry.DEFLATED})
      try (var source = Source.open(write(Pickler.zip(method, entries)))) {
        assertThat(source.tensors().keySet()).containsExactly("layer/rows", "columns", "big", "one", "half");
        assertThat(floats(source.tensors().get("layer/rows"))).containsExactly(0, 1, 2, 3, 4, 5);
        assertThat(floats(source.tensors().get("columns"))).containsExactly(0, 2, 4, 1, 3, 5);
        assertThat(floats(source.tensors().get("big"))).containsExactly(1, -3);
        assertThat(floats(source.tensors().get("one"))).containsExactly(7);
        assertThat(floats(source.tensors().get("half"))).containsExactly(1);
      }
  }

  /// The 64-bit form, which files beyond 4 GB have and any file may have.
  @Test
  void zip64() throws IOException {
    var plain = zip(ZipEntry.STORED, "a.npy", npy("<f4", "False", "(2,)", Pickler.floats(1, -3)));
    int central = lastIndexOf(plain, "a.npy") - 46, end = lastIndexOf(plain, "PK\5\6");
    var in = ByteBuffer.wrap(plain).order(ByteOrder.LITTLE_ENDIAN);
    var out = ByteBuffer.allocate(plain.length + 28 + 56 + 20).order(ByteOrder.LITTLE_ENDIAN);
    out.put(plain, 0, end);                                          // The extra field of the only entry comes last.
    out.putShort(central + 30, (short) 28).putInt(central + 20, -1).putInt(central + 24, -1).putInt(central + 42, -1);
    out.putShort((short) 1).putShort((short) 24).putLong(in.getInt(central + 24)).putLong(in.getInt(central
        + 20)).putLong(in.getInt(central + 42));
    int end64 = out.position();
    out.putInt(0x06064b50).putLong(44).putShort((short) 45).putShort((short) 45).putInt(0).putInt(0).putLong(1).putLong(1)
        .putLong(end64 - central).putLong(central);
    out.putInt(0x07064b50).putInt(0).putLong(end64).putInt(1);
    out.put(plain, end, 22).putShort(out.position() - 12, (short) -1).putInt(out.position() - 10, -1).putInt(out.position() - 6,
        -1);
    try (var source = Source.open(write(out.array()))) {
      assertThat(floats(source.tensors().get("a"))).containsExactly(1, -3);
    }
    refused(replaced(out.array(), end64, 0)).hasMessageContaining("its 64-bit directory is missing");
    refused(replaced(out.array(), end64 + 36, 1)).hasMessageContaining("cannot have 4294967297 entries");
  }

  @Test
  void brokenArrays() throws IOException {
    refused(zip(ZipEntry.STORED, "a.npy", npy("|O", "False", "(1,)", new byte[8])))
        .hasMessageContaining("array 'a': holds Python objects");
    refused(zip(ZipEntry.STORED, "a.npy", npy("<c8", "False", "(1,)", new byte[8]))).hasMessageContaining("got '<c8'");
    refused(zip(ZipEntry.STORED, "a.npy", npy("<f4", "False", "(3,)", new byte[8]))).hasMessageContaining("tensor 'a': reaches");
    refused(zip(ZipEntry.STORED, "a.npy", npy("<f4", "False", "(1,)", new byte[8])))
        .hasMessageContaining("expected 1 elements of 4 bytes, got 8 bytes");
    refused(zip(ZipEntry.STORED, "a.npy", npy("<f4", "False", "(9999999999, 9999999999, 9999999999)", new byte[8])))
        .hasMessageContaining("does not fit in 64 bits");
    refused(zip(ZipEntry.STORED, "a.npy", npy("<f4", "Maybe", "(2,)", new byte[8])))
        .hasMessageContaining("'fortran_order' is missing or wrong");
    refused(zip(ZipEntry.STORED, "a.npy", new byte[20])).hasMessageContaining("array 'a': does not begin as an .npy file");
    refused(zip(ZipEntry.STORED, "a.txt", new byte[20]))
        .hasMessageContaining("expected a zip of torch.save with one data.pkl, or an .npz; got [a.txt]");
  }

  @Test
  void entriesThatLeadAstray() throws IOException {
    for (var name : new String[] {"../a.npy", "a/../../b.npy", "/etc/a.npy", "..\\a.npy", "C:a.npy"})
      refused(zip(ZipEntry.STORED, name, new byte[20])).hasMessageContaining("the entry '" + name + "' leads out of the file");
    var two = new LinkedHashMap<String, byte[]>();
    two.put("a.npy", npy("<f4", "False", "(1,)", new byte[4]));
    two.put("b.npy", npy("<f4", "False", "(1,)", new byte[4]));
    var bytes = Pickler.zip(ZipEntry.STORED, two);
    refused(new String(bytes, StandardCharsets.ISO_8859_1).replace("b.npy", "a.npy").getBytes(StandardCharsets.ISO_8859_1))
        .hasMessageContaining("there are two entries 'a.npy'");
    refused(replaced(bytes, lastIndexOf(bytes, "b.npy") - 4, 0))
        .hasMessageContaining("the entry 'b.npy' has another name at byte 0");
    refused(replaced(bytes, lastIndexOf(bytes, "b.npy") - 46 + 10, 12)).hasMessageContaining("expected to be stored or deflated");
    refused(Arrays.copyOf(bytes, bytes.length - 1)).hasMessageContaining("it has no directory; is the file truncated?");
    refused(replaced(bytes, lastIndexOf(bytes, "PK\5\6") + 10, 9)).hasMessageContaining("cannot have 9 entries");
  }

  /// Entries that share their bytes: a few kilobytes would become as many gigabytes.
  @Test
  void overlappingEntries() throws IOException {
    var inner = new String(zip(ZipEntry.STORED, "b.npy", npy("<f4", "False", "(1,)", new byte[4])), StandardCharsets.ISO_8859_1);
    var two = new LinkedHashMap<String, byte[]>();
    two.put("a.npy", inner.getBytes(StandardCharsets.ISO_8859_1));
    two.put("b.npy", npy("<f4", "False", "(1,)", new byte[4]));
    var bytes = Pickler.zip(ZipEntry.STORED, two);
    refused(replaced(bytes, lastIndexOf(bytes, "b.npy") - 4, 30 + 5))
        .hasMessageContaining("the entries 'a.npy' and 'b.npy' overlap");
  }

  @Test
  void bombs() throws IOException {
    var bomb = zip(ZipEntry.DEFLATED, "a.npy", new byte[70 << 20]);
    assertThat(bomb.length).isLessThan(100_000);
    refused(bomb).hasMessageContaining("the entry 'a.npy' would become 73400320 bytes, and more than 67108864 are not unpacked");
    int size = lastIndexOf(bomb, "a.npy") - 46 + 24;
    refused(replaced(bomb, size, 1000)).hasMessageContaining("the entry 'a.npy': expected 1000 bytes, got more");
    var small = zip(ZipEntry.DEFLATED, "a.npy", npy("<f4", "False", "(1,)", new byte[4]));
    refused(replaced(small, lastIndexOf(small, "a.npy") - 46 + 24, 1000)).hasMessageContaining("expected 1000 bytes, got ");
  }

  private static int lastIndexOf(byte[] bytes, String text) {
    return new String(bytes, StandardCharsets.ISO_8859_1).lastIndexOf(text);
  }

  private static byte[] replaced(byte[] bytes, int at, int value) {
    var copy = bytes.clone();
    ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    return copy;
  }
}
