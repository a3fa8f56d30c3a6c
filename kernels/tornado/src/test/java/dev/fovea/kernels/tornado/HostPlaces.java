package dev.fovea.kernels.tornado;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// The buffers of one operation in one array, as in a pass, with numbers between them that must stay.
final class HostPlaces implements Places {
  private static final int GAP = 5;
  private static final float GUARD = 12345.678f;

  private final Operation operation;
  private final TreeMap<Long, Integer> starts = new TreeMap<>();
  private final Map<MemorySegment, DeviceWeight> weights = new IdentityHashMap<>();
  private final FloatArray memory;
  private final float[] before;

  HostPlaces(Operation operation) {
    this.operation = operation;
    var buffers = operation.buffers();
    int size = GAP;
    for (var buffer : buffers)
      if (buffer.byteSize() > 0 && starts.putIfAbsent(buffer.address(), size) == null)
        size += (int) (buffer.byteSize() / Float.BYTES) + GAP;
    memory = new FloatArray(size);
    memory.init(GUARD);
    for (var buffer : buffers)
      if (buffer.byteSize() > 0 && buffer.byteSize() % Float.BYTES == 0)
        inMemory(buffer).copyFrom(buffer);
    before = memory.getSegment().toArray(JAVA_FLOAT_UNALIGNED);
  }

  private MemorySegment inMemory(MemorySegment buffer) {
    return memory.getSegment().asSlice(of(buffer).at() * (long) Float.BYTES, buffer.byteSize());
  }

  /// The array with all buffers.
  FloatArray memory() {
    return memory;
  }

  /// What the steps have left of the output.
  MemorySegment out() {
    var out = operation.out();
    return out.byteSize() == 0 ? out : inMemory(out);
  }

  /// Indices of the numbers outside the output that steps have changed.
  Set<Integer> damage() {
    var damage = new HashSet<Integer>();
    long from = of(operation.out()).at(), to = from + operation.out().byteSize() / Float.BYTES;
    for (int i = 0; i < before.length; i++)
      if ((i < from || i >= to) && Float.floatToRawIntBits(before[i]) != Float.floatToRawIntBits(memory.get(i))) damage.add(i);
    return damage;
  }

  @Override
  public Place of(MemorySegment buffer) {
    return new Place(memory, starts.getOrDefault(buffer.address(), 0));
  }

  @Override
  public DeviceWeight weight(Weight weight) {
    return weights.computeIfAbsent(weight.segment(), _ -> DeviceWeight.load(weight));
  }

  @Override
  public FloatArray scratch(int floats) {
    return floats(new float[floats]);
  }

  @Override
  public IntArray ints(int... values) {
    return IntArray.fromArray(values);
  }

  @Override
  public FloatArray floats(float... values) {
    return FloatArray.fromArray(values);
  }
}
