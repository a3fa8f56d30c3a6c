package dev.fovea.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;

/// Uniform random parameters with standard deviation 0.02, the usual initialisation of vision transformers; the same seed gives the
/// same numbers.
public final class RandomWeights implements WeightSource {
  private static final float HALF_WIDTH = (float) (0.02 * Math.sqrt(3));

  private final Arena arena;
  private final Function<String, WeightFormat> formats;
  private long state;

  /// Float32 parameters.
  ///
  /// @param arena a shared or automatic one; owns the parameters' memory
  public RandomWeights(Arena arena, long seed) {
    this(arena, seed, _ -> WeightFormat.F32);
  }

  /// @param arena a shared or automatic one; owns the parameters' memory
  /// @param formats the format of a matrix, by its name
  public RandomWeights(Arena arena, long seed, Function<String, WeightFormat> formats) {
    Objects.requireNonNull(arena, "arena");
    Objects.requireNonNull(formats, "formats");
    this.arena = arena;
    this.formats = formats;
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
    return matrix(formats.apply(Objects.requireNonNull(name, "name")), n, k);
  }

  /// In place of 8 bits, a table has the finer steps that a conversion gives it.
  @Override
  public Weight table(String name, int n, int k) {
    return matrix(formats.apply(Objects.requireNonNull(name, "name")).withoutBlocks(), n, k);
  }

  private Weight matrix(WeightFormat format, int n, int k) {
    var segment = arena.allocate(Weight.bytes(format, Weight.Layout.PANELS, n, k), 64);
    var weight = new Weight(segment, format, Weight.Layout.PANELS, n, k);
    var panel = new float[Math.multiplyExact(k, Weight.PANEL)];
    for (int row = 0; row < n; row += Weight.PANEL) {
      for (int i = 0; i < panel.length; i++) panel[i] = next();
      format.encode(panel, 0, Weight.PANEL, k, segment, weight.offset(row, 0));
    }
    return weight;
  }

  /// A linear congruential generator (Knuth's MMIX constants): a billion parameters in a second or two.
  private float next() {
    state = state * 6364136223846793005L + 1442695040888963407L;
    return (state >> 32) * (HALF_WIDTH / (1L << 31));
  }

  private void fill(MemorySegment segment) {
    long n = segment.byteSize() / 4;
    for (long i = 0; i < n; i++) segment.setAtIndex(JAVA_FLOAT, i, next());
  }
}
