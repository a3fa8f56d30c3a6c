package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.converter.source.Source;
import dev.fovea.converter.source.SourceTensor;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.models.Family;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.llama.LlamaConfig;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The model in a Hugging Face folder, with one method per family.
///
/// @param names the parameters' names in the checkpoint
/// @param labels class names, in order; empty if there are none
/// @param preprocessing of pictures, if the folder has none; empty for a text model
/// @param palette class colours; empty if not used
record HuggingFace(ModelConfig config, NameMap names, List<String> labels, JsonObject preprocessing, List<Integer> palette) {
  private static final List<String> MODEL_TYPES = List.of("vit", "dinov2", "dinov2_with_registers", "clip", "clip_vision_model",
      "siglip", "siglip_vision_model", "bert", "distilbert", "roberta", "xlm-roberta", "segformer", "sam",
      "grounding-dino", "mm-grounding-dino", "llama", "qwen2", "deepseek_vl", "llava", "smolvlm", "idefics3");
  private static final String HEAD = "classifier.weight";
  private static final int DEFAULT_REGISTERS = 4;
  private static final int SEGFORMER_SIZE = 512;

  HuggingFace(ModelConfig config, NameMap names, List<String> labels, JsonObject preprocessing) {
    this(config, names, labels, preprocessing, List.of());
  }

  /// @throws CheckpointException if no model with this config is supported
  static void requireKnown(JsonFields config) {
    if (!config.has("model_type") && !config.has("architecture") && !config.has("model_cfg"))
      throw new CheckpointException(config.where()
          + ": expected Hugging Face's 'model_type', timm's 'architecture' or open_clip's 'model_cfg', got none of them");
    if (config.has("model_type") && !MODEL_TYPES.contains(config.string("model_type")))
      throw new CheckpointException(config.where() + ": model_type '" + config.string("model_type")
          + "' is not supported; expected one of " + String.join(", ", MODEL_TYPES));
  }

  /// @param config the folder's `config.json`
  /// @param preprocessor its `preprocessor_config.json`, or null
  /// @throws CheckpointException if the family is not known, or a field is missing or wrong
  static HuggingFace read(JsonFields config, @Nullable JsonFields preprocessor, Source checkpoint) {
    requireKnown(config);
    if (!config.has("model_type"))
      return config.has("architecture") ? Timm.read(config, checkpoint) : OpenAiClip.read(config, checkpoint);
    return switch (config.string("model_type")) {
      case "vit" -> vit(config, checkpoint);
      case "dinov2" -> dinov2(config, checkpoint, 0, false);
      case "dinov2_with_registers" -> dinov2(config, checkpoint, config.integer("num_register_tokens", DEFAULT_REGISTERS), true);
      case "clip" -> clip(config, checkpoint);
      case "clip_vision_model" -> clipVision(config);
      case "siglip" -> siglip(config, checkpoint);
      case "siglip_vision_model" -> siglip(inside("vision_config", config), checkpoint);
      case "bert" -> bert(config, checkpoint);
      case "distilbert" -> distilBert(config, checkpoint);
      case "roberta", "xlm-roberta" -> roberta(config, checkpoint);
      case "segformer" -> segformer(config, checkpoint, preprocessor);
      case "sam" -> sam(config, checkpoint);
      case "grounding-dino", "mm-grounding-dino" -> GroundingDinoNames.read(config, checkpoint);
      case "llama", "qwen2" -> llama(config);
      case "deepseek_vl" -> VisionLanguage.deepseekVl(config, checkpoint);
      case "llava" -> VisionLanguage.llava(config, checkpoint);
      case "smolvlm", "idefics3" -> VisionLanguage.smolVlm(config);
      case String other -> throw new IllegalStateException(other);
    };
  }

  /// A model of these sizes; the tensors determine the rest, such as the number of classes.
  ///
  /// @param where the name of the sizes in error messages
  static HuggingFace of(String where, ModelConfig sizes, Source checkpoint) {
    var json = sizes.toJson();
    if (!json.has("model_type")) json.addProperty("model_type", sizes.family().id());
    var config = new JsonFields(where, json);
    return sizes.family() == Family.SEGFORMER ? segformer(config, checkpoint) : read(config, null, checkpoint);
  }

