package dev.fovea.models.vlm;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/// The tokens of a text that stand for a picture's features. Which tokens these are is known when a pass runs, so that their places
/// are computed like everything else: the numbers below are whole, and exact in float32 up to 16 million tokens.
///
/// Shapes: B texts, N tokens, M tokens of all texts, F features, C channels.
///
/// @param token the id of the placeholder
record Placeholders(int token) {
  /// Tokens that are counted by one product: few enough for a small matrix, many enough for a small matrix of the sums.
  private static final int RUN = 64;

  /// How many of these tokens are placeholders.
  int count(Tensor ids) {
    int count = 0;
    for (float id : ids.toArray()) if (id == token) count++;
    return count;
  }

  /// Puts features in the places of the placeholders, in their order.
  ///
  /// @param ids `[B, N]`
  /// @param embeddings `[B, N, C]`
  /// @param features `[…, C]`
  /// @return `[B, N, C]`
  Tensor fill(Tensor ids, Tensor embeddings, Tensor features) {
    int count = Math.toIntExact(ids.size()), dim = embeddings.dim(2);
    var isOne = isOne(ids.reshape(count, 1));                                         // [M, 1]
    // A token's row among all embeddings and features: its own, or behind all embeddings that of the next feature.
    var toNext = before(isOne).plus(values(i -> count - i, count, 1));                // [M, 1]
    var rows = toNext.times(isOne).plus(values(i -> i, count, 1));
    var flat = features.reshape(Math.toIntExact(features.size() / dim), dim);         // [F, C]
    var all = Tensor.concat(0, embeddings.reshape(count, dim), flat);                 // [M + F, C]
    return all.rows(rows.reshape(count)).reshape(embeddings.shape());
  }

  /// 1 for a placeholder, 0 for another token: `max(0, 1 - |id - token|)`.
  private Tensor isOne(Tensor ids) {
    var distance = ids.plus(values(_ -> -token, 1));
    var absolute = distance.activate(Activation.RELU).plus(distance.times(-1).activate(Activation.RELU));
    return absolute.times(-1).plus(values(_ -> 1, 1)).activate(Activation.RELU);
  }

  /// The number of ones before each: `[M, 1]` → `[M, 1]`. Those in a run are counted by a product with a triangle of ones, and so
  /// are those in the runs before it.
  private static Tensor before(Tensor ones) {
    int count = ones.dim(0), runs = Math.ceilDiv(count, RUN), rest = runs * RUN - count;
    var padded = (rest == 0 ? ones : Tensor.concat(0, ones, values(_ -> 0, rest, 1))).reshape(runs, RUN);
    var inRun = padded.matmul(values(i -> i / RUN < i % RUN ? 1 : 0, RUN, RUN), 1);   // [runs, RUN]
    var ofRun = padded.matmul(values(_ -> 1, RUN, RUN), 1);                           // [runs, RUN], a number for each run
    var triangle = ones.allocate(runs, runs);
    triangle.set(values(i -> i % runs < i / runs ? 1 : 0, runs, runs));
    return inRun.plus(triangle.matmul(ofRun, 1)).reshape(runs * RUN, 1).slice(0, 0, count);
  }

  private static Tensor values(IntToDoubleFunction value, int... shape) {
    var values = new float[Arrays.stream(shape).reduce(1, Math::multiplyExact)];
    for (int i = 0; i < values.length; i++) values[i] = (float) value.applyAsDouble(i);
    return Tensor.of(Arena.ofAuto(), values, shape);
  }
}
