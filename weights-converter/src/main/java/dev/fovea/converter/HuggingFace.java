package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.vit.ViTConfig;
import java.util.ArrayList;
import java.util.List;

/// What a Hugging Face folder says of its model, a method a family.
///
/// @param names where the parameters are
/// @param labels names of the classes, in order; empty where there are none
/// @param preprocessing how pictures become inputs where the folder does not tell
record HuggingFace(ModelConfig config, NameMap names, List<String> labels, JsonObject preprocessing) {
  private static final String HEAD = "classifier.weight";
  private static final int DEFAULT_REGISTERS = 4;

  /// @param config the folder's `config.json`
  /// @throws CheckpointException if the family is not known, or a field is missing or wrong
  static HuggingFace read(JsonFields config, Checkpoint checkpoint) {
    if (!config.has("model_type"))
      throw new CheckpointException(config.where() + ": 'model_type' is missing: only Hugging Face folders are converted yet");
    return switch (config.string("model_type")) {
      case "vit" -> vit(config, checkpoint);
      case "dinov2" -> dinov2(config, checkpoint, 0, false);
      case "dinov2_with_registers" -> dinov2(config, checkpoint, config.integer("num_register_tokens", DEFAULT_REGISTERS), true);
      case String other -> throw new CheckpointException(config.where() + ": model_type '" + other
          + "' is not supported; expected one of vit, dinov2, dinov2_with_registers");
    };
  }

  private static HuggingFace vit(JsonFields config, Checkpoint checkpoint) {
    if (!checkpoint.tensors().containsKey(HEAD))
      throw new CheckpointException(checkpoint.name() + ": there is no '" + HEAD
          + "': only ViTs with a classification head are supported");
    var labels = labels(config, checkpoint);
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    var vit = ViTConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(vit, NameMap.HUGGING_FACE_VIT, labels, Preprocessing.standard(vit.imageHeight(), vit.imageWidth()));
  }

  /// @param antialias what the implementation of this model type does when it resamples positions
  private static HuggingFace dinov2(JsonFields config, Checkpoint checkpoint, int registers, boolean antialias) {
    var labels = labels(config, checkpoint);
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("num_register_tokens", registers);
    json.addProperty("interpolate_antialias", antialias);
    var dinov2 = Dinov2Config.of(new JsonFields(config.where(), json));
    var prefix = checkpoint.tensors().containsKey("embeddings.cls_token") ? "" : config.string("model_type") + ".";
    return new HuggingFace(dinov2, NameMap.huggingFaceDinov2(prefix), labels,
        Preprocessing.imageNet(dinov2.imageHeight(), dinov2.imageWidth()));
  }

  /// The labels in `id2label`, or numbers where the config has none; as many as the head has rows, none without a head.
  private static List<String> labels(JsonFields config, Checkpoint checkpoint) {
    var head = checkpoint.tensors().get(HEAD);
    int classes = head == null || head.shape().isEmpty() ? 0 : Math.toIntExact(head.shape().getFirst());
    var labels = new ArrayList<String>();
    var names = config.has("id2label") ? config.object("id2label") : new JsonFields(config.where(), new JsonObject());
    for (int i = 0; i < classes; i++) {
      var number = Integer.toString(i);
      labels.add(names.has(number) ? names.string(number) : number);
    }
    return labels;
  }
}
