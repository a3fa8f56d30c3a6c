package dev.fovea.engine.tensor;

import java.lang.foreign.Arena;
import java.util.function.Supplier;

/// Where a workspace's memory comes from.
///
/// @param shared new arenas that the workspace closes
/// @param automatic arenas of constants, which outlive the workspace
record Arenas(Supplier<Arena> shared, Supplier<Arena> automatic) {
  /// Those of the virtual machine.
  static final Arenas SYSTEM = new Arenas(Arena::ofShared, Arena::ofAuto);
}
