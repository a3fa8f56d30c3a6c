package dev.fovea.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The programs that have the newest contents of states, which their memory in the host lacks meanwhile.
///
/// A state is known by its first byte: programs may use different lengths of it. Not thread-safe.
final class States {
  /// Another arena may have memory at an address that one had before.
  private record Key(long address, MemorySegment.Scope scope) {
    static Key of(MemorySegment state) {
      return new Key(state.address(), state.scope());
    }
  }

  private final Map<Key, DeviceProgram> owners = new HashMap<>();

  /// The program that has the state; null if the host has it.
  @Nullable DeviceProgram owner(MemorySegment state) {
    return owners.get(Key.of(state));
  }

  /// From now on the program has the state.
  void take(MemorySegment state, DeviceProgram owner) {
    owners.put(Key.of(state), owner);
  }

  /// From now on the host has the state.
  void leave(MemorySegment state) {
    owners.remove(Key.of(state));
  }
}
