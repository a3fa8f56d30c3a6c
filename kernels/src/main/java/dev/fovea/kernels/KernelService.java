package dev.fovea.kernels;

import java.util.Optional;

/// A supplier of kernels under a name. Another module, such as one for a GPU, registers its implementation with
/// `provides … with` in its module descriptor, and on the class path in `META-INF/services`, for [KernelProvider#named].
public interface KernelService {
  /// The name that selects these kernels; also the result of [Kernels#name()].
  String id();

  /// The reason why these kernels cannot run here, or should not, with the remedy; empty if they can.
  Optional<String> reasonAgainst();

  /// Creates kernels without checks; [#open] adds them.
  ///
  /// @param workers threads to compute with; closing the kernels closes them too
  Kernels create(Workers workers);

  /// Opens these kernels with checks that reject wrong operations.
  ///
  /// @param workers threads to compute with; closing the kernels closes them too, a failure here leaves them open
  /// @throws UnsupportedOperationException if they cannot run here
  default Kernels open(Workers workers) {
    reasonAgainst().ifPresent(why -> {
      throw new UnsupportedOperationException("kernels '" + id() + "' cannot run: " + why);
    });
    return new Door(create(workers));
  }
}
