package dev.fovea.kernels;

import java.util.Optional;

/// Supplies kernels under a name. Another module, such as one for a GPU, names its implementation in `provides … with` of its
/// module descriptor, and on the class path in `META-INF/services`; [KernelProvider#named] finds it there.
public interface KernelService {
  /// The name that selects these kernels, which [Kernels#name()] returns too.
  String id();

  /// The reason why these kernels cannot run here, or should not, with the remedy; empty if they can.
  Optional<String> reasonAgainst();

  /// Creates kernels that check nothing; [#open] adds the checks.
  ///
  /// @param workers threads to compute with; closing the kernels closes them too
  Kernels create(Workers workers);

  /// Opens these kernels, with checks that refuse wrong operations.
  ///
  /// @throws UnsupportedOperationException if they cannot run here
  default Kernels open(Workers workers) {
    reasonAgainst().ifPresent(why -> {
      throw new UnsupportedOperationException("kernels '" + id() + "' cannot run: " + why);
    });
    return new Door(create(workers));
  }
}
