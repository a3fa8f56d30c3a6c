package dev.fovea.engine.checkpoint;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The parameters of a checkpoint. Matrices in panels, nearly all of a model, stay in the mapped file. The rest is copied
/// once: so every kernel but the product sees one kind of memory, and a file that is truncated meanwhile meets only the
/// product, which is guarded.
public final class CheckpointWeights implements WeightSource {
  private final Checkpoint checkpoint;
  private final Arena arena;

  /// @param arena owns what has to be copied
  public CheckpointWeights(Checkpoint checkpoint, Arena arena) {
    this.checkpoint = checkpoint;
    this.arena = arena;
  }

  /// The shape in which a matrix `[n, k]` is stored in panels.
  public static List<Long> panelShape(int n, int k) {
    return List.of((long) Weight.panels(n), (long) k, (long) Weight.PANEL);
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
    var stored = find(name, Arrays.toString(shape));
    if (!stored.shape().equals(Arrays.stream(shape).mapToObj(i -> (long) i).toList()))
      throw new MismatchException("'" + name + "': expected " + Arrays.toString(shape) + ", got " + stored.shape());
    return Tensor.over(widened(stored, arena), shape);
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    var stored = find(name, "[" + n + ", " + k + "]");
    if (stored.shape().equals(panelShape(n, k))) return panels(name, stored, n, k);
    if (!stored.shape().equals(List.of((long) n, (long) k)))
      throw new MismatchException("'" + name + "': expected [" + n + ", " + k + "], got " + stored.shape());
    var packed = arena.allocate(Weight.bytes(Weight.Type.F32, Weight.Layout.PANELS, n, k), 64);
    try (var temporary = Arena.ofConfined()) {
      Weight.pack(widened(stored, temporary), packed, n, k);
    }
    return new Weight(packed, Weight.Type.F32, Weight.Layout.PANELS, n, k);
  }

  private static Weight panels(String name, StoredTensor stored, int n, int k) {
    var type = switch (stored.dtype()) {
      case F32 -> Weight.Type.F32;
      case F16 -> Weight.Type.F16;
      case BF16 -> Weight.Type.BF16;
      case F64, I64, I32, I16, I8, U8, BOOL, U64, U32, U16, C64, F8_E4M3, F8_E5M2, F8_E8M0,
          F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4 ->
          throw new MismatchException("'" + name + "': expected F32, F16 or BF16 in panels, got " + stored.dtype());
    };
    return new Weight(stored.data(), type, Weight.Layout.PANELS, n, k);
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
