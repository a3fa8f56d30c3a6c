package dev.fovea.kernels;

import java.util.List;
import java.util.Optional;

/// A supplier of kernels under a name. Another module, such as one for a GPU, registers its implementation with
/// `provides … with` in its module descriptor, and on the class path in `META-INF/services`, for [KernelProvider#named].
public interface KernelService {
  /// The name that selects these kernels; also the result of [Kernels#name()].
  String id();

  /// The reason why these kernels cannot run here, or should not, with the remedy; empty if they can.
  Optional<String> reasonAgainst();

  /// The devices that these kernels can run on, such as GPUs; empty if they run on the processor, or cannot run.
  default List<KernelDevice> devices() {
    return List.of();
  }

  /// These kernels on one of [#devices()].
  ///
  /// @param device a [KernelDevice#id()]
  /// @throws IllegalArgumentException if there is no such device
  /// @throws UnsupportedOperationException if they cannot run here
  default KernelService on(String device) {
    throw new IllegalArgumentException("device '" + device + "': kernels '" + id() + "' run on the processor");
  }

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
