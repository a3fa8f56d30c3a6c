package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.Simd.LANES;
import static dev.fovea.kernels.vector.Simd.all;

import jdk.incubator.vector.FloatVector;

/// The peak speed of the machine: a loop of only fused multiply-adds, in enough chains to hide their latency.
public final class FmaPeak {
  /// Steps of a run. It takes less than a scheduler's time slice, so that some runs are undisturbed on a busy machine.
  private static final int STEPS = 200_000, CHAINS = 12, RUNS = 10;

  /// Keeps the result alive.
  private static volatile float sink;

  private FmaPeak() {}

  /// The speed of the best run in `rounds` rounds of some milliseconds, in GFLOP/s. The first few rounds of a program precede C2's
  /// compilation of the loop.
  public static double gflops(int rounds) {
    double best = 0;
    for (int i = 0; i < RUNS * rounds; i++) {
      long start = System.nanoTime();
      sink = run();
      best = Math.max(best, 2.0 * CHAINS * LANES * STEPS / (System.nanoTime() - start));
    }
    return best;
  }

  private static float run() {
    FloatVector x = all(0.99999f), y = all(1e-5f);
    FloatVector a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
    for (int n = 0; n < STEPS; n++) {
      a = x.fma(y, a); b = x.fma(y, b); c = x.fma(y, c); d = x.fma(y, d); e = x.fma(y, e); f = x.fma(y, f);
      g = x.fma(y, g); h = x.fma(y, h); i = x.fma(y, i); j = x.fma(y, j); k = x.fma(y, k); l = x.fma(y, l);
    }
    // Only multiply-adds here too: the speed gate has C2 make objects of sums.
    a = a.fma(x, b.fma(x, c.fma(x, d.fma(x, e.fma(x, f.fma(x, g.fma(x, h.fma(x, i.fma(x, j.fma(x, k.fma(x, l)))))))))));
    return a.lane(0);
  }
}
