package dev.fovea.kernels;

import java.util.Objects;

/// A device that kernels can run on.
///
/// @param id selects it: [KernelService#on]
/// @param name as its driver tells it
/// @param backend how it is reached, such as `OpenCL`
/// @param bytes of its memory
public record KernelDevice(String id, String name, String backend, long bytes) {
  public KernelDevice {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(backend, "backend");
  }
}
