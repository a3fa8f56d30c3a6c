package dev.fovea.models.llama;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The sizes of a decoder of the Llama family, with the names of the published `config.json`.
///
/// @param dim channels
/// @param numHeads heads of queries
/// @param numKeyHeads heads of keys and values, each for a group of queries' heads
/// @param headDim columns of a head
/// @param mlpDim hidden features of the feed-forward part
/// @param bias which linear layers have a bias
/// @param maxTokens positions that the model was trained on
/// @param ropeTheta base of the frequencies of rotary positions
/// @param scaling how these frequencies are scaled for longer texts
/// @param tied whether the head's weight is the embedding's
/// @param eosTokenIds the tokens that end a text; empty if none does
public record LlamaConfig(int vocabSize, int dim, int depth, int numHeads, int numKeyHeads, int headDim, int mlpDim, Bias bias,
    float rmsNormEps, int maxTokens, float ropeTheta, Scaling scaling, boolean tied, List<Integer> eosTokenIds)
    implements ModelConfig {
  /// Published sizes (Meta AI, "Llama 3.2"; Yang et al., "Qwen2 Technical Report", 2024).
  public static final Map<String, LlamaConfig> PRESETS = Map.of(
      "llama-3.2-1b", new LlamaConfig(128_256, 2048, 16, 32, 8, 64, 8192, Bias.NONE, 1e-5f, 131_072, 500_000,
          new Scaling.Llama3(32, 1, 4, 8192), true, List.of(128_001)),
      "qwen2-0.5b", new LlamaConfig(151_936, 896, 24, 14, 2, 64, 4864, new Bias(true, false, false), 1e-6f, 131_072, 1_000_000,
          Scaling.NONE, true, List.of(151_643)));

  /// The linear layers with a bias.
  ///
  /// @param qkv the attention's first ones, of queries, keys and values
  /// @param proj the attention's last one
  /// @param mlp those of the feed-forward part
  public record Bias(boolean qkv, boolean proj, boolean mlp) {
    /// None, as in Llama itself.
    public static final Bias NONE = new Bias(false, false, false);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public LlamaConfig {
    Objects.requireNonNull(bias, "bias");
    Objects.requireNonNull(scaling, "scaling");
    eosTokenIds = List.copyOf(Objects.requireNonNull(eosTokenIds, "eosTokenIds"));
    if (vocabSize < 1 || dim < 1 || depth < 1 || numHeads < 1 || numKeyHeads < 1 || mlpDim < 1 || maxTokens < 1)
      throw new IllegalArgumentException("sizes must be positive");
    if (numHeads % numKeyHeads != 0)
      throw new IllegalArgumentException("num_attention_heads " + numHeads + " is not a multiple of num_key_value_heads "
          + numKeyHeads);
    if (headDim < 2 || headDim % 2 != 0) throw new IllegalArgumentException("head_dim: expected an even number, got " + headDim);
    if (!(ropeTheta > 0)) throw new IllegalArgumentException("rope_theta: expected a positive number, got " + ropeTheta);
    for (int id : eosTokenIds)
      if (id < 0 || id >= vocabSize)
        throw new IllegalArgumentException("eos_token_id " + id + ": expected one of " + vocabSize + " tokens");
  }

  /// Tokens of the longest text: the trained ones, or with [Scaling.Dynamic] so many times more.
  public int context() {
    return scaling instanceof Scaling.Dynamic(float factor) ? (int) Math.min(1 << 24, (double) factor * maxTokens) : maxTokens;
  }

  /// Checks tokens `[B, N]`.
  ///
  /// @throws InputException if they have another rank, or `N` is 0 or more than the context
  void check(Tensor ids) {
    if (ids.rank() != 2 || ids.dim(1) < 1 || ids.dim(1) > context())
      throw new InputException("expected tokens [B, 1 to " + context() + "], got " + ids);
  }

  /// Reads the config in a model file: the published `config.json`, with `rope_parameters` or the older `rope_theta` and
  /// `rope_scaling`, and with `qkv_bias`, `proj_bias` and `mlp_bias`.
  ///
  /// @throws CheckpointException if a field is missing or wrong, or a kind of scaling is not supported
  public static LlamaConfig of(JsonFields json) {
    try {
      int dim = json.integer("hidden_size"), heads = json.integer("num_attention_heads");
      if (!json.has("head_dim") && (heads < 1 || dim % heads != 0))
        throw new IllegalArgumentException("hidden_size " + dim + " is not a multiple of num_attention_heads " + heads);
      return new LlamaConfig(json.integer("vocab_size"), dim, json.integer("num_hidden_layers"), heads,
          json.integer("num_key_value_heads", heads), json.has("head_dim") ? json.integer("head_dim") : dim / heads,
          json.integer("intermediate_size"),
          new Bias(json.bool("qkv_bias", false), json.bool("proj_bias", false), json.bool("mlp_bias", false)),
          json.number("rms_norm_eps"), json.integer("max_position_embeddings"), RopeFields.theta(json), RopeFields.scaling(json),
          json.bool("tie_word_embeddings", false), eos(json));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static List<Integer> eos(JsonFields json) {
    if (!json.has("eos_token_id")) return List.of();
    if (!json.json().get("eos_token_id").isJsonArray()) return List.of(json.integer("eos_token_id"));
    return Arrays.stream(json.integers("eos_token_id")).boxed().toList();
  }

  @Override
  public Family family() {
    return Family.LLAMA;
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    Objects.requireNonNull(parameter, "parameter");
    return true;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Llama.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("vocab_size", vocabSize);
    json.addProperty("hidden_size", dim);
    json.addProperty("num_hidden_layers", depth);
    json.addProperty("num_attention_heads", numHeads);
    json.addProperty("num_key_value_heads", numKeyHeads);
    json.addProperty("head_dim", headDim);
    json.addProperty("intermediate_size", mlpDim);
    json.addProperty("qkv_bias", bias.qkv);
    json.addProperty("proj_bias", bias.proj);
    json.addProperty("mlp_bias", bias.mlp);
    json.addProperty("rms_norm_eps", rmsNormEps);
    json.addProperty("max_position_embeddings", maxTokens);
    json.add("rope_parameters", RopeFields.toJson(ropeTheta, scaling));
    json.addProperty("tie_word_embeddings", tied);
    json.add("eos_token_id", JsonFields.array(eosTokenIds.stream().mapToInt(id -> id).toArray()));
    return json;
  }
}
