package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Operation;
import java.lang.foreign.Arena;
import java.util.Objects;

/// Rotary position embedding (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021): the pair of
/// columns `i` and `i + D / 2` of a query or key is turned by an angle proportional to its position, so that scores depend on
/// distances (ref: transformers, `modeling_rope_utils.py`). Frequencies are computed in float32, as there. Immutable.
public final class RotaryPositions {
  /// How the frequencies differ from `theta ^ (-2 i / D)`, so that a model reads longer texts than it was first trained on.
  public sealed interface Scaling {
    /// Not at all.
    Scaling NONE = new None();

    /// See [#NONE].
    record None() implements Scaling {}

    /// All frequencies are divided by `factor` (Chen et al., "Extending Context Window of Large Language Models via Positional
    /// Interpolation", 2023).
    record Linear(float factor) implements Scaling {}

    /// `theta` grows with the length of a text beyond the trained one ("NTK-aware" scaling): all positions of one text must be
    /// turned for the same length.
    record Dynamic(float factor) implements Scaling {}

    /// Llama 3.1's: low frequencies are divided by `factor`, high ones stay, and those between are interpolated.
    ///
    /// @param lowFreqFactor turns within the trained length below which a frequency is low
    /// @param highFreqFactor turns above which it is high
    /// @param trained length of the texts of the first training
    record Llama3(float factor, float lowFreqFactor, float highFreqFactor, int trained) implements Scaling {}
  }

  private final int headDim;
  private final float theta;
  private final Scaling scaling;
  private final int trained;
  /// `[D / 2]`.
  private final Tensor frequencies;

  /// @param headDim `D`, columns of a query or key
  /// @param trained length of the texts that the model was trained on
  /// @throws IllegalArgumentException if `headDim` is odd or a number is not positive
  public RotaryPositions(int headDim, float theta, Scaling scaling, int trained) {
    Objects.requireNonNull(scaling, "scaling");
    if (headDim < 2 || headDim % 2 != 0)
      throw new IllegalArgumentException("rotary positions: expected an even head_dim, got " + headDim);
    if (!(theta > 0) || trained < 1)
      throw new IllegalArgumentException("rotary positions: expected a positive theta and length, got " + theta + " and "
          + trained);
    this.headDim = headDim;
    this.theta = theta;
    this.scaling = scaling;
    this.trained = trained;
    frequencies = tensor(trained);
  }

  /// The frequencies for a text of `length` tokens, in radians per position: `[D / 2]`.
  public float[] frequencies(int length) {
    double base = theta;
    if (scaling instanceof Scaling.Dynamic(float factor) && length > trained)
      base *= Math.pow(factor * (double) length / trained - (factor - 1), headDim / (headDim - 2.0));
    var all = new float[headDim / 2];
    for (int i = 0; i < all.length; i++) all[i] = scaled(1 / (float) Math.pow(base, (float) (2 * i) / headDim));
    return all;
  }

  private float scaled(float frequency) {
    return switch (scaling) {
      case Scaling.None _, Scaling.Dynamic _ -> frequency;
      case Scaling.Linear(float factor) -> frequency / factor;
      case Scaling.Llama3(float factor, float low, float high, int length) -> {
        double turns = length * (double) frequency / (2 * Math.PI);
        if (turns > high) yield frequency;
        if (turns < low) yield frequency / factor;
        double smooth = (turns - low) / (high - low);
        yield (float) ((1 - smooth) * frequency / factor + smooth * frequency);
      }
    };
  }

  private Tensor tensor(int length) {
    return Tensor.of(Arena.ofAuto(), frequencies(length), headDim / 2);
  }

  /// The cosines and sines for consecutive positions: `[rows, D]`.
  ///
  /// @param start `[1]`: the first position, in the workspace of the pass; read when the pass runs
  /// @param length length of the whole text, or of the longest one in a cache; it matters beyond the trained length only
  public Tensor table(Tensor start, int rows, int length) {
    Objects.requireNonNull(start, "start");
    var used = scaling instanceof Scaling.Dynamic && length > trained ? tensor(length) : frequencies;
    var out = start.allocate(rows, headDim);
    start.run(new Operation.RotaryTable(used.segment(), start.segment(), out.segment(), rows, headDim / 2));
    return out;
  }

  /// Queries or keys turned by the angles of their positions.
  ///
  /// @param x `[B, H, N, D]`, with contiguous columns
  /// @param table `[N, D]`, of [#table]
  /// @return `[B, H, N, D]`, contiguous
  static Tensor turn(Tensor x, Tensor table) {
    var out = x.allocate(x.shape());
    x.run(new Operation.Rotary(x.matrices(), table.segment(), out.matrices()));
    return out;
  }

  @Override
  public String toString() {
    return "rotary positions of " + headDim + " columns, theta " + theta + ", " + scaling;
  }
}
