package dev.fovea.models;

import java.util.Map;
import java.util.Set;

/// A model that takes any number of prompts for a picture, each with a name chosen by the caller.
public interface TakesPrompts {
  /// The inputs for one picture, and those of `given` that belong to a prompt.
  ///
  /// @param given names of the inputs in a reference
  Map<String, ModelInput> inputs(Set<String> given);
}
