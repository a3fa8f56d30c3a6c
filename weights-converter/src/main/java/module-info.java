/// Converts published checkpoints into Fovea's model file and back.
module dev.fovea.converter {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.models;
  requires com.google.common;
  requires java.net.http;

  exports dev.fovea.converter;
  exports dev.fovea.converter.hub;
}
