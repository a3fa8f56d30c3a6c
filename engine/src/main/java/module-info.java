/// Tensors, layers, checkpoints, pictures and tokenizers: what models are written with.
module dev.fovea.engine {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.kernels;
  requires transitive com.google.gson;
  requires java.desktop;

  exports dev.fovea.engine.checkpoint;
  exports dev.fovea.engine.feature;
  exports dev.fovea.engine.image;
  exports dev.fovea.engine.image.mask;
  exports dev.fovea.engine.nn;
  exports dev.fovea.engine.tensor;
  exports dev.fovea.engine.text;
}
