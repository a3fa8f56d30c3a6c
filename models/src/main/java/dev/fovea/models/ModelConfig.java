package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;
import java.util.Objects;

/// The sizes of a model. Immutable.
public interface ModelConfig {
  /// The family of models with this config.
  Family family();

  /// Creates the model with these parameters, which it uses where they are: their memory must stay open while it is in use.
  /// [Weights#bind] calls this, and then reports missing, misshapen and unused parameters.
  Model load(Weights weights);

  /// Whether a parameter belongs to a language model: its matrices are those that a conversion to
  /// [dev.fovea.kernels.WeightFormat#Q8] stores in 8 bits.
  ///
  /// @param parameter full name, such as `blocks.3.attn.qkv.weight`
  default boolean isOfLanguageModel(String parameter) {
    Objects.requireNonNull(parameter, "parameter");
    return false;
  }

  /// The config in a model file's header, readable by the family: a new object in each call.
  JsonObject toJson();
}
