package dev.fovea.converter;

import dev.fovea.engine.checkpoint.CheckpointWriter.Sink;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/// Writes the elements of parameters in blocks, so that memory use does not depend on their size. `format` is the stored format.
final class ParameterWriter {
  /// Elements in memory at a time.
  private static final int BLOCK = 1 << 16;

  private final float[] rows = new float[BLOCK];
  private final float[] block = new float[BLOCK];
  private final ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * BLOCK);

  /// Number of NaN or infinite elements before and after.
  record NonFinite(long before, long after) {
    static final NonFinite NONE = new NonFinite(0, 0);

    NonFinite plus(NonFinite other) {
      return new NonFinite(before + other.before, after + other.after);
    }
  }

  /// Writes all elements in order, as float32.
  NonFinite writeRows(List<Part> parts, Sink sink) throws IOException {
    var found = NonFinite.NONE;
    long size = parts.stream().mapToLong(Part::size).sum();
    for (long i = 0; i < size; i += BLOCK) {
      int n = (int) Math.min(BLOCK, size - i);
      read(parts, i, block, 0, n);
      found = found.plus(write(1, n, WeightFormat.F32, sink));
    }
    return found;
  }

  /// Writes the rows `[n, k]` of all parts in panels, the layout that kernels read.
  NonFinite writePanels(List<Part> parts, int n, int k, WeightFormat format, Sink sink) throws IOException {
    var found = NonFinite.NONE;
    int columns = Math.min(k, BLOCK / Weight.PANEL);
    for (int panel = 0; panel < Weight.panels(n); panel++)
      for (int column = 0; column < k; column += columns) {
        int width = Math.min(columns, k - column);
        for (int r = 0; r < Weight.PANEL; r++) {
          int row = panel * Weight.PANEL + r;
          if (row < n) read(parts, (long) row * k + column, rows, r * width, width);
          else Arrays.fill(rows, r * width, (r + 1) * width, 0);
        }
        for (int c = 0, to = 0; c < width; c++)
          for (int r = 0; r < Weight.PANEL; r++) block[to++] = rows[r * width + c];
        found = found.plus(write(Weight.PANEL, width, format, sink));
      }
    return found;
  }

  /// Reads elements `i … i + n - 1` of the concatenated parts.
  private static void read(List<Part> parts, long i, float[] out, int at, int n) {
    for (var part : parts) {
      int here = Math.clamp(part.size() - i, 0, n);
      if (here > 0) part.read(i, out, at, here);
      i = Math.max(0, i - part.size());
      at += here;
      n -= here;
    }
  }

  /// Writes the block's first `steps · across` elements, `[steps][across]`.
  private NonFinite write(int across, int steps, WeightFormat format, Sink sink) throws IOException {
    var stored = MemorySegment.ofArray(bytes.array());
    format.encode(block, 0, across, steps, stored, 0);
    sink.write(bytes.clear().limit(Math.toIntExact(format.bytes(across, steps))));
    long before = nonFinite(block, across * steps);
    format.decode(stored, 0, across, steps, rows, 0);
    return new NonFinite(before, nonFinite(rows, across * steps));
  }

  private static long nonFinite(float[] values, int n) {
    long count = 0;
    for (int i = 0; i < n; i++) if (!Float.isFinite(values[i])) count++;
    return count;
  }
}
