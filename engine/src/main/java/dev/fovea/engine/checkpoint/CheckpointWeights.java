package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/// Parameters from a checkpoint. Matrices in panels, which are most of a model, are used in place ([Residency]). All others are
/// copied once, so that only the matrix product, which is guarded against truncation, reads a mapped file.
public final class CheckpointWeights implements WeightSource {
  private final Checkpoint checkpoint;
  private final Arena arena;

  /// @param checkpoint must stay open while a model uses the parameters
  /// @param arena a shared or automatic one; owns the copies
  public CheckpointWeights(Checkpoint checkpoint, Arena arena) {
    Objects.requireNonNull(checkpoint, "checkpoint");
    Objects.requireNonNull(arena, "arena");
    this.checkpoint = checkpoint;
    this.arena = arena;
  }

  @Override
  public Set<String> names() {
    var names = new HashSet<>(checkpoint.tensors().keySet());
    names.remove(Tokenizer.TENSOR);
    return names;
  }

  @Override
  public String description() {
    return checkpoint.name();
  }

  @Override
  public Tensor tensor(String name, Initial initial, int... shape) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(initial, "initial");
    Objects.requireNonNull(shape, "shape");
    var stored = find(name, Arrays.toString(shape));
    if (!stored.shape().equals(Arrays.stream(shape).mapToObj(i -> (long) i).toList()))
      throw new MismatchException("'" + name + "': expected " + Arrays.toString(shape) + ", got " + stored.shape());
    return Tensor.over(widened(stored, arena), shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    Objects.requireNonNull(name, "name");
    var stored = find(name, "[" + n + ", " + k + "]");
    var format = StoredPanels.format(stored, n, k);
    if (format != null) {
      StoredPanels.requireScales(stored, format, k);
      return new Weight(stored.data(), format, Weight.Layout.PANELS, n, k);
    }
    if (!stored.shape().equals(List.of((long) n, (long) k)))
      throw new MismatchException("'" + name + "': expected [" + n + ", " + k + "], got " + stored.shape());
    var packed = arena.allocate(Weight.bytes(WeightFormat.F32, Weight.Layout.PANELS, n, k), 64);
    try (var temporary = Arena.ofConfined()) {
      Weight.pack(widened(stored, temporary), packed, n, k);
    }
    return new Weight(packed, WeightFormat.F32, Weight.Layout.PANELS, n, k);
  }

  private StoredTensor find(String name, String shape) {
    var stored = checkpoint.tensors().get(name);
    if (stored == null) throw new MismatchException("'" + name + "': missing, expected " + shape);
    if (!stored.dtype().readable()) throw new MismatchException(stored.dtype().unreadable(name));
    return stored;
  }

  private static MemorySegment widened(StoredTensor stored, Arena arena) {
    var floats = arena.allocate(4 * stored.size(), 64);
    stored.copyTo(floats);
    return floats;
  }
}
