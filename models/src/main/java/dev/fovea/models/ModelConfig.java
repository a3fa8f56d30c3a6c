package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;

/// The sizes of a model.
public interface ModelConfig {
  /// The family of models with this config.
  Family family();

  /// Creates the model with these parameters.
  Model load(Weights weights);

  /// The config in a model file's header, readable by the family.
  JsonObject toJson();
}
