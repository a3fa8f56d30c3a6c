package dev.fovea.models;

/// What adds a family of models from another module, which names its implementation in `provides … with` of its module
/// descriptor, and on the class path in `META-INF/services`. Files and presets of the family then open, verify and bench like
/// those of this module.
public interface FamilyService {
  /// The family, always the same object.
  Family family();
}
