package dev.fovea.models.grounding;

import dev.fovea.engine.nn.SinePositions;
import dev.fovea.engine.tensor.Tensor;
import java.lang.foreign.Arena;

/// Embeddings of numbers by sines and cosines of several frequencies, in turn (Vaswani et al., "Attention Is All You Need", 2017;
/// ref: transformers `models/grounding_dino/modeling_grounding_dino.py`, `get_sine_pos_embed`).
final class SineEmbedding {
  /// The temperature of all embeddings but those of the maps.
  static final double TEMPERATURE = 10_000;

  private SineEmbedding() {}

  /// The divisor of the angle for channels `2 i` and `2 i + 1` of `channels`, rounded to float32 as in the reference.
  static float divisor(int i, int channels, double temperature) {
    return (float) Math.pow(temperature, (float) (2.0 * i / channels));
  }

  /// The `channels` channels for an angle.
  static float[] of(double angle, double temperature, int channels) {
    var out = new float[channels];
    for (int i = 0; i < channels; i++) {
      double turned = angle / divisor(i / 2, channels, temperature);
      out[i] = (float) (i % 2 == 0 ? Math.sin(turned) : Math.cos(turned));
    }
    return out;
  }

  /// The embeddings of boxes, each number times `2 π` as an angle: `[B, Q, 4]` → `[B, Q, 4 F]`, y before x.
  ///
  /// @param waves of `F` channels
  static Tensor ofBoxes(Tensor boxes, SinePositions waves) {
    var swapped = boxes.allocate(boxes.shape());
    swapped.slice(2, 0, 1).set(boxes.slice(2, 1, 2));
    swapped.slice(2, 1, 2).set(boxes.slice(2, 0, 1));
    swapped.slice(2, 2, 4).set(boxes.slice(2, 2, 4));
    return waves.forward(swapped);
  }

  /// The waves of `channels` channels.
  static SinePositions waves(int channels) {
    var basis = new float[channels / 2];
    for (int i = 0; i < basis.length; i++) basis[i] = 1 / divisor(i, channels, TEMPERATURE);
    return new SinePositions(Tensor.of(Arena.ofAuto(), basis, 1, basis.length));
  }
}