  /// Tensor names may also be Google's or timm's.
  static HuggingFace vit(JsonFields config, Source checkpoint) {
    var google = GoogleVit.of(checkpoint);
    boolean timm = checkpoint.tensors().containsKey("blocks.0.attn.qkv.weight");
    var head = timm ? "head.weight" : HEAD;
    if (google == null && !checkpoint.tensors().containsKey(head))
      throw new CheckpointException(checkpoint.name() + ": there is no '" + head
          + "': only ViTs with a classification head are supported");
    var labels = labels(config, checkpoint, google == null ? rows(checkpoint.tensors().get(head)) : google.classes());
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    if (google != null) json.addProperty("representation_size", google.representationSize());
    var vit = ViTConfig.of(new JsonFields(config.where(), json));
    if (google != null && google.heads() != vit.numHeads())
      throw new CheckpointException(config.where() + ": 'num_attention_heads': expected " + google.heads() + ", as "
          + checkpoint.name() + " has, got " + vit.numHeads());
    return new HuggingFace(vit, google != null ? google.names() : timm ? TimmNames.VIT : HuggingFaceNames.VIT, labels,
        Preprocessing.standard(vit.imageHeight(), vit.imageWidth()));
  }

  /// @param antialias whether this model type's implementation resamples positions with antialiasing
  private static HuggingFace dinov2(JsonFields config, Source checkpoint, int registers, boolean antialias) {
    var labels = labels(config, checkpoint);
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("num_register_tokens", registers);
    json.addProperty("interpolate_antialias", antialias);
    var dinov2 = Dinov2Config.of(new JsonFields(config.where(), json));
    var names = dinov2Names(checkpoint);
    return new HuggingFace(dinov2, names != null ? names : HuggingFaceNames.dinov2(config.string("model_type") + "."), labels,
        Preprocessing.imageNet(dinov2.imageHeight(), dinov2.imageWidth()));
  }

  /// The names in a DINOv2; null for other models.
  static @Nullable NameMap dinov2Names(Source checkpoint) {
    var tensors = checkpoint.tensors();
    if (tensors.containsKey("blocks.0.ls1.gamma")) return HuggingFaceNames.ORIGINAL_DINOV2;
    for (var prefix : new String[] {"", "dinov2.", "dinov2_with_registers."})
      if (tensors.containsKey(prefix + "encoder.layer.0.layer_scale1.lambda1")) return HuggingFaceNames.dinov2(prefix);
    return null;
  }

  /// A CLIP with a text encoder. Tensor names may be OpenAI's, as in some files beside a Hugging Face `config.json`.
  private static HuggingFace clip(JsonFields config, Source checkpoint) {
    config.object("text_config");
    return clip(config, OpenAiClip.recognises(checkpoint) ? OpenAiClip.NAMES : HuggingFaceNames.CLIP);
  }

  private static HuggingFace clip(JsonFields config, NameMap names) {
    var clip = ClipConfig.of(config);
    return new HuggingFace(clip, names, List.of(),
        Preprocessing.centreOfShortestEdge(clip.vision().imageHeight(), clip.vision().imageWidth()));
  }

  /// CLIP's image encoder alone, with its projection.
  private static HuggingFace clipVision(JsonFields config) {
    var outer = inside("vision_config", config);
    outer.json().add("projection_dim", config.json().get("projection_dim"));
    return clip(outer, HuggingFaceNames.CLIP);
  }

  private static HuggingFace siglip(JsonFields config, Source checkpoint) {
    var json = config.json().deepCopy();
    boolean timm = checkpoint.tensors().containsKey("attn_pool.latent");
    boolean pooling = timm || checkpoint.tensors().containsKey("vision_model.head.probe");
    if (json.get("vision_config") instanceof JsonObject vision) vision.addProperty("vision_use_head", pooling);
    var siglip = SiglipConfig.of(new JsonFields(config.where(), json));
    return new HuggingFace(siglip, timm ? TimmNames.SIGLIP : HuggingFaceNames.SIGLIP, List.of(),
        Preprocessing.standardBicubic(siglip.vision().imageHeight(), siglip.vision().imageWidth()));
  }

