package uk.ac.manchester.tornado.api.types.arrays;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/// Native memory behind the header that the real array has.
public final class FloatArray extends TornadoNativeArray {
  private final MemorySegment memory;
  private final int size;

  public FloatArray(int size) {
    this.size = size;
    memory = allocate(4L * size);
  }

  public static FloatArray fromArray(float[] values) {
    return fromElements(values);
  }

  public static FloatArray fromElements(float... values) {
    var array = new FloatArray(values.length);
    for (int i = 0; i < values.length; i++) array.set(i, values[i]);
    return array;
  }

  public static FloatArray fromSegment(MemorySegment segment) {
    var array = new FloatArray((int) (segment.byteSize() / 4));
    array.getSegment().copyFrom(segment);
    return array;
  }

  public float get(int index) {
    return memory.get(JAVA_FLOAT, ARRAY_HEADER + 4L * index);
  }

  public void set(int index, float value) {
    memory.set(JAVA_FLOAT, ARRAY_HEADER + 4L * index, value);
  }

  public void init(float value) {
    for (int i = 0; i < size; i++) set(i, value);
  }

  public float[] toHeapArray() {
    return getSegment().toArray(JAVA_FLOAT);
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
