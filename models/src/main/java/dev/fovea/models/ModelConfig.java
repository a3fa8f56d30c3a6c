package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;

/// The sizes of a model. Immutable.
public interface ModelConfig {
  /// The family of models with this config.
  Family family();

  /// Creates the model with these parameters, which it uses where they are: their memory must stay open while it is in use.
  /// [Weights#bind] calls this, and then reports missing, misshapen and unused parameters.
  Model load(Weights weights);

  /// The config in a model file's header, readable by the family: a new object in each call.
  JsonObject toJson();
}
