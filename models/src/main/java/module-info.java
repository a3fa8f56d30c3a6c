/// The published models, one package per family.
module dev.fovea.models {
  requires static org.jetbrains.annotations;
  requires transitive dev.fovea.engine;
  requires transitive java.desktop;
  requires com.google.common;

  exports dev.fovea.models;
  exports dev.fovea.models.bert;
  exports dev.fovea.models.chat;
  exports dev.fovea.models.clip;
  exports dev.fovea.models.dinov2;
  exports dev.fovea.models.explain;
  exports dev.fovea.models.grounding;
  exports dev.fovea.models.llama;
  exports dev.fovea.models.sam;
  exports dev.fovea.models.segformer;
  exports dev.fovea.models.siglip;
  exports dev.fovea.models.swin;
  exports dev.fovea.models.vit;
  exports dev.fovea.models.vlm;

  uses dev.fovea.models.FamilyService;
}
