package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Objects;

/// Multi-head self-attention within the windows of a map, which may be shifted cyclically, with a learnt bias for each relative
/// position in a window (Liu et al., "Swin Transformer", 2021; ref: microsoft/Swin-Transformer `models/swin_transformer.py`,
/// `WindowAttention`; transformers `models/swin/modeling_swin.py`, `SwinLayer` with `always_partition`).
///
/// Padding takes part in attention, as in the reference. In a shifted map, positions that are not neighbours in the picture have
/// -100 added to their scores: their weight is below the precision of float32 unless all other scores are much smaller.
///
/// Shapes: B maps, H × W positions, M windows of N = `size²` positions, C channels, h heads, D = C / h.
///
/// @param qkv `C → 3 C`: all queries, then all keys, then all values
/// @param proj `C → C`
/// @param biasTable `[(2 size - 1)², h]`: row `(size - 1 + dy) · (2 size - 1) + size - 1 + dx` is for a query `dy` rows below and
///     `dx` columns right of the key
/// @param size of a window's sides
/// @param shift of the map, from 0 to `size - 1`
public record ShiftedWindowAttention(Linear qkv, Linear proj, int numHeads, Tensor biasTable, int size, int shift) {
  private static final float FAR = -100;
  private static final int MASKS = 4;

  /// @throws IllegalArgumentException if the channels are not a multiple of the heads, or a size does not fit
  public ShiftedWindowAttention {
    Objects.requireNonNull(qkv, "qkv");
    Objects.requireNonNull(biasTable, "biasTable");
    Attention.check(proj.weight().k(), numHeads);
    if (size < 1 || shift < 0 || shift >= size)
      throw new IllegalArgumentException("attention: expected a shift from 0 to " + (size - 1) + ", got " + shift);
    if (biasTable.dim(0) != (2 * size - 1) * (2 * size - 1))
      throw new IllegalArgumentException("attention: expected biases of windows of " + size + "x" + size + ", got " + biasTable);
  }

  /// `[B, H, W, C]` → `[B, H, W, C]`.
  ///
  /// @param site destination of the windows' maps `[B · M, h, N, N]`, if requested
  public Tensor forward(Tensor x, Probe.Site site) {
    return proj.forward(attend(x, site));
  }

  /// `residual + forward(x, site)`: the last product adds the residual to its sums. Both `[B, H, W, C]` → `[B, H, W, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, Probe.Site site) {
    return proj.forward(attend(x, site), residual);
  }

  private Tensor attend(Tensor x, Probe.Site site) {
    int batch = x.dim(0), height = x.dim(1), width = x.dim(2);
    var windows = new ShiftedWindows(height, width, size, shift);
    var all = qkv.forward(windows.cut(x));                                                // [B · M, N, 3 C]
    var out = attend(all, windows, batch, site.within(height, width, size, shift));
    return windows.join(out, batch);
  }

  private Tensor attend(Tensor all, ShiftedWindows windows, int batch, Probe.Site site) {
    int count = all.dim(0), tokens = all.dim(1), depth = all.dim(2) / 3 / numHeads;
    float scale = (float) (1 / Math.sqrt(depth));
    var biases = biases(all);                                                             // [masks, h, N, N]
    var out = all.allocate(count, tokens, numHeads * depth);
    var maps = site.isWanted() ? all.allocate(count, numHeads, tokens, tokens) : null;
    int at = 0;
    for (var group : windows.groups()) {
      int end = at + batch * group.count();
      var heads = all.slice(0, at, end).reshape(end - at, tokens, 3, numHeads, depth).transposed(1, 3);   // [M, h, 3, N, D]
      Tensor q = heads.select(2, 0), k = heads.select(2, 1), v = heads.select(2, 2);
      var mask = AttentionMask.bias(biases.select(0, group.mask()).expand(end - at).matrices());
      all.run(new Operation.Attention(q.matrices(), k.matrices(), v.matrices(), mask,
          Attention.heads(out.slice(0, at, end), numHeads).matrices(), scale));
      if (maps != null)
        all.run(new Operation.AttentionMaps(q.matrices(), k.matrices(), mask, maps.slice(0, at, end).segment(), scale));
      at = end;
    }
    if (maps != null) site.see(windows.inRows(maps, batch));
    return out;
  }

  /// The terms added to the scores of the windows of each group: `[masks, h, N, N]`, one mask if the map is not shifted.
  private Tensor biases(Tensor x) {
    return x.workspace().constant(List.of("biases", this), biasTable, table -> {
      int tokens = size * size, masks = shift == 0 ? 1 : MASKS;
      var biases = table.allocate(masks, numHeads, tokens, tokens);
      var own = table.rows(relativePositions()).reshape(tokens, tokens, numHeads).transposed(1, 2).transposed(0, 1).contiguous();
      biases.select(0, 0).set(own);
      for (int i = 1; i < masks; i++) biases.select(0, i).set(own.plus(mask(i >= 2, i % 2 == 1)));
      return biases;
    });
  }

  /// The row of the table for each query and key: `[N²]`.
  private Tensor relativePositions() {
    int tokens = size * size, sides = 2 * size - 1;
    var rows = new float[tokens * tokens];
    for (int i = 0; i < rows.length; i++) {
      int query = i / tokens, key = i % tokens, dy = query / size - key / size, dx = query % size - key % size;
      rows[i] = (size - 1 + dy) * sides + size - 1 + dx;
    }
    return Tensor.of(Arena.ofAuto(), rows, rows.length);
  }

  /// The mask of windows divided at `size - shift`: `[N, N]`.
  private Tensor mask(boolean inRows, boolean inCols) {
    int tokens = size * size, cut = size - shift;
    var mask = new float[tokens * tokens];
    for (int i = 0; i < mask.length; i++) {
      int query = i / tokens, key = i % tokens;
      boolean apart = inRows && query / size < cut != key / size < cut || inCols && query % size < cut != key % size < cut;
      mask[i] = apart ? FAR : 0;
    }
    return Tensor.of(Arena.ofAuto(), mask, tokens, tokens);
  }
}
