package uk.ac.manchester.tornado.api.types.arrays;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/// Native memory behind the header that the real array has.
public final class ByteArray extends TornadoNativeArray {
  private final MemorySegment memory;
  private final int size;

  public ByteArray(int size) {
    this.size = size;
    memory = allocate(1L * size);
  }

  public static ByteArray fromArray(byte[] values) {
    return fromElements(values);
  }

  public static ByteArray fromElements(byte... values) {
    var array = new ByteArray(values.length);
    for (int i = 0; i < values.length; i++) array.set(i, values[i]);
    return array;
  }

  public static ByteArray fromSegment(MemorySegment segment) {
    var array = new ByteArray((int) (segment.byteSize() / 1));
    array.getSegment().copyFrom(segment);
    return array;
  }

  public byte get(int index) {
    return memory.get(JAVA_BYTE, ARRAY_HEADER + 1L * index);
  }

  public void set(int index, byte value) {
    memory.set(JAVA_BYTE, ARRAY_HEADER + 1L * index, value);
  }

  public void init(byte value) {
    for (int i = 0; i < size; i++) set(i, value);
  }

  public byte[] toHeapArray() {
    return getSegment().toArray(JAVA_BYTE);
  }

  @Override
  public int getSize() {
    return size;
  }

  @Override
  public int getElementSize() {
    return 1;
  }

  @Override
  public MemorySegment getSegment() {
    return memory.asSlice(ARRAY_HEADER);
  }

  @Override
  public MemorySegment getSegmentWithHeader() {
    return memory;
  }
}
