package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;

/// The sizes of a model.
public sealed interface ModelConfig permits ViTConfig, Dinov2Config, ClipConfig, SiglipConfig, BertConfig,
    SegformerConfig, SamConfig {
  /// The family whose models have such a config.
  Family family();

  /// The model of these sizes with these parameters.
  Model load(Weights weights);

  /// The form in a model file, which the family reads.
  JsonObject toJson();
}
