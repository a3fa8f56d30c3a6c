package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// What a Hugging Face folder says of its model, a method a family.
///
/// @param names where the parameters are
/// @param labels names of the classes, in order; empty where there are none
/// @param preprocessing how pictures become inputs where the folder does not tell; empty for a model that sees none
/// @param palette colours of the classes; empty where nobody colours them
record HuggingFace(ModelConfig config, NameMap names, List<String> labels, JsonObject preprocessing, List<Integer> palette) {
  private static final String HEAD = "classifier.weight";
  private static final int DEFAULT_REGISTERS = 4;
  private static final int LEGACY_EOS = 2;
  private static final int SEGFORMER_SIZE = 512;
  private static final float TORCH_LAYER_NORM_EPS = 1e-5f;

  HuggingFace(ModelConfig config, NameMap names, List<String> labels, JsonObject preprocessing) {
    this(config, names, labels, preprocessing, List.of());
  }

  /// @param config the folder's `config.json`
  /// @param preprocessor its `preprocessor_config.json`, or null where it has none
  /// @throws CheckpointException if the family is not known, or a field is missing or wrong
  static HuggingFace read(JsonFields config, @Nullable JsonFields preprocessor, Source checkpoint) {
    if (!config.has("model_type") && config.has("architecture")) return Timm.read(config, checkpoint);
    if (!config.has("model_type"))
      throw new CheckpointException(config.where() + ": expected Hugging Face's 'model_type' or timm's 'architecture', got neither");
    return switch (config.string("model_type")) {
      case "vit" -> vit(config, checkpoint);
      case "dinov2" -> dinov2(config, checkpoint, 0, false);
      case "dinov2_with_registers" -> dinov2(config, checkpoint, config.integer("num_register_tokens", DEFAULT_REGISTERS), true);
      case "clip" -> clip(config, checkpoint);
      case "clip_vision_model" -> clipVision(config);
      case "siglip" -> siglip(config, checkpoint);
      case "siglip_vision_model" -> siglip(inside("vision_config", config), checkpoint);
      case "bert" -> bert(config, checkpoint);
      case "segformer" -> segformer(config, checkpoint, preprocessor);
      case "sam" -> sam(config, checkpoint);
      case String other -> throw new CheckpointException(config.where() + ": model_type '" + other
          + "' is not supported; expected one of vit, dinov2, dinov2_with_registers, clip, clip_vision_model, siglip, "
          + "siglip_vision_model, bert, segformer, sam");
    };
  }

