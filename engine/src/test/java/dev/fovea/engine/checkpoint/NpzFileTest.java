package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.NpzFile.Array;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The bytes as numpy's `lib/format.py` describes them, in a zip.
class NpzFileTest {
  @TempDir
  private Path folder;

  @Test
  void arrays() throws IOException {
    var many = new float[40_000];
    for (int i = 0; i < many.length; i++) many[i] = i;
    var arrays = new LinkedHashMap<String, Array>();
    arrays.put("attentions.0", new Array(new int[] {1, 2, 3}, new float[] {1, 2, 3, -4, 5, Float.NaN}));
    arrays.put("many", new Array(new int[] {40_000}, many));
    arrays.put("one", new Array(new int[] {}, new float[] {7}));
    var file = folder.resolve("x.npz");
    NpzFile.write(file, arrays);
    try (var zip = new ZipFile(file.toFile())) {
      assertThat(zip.stream().map(entry -> entry.getName())).containsExactly("attentions.0.npy", "many.npy", "one.npy");
      requireArray(zip, "attentions.0.npy", "(1, 2, 3)", 1, 2, 3, -4, 5, Float.NaN);
      requireArray(zip, "many.npy", "(40000,)", many);
      requireArray(zip, "one.npy", "()", 7);
    }
    var first = Files.readAllBytes(file);
    NpzFile.write(file, arrays);
    assertThat(file).hasBinaryContent(first);
  }

  private static void requireArray(ZipFile zip, String name, String shape, float... values) throws IOException {
    var bytes = ByteBuffer.wrap(zip.getInputStream(zip.getEntry(name)).readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
    int length = bytes.getShort(8);
    assertThat((10 + length) % 64).isZero();
    assertThat(new String(bytes.array(), 10, length, StandardCharsets.US_ASCII)).startsWith("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }");
    var read = new float[(bytes.capacity() - 10 - length) / 4];
    bytes.position(10 + length).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(read);
    assertThat(read).containsExactly(values);
  }

  @Test
  void refused() {
    assertThatThrownBy(() -> new Array(new int[] {2, 3}, new float[5])).hasMessage("array [2, 3]: got 5 values");
    var same = new Array(new int[] {1}, new float[] {2});
    assertThat(same).isEqualTo(new Array(new int[] {1}, new float[] {2})).hasSameHashCodeAs(new Array(new int[] {1}, new float[] {2}))
        .isNotEqualTo(new Array(new int[] {1, 1}, new float[] {2})).hasToString("array [1]");
  }
}
