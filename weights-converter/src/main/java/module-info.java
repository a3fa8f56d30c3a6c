/// Turns published checkpoints into Fovea's one-file form.
module dev.fovea.converter {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.models;

  exports dev.fovea.converter;
}
