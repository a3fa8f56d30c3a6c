package dev.fovea.models.grounding;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.models.ActivationNames;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.swin.SwinConfig;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// The sizes of a Grounding DINO, with the names of the published `config.json`.
///
/// @param levels maps of different sizes that the encoder reads: the backbone's, then reductions of its last one
/// @param dim channels of encoder and decoder
/// @param numQueries boxes of a result
/// @param maxTokens tokens of the longest text
/// @param learntQueries whether the decoder starts from learnt vectors, not from those of the chosen places
/// @param textPositions how the positions of tokens are embedded
/// @param temperature of the maps' position embeddings
/// @param sharedBoxHead whether all layers of the decoder refine boxes with the same parameters
/// @param mm whether it is MM Grounding DINO: the score of a box and a token is scaled by the root of the channels and has a bias
public record GroundingDinoConfig(SwinConfig backbone, BertConfig text, int levels, int dim, Layers encoder, Layers decoder,
    Activation act, int numQueries, int maxTokens, boolean learntQueries, TextPositions textPositions, float temperature,
    float layerNormEps, boolean sharedBoxHead, boolean mm) implements ModelConfig {
  /// The published models with Swin-T and Swin-B (Liu et al., 2023), and MM Grounding DINO's with Swin-T (Zhao et al., 2024).
  public static final Map<String, GroundingDinoConfig> PRESETS = Map.of(
      "grounding-dino-tiny", preset(96, 7, List.of(2, 2, 6, 2), List.of(3, 6, 12, 24), false),
      "grounding-dino-base", preset(128, 12, List.of(2, 2, 18, 2), List.of(4, 8, 16, 32), false),
      "mm-grounding-dino-tiny", preset(96, 7, List.of(2, 2, 6, 2), List.of(3, 6, 12, 24), true));

  private static final String BACKBONE = "backbone_config", TEXT = "text_config";

  /// The sizes of the layers of encoder or decoder.
  ///
  /// @param points that each head of deformable attention reads in each map
  public record Layers(int depth, int numHeads, int mlpDim, int points) {
    /// @throws IllegalArgumentException if a size is not positive
    public Layers {
      if (depth < 1 || numHeads < 1 || mlpDim < 1 || points < 1) throw new IllegalArgumentException("sizes must be positive");
    }
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public GroundingDinoConfig {
    Objects.requireNonNull(backbone, "backbone");
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(encoder, "encoder");
    Objects.requireNonNull(decoder, "decoder");
    Objects.requireNonNull(act, "act");
    Objects.requireNonNull(textPositions, "textPositions");
    if (dim < 1 || numQueries < 1 || maxTokens < 3) throw new IllegalArgumentException("sizes must be positive");
    if (backbone.outIndices().isEmpty() || levels < backbone.outIndices().size())
      throw new IllegalArgumentException("num_feature_levels " + levels + ": expected at least one, and the "
          + backbone.outIndices().size() + " of the backbone");
    if (dim % GroundingDino.GROUPS != 0 || dim % 4 != 0)
      throw new IllegalArgumentException("d_model " + dim + " is not a multiple of " + GroundingDino.GROUPS);
    if (encoder.numHeads % 2 != 0 || dim % encoder.numHeads != 0 || dim % decoder.numHeads != 0)
      throw new IllegalArgumentException("d_model " + dim + " is not a multiple of encoder_attention_heads " + encoder.numHeads
          + " and decoder_attention_heads " + decoder.numHeads + ", the first of which must be even");
    if (encoder.mlpDim % encoder.numHeads != 0)
      throw new IllegalArgumentException("encoder_ffn_dim " + encoder.mlpDim + " is not a multiple of encoder_attention_heads "
          + encoder.numHeads);
    if (!(temperature > 0)) throw new IllegalArgumentException("positional_embedding_temperature: expected more than 0");
  }

  private static GroundingDinoConfig preset(int dim, int window, List<Integer> depths, List<Integer> heads, boolean mm) {
    var stages = IntStream.range(0, depths.size()).mapToObj(i -> new SwinConfig.Stage(depths.get(i), heads.get(i)))
        .toList();
    var swin = new SwinConfig(3, 4, dim, stages, window, 4, true, Activation.GELU, 1e-5f, List.of(2, 3, 4));
    var bert = BertConfig.PRESETS.get("bert-base-uncased");
    var layers = new Layers(6, 8, 2048, 4);
    return new GroundingDinoConfig(swin, new BertConfig(bert.encoder(), 2, false, 0), 4, 256, layers, layers, Activation.RELU, 900,
        256, true, TextPositions.ORIGINAL, 20, 1e-5f, !mm, mm);
  }

  /// Reads the config in a model file: the published `config.json` with `shared_box_head` and `text_positions`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static GroundingDinoConfig of(JsonFields json) {
    try {
      require(json.bool("two_stage", true), "two_stage false is not supported; expected true");
      require(json.integer("query_dim", 4) == 4, "query_dim: expected 4");
      var positions = json.has("position_embedding_type") ? json.string("position_embedding_type") : "sine";
      require(positions.equals("sine"), "position_embedding_type '" + positions + "' is not supported; expected sine");
      var text = json.object(TEXT).json().deepCopy();
      text.addProperty("pooler", false);
      text.addProperty("num_labels", 0);
      boolean mm = json.has("model_type") && json.string("model_type").equals("mm-grounding-dino");
      return new GroundingDinoConfig(SwinConfig.of(json.object(BACKBONE)),
          BertConfig.of(new JsonFields(json.where() + ": " + TEXT, text)), json.integer("num_feature_levels", 4),
          json.integer("d_model"), layers(json, "encoder"), layers(json, "decoder"),
          ActivationNames.of(json.string("activation_function")), json.integer("num_queries"), json.integer("max_text_len"),
          json.bool("embedding_init_target", true), TextPositions.of(json.string("text_positions")),
          json.number("positional_embedding_temperature", 20),
          json.number("layer_norm_eps", 1e-5f), json.bool("shared_box_head", true), mm);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static void require(boolean holds, String message) {
    if (!holds) throw new IllegalArgumentException(message);
  }

  private static Layers layers(JsonFields json, String part) {
    return new Layers(json.integer(part + "_layers"), json.integer(part + "_attention_heads"), json.integer(part + "_ffn_dim"),
        json.integer(part + "_n_points"));
  }

  private static void add(JsonObject json, String part, Layers layers) {
    json.addProperty(part + "_layers", layers.depth);
    json.addProperty(part + "_attention_heads", layers.numHeads);
    json.addProperty(part + "_ffn_dim", layers.mlpDim);
    json.addProperty(part + "_n_points", layers.points);
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    return Objects.requireNonNull(parameter, "parameter").startsWith(GroundingDino.TEXT + ".");
  }

  @Override
  public Family family() {
    return Family.GROUNDING_DINO;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return GroundingDino.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("model_type", mm ? "mm-grounding-dino" : "grounding-dino");
    json.add(BACKBONE, backbone.toJson());
    json.add(TEXT, text.toJson());
    json.addProperty("num_feature_levels", levels);
    json.addProperty("d_model", dim);
    add(json, "encoder", encoder);
    add(json, "decoder", decoder);
    json.addProperty("activation_function", ActivationNames.nameOf(act));
    json.addProperty("num_queries", numQueries);
    json.addProperty("max_text_len", maxTokens);
    json.addProperty("embedding_init_target", learntQueries);
    json.addProperty("text_positions", textPositions.id());
    json.addProperty("positional_embedding_temperature", temperature);
    json.addProperty("layer_norm_eps", layerNormEps);
    json.addProperty("shared_box_head", sharedBoxHead);
    return json;
  }
}
