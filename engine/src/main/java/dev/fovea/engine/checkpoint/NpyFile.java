package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.CancelledException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Objects;
import java.util.stream.Collectors;

/// Writes matrices as NumPy's `.npy` files (ref: numpy `lib/format.py`, format 1.0): little-endian float32, row by row.
public final class NpyFile {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  /// Alignment of the first element in the file.
  private static final int ALIGNMENT = 64;

  private NpyFile() {}

  /// Writes a matrix completely or not at all, replacing an existing file.
  ///
  /// @param rows `[count][cols]`
  /// @throws IllegalArgumentException if a row does not have `cols` elements
  /// @throws CheckpointException if the file cannot be written
  /// @throws CancelledException if the thread is interrupted
  public static void write(Path path, Iterable<float[]> rows, int count, int cols) {
    Objects.requireNonNull(rows, "rows");
    WholeFile.write(path, channel -> {
      WholeFile.writeFully(channel, header(count, cols));
      var buffer = ByteBuffer.allocate(Math.multiplyExact(4, cols)).order(ByteOrder.LITTLE_ENDIAN);
      Iterator<float[]> each = rows.iterator();
      for (int i = 0; i < count; i++) {
        var row = each.next();
        if (row.length != cols)
          throw new IllegalArgumentException(path + ": row " + i + ": expected " + cols + " numbers, got " + row.length);
        buffer.clear().asFloatBuffer().put(row);
        WholeFile.writeFully(channel, buffer);
      }
    });
  }

  /// The bytes before an array of this shape.
  static ByteBuffer header(int... shape) {
    var sizes = Arrays.stream(shape).mapToObj(Integer::toString).collect(Collectors.joining(", "));
    var description = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + sizes + (shape.length == 1 ? "," : "") + "), }";
    int fixed = MAGIC.length + Short.BYTES, all = Math.ceilDiv(fixed + description.length() + 1, ALIGNMENT) * ALIGNMENT;
    var header = ByteBuffer.allocate(all).order(ByteOrder.LITTLE_ENDIAN).put(MAGIC).putShort((short) (all - fixed));
    header.put(description.getBytes(StandardCharsets.US_ASCII));
    while (header.position() < all - 1) header.put((byte) ' ');
    return header.put((byte) '\n').flip();
  }
}
