package dev.fovea.kernels.tornado;

import dev.fovea.kernels.KernelDevice;
import dev.fovea.kernels.KernelService;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jetbrains.annotations.Nullable;

/// Kernels that TornadoVM compiles for a GPU, or for another device with a driver of its own: `--kernels tornado`.
///
/// The property `fovea.tornado.kernels` chooses them: `tuned`, by default, or `formulas`, which are slower and read like the
/// formulas.
public final class TornadoKernelService implements KernelService {
  static final String ID = "tornado";
  private static final String TIER = "fovea.tornado.kernels", TUNED = "tuned", FORMULAS = "formulas";

  private final @Nullable Device chosen;

  /// For the service loader: kernels on the first device.
  public TornadoKernelService() {
    this(null);
  }

  private TornadoKernelService(@Nullable Device chosen) {
    this.chosen = chosen;
  }

  @Override
  public String id() {
    return ID;
  }

  @Override
  public Optional<String> reasonAgainst() {
    return Optional.ofNullable(Devices.get().reasonAgainst());
  }

  @Override
  public List<KernelDevice> devices() {
    return Devices.get().all().stream().map(Device::about).toList();
  }

  @Override
  public KernelService on(String device) {
    Objects.requireNonNull(device, "device");
    reasonAgainst().ifPresent(why -> {
      throw new UnsupportedOperationException("kernels '" + ID + "' cannot run: " + why);
    });
    return new TornadoKernelService(Devices.get().named(device).orElseThrow(() -> new IllegalArgumentException("device '" + device
        + "': expected one of " + devices().stream().map(KernelDevice::id).collect(Collectors.joining(", ")))));
  }

  @Override
  public Kernels create(Workers workers) {
    Objects.requireNonNull(workers, "workers");
    var tier = System.getProperty(TIER, TUNED);
    if (!tier.equals(TUNED) && !tier.equals(FORMULAS))
      throw new UnsupportedOperationException("property " + TIER + ": expected " + TUNED + " or " + FORMULAS + ", got '" + tier
          + "'");
    return new TornadoKernels(workers, chosen == null ? Devices.get().all().getFirst() : chosen, tier.equals(TUNED), false);
  }
}
