package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Operation;
import java.util.List;

/// Self-attention with several heads over the places of a map, to whose scores each query adds what it makes of a key's row and
/// of its column, both counted from its own (Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and
/// Detection", 2022; ref: segment_anything `modeling/image_encoder.py`, `Attention`, `add_decomposed_rel_pos`).
///
/// Shapes: B maps, H × W places, N = H · W, C channels, h heads, D = C / h.
///
/// @param qkv `C → 3 C`: all queries, then all keys, then all values
/// @param proj `C → C`
/// @param relPosH `[2 H - 1, D]`: row `H - 1 + d` meets queries that are `d` rows below the key
/// @param relPosW `[2 W - 1, D]`
public record GridAttention(Linear qkv, Linear proj, int numHeads, Tensor relPosH, Tensor relPosW) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public GridAttention {
    Attention.check(proj.weight().k(), numHeads);
  }

  /// `[B, H, W, C]` → `[B, H, W, C]`.
  ///
  /// @param site where the map `[B, h, N, N]` goes if somebody asks for it
  /// @throws IllegalArgumentException if the map is not as large as the tables say
  public Tensor forward(Tensor x, Probe.Site site) {
    return proj.forward(attend(qkv.forward(x), site));
  }

  /// `[B, H, W, C]` → `[B, H, W, C]`, where each place sees those in its window.
  ///
  /// What fills windows that the map does not is a zero to the first projection, which makes its bias of it; so the windows are cut
  /// behind it, and nothing is computed for what fills them.
  ///
  /// @param windows of `3 C` channels, filled with the bias of `qkv`
  /// @param site where the map of each window goes if somebody asks for it
  /// @throws IllegalArgumentException if windows are not as large as the tables say
  public Tensor forward(Tensor x, MapWindows windows, Probe.Site site) {
    var within = site.within(new AttentionMap.Windows(x.dim(1), x.dim(2), windows.size()));
    var out = attend(windows.cut(qkv.forward(x)), within);                                // [B · R · S, size, size, C]
    return proj.forward(windows.join(out, x.dim(0), x.dim(1), x.dim(2)));
  }

  /// Windows that [#forward(Tensor, MapWindows, Probe.Site)] takes.
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

  /// What a query adds for each row of keys, the last row first: `[B, H, W, h, D]` → `[B, h, N, H]`.
  private Tensor rows(Tensor q) {
    int batch = q.dim(0), height = q.dim(1), width = q.dim(2);
    var rows = q.allocate(batch, numHeads, height * width, height);
    var places = rows.reshape(batch, numHeads, height, width, height);
    for (int h = 0; h < numHeads; h++) multiply(q.select(3, h), relPosH, places.select(1, h));
    return rows;
  }

  /// What a query adds for each column of keys, the last column first: `[B, H, W, h, D]` → `[B, h, N, W]`.
  private Tensor cols(Tensor q) {
    int batch = q.dim(0), height = q.dim(1), width = q.dim(2);
    var cols = q.allocate(batch, numHeads, height * width, width);
    var places = cols.reshape(batch, numHeads, height, width, width);
    for (int h = 0; h < numHeads; h++) multiply(q.select(3, h).transposed(1, 2), relPosW, places.select(1, h).transposed(1, 2));
    return cols;
  }

  /// The queries of line `i` meet the rows of the table from row `i`: `[B, lines, M, D]` → `[B, lines, M, lines]`.
  private static void multiply(Tensor q, Tensor table, Tensor out) {
    var from = table.windows(q.dim(1)).expand(q.dim(0));                                  // [B, lines, lines, D]
    q.run(new Operation.Matmul(q.matrices(), from.transposed(2, 3).matrices(), out.matrices(), 1));
  }
}
