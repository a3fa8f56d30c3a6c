package dev.fovea.cli;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.MachineProbe;

/// The best FMA peak of the processor that was seen so far. Its clock rate varies, so it is measured again between passes.
final class SeenPeak {
  /// Rounds of some milliseconds for a glance.
  private static final int ROUNDS = 2;

  private final int threads;
  /// Not with slow vectors, which would take too long.
  private final boolean isMeasured = KernelProvider.VECTOR.reasonAgainst().isEmpty();
  private double best = Double.NaN;

  SeenPeak(int threads) {
    this.threads = threads;
    look();
  }

  /// Measures for some hundred milliseconds.
  void look() {
    if (isMeasured) see(MachineProbe.peakGflops());
  }

  /// Measures for some milliseconds.
  void glance() {
    if (isMeasured) see(MachineProbe.peakGflops(ROUNDS));
  }

  private void see(double gflops) {
    best = Double.isNaN(best) ? gflops : Math.max(best, gflops);
  }

  /// The peak of all threads; NaN if it is not measured.
  double gflops() {
    return best * threads;
  }
}
