package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.lang.foreign.Arena;
import java.util.Objects;
import java.util.stream.IntStream;

/// Fourier features of positions in a square: sines and cosines of projections onto random directions (Tancik et al., "Fourier
/// Features Let Networks Learn High Frequency Functions in Low Dimensional Domains", 2020; ref: segment_anything
/// `modeling/prompt_encoder.py`, `PositionEmbeddingRandom`).
///
/// @param basis `[2, F]`
public record FourierPositions(Tensor basis) {
  public FourierPositions {
    Objects.requireNonNull(basis, "basis");
  }

  /// Features of positions `(x, y)`, from the centre of the first sample, in a square of `size²` samples: `[N, 2]` → `[N, 2 F]`.
  public Tensor forward(Tensor points, int size) {
    int count = points.dim(0), frequencies = basis.dim(1);
    var out = points.allocate(count, 2 * frequencies);
    points.run(new Operation.Fourier(points.segment(), 2.0 / size, 1.0 / size - 1, basis.segment(), out.segment(), count, 2,
        frequencies));
    return out;
  }

  /// Positions of all samples of a square, row by row: `[size², 2]`.
  public static Tensor grid(int size) {
    var points = new float[2 * size * size];
    IntStream.range(0, size * size).forEach(i -> {
      points[2 * i] = i % size;
      points[2 * i + 1] = i / size;
    });
    return Tensor.of(Arena.ofAuto(), points, size * size, 2);
  }
}
