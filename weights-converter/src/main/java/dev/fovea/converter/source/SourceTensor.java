package dev.fovea.converter.source;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A tensor of a published checkpoint: a strided view of a storage, which several tensors may share. It is valid while its [Source]
/// is open.
public final class SourceTensor {
  private static final ValueLayout.OfShort I16 = JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 = JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 = JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final int MAX_DIMENSIONS = 64;

  private final String name;
  private final DType dtype;
  private final List<Long> shape;
  private final long[] lengths;
  private final long[] strides;
  private final long offset;
  private final MemorySegment storage;
  /// Lengths and strides of the same elements in the same order, with as few dimensions as possible.
  private final long[] runs;
  private final long[] steps;
  private final boolean bigEndian;
  private final long size;

  /// @param strides distance between neighbours along each dimension, in elements
  /// @param offset of the first element, in elements
  /// @throws CheckpointException if an element is outside the storage
  SourceTensor(String name, DType dtype, List<Long> shape, List<Long> strides, long offset, MemorySegment storage,
      ByteOrder order) {
    this.name = name;
    this.dtype = dtype;
    this.shape = List.copyOf(shape);
    this.strides = strides.stream().mapToLong(Long::longValue).toArray();
    this.offset = offset;
    this.storage = storage;
    lengths = shape.stream().mapToLong(Long::longValue).toArray();
    bigEndian = order == ByteOrder.BIG_ENDIAN;
    size = checkedSize();
    int dimensions = 0;
    long[] runs = new long[lengths.length], steps = new long[lengths.length];
    for (int d = 0; d < lengths.length; d++) {
      if (lengths[d] == 1) continue;
      boolean goesOn = dimensions > 0 && steps[dimensions - 1] == strides.get(d) * lengths[d];
      if (!goesOn) dimensions++;
      runs[dimensions - 1] = goesOn ? runs[dimensions - 1] * lengths[d] : lengths[d];
      steps[dimensions - 1] = strides.get(d);
    }
    this.runs = dimensions == 0 ? new long[] {1} : Arrays.copyOf(runs, dimensions);
    this.steps = dimensions == 0 ? new long[] {1} : Arrays.copyOf(steps, dimensions);
  }

  /// A tensor of a safetensors file.
  public static SourceTensor of(StoredTensor tensor) {
    return new SourceTensor(tensor.name(), tensor.dtype(), tensor.shape(), rowMajor(tensor.shape()), 0, tensor.data(),
        LITTLE_ENDIAN);
  }

  /// Strides of a row-major tensor.
  static List<Long> rowMajor(List<Long> shape) {
    var strides = new ArrayList<Long>();
    long stride = 1;
    for (long length : shape.reversed()) {
      strides.addFirst(stride);
      // Only a tensor without elements, or one that is refused, has strides that overflow.
      stride = length > 1 && stride > Long.MAX_VALUE / length ? Long.MAX_VALUE : stride * Math.max(1, length);
    }
    return strides;
  }

  private long checkedSize() {
    if (lengths.length != strides.length || lengths.length > MAX_DIMENSIONS)
      throw broken("expected as many strides as dimensions, at most " + MAX_DIMENSIONS + ", got " + strides.length + " for "
          + lengths.length);
    long elements = storage.byteSize() * Byte.SIZE / dtype.bits();
    long size = 1;
    try {
      long last = offset;
      for (int d = 0; d < lengths.length; d++) {
        if (lengths[d] < 0 || strides[d] < 0)
          throw broken("expected lengths and strides of at least 0, got " + lengths[d] + " and " + strides[d]);
        size = Math.multiplyExact(size, lengths[d]);
        last = Math.addExact(last, Math.multiplyExact(Math.max(0, lengths[d] - 1), strides[d]));
      }
      if (offset < 0 || size > 0 && last >= elements)
        throw broken("reaches from element " + offset + " to " + last + " of a storage of " + elements);
      return size;
    } catch (ArithmeticException e) {
      throw broken("the size of " + shape + " does not fit in 64 bits");
    }
  }

  private CheckpointException broken(String why) {
    return new CheckpointException("tensor '" + name.replaceAll("\\p{Cntrl}", "?") + "': " + why);
  }

  /// This tensor under another name.
  SourceTensor named(String other) {
    return new SourceTensor(other, dtype, shape, Arrays.stream(strides).boxed().toList(), offset, storage, order());
  }

  /// This tensor with its dimensions in another order, without copying.
  ///
  /// @param order which dimension of this tensor comes first, second and so on
  public SourceTensor permuted(List<Integer> order) {
    return new SourceTensor(name, dtype, order.stream().map(shape::get).toList(), order.stream().map(d -> strides[d]).toList(),
        offset, storage, order());
  }

  private ByteOrder order() {
    return bigEndian ? ByteOrder.BIG_ENDIAN : LITTLE_ENDIAN;
  }

  public String name() {
    return name;
  }

  public DType dtype() {
    return dtype;
  }

  public List<Long> shape() {
    return shape;
  }

  /// Number of elements.
  public long size() {
    return size;
  }

  /// Element `i` in row-major order, as a float; 64-bit numbers are rounded, `true` is 1.
  ///
  /// @throws CheckpointException if the type is not [DType#readable()]
  public float floatAt(long i) {
    return stored(offset + position(i));
  }

  /// Writes elements `i … i + n - 1` in row-major order to `out`, starting at `at`, as [#floatAt] gives them.
  public void read(long i, float[] out, int at, int n) {
    long length = runs[runs.length - 1], step = steps[steps.length - 1];
    var bulk = step == 1 && !bigEndian ? new StoredTensor(name, dtype, shape, storage) : null;
    while (n > 0) {
      int run = (int) Math.min(n, length - i % length);
      long first = offset + position(i);
      if (bulk != null) bulk.read(first, out, at, run);
      else for (int j = 0; j < run; j++) out[at + j] = stored(first + j * step);
      i += run;
      at += run;
      n -= run;
    }
  }

  /// Releases a mapped storage's pages from memory. It may be read again.
  public void unload() {
    if (storage.isMapped()) storage.unload();
  }

  /// The element at this index of the storage.
  private float stored(long at) {
    return switch (dtype) {
      case F64 -> (float) Double.longBitsToDouble(longAt(at));
      case F32 -> Float.intBitsToFloat(intAt(at));
      case F16 -> Float.float16ToFloat(shortAt(at));
      case BF16 -> Float.intBitsToFloat(shortAt(at) << 16);
      case I64 -> (float) longAt(at);
      case I32 -> (float) intAt(at);
      case I16 -> shortAt(at);
      case I8 -> storage.get(JAVA_BYTE, at);
      case U8, BOOL -> storage.get(JAVA_BYTE, at) & 0xff;
      case U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw new CheckpointException(dtype.unreadable(name));
    };
  }

  /// The offset of element `i`, in row-major order, from the first one.
  private long position(long i) {
    long at = 0;
    for (int d = runs.length - 1; d > 0; d--) {
      at += i % runs[d] * steps[d];
      i /= runs[d];
    }
    return at + i * steps[0];
  }

  private short shortAt(long at) {
    short bits = storage.get(I16, 2 * at);
    return bigEndian ? Short.reverseBytes(bits) : bits;
  }

  private int intAt(long at) {
    int bits = storage.get(I32, 4 * at);
    return bigEndian ? Integer.reverseBytes(bits) : bits;
  }

  private long longAt(long at) {
    long bits = storage.get(I64, 8 * at);
    return bigEndian ? Long.reverseBytes(bits) : bits;
  }
}
