package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// A model's parameters as arrays, which its programs share. The garbage collector frees those that no program uses any more.
///
/// Not thread-safe.
final class HostArrays {
  /// A parameter of a living arena: another one may have memory at an address that one had before.
  ///
  /// @param parameter a weight, or a segment of float32 numbers
  private record Key(Object parameter, MemorySegment.Scope scope) {}

  private final Map<Key, WeakReference<Object>> arrays = new HashMap<>();

  /// A copy of float32 numbers.
  FloatArray floats(MemorySegment memory) {
    return get(new Key(memory, memory.scope()), FloatArray.class, () -> {
      int count = Ints.of("a parameter", memory.byteSize() / Float.BYTES);
      var array = new FloatArray(Math.max(1, count));
      array.getSegment().asSlice(0, memory.byteSize()).copyFrom(memory);
      return array;
    });
  }

  /// A copy of a weight.
  DeviceWeight weight(Weight weight) {
    return get(new Key(weight, weight.segment().scope()), DeviceWeight.class, () -> DeviceWeight.load(weight));
  }

  private <T> T get(Key key, Class<T> type, Supplier<T> load) {
    var known = arrays.get(key);
    var value = known == null ? null : known.get();
    if (!type.isInstance(value)) {
      arrays.values().removeIf(reference -> reference.get() == null);
      arrays.put(key, new WeakReference<>(value = load.get()));
    }
    return type.cast(value);
  }
}
