package uk.ac.manchester.tornado.api.types.arrays;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

public abstract class TornadoNativeArray {
  public static final long ARRAY_HEADER = 16;

  public abstract int getSize();

  public abstract int getElementSize();

  public abstract MemorySegment getSegment();

  public abstract MemorySegment getSegmentWithHeader();

  public long getNumBytesOfSegment() {
    return getSegment().byteSize();
  }

  public long getNumBytesOfSegmentWithHeader() {
    return getSegmentWithHeader().byteSize();
  }

  static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(ARRAY_HEADER + bytes, 16);
  }
}
