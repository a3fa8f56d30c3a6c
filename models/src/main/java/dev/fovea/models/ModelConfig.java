package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;

/// The sizes of a model.
public interface ModelConfig {
  /// The family whose models have such a config.
  Family family();

  /// The model of these sizes with these parameters.
  Model load(Weights weights);

  /// The form in a model file, which the family reads.
  JsonObject toJson();
}
