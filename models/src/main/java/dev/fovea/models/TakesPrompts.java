package dev.fovea.models;

import java.util.Map;
import java.util.Set;

/// A model that answers any number of prompts about a picture, each of which has a name that the caller chooses.
public interface TakesPrompts {
  /// The inputs of one picture, and those of `given` that belong to a prompt.
  ///
  /// @param given names of inputs, as a reference holds them
  Map<String, ModelInput> inputs(Set<String> given);
}
