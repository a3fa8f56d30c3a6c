package dev.fovea.models.llama;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.nn.RotaryPositions.Scaling;

/// The fields of a `config.json` about rotary positions, in the form of transformers 5, `rope_parameters`, or in the older one,
/// `rope_theta` and `rope_scaling` with a `type` or `rope_type`.
final class RopeFields {
  private static final float THETA = 10_000;

  private RopeFields() {}

  static float theta(JsonFields config) {
    return part(config).number("rope_theta", config.number("rope_theta", THETA));
  }

  /// @throws CheckpointException if the kind is not supported, or a field of it is missing or wrong
  static Scaling scaling(JsonFields config) {
    var rope = part(config);
    if (config.number("partial_rotary_factor", rope.number("partial_rotary_factor", 1)) != 1)
      throw new CheckpointException(config.where() + ": a partial_rotary_factor other than 1 is not supported");
    var kind = rope.has("rope_type") ? rope.string("rope_type") : rope.has("type") ? rope.string("type") : "default";
    return switch (kind) {
      case "default" -> Scaling.NONE;
      case "linear" -> new Scaling.Linear(factor(rope));
      case "dynamic" -> new Scaling.Dynamic(factor(rope));
      case "llama3" -> {
        var llama3 = new Scaling.Llama3(factor(rope), rope.number("low_freq_factor"), rope.number("high_freq_factor"),
            rope.integer("original_max_position_embeddings"));
        if (!(llama3.highFreqFactor() > llama3.lowFreqFactor()) || llama3.trained() < 1)
          throw new CheckpointException(rope.where() + ": expected a high_freq_factor above low_freq_factor, and a positive "
              + "original_max_position_embeddings, got " + rope.json());
        yield llama3;
      }
      default -> throw new CheckpointException(rope.where() + ": rope_type '" + kind
          + "' is not supported; expected default, linear, dynamic or llama3");
    };
  }

  private static float factor(JsonFields rope) {
    float factor = rope.number("factor");
    if (!(factor >= 1)) throw new CheckpointException(rope.where() + ": 'factor': expected at least 1, got " + factor);
    return factor;
  }

  /// The nested object; empty if there is none.
  private static JsonFields part(JsonFields config) {
    for (var name : new String[] {"rope_parameters", "rope_scaling"}) if (config.has(name)) return config.object(name);
    return new JsonFields(config.where(), new JsonObject());
  }

  /// The form of transformers 5.
  static JsonObject toJson(float theta, Scaling scaling) {
    var json = new JsonObject();
    json.addProperty("rope_theta", theta);
    switch (scaling) {
      case Scaling.None _ -> json.addProperty("rope_type", "default");
      case Scaling.Linear(float factor) -> {
        json.addProperty("rope_type", "linear");
        json.addProperty("factor", factor);
      }
      case Scaling.Dynamic(float factor) -> {
        json.addProperty("rope_type", "dynamic");
        json.addProperty("factor", factor);
      }
      case Scaling.Llama3(float factor, float low, float high, int trained) -> {
        json.addProperty("rope_type", "llama3");
        json.addProperty("factor", factor);
        json.addProperty("low_freq_factor", low);
        json.addProperty("high_freq_factor", high);
        json.addProperty("original_max_position_embeddings", trained);
      }
    }
    return json;
  }
}
