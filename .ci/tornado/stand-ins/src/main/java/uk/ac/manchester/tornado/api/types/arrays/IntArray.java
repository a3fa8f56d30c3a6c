package uk.ac.manchester.tornado.api.types.arrays;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/// Native memory behind the header that the real array has.
public final class IntArray extends TornadoNativeArray {
  private final MemorySegment memory;
  private final int size;

  public IntArray(int size) {
    this.size = size;
    memory = allocate(4L * size);
  }

  public static IntArray fromArray(int[] values) {
    return fromElements(values);
  }

  public static IntArray fromElements(int... values) {
    var array = new IntArray(values.length);
    for (int i = 0; i < values.length; i++) array.set(i, values[i]);
    return array;
  }

  public static IntArray fromSegment(MemorySegment segment) {
    var array = new IntArray((int) (segment.byteSize() / 4));
    array.getSegment().copyFrom(segment);
    return array;
  }

  public int get(int index) {
    return memory.get(JAVA_INT, ARRAY_HEADER + 4L * index);
  }

  public void set(int index, int value) {
    memory.set(JAVA_INT, ARRAY_HEADER + 4L * index, value);
  }

  public void init(int value) {
    for (int i = 0; i < size; i++) set(i, value);
  }

  public int[] toHeapArray() {
    return getSegment().toArray(JAVA_INT);
  }

  @Override
  public int getSize() {
    return size;
  }

  @Override
  public int getElementSize() {
    return 4;
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