  private static HuggingFace vit(JsonFields config, Source checkpoint) {
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
  private static HuggingFace dinov2(JsonFields config, Source checkpoint, int registers, boolean antialias) {
    var labels = labels(config, checkpoint);
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("num_register_tokens", registers);
    json.addProperty("interpolate_antialias", antialias);
    var dinov2 = Dinov2Config.of(new JsonFields(config.where(), json));
    if (checkpoint.tensors().containsKey("blocks.0.attn.qkv.weight"))
      return new HuggingFace(dinov2, NameMap.FACEBOOK_DINOV2, labels, Preprocessing.imageNet(dinov2.imageHeight(), dinov2.imageWidth()));
    var prefix = checkpoint.tensors().containsKey("embeddings.cls_token") ? "" : config.string("model_type") + ".";
    return new HuggingFace(dinov2, NameMap.huggingFaceDinov2(prefix), labels,
        Preprocessing.imageNet(dinov2.imageHeight(), dinov2.imageWidth()));
  }

  /// Older configs name 2 as the token that ends a text, and the model then takes the largest of the token numbers for it, which
  /// is the vocabulary's last. The names may be OpenAI's, as those of some files beside a `config.json` of Hugging Face's.
  private static HuggingFace clip(JsonFields config, Source checkpoint) {
    var text = config.object("text_config");
    var json = config.json().deepCopy();
    if (text.integer("eos_token_id", LEGACY_EOS) == LEGACY_EOS)
      json.getAsJsonObject("text_config").addProperty("eos_token_id", text.integer("vocab_size", ClipConfig.VOCABULARY) - 1);
    return clip(new JsonFields(config.where(), json), OpenAiClip.recognises(checkpoint) ? OpenAiClip.NAMES : NameMap.HUGGING_FACE_CLIP);
  }

  private static HuggingFace clip(JsonFields config, NameMap names) {
    var clip = ClipConfig.of(config);
    return new HuggingFace(clip, names, List.of(), Preprocessing.clip(clip.vision().imageHeight(), clip.vision().imageWidth()));
  }

  /// CLIP's encoder of pictures alone, with its projection.
  private static HuggingFace clipVision(JsonFields config) {
    var outer = inside("vision_config", config);
    outer.json().add("projection_dim", config.json().get("projection_dim"));
    return clip(outer, NameMap.HUGGING_FACE_CLIP);
  }

  private static HuggingFace siglip(JsonFields config, Source checkpoint) {
    var json = config.json().deepCopy();
    boolean pooling = checkpoint.tensors().containsKey("vision_model.head.probe");
    if (json.get("vision_config") instanceof JsonObject vision) vision.addProperty("vision_use_head", pooling);
    var siglip = SiglipConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(siglip, NameMap.HUGGING_FACE_SIGLIP, List.of(),
        Preprocessing.siglip(siglip.vision().imageHeight(), siglip.vision().imageWidth()));
  }

  /// The config does not tell the size of the pictures: the preprocessing does. Nor does it tell the norms' epsilon, which is
  /// PyTorch's whatever `layer_norm_eps` says.
  private static HuggingFace segformer(JsonFields config, Source checkpoint, @Nullable JsonFields preprocessor) {
    var head = checkpoint.tensors().get("decode_head.classifier.weight");
    if (head == null)
      throw new CheckpointException(checkpoint.name() + ": there is no 'decode_head.classifier.weight': only SegFormers with a head for "
          + "segmentation are supported");
    var labels = labels(config, head);
    var json = config.json().deepCopy();
    var resize = preprocessor == null ? null : Preprocessing.of(preprocessor).resize();
    json.add("image_size", JsonFields.array(resize == null || resize.height() == 0 ? SEGFORMER_SIZE : resize.height(),
        resize == null || resize.width() == 0 ? SEGFORMER_SIZE : resize.width()));
    json.addProperty("num_labels", labels.size());
    json.addProperty("layer_norm_eps", TORCH_LAYER_NORM_EPS);
    var segformer = SegformerConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(segformer, NameMap.HUGGING_FACE_SEGFORMER, labels,
        Preprocessing.segformer(segformer.imageHeight(), segformer.imageWidth()), Palette.of(labels));
  }

  private static HuggingFace bert(JsonFields config, Source checkpoint) {
    if (config.has("position_embedding_type") && !config.string("position_embedding_type").equals("absolute"))
      throw new CheckpointException(config.where() + ": position_embedding_type '" + config.string("position_embedding_type")
          + "' is not supported; expected absolute");
    var tensors = checkpoint.tensors();
    var prefix = tensors.containsKey("bert.embeddings.word_embeddings.weight") ? "bert." : "";
    var norms = tensors.containsKey(prefix + "embeddings.LayerNorm.gamma") ? "{gamma|beta}" : "{weight|bias}";
    var labels = labels(config, checkpoint);
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("pooler", tensors.containsKey(prefix + "pooler.dense.weight"));
    var bert = BertConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(bert, NameMap.huggingFaceBert(prefix, norms), labels, new JsonObject());
  }

  /// The names may be the original repository's, beside a `config.json` of Hugging Face's.
  private static HuggingFace sam(JsonFields config, Source checkpoint) {
    var sam = SamConfig.of(config);
    var names = checkpoint.tensors().containsKey(SamNames.FACEBOOK_ONLY) ? SamNames.FACEBOOK : SamNames.HUGGING_FACE;
    return new HuggingFace(sam, names, List.of(), Preprocessing.sam(sam.vision().imageSize()));
  }

  /// The config as the field `name` of another.
  private static JsonFields inside(String name, JsonFields config) {
    var outer = new JsonObject();
    outer.add(name, config.json());
    return new JsonFields(config.where(), outer);
  }

  /// The labels in `id2label`, or numbers where the config has none; as many as the head has rows, none without a head.
  private static List<String> labels(JsonFields config, Source checkpoint) {
    return labels(config, checkpoint.tensors().get(HEAD));
  }

  private static List<String> labels(JsonFields config, @Nullable SourceTensor head) {
    int classes = head == null || head.shape().isEmpty() || head.size() == 0 ? 0 : Math.toIntExact(head.shape().getFirst());
    var labels = new ArrayList<String>();
    var names = config.has("id2label") ? config.object("id2label") : new JsonFields(config.where(), new JsonObject());
    for (int i = 0; i < classes; i++) {
      var number = Integer.toString(i);
      labels.add(names.has(number) ? names.string(number) : number);
    }
    return labels;
  }
}
