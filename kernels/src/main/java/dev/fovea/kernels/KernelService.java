package dev.fovea.kernels;

import java.util.Optional;

/// What supplies kernels under a name. A module of its own, such as one for a GPU, names its implementation in `provides … with` of
/// its module descriptor, and on the class path in `META-INF/services`; [KernelProvider#named] then finds it.
public interface KernelService {
  /// The name that selects these kernels, which [Kernels#name()] returns too.
  String id();

  /// Why these kernels cannot run here, or should not, with the way out; empty where they can.
  Optional<String> reasonAgainst();

  /// New kernels, which check nothing: [#open] puts the door before them.
  ///
  /// @param workers threads to compute with; closing the kernels closes them too
  Kernels create(Workers workers);

  /// These kernels behind the door that refuses wrong operations.
  ///
  /// @throws UnsupportedOperationException if they cannot run here
  default Kernels open(Workers workers) {
    reasonAgainst().ifPresent(why -> {
      throw new UnsupportedOperationException("kernels '" + id() + "' cannot run: " + why);
    });
    return new Door(create(workers));
  }
}
