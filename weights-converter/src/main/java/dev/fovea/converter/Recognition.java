package dev.fovea.converter;

import com.google.common.collect.ImmutableMap;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.models.Family;
import dev.fovea.models.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The model of a checkpoint and the source of its sizes: the given config or preset, the `config.json` beside the weights, or the
/// tensors.
///
/// @param configFrom in words, such as a file's path
/// @param assumed the defaults used for missing fields, a line each
/// @param tellsPreprocessing whether the source has the preprocessing of pictures
record Recognition(HuggingFace published, String configFrom, List<String> assumed, boolean tellsPreprocessing) {
  private static final int SHOWN = 4;
  /// Tensors that identify a family, but not its sizes.
  private static final ImmutableMap<String, Family> TELLING = ImmutableMap.<String, Family>builder()
      .put("model.aligner.linear1.weight", Family.DEEPSEEK_VL)
      .put("multi_modal_projector.linear_1.weight", Family.LLAVA)
      .put("model.connector.modality_projection.proj.weight", Family.SMOLVLM)
      .put("vit.embeddings.cls_token", Family.VIT)
      .put("attn_pool.latent", Family.SIGLIP)
      .put("blocks.0.attn.qkv.weight", Family.VIT)
      .put("vision_model.embeddings.class_embedding", Family.CLIP)
      .put("vision_model.embeddings.position_embedding.weight", Family.SIGLIP)
      .put("bert.embeddings.word_embeddings.weight", Family.BERT)
      .put("embeddings.word_embeddings.weight", Family.BERT)
      .put("model.layers.0.self_attn.q_proj.weight", Family.LLAMA)
      .buildOrThrow();

  /// @param preprocessor the folder's `preprocessor_config.json`, or null
  /// @throws CheckpointException if nothing determines the sizes, or their source is missing, wrong or not supported
  static Recognition of(Source checkpoint, Path folder, @Nullable JsonFields preprocessor, Conversion conversion) {
    if (conversion.config() != null && conversion.preset() != null)
      throw new CheckpointException("--config and --preset: expected one of them, got both");
    if (conversion.preset() != null) {
      var where = "preset " + conversion.preset();
      return new Recognition(HuggingFace.of(where, preset(conversion.preset()), checkpoint), where, List.of(), false);
    }
    var file = conversion.config() != null ? conversion.config() : beside(checkpoint, folder);
    if (file != null) {
      var config = ConfigDefaults.complete(withGeneration(json(file), folder), checkpoint, folder);
      boolean tellsPreprocessing = !config.config().has("model_type")
          && (config.config().has("architecture") || config.config().has("preprocess_cfg"));
      return new Recognition(HuggingFace.read(withSentence(config.config(), folder), preprocessor, checkpoint), file.toString(),
          config.assumed(), tellsPreprocessing);
    }
    var told = ShapeRecognition.of(checkpoint);
    if (told == null) throw untold(checkpoint);
    return new Recognition(told, "the tensors' names and shapes" + (checkpoint.graph() == null ? "" : ", and the graph"), List.of(),
        false);
  }

  /// A config with the tokens that end a text in the folder's `generation_config.json`: there are more of them, such as those that
  /// end a turn of a conversation.
  private static JsonFields withGeneration(JsonFields config, Path folder) {
    var file = folder.resolve(Converter.GENERATION);
    if (!Files.exists(file)) return config;
    var generation = json(file);
    if (!generation.has("eos_token_id")) return config;
    var both = config.json().deepCopy();
    both.add("eos_token_id", generation.json().get("eos_token_id"));
    return new JsonFields(config.where(), both);
  }

  /// A text encoder's config with what a sentence-transformers folder says of vectors of texts.
  private static JsonFields withSentence(JsonFields config, Path folder) {
    var type = config.has("model_type") ? config.string("model_type") : "";
    if (!List.of("bert", "distilbert", "roberta", "xlm-roberta").contains(type)) return config;
    int unused = type.endsWith("roberta") ? HuggingFace.firstPosition(config) : 0;
    var sentence = SentenceFolder.read(folder, config.integer("max_position_embeddings") - unused);
    if (sentence == null) return config;
    var both = config.json().deepCopy();
    both.add("sentence", sentence.toJson());
    return new JsonFields(config.where(), both);
  }

  /// The folder's config. Some folders have open_clip's and, for the same model under other names, Hugging Face's.
  private static @Nullable Path beside(Source checkpoint, Path folder) {
    Path config = folder.resolve("config.json"), openClip = folder.resolve("open_clip_config.json");
    boolean other = Files.exists(openClip) && (OpenAiClip.recognises(checkpoint) || !Files.exists(config));
    return other ? openClip : Files.exists(config) ? config : null;
  }

  private static ModelConfig preset(String name) {
    try {
      return Family.preset(name);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException("--" + e.getMessage(), e);
    }
  }

  private static CheckpointException untold(Source checkpoint) {
    var names = checkpoint.tensors().keySet();
    var untold = checkpoint.name() + ": there is no config.json beside it, and ";
    for (var each : TELLING.entrySet()) {
      var family = each.getValue();
      if (!names.contains(each.getKey())) continue;
      var presets = Family.presets().stream().filter(preset -> Family.preset(preset).family() == family).toList();
      return new CheckpointException(untold + "tensors such as '" + each.getKey() + "' are a " + family.id()
          + "'s but do not tell all sizes; give --config FILE, or --preset NAME, one of " + String.join(", ", presets));
    }
    return new CheckpointException(untold + "the names of its tensors are of no family known here: "
        + MappedSource.someOf(names, SHOWN) + "; give --config FILE, or --preset NAME");
  }

  /// Reads a file with a JSON object.
  ///
  /// @throws CheckpointException if it cannot be read, or holds something else
  static JsonFields json(Path file) {
    try {
      return JsonFields.parse(file.toString(), Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new CheckpointException(file + ": no such file", e);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