  /// The config has neither the picture size, which is in the preprocessing, nor the norms' epsilon, which is that of Hugging
  /// Face's code for any tensor names.
  private static HuggingFace segformer(JsonFields config, Source checkpoint, @Nullable JsonFields preprocessor) {
    var json = config.json().deepCopy();
    var resize = preprocessor == null ? null : Preprocessing.of(ImageProcessor.complete(preprocessor, Family.SEGFORMER).config())
        .resize();
    json.add("image_size", JsonFields.array(resize == null || resize.height() == 0 ? SEGFORMER_SIZE : resize.height(),
        resize == null || resize.width() == 0 ? SEGFORMER_SIZE : resize.width()));
    json.addProperty("layer_norm_eps", SegformerNames.HUGGING_FACE.layerNormEps());
    return segformer(new JsonFields(config.where(), json), checkpoint);
  }

  /// @param config with all values that the names and the head do not determine
  static HuggingFace segformer(JsonFields config, Source checkpoint) {
    var names = SegformerNames.of(checkpoint);
    if (names == null)
      throw new CheckpointException(checkpoint.name() + ": there is no "
          + String.join(", ", Arrays.stream(SegformerNames.values()).map(each -> "'" + each.head() + "'").toList())
          + ": only SegFormers with a head for segmentation are supported");
    var labels = labels(config, checkpoint, rows(checkpoint.tensors().get(names.head())));
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("mmseg_head", names == SegformerNames.MMSEGMENTATION);
    var segformer = SegformerConfig.of(new JsonFields(config.where(), json));
    var classes = checkpoint.classes();
    boolean coloured = labels.equals(classes.names()) && !classes.colours().isEmpty();
    return new HuggingFace(segformer, names.map(), labels,
        Preprocessing.imageNetBilinear(segformer.imageHeight(), segformer.imageWidth()),
        coloured ? classes.colours() : Palette.of(labels));
  }

  private static HuggingFace bert(JsonFields config, Source checkpoint) {
    requireAbsolutePositions(config);
    var tensors = checkpoint.tensors();
    var prefix = tensors.containsKey("bert.embeddings.word_embeddings.weight") ? "bert." : "";
    var norms = tensors.containsKey(prefix + "embeddings.LayerNorm.gamma") ? "{gamma|beta}" : "{weight|bias}";
    return bert(config, labels(config, checkpoint), tensors.containsKey(prefix + "pooler.dense.weight"),
        HuggingFaceNames.bert(prefix, norms));
  }

  private static HuggingFace bert(JsonFields config, List<String> labels, boolean pooler, NameMap names) {
    var json = config.json().deepCopy();
    json.addProperty("num_labels", labels.size());
    json.addProperty("pooler", pooler);
    return new HuggingFace(BertConfig.of(new JsonFields(config.where(), json)), names, labels, new JsonObject());
  }

  /// A BERT without token types and pooler, and with names of its own for the sizes.
  private static HuggingFace distilBert(JsonFields config, Source checkpoint) {
    if (checkpoint.tensors().containsKey("pre_classifier.weight"))
      throw new CheckpointException(checkpoint.name() + ": a DistilBERT with a classifier, 'pre_classifier.weight', is not "
          + "supported; expected an encoder");
    var json = config.json().deepCopy();
    Map.of("dim", "hidden_size", "n_layers", "num_hidden_layers", "n_heads", "num_attention_heads", "hidden_dim",
        "intermediate_size", "activation", "hidden_act").forEach((own, berts) -> json.add(berts, json.get(own)));
    json.addProperty("layer_norm_eps", 1e-12);
    json.addProperty("type_vocab_size", 0);
    boolean inside = checkpoint.tensors().containsKey("distilbert.embeddings.word_embeddings.weight");
    return bert(new JsonFields(config.where(), json), List.of(), false, HuggingFaceNames.distilBert(inside ? "distilbert." : ""));
  }

  /// A BERT whose positions count from the one after the padding token's id. Its classifier begins with a layer that is BERT's
  /// pooler.
  private static HuggingFace roberta(JsonFields config, Source checkpoint) {
    requireAbsolutePositions(config);
    var tensors = checkpoint.tensors();
    var prefix = tensors.containsKey("roberta.embeddings.word_embeddings.weight") ? "roberta." : "";
    var head = tensors.get("classifier.out_proj.weight");
    int first = firstPosition(config);
    var json = config.json().deepCopy();
    json.addProperty("max_position_embeddings", config.integer("max_position_embeddings") - first);
    return bert(new JsonFields(config.where(), json), labels(config, checkpoint, rows(head)),
        head != null || tensors.containsKey(prefix + "pooler.dense.weight"),
        HuggingFaceNames.roberta(prefix, first, head != null));
  }

