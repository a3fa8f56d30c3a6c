package dev.fovea.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Set;

/// Uniform random parameters with standard deviation 0.02, the usual initialisation of vision transformers; the same seed gives the
/// same numbers.
public final class RandomWeights implements WeightSource {
  private static final float HALF_WIDTH = (float) (0.02 * Math.sqrt(3));

  private final Arena arena;
  private long state;

  /// @param arena a shared or automatic one; owns the parameters' memory
  public RandomWeights(Arena arena, long seed) {
    Objects.requireNonNull(arena, "arena");
    this.arena = arena;
    state = seed;
  }

  @Override
  public Set<String> names() {
    return Set.of();
  }

  @Override
  public String description() {
    return "random weights";
  }

  @Override
  public Tensor tensor(String name, Initial initial, int... shape) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
    var tensor = Tensor.zeros(arena, shape);
    switch (initial) {
      case RANDOM -> fill(tensor.segment());
      case ONES -> {
        for (long i = 0; i < tensor.size(); i++) tensor.segment().setAtIndex(JAVA_FLOAT, i, 1);
      }
    }
    return tensor;
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    Objects.requireNonNull(name, "name");
    var segment = arena.allocate(Weight.bytes(WeightFormat.F32, Weight.Layout.PANELS, n, k), 64);
    fill(segment);
    return new Weight(segment, WeightFormat.F32, Weight.Layout.PANELS, n, k);
  }

  /// A linear congruential generator (Knuth's MMIX constants): a billion parameters in a second or two.
  private void fill(MemorySegment segment) {
    long s = state, n = segment.byteSize() / 4;
    for (long i = 0; i < n; i++) {
      s = s * 6364136223846793005L + 1442695040888963407L;
      segment.setAtIndex(JAVA_FLOAT, i, (s >> 32) * (HALF_WIDTH / (1L << 31)));
    }
    state = s;
  }
}
