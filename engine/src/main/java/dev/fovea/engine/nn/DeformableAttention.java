package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Operation;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// Multi-scale deformable attention: each query looks at a few points of maps of several sizes, whose places and weights are
/// predicted from the query alone (Zhu et al., "Deformable DETR: Deformable Transformers for End-to-End Object Detection", 2021;
/// ref: transformers `models/grounding_dino/modeling_grounding_dino.py`, `GroundingDinoMultiscaleDeformableAttention`).
///
/// Shapes: B batch, Q queries, L maps, S positions of all maps, C channels, h heads, P points in each map.
///
/// @param value `C → C`
/// @param offsets `C → h · L · P · 2`: distances (x, y) from the reference point
/// @param weights `C → h · L · P`
/// @param proj `C → C`
/// @param points `P`
public record DeformableAttention(Linear value, Linear offsets, Linear weights, Linear proj, int numHeads, int points) {
  /// @throws IllegalArgumentException if the channels are not a multiple of the heads
  public DeformableAttention {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(offsets, "offsets");
    Objects.requireNonNull(weights, "weights");
    Attention.check(proj.weight().k(), numHeads);
  }

  /// `x` + attention of `x` to `maps`; the last product adds `x` to its sums. `x` `[B, Q, C]` and `maps` `[B, S, C]` → `[B, Q, C]`.
  ///
  /// @param positions embeddings added to `x` where it predicts points and weights: `[B, Q, C]` or `[Q, C]`
  /// @param sizes the sizes of the maps, which follow one another in `maps`, each row by row
  /// @param references `[B, Q, L, 2]`, points (x, y), or `[B, Q, L, 4]`, boxes by centre, width and height, as shares of the maps
  /// @param visible `[B, S, C]`: 1, or 0 for padding, which counts as zero; null if there is none
  /// @param probe receives `sampling_points.index`, `[B, Q, h, L, P, 2]` as shares of the maps' width and height, and
  ///     `sampling_weights.index`, `[B, Q, h, L, P]`
  public Tensor addedTo(Tensor x, Tensor positions, Tensor maps, List<MapSize> sizes, Tensor references, @Nullable Tensor visible,
      Probe probe, int index) {
    int batch = x.dim(0), queries = x.dim(1), channels = x.dim(2), count = sizes.size();
    var asking = x.plus(positions);
    var values = value.forward(maps);
    if (visible != null) values = values.times(visible);
    var places = x.allocate(batch, queries, numHeads, count, points, 2);
    x.run(new Operation.SamplingPoints(references.segment(), offsets.forward(asking).segment(), places.segment(), batch, queries,
        numHeads, sizes, points, references.dim(3)));
    var shares = weights.forward(asking).reshape(batch, queries, numHeads, count * points).softmax();
    var out = x.allocate(batch, queries, channels);
    x.run(new Operation.DeformableAttention(values.segment(), places.segment(), shares.segment(), out.segment(), batch, queries,
        numHeads, channels / numHeads, sizes, points));
    probe.see("sampling_points", index, places);
    probe.see("sampling_weights", index, shares.reshape(batch, queries, numHeads, count, points));
    return proj.forward(out, x);
  }
}
