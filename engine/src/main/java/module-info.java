/// Building blocks of models: tensors, layers, checkpoints, pictures and tokenizers.
module dev.fovea.engine {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.kernels;
  requires transitive com.google.gson;
  requires com.google.common;
  requires java.desktop;
  requires jdk.management;

  exports dev.fovea.engine.checkpoint;
  exports dev.fovea.engine.feature;
  exports dev.fovea.engine.image;
  exports dev.fovea.engine.image.mask;
  exports dev.fovea.engine.nn;
  exports dev.fovea.engine.tensor;
  exports dev.fovea.engine.text;

  uses javax.imageio.spi.ImageReaderSpi;
}
