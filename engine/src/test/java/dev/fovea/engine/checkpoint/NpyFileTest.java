package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The bytes as numpy's `lib/format.py` describes them.
class NpyFileTest {
  @TempDir
  private Path folder;

  @Test
  void bytes() throws IOException {
    var file = folder.resolve("x.npy");
    NpyFile.write(file, List.of(new float[] {1, 2, -3}, new float[] {0.5f, Float.NaN, 1e-40f}), 2, 3);
    var bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(new byte[] {bytes.get(0), bytes.get(1), bytes.get(5), bytes.get(6), bytes.get(7)}).containsExactly(0x93, 'N', 'Y', 1, 0);
    int length = bytes.getShort(8);
    assertThat((10 + length) % 64).isZero();
    var header = new String(bytes.array(), 10, length, StandardCharsets.US_ASCII);
    assertThat(header).startsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }").endsWith("\n");
    assertThat(header.strip()).endsWith("}");
    var values = new float[6];
    bytes.position(10 + length).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    assertThat(values).containsExactly(1, 2, -3, 0.5f, Float.NaN, 1e-40f);
    assertThat(bytes.remaining()).isEqualTo(24);
  }

  @Test
  void allOrNothing() throws IOException {
    var file = folder.resolve("x.npy");
    Files.writeString(file, "before");
    assertThatThrownBy(() -> NpyFile.write(file, List.of(new float[3], new float[2]), 2, 3)).hasMessageEndingWith("row 1: expected 3 numbers, got 2");
    assertThat(folder).isDirectoryContaining("glob:**x.npy");
    assertThat(Files.list(folder)).hasSize(1);
    assertThat(file).hasContent("before");
    assertThatThrownBy(() -> NpyFile.write(folder, List.of(), 0, 1)).isInstanceOf(CheckpointException.class).hasMessageContaining("got a directory");
  }
}
