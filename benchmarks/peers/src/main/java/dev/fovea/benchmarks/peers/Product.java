package dev.fovea.benchmarks.peers;

import java.util.List;
import java.util.SplittableRandom;

/// A product `x · Wᵀ` and its operands.
///
/// @param x `[M, K]`
/// @param w `[N, K]`
record Product(String name, int m, int n, int k, float[] x, float[] w) {
  /// A size to compare at.
  record Size(String name, int m, int n, int k) {
    Product random() {
      var random = new SplittableRandom(1);
      return new Product(name, m, n, k, uniform(random, m * k), uniform(random, n * k));
    }

    @Override
    public String toString() {
      return m + "x" + n + "x" + k + ", " + name;
    }
  }

  static final List<Size> SIZES = List.of(
      //                             M     N     K
      new Size("vit-base proj",    197,  768,  768),
      new Size("vit-base fc1",     197, 3072,  768),
      new Size("vit-base qkv",     197, 2304,  768),
      new Size("vit-base fc2",     197,  768, 3072),
      new Size("vit-large@384 proj", 577, 1024, 1024),
      new Size("sam-base proj",   4096,  768,  768));

  /// Uniform random numbers in `[-1, 1)`.
  static float[] uniform(SplittableRandom random, int n) {
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = (float) random.nextDouble(-1, 1);
    return values;
  }
}
