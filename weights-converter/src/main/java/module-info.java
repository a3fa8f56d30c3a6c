/// Turns published checkpoints into Fovea's one-file form.
module dev.fovea.converter {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.models;
  requires com.google.common;
  requires java.net.http;

  exports dev.fovea.converter;
  exports dev.fovea.converter.hub;
}
