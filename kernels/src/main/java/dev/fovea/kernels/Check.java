package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;

/// What every provider may rely on: native buffers, of the right size, that do not overlap where they must not.
final class Check {
  /// The one buffer that may lie in a mapped file: providers know how to read it safely.
  static final String WEIGHT = "weight";

  private Check() {}

  /// `name` is native memory of exactly `bytes` bytes.
  static void segment(String name, MemorySegment segment, long bytes, String shape) {
    nativeMemory(name, segment);
    if (segment.byteSize() != bytes)
      throw new IllegalArgumentException(name + ": expected " + bytes + " bytes for " + shape + ", got " + segment.byteSize());
  }

  static void atLeast(String name, MemorySegment segment, long bytes) {
    nativeMemory(name, segment);
    if (segment.byteSize() < bytes)
      throw new IllegalArgumentException(name + ": expected at least " + bytes + " bytes, got " + segment.byteSize());
  }

  /// Heap segments beside native ones make C2 compile a slow, polymorphic access, so that they are refused.
  private static void nativeMemory(String name, MemorySegment segment) {
    if (!segment.isNative())
      throw new IllegalArgumentException(name + ": expected native memory, got a segment on the heap");
    if (segment.isMapped() && !name.equals(WEIGHT))
      throw new IllegalArgumentException(name + ": expected plain memory, got a mapped file, which only a weight may be; copy it first");
    if (!segment.scope().isAlive()) throw new IllegalStateException(name + ": its memory is closed");
  }

  static void size(String name, long size) {
    if (size < 0) throw new IllegalArgumentException(name + ": expected a size of at least 0, got " + size);
  }

  static void writable(MemorySegment out) {
    if (out.isReadOnly()) throw new IllegalArgumentException("out: the segment is read-only");
  }

  /// `out` shares no byte with `in`.
  static void apart(String name, MemorySegment in, MemorySegment out) {
    if (overlap(in, out)) throw new IllegalArgumentException("out overlaps " + name);
  }

  /// `out` is `in` itself, or shares no byte with it.
  static void sameOrApart(String name, MemorySegment in, MemorySegment out) {
    if (in.address() == out.address() && in.byteSize() == out.byteSize()) return;
    if (overlap(in, out)) throw new IllegalArgumentException("out overlaps " + name + " without being the same memory");
  }

  private static boolean overlap(MemorySegment a, MemorySegment b) {
    return a.byteSize() > 0 && b.byteSize() > 0
        && a.address() < b.address() + b.byteSize() && b.address() < a.address() + a.byteSize();
  }
}
