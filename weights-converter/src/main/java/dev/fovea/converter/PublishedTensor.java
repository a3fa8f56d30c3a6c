package dev.fovea.converter;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongUnaryOperator;

/// A tensor of a published checkpoint, assembled from pieces of parameters.
final class PublishedTensor {
  private static final ValueLayout.OfFloat FLOAT = JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  /// Elements in memory at a time.
  private static final int BLOCK = 1 << 16;

  private final long[] shape;
  private final long[] strides;
  private final Piece[] pieces;

  /// The elements of a parameter, row by row.
  ///
  /// @param name of the parameter
  record Elements(String name, DType dtype, Copy copy) {
    /// Copies element `i` to byte `at` of `out`.
    @FunctionalInterface
    interface Copy {
      void run(long i, MemorySegment out, long at);
    }

    /// Elements as they are stored.
    ///
    /// @param order where element `i` is stored
    static Elements of(StoredTensor stored, LongUnaryOperator order) {
      int width = stored.dtype().bytes();
      return new Elements(stored.name(), stored.dtype(), (i, out, at) ->
          MemorySegment.copy(stored.data(), width * order.applyAsLong(i), out, at, width));
    }

    /// The elements of a weight as float32.
    static Elements decoded(Weight weight, String name) {
      return new Elements(name, DType.F32, (i, out, at) ->
          out.set(FLOAT, at, weight.get((int) (i / weight.k()), (int) (i % weight.k()))));
    }
  }

  /// The elements of a parameter from index `from` on.
  record Piece(Elements elements, long from) {}

  /// @param count number of equal, consecutive pieces
  /// @param order the order of the dimensions in the pieces; empty if unchanged
  PublishedTensor(long[] shape, int count, List<Integer> order) {
    this.shape = shape.clone();
    pieces = new Piece[count];
    strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      int d = order.isEmpty() ? i : order.get(i);
      strides[d] = stride;
      stride *= shape[d];
    }
  }

  /// `length` floats of the same value.
  static PublishedTensor filled(long length, float value) {
    var constant = Arena.ofAuto().allocate(Float.BYTES);
    constant.set(FLOAT, 0, value);
    var tensor = new PublishedTensor(new long[] {length}, 1, List.of());
    tensor.put(0, new Piece(Elements.of(new StoredTensor("constant", DType.F32, List.of(1L), constant), _ -> 0), 0));
    return tensor;
  }

  /// Sets piece `index`.
  void put(int index, Piece piece) {
    pieces[index] = piece;
  }

  /// Adds it to a file under this name.
  ///
  /// @throws CheckpointException if its pieces have different element types
  void addTo(CheckpointWriter writer, String name) {
    var dtype = pieces[0].elements.dtype;
    for (var piece : pieces)
      if (piece.elements.dtype != dtype)
        throw new CheckpointException("'" + piece.elements.name + "': expected " + dtype + " as the rest of '" + name + "', got "
            + piece.elements.dtype);
    writer.tensor(name, dtype, shape, sink -> write(dtype.bytes(), sink));
  }

  private void write(int width, CheckpointWriter.Sink sink) throws IOException {
    long size = Arrays.stream(shape).reduce(1, (a, b) -> a * b), length = size / pieces.length;
    var block = ByteBuffer.allocate(BLOCK * width);
    var out = MemorySegment.ofArray(block.array());
    for (long from = 0; from < size; from += BLOCK) {
      int n = (int) Math.min(BLOCK, size - from);
      for (int i = 0; i < n; i++) {
        long at = position(from + i);
        var piece = pieces[(int) (at / length)];
        piece.elements.copy.run(piece.from + at % length, out, (long) width * i);
      }
      sink.write(block.clear().limit(n * width));
    }
  }

  /// The position of element `i` in the pieces.
  private long position(long i) {
    long at = 0;
    for (int d = shape.length - 1; d >= 0; d--) {
      at += i % shape[d] * strides[d];
      i /= shape[d];
    }
    return at;
  }
}
