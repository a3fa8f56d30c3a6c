package example.kernels;

import dev.fovea.kernels.KernelService;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.util.Optional;

/// Kernels for a device that no machine has.
public final class Unavailable implements KernelService {
  @Override
  public String id() {
    return "unavailable";
  }

  @Override
  public Optional<String> reasonAgainst() {
    return Optional.of("there is no device; plug one in");
  }

  @Override
  public Kernels create(Workers workers) {
    throw new AssertionError("kernels that cannot run were created");
  }
}
