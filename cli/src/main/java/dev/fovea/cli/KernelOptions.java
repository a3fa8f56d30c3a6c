package dev.fovea.cli;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--kernels` and `--threads`, for every command that computes.
final class KernelOptions {
  @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto",
      description = "auto, reference or vector (default: auto).")
  private String name;

  @Option(names = "--threads", paramLabel = "N", description = "Threads to compute with (default: one a processor).")
  private Integer threads;

  @Option(names = "--device", paramLabel = "ID", description = "The device of kernels that run on one, as doctor lists them.")
  private @Nullable String device;

  Kernels open() {
    int count = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (count < 1 || count > 1024) throw new Fovea.UsageException("--threads: expected 1 to 1024, got " + count);
    if (device != null && name.equals("auto")) throw new Fovea.UsageException("--device: expected --kernels beside it");
    if (name.equals("auto")) return fastest(count);
    try {
      var service = KernelProvider.service(name);
      return (device == null ? service : service.on(device)).open(Workers.threads(count));
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--" + e.getMessage());
    }
  }

  /// Like [KernelProvider#auto], with a one-line warning on stderr.
  private static Kernels fastest(int threads) {
    var reason = KernelProvider.VECTOR.reasonAgainst();
    reason.ifPresent(why -> System.err.println("fovea: kernels run slowly: " + why));
    return (reason.isEmpty() ? KernelProvider.VECTOR : KernelProvider.REFERENCE).open(Workers.threads(threads));
  }
}
