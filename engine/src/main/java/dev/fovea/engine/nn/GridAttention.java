package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Operation;
import java.util.List;
import java.util.Objects;

/// Multi-head self-attention over the positions of a map, with decomposed relative positions: a score has two added terms, one for
/// the key's row and one for its column relative to the query (Li et al., "MViTv2: Improved Multiscale Vision Transformers for
/// Classification and Detection", 2022; ref: segment_anything `modeling/image_encoder.py`, `Attention`, `add_decomposed_rel_pos`).
///
/// Shapes: B maps, H × W positions, N = H · W, C channels, h heads, D = C / h.
///
/// @param qkv `C → 3 C`: all queries, then all keys, then all values
/// @param proj `C → C`
/// @param relPosH `[2 H - 1, D]`: row `H - 1 + d` is for queries `d` rows below the key
/// @param relPosW `[2 W - 1, D]`
public record GridAttention(Linear qkv, Linear proj, int numHeads, Tensor relPosH, Tensor relPosW) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public GridAttention {
    Objects.requireNonNull(qkv, "qkv");
    Objects.requireNonNull(relPosH, "relPosH");
    Objects.requireNonNull(relPosW, "relPosW");
    Attention.check(proj.weight().k(), numHeads);
  }

  /// `[B, H, W, C]` → `[B, H, W, C]`.
  ///
  /// @param site destination of the map `[B, h, N, N]`, if requested
  /// @throws IllegalArgumentException if the map's size does not match the tables
  public Tensor forward(Tensor x, Probe.Site site) {
    return proj.forward(attend(qkv.forward(x), site));
  }

  /// `residual + forward(x, site)`: the last product adds the residual to its sums. Both `[B, H, W, C]` → `[B, H, W, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, Probe.Site site) {
    return proj.forward(attend(qkv.forward(x), site), residual);
  }

  /// `[B, H, W, C]` → `[B, H, W, C]`, with attention within windows.
  ///
  /// The reference pads windows with zeros before `qkv`, which maps a zero to its bias. Here windows are cut after `qkv` and padded
  /// with its bias, so that padding is never projected.
  ///
  /// @param windows of `3 C` channels, padded with the bias of `qkv`
  /// @param site destination of the windows' maps, if requested
  /// @throws IllegalArgumentException if the window size does not match the tables
  public Tensor forward(Tensor x, MapWindows windows, Probe.Site site) {
    return proj.forward(attend(x, windows, site));
  }

  /// `residual + forward(x, windows, site)`: the last product adds the residual to its sums. Both `[B, H, W, C]` → `[B, H, W, C]`.
  public Tensor addedTo(Tensor residual, Tensor x, MapWindows windows, Probe.Site site) {
    return proj.forward(attend(x, windows, site), residual);
  }

  private Tensor attend(Tensor x, MapWindows windows, Probe.Site site) {
    var within = site.within(x.dim(1), x.dim(2), windows.size(), 0);
    var out = attend(windows.cut(qkv.forward(x)), within);                                // [B · R · S, size, size, C]
    return windows.join(out, x.dim(0), x.dim(1), x.dim(2));
  }

  /// Windows for [#forward(Tensor, MapWindows, Probe.Site)].
  public MapWindows windows(int size) {
    return qkv.bias() == null ? new MapWindows(size, qkv.weight().n()) : new MapWindows(size, qkv.bias());
  }

  /// `[B, H, W, 3 C]` → `[B, H, W, C]`, before the last projection.
  private Tensor attend(Tensor all, Probe.Site site) {
    int batch = all.dim(0), height = all.dim(1), width = all.dim(2), channels = all.dim(3) / 3, depth = channels / numHeads;
    if (relPosH.dim(0) != 2 * height - 1 || relPosW.dim(0) != 2 * width - 1)
      throw new IllegalArgumentException("attention: expected a map of " + (relPosH.dim(0) + 1) / 2 + "x"
          + (relPosW.dim(0) + 1) / 2 + ", got " + List.of(batch, height, width, channels));
    var heads = all.reshape(batch, height * width, 3, numHeads, depth).transposed(1, 3);  // [B, h, 3, N, D]
    var q = all.reshape(batch, height, width, 3, numHeads, depth).select(3, 0);           // [B, H, W, h, D]
    var grid = new GridBias(rows(q).matrices(), cols(q).matrices());
    return Attention.attend(heads.select(2, 0), heads.select(2, 1), heads.select(2, 2), AttentionMask.grid(grid), site)
        .reshape(batch, height, width, channels);
  }

  /// The added terms for each row of keys, last row first: `[B, H, W, h, D]` → `[B, h, N, H]`.
  private Tensor rows(Tensor q) {
    int batch = q.dim(0), height = q.dim(1), width = q.dim(2);
    var rows = q.allocate(batch, numHeads, height * width, height);
    var places = rows.reshape(batch, numHeads, height, width, height);
    for (int h = 0; h < numHeads; h++) multiply(q.select(3, h), relPosH, places.select(1, h));
    return rows;
  }

  /// The added terms for each column of keys, last column first: `[B, H, W, h, D]` → `[B, h, N, W]`.
  private Tensor cols(Tensor q) {
    int batch = q.dim(0), height = q.dim(1), width = q.dim(2);
    var cols = q.allocate(batch, numHeads, height * width, width);
    var places = cols.reshape(batch, numHeads, height, width, width);
    for (int h = 0; h < numHeads; h++) multiply(q.select(3, h).transposed(1, 2), relPosW, places.select(1, h).transposed(1, 2));
    return cols;
  }

  /// Products of the queries of line `i` with `lines` table rows from row `i`: `[B, lines, M, D]` → `[B, lines, M, lines]`.
  private static void multiply(Tensor q, Tensor table, Tensor out) {
    var from = table.windows(q.dim(1)).expand(q.dim(0));                                  // [B, lines, lines, D]
    q.run(new Operation.Matmul(q.matrices(), from.transposed(2, 3).matrices(), out.matrices(), 1));
  }
}
