package dev.fovea.cli;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import picocli.CommandLine.Option;

/// `--kernels` and `--threads`, for every command that computes.
final class KernelOptions {
  @Option(names = "--kernels", paramLabel = "NAME", defaultValue = "auto",
      description = "auto, reference or vector (default: auto).")
  private String name;

  @Option(names = "--threads", paramLabel = "N", description = "Threads to compute with (default: one a processor).")
  private Integer threads;

  Kernels open() {
    int count = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (count < 1 || count > 1024) throw new Fovea.UsageException("--threads: expected 1 to 1024, got " + count);
    if (name.equals("auto")) return fastest(count);
    try {
      return KernelProvider.named(name, Workers.threads(count));
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