  /// The position of a RoBERTa's first token; those before are not used.
  static int firstPosition(JsonFields config) {
    return config.integer("pad_token_id", 1) + 1;
  }

  private static void requireAbsolutePositions(JsonFields config) {
    if (config.has("position_embedding_type") && !config.string("position_embedding_type").equals("absolute"))
      throw new CheckpointException(config.where() + ": position_embedding_type '" + config.string("position_embedding_type")
          + "' is not supported; expected absolute");
  }

  /// Tensor names may be the original repository's, beside a Hugging Face `config.json`.
  private static HuggingFace sam(JsonFields config, Source checkpoint) {
    var sam = SamConfig.of(config);
    var names = SamNames.of(checkpoint);
    return new HuggingFace(sam, names == null ? SamNames.HUGGING_FACE : names, List.of(),
        Preprocessing.paddedLongestEdge(sam.vision().imageSize()));
  }

  private static HuggingFace llama(JsonFields config) {
    var llama = LlamaConfig.of(decoder(config));
    return new HuggingFace(llama, HuggingFaceNames.llama(llama.tied()), List.of(), new JsonObject());
  }

  /// The config of a decoder, alone or in a model, in the form that the family reads. Qwen2's attention always has biases of
  /// queries, keys and values.
  ///
  /// @throws CheckpointException if it is of another kind
  static JsonFields decoder(JsonFields config) {
    var json = config.json().deepCopy();
    var type = config.has("model_type") ? config.string("model_type") : "llama";
    if (!type.equals("llama") && !type.equals("qwen2"))
      throw new CheckpointException(config.where() + ": model_type '" + type + "' is not supported; expected llama or qwen2");
    requireFullAttention(config);
    if (config.has("hidden_act") && !config.string("hidden_act").equals("silu"))
      throw new CheckpointException(config.where() + ": hidden_act '" + config.string("hidden_act")
          + "' is not supported; expected silu");
    if (!config.has("qkv_bias")) {
      boolean qwen2 = type.equals("qwen2"), bias = config.bool("attention_bias", false);
      json.addProperty("qkv_bias", qwen2 || bias);
      json.addProperty("proj_bias", bias);
    }
    return new JsonFields(config.where(), json);
  }

  /// @throws CheckpointException if a layer sees only the nearest tokens
  private static void requireFullAttention(JsonFields config) {
    boolean sliding = config.bool("use_sliding_window", false);
    if (config.json().get("layer_types") instanceof JsonArray layers)
      for (var layer : layers) sliding |= !layer.equals(new JsonPrimitive("full_attention"));
    if (sliding)
      throw new CheckpointException(config.where() + ": attention to a sliding window is not supported; expected full_attention");
  }

  /// A config with this one as its field `name`.
  private static JsonFields inside(String name, JsonFields config) {
    var outer = new JsonObject();
    outer.add(name, config.json());
    return new JsonFields(config.where(), outer);
  }

  /// The labels of the classifier; none without one.
  private static List<String> labels(JsonFields config, Source checkpoint) {
    return labels(config, checkpoint, rows(checkpoint.tensors().get(HEAD)));
  }

  private static int rows(@Nullable SourceTensor head) {
    return head == null || head.shape().isEmpty() || head.size() == 0 ? 0 : Math.toIntExact(head.shape().getFirst());
  }

  /// The labels in `id2label`, otherwise those in the checkpoint, otherwise numbers.
  private static List<String> labels(JsonFields config, Source checkpoint, int classes) {
    var named = checkpoint.classes().names();
    if (!config.has("id2label") && !named.isEmpty() && classes > 0) {
      if (named.size() == classes) return named;
      throw new CheckpointException(checkpoint.name() + ": expected names of " + classes + " classes, as its head has, got "
          + named.size() + "; give --config FILE with an id2label");
    }
    var labels = new ArrayList<String>();
    var names = config.has("id2label") ? config.object("id2label") : new JsonFields(config.where(), new JsonObject());
    for (int i = 0; i < classes; i++) {
      var number = Integer.toString(i);
      labels.add(names.has(number) ? names.string(number) : number);
    }
    return labels;
  }
}
