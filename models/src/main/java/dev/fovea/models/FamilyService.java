package dev.fovea.models;

/// A service that adds a family of models from another module, which registers its implementation with `provides … with` in its
/// module descriptor, and on the class path in `META-INF/services`. Opening, verifying and benchmarking then also work for files
/// and presets of this family. It is asked once, by the first use of [Family], on the thread of that use.
public interface FamilyService {
  /// The family, always the same object.
  Family family();
}
