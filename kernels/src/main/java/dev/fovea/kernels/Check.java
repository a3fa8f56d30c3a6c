package dev.fovea.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/// The guarantees to every provider: buffers are native, have the right size, and overlap only where allowed.
final class Check {
  /// The first whole number whose successor float32 cannot represent.
  static final long MAX_INDEX = 1 << 24;
  /// The only buffer that may lie in a mapped file: providers read it safely.
  private static final String WEIGHT = "weight";

  private Check() {}

  /// @throws IllegalArgumentException if a size or buffer of the operation is wrong
  /// @throws IllegalStateException if the memory of a buffer is closed
  static void operation(Operation operation) {
    Objects.requireNonNull(operation, "operation");
    operation.checkShape();
    operation.on(new BufferCheck(operation));
  }

  /// Checks each buffer, and that the output shares no byte with another one, except a replaceable input that is the output itself.
  private record BufferCheck(Operation operation) implements BufferVisitor {
    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      segment(name, buffer, Float.BYTES * Check.elements(name, shape), Arrays.toString(shape));
      return checked(name, buffer, buffer);
    }

    @Override
    public MemorySegment strided(String name, Matrices m) {
      long bytes = Float.BYTES * m.extent();
      atLeast(name, m.segment(), bytes);
      return checked(name, m.segment(), m.segment().asSlice(0, bytes));
    }

    @Override
    public MemorySegment weight(Weight w) {
      segment(WEIGHT, w.segment(), Weight.bytes(w.format(), w.layout(), w.n(), w.k()),
          Arrays.toString(new int[] {w.n(), w.k()}) + " " + w.format() + " in " + w.layout());
      return checked(WEIGHT, w.segment(), w.segment());
    }

    private MemorySegment checked(String name, MemorySegment buffer, MemorySegment used) {
      var out = operation.out();
      if (buffer == out) writable(out);
      else if (operation.replaceable().contains(buffer)) sameOrApart(name, buffer, out);
      else apart(name, used, out);
      return buffer;
    }
  }

  private static long elements(String name, long... shape) {
    long elements = 1;
    for (long size : shape) {
      size(name, size);
      elements = Math.multiplyExact(elements, size);
    }
    return elements;
  }

  /// A whole number stored in memory, at most `most`; NaN and negative numbers count as 0.
  static int count(MemorySegment number, int most) {
    float value = number.get(JAVA_FLOAT_UNALIGNED, 0);
    return value > 0 ? (int) Math.min(value, most) : 0;
  }

  /// Checks that `m` has these sizes.
  static void batch(String name, Matrices m, int outer, int inner, int rows, int cols) {
    if (m.outer() != outer || m.inner() != inner || m.rows() != rows || m.cols() != cols)
      throw new IllegalArgumentException(name + ": expected " + Arrays.toString(new int[] {outer, inner, rows, cols}) + ", got "
          + Arrays.toString(new int[] {m.outer(), m.inner(), m.rows(), m.cols()}));
  }

  /// Checks that the rows of `m` are contiguous.
  static void adjacent(String operation, Matrices m) {
    if (m.colStride() != 1) throw new IllegalArgumentException(operation + ": expected column stride 1, got " + m.colStride());
  }

  /// Checks that `name` is native memory of exactly `bytes` bytes.
  private static void segment(String name, MemorySegment segment, long bytes, String shape) {
    nativeMemory(name, segment);
    if (segment.byteSize() != bytes)
      throw new IllegalArgumentException(name + ": expected " + bytes + " bytes for " + shape + ", got " + segment.byteSize());
  }

  private static void atLeast(String name, MemorySegment segment, long bytes) {
    nativeMemory(name, segment);
    if (segment.byteSize() < bytes)
      throw new IllegalArgumentException(name + ": expected at least " + bytes + " bytes, got " + segment.byteSize());
  }

  /// Rejects heap segments: beside native ones they make C2 compile a slow, polymorphic access.
  private static void nativeMemory(String name, MemorySegment segment) {
    if (!segment.isNative())
      throw new IllegalArgumentException(name + ": expected native memory, got a segment on the heap");
    if (segment.isMapped() && !name.equals(WEIGHT))
      throw new IllegalArgumentException(name
          + ": expected plain memory, got a mapped file, which only a weight may be; copy it first");
    if (!segment.scope().isAlive()) throw new IllegalStateException(name + ": its memory is closed");
  }

  static void size(String name, long size) {
    if (size < 0) throw new IllegalArgumentException(name + ": expected a size of at least 0, got " + size);
  }

  private static void writable(MemorySegment out) {
    if (out.isReadOnly()) throw new IllegalArgumentException("out: the segment is read-only");
  }

  /// Checks that `out` shares no byte with `in`.
  private static void apart(String name, MemorySegment in, MemorySegment out) {
    if (overlap(in, out)) throw new IllegalArgumentException("out overlaps " + name);
  }

  /// Checks that `out` is `in` itself or shares no byte with it.
  private static void sameOrApart(String name, MemorySegment in, MemorySegment out) {
    if (in.address() == out.address() && in.byteSize() == out.byteSize()) return;
    if (overlap(in, out)) throw new IllegalArgumentException("out overlaps " + name + " without being the same memory");
  }

  private static boolean overlap(MemorySegment a, MemorySegment b) {
    return a.byteSize() > 0 && b.byteSize() > 0
        && a.address() < b.address() + b.byteSize() && b.address() < a.address() + a.byteSize();
  }
}
