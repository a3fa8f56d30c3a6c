package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.CancelledException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jetbrains.annotations.Nullable;

/// Writes named arrays as NumPy's `.npz`: a zip of `.npy` files (ref: numpy `lib/npyio.py`, `savez_compressed`), little-endian
/// float32, the last dimension contiguous.
public final class NpzFile {
  private static final int CHUNK = 1 << 14;
  /// The first time that a zip can tell, in any zone.
  private static final LocalDateTime BEGINNING = LocalDateTime.of(1980, 1, 1, 0, 0);

  private NpzFile() {}

  /// An array.
  ///
  /// @param values not copied, must not be modified
  public record Array(int[] shape, float[] values) {
    /// @throws IllegalArgumentException if the values are not as many as the shape has
    public Array {
      Objects.requireNonNull(shape, "shape");
      Objects.requireNonNull(values, "values");
      if (Arrays.stream(shape).asLongStream().reduce(1, Math::multiplyExact) != values.length)
        throw new IllegalArgumentException("array " + Arrays.toString(shape) + ": got " + values.length + " values");
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Array a && Arrays.equals(shape, a.shape) && Arrays.equals(values, a.values);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(shape) + Arrays.hashCode(values);
    }

    @Override
    public String toString() {
      return "array " + Arrays.toString(shape);
    }
  }

  /// Writes arrays completely or not at all, replacing an existing file. The same arrays give the same bytes.
  ///
  /// @param arrays by name, in the order of the file
  /// @throws CheckpointException if the file cannot be written
  /// @throws CancelledException if the thread is interrupted
  public static void write(Path path, Map<String, Array> arrays) {
    Objects.requireNonNull(arrays, "arrays");
    WholeFile.write(path, channel -> {
      var zip = new ZipOutputStream(Channels.newOutputStream(channel));
      for (var array : arrays.entrySet()) {
        var entry = new ZipEntry(array.getKey() + ".npy");
        entry.setTimeLocal(BEGINNING);
        zip.putNextEntry(entry);
        write(zip, array.getValue());
        zip.closeEntry();
      }
      zip.finish();
    });
  }

  private static void write(OutputStream out, Array array) throws IOException {
    var header = NpyFile.header(array.shape);
    out.write(header.array(), 0, header.limit());
    var buffer = ByteBuffer.allocate(CHUNK * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < array.values.length; from += CHUNK) {
      int count = Math.min(CHUNK, array.values.length - from);
      buffer.clear().asFloatBuffer().put(array.values, from, count);
      out.write(buffer.array(), 0, count * Float.BYTES);
    }
  }
}
