package dev.fovea.benchmarks.peers;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/// Sizes of a Grounding DINO with a Swin, from the published `config.json`.
record GroundingDinoSizes(Swin swin, Bert bert, int dim, float eps, int maxTextLen, int levels, int queries, float temperature,
    int encoderLayers, Part encoder, int decoderLayers, Part decoder) {
  /// The epsilon is PyTorch's outside the blocks, whatever the config says.
  record Swin(int dim, int[] depths, int[] heads, int patch, int window, int mlpRatio, float eps) {}

  record Bert(int vocabulary, int positions, int types, int dim, int layers, int heads, int mlp, float eps) {}

  /// Sizes of the encoder's or the decoder's layers.
  record Part(int heads, int mlp, int points) {}

  /// The published sizes of a preset.
  static String json(String preset) {
    try (var in = GroundingDinoSizes.class.getResourceAsStream(preset + ".json")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static GroundingDinoSizes of(String config) {
    var json = JsonParser.parseString(config).getAsJsonObject();
    var swin = json.getAsJsonObject("backbone_config");
    var bert = json.getAsJsonObject("text_config");
    return new GroundingDinoSizes(
        new Swin(integer(swin, "embed_dim"), integers(swin, "depths"), integers(swin, "num_heads"), integer(swin, "patch_size"),
            integer(swin, "window_size"), integer(swin, "mlp_ratio"), number(swin, "layer_norm_eps")),
        new Bert(integer(bert, "vocab_size"), integer(bert, "max_position_embeddings"), integer(bert, "type_vocab_size"),
            integer(bert, "hidden_size"), integer(bert, "num_hidden_layers"), integer(bert, "num_attention_heads"),
            integer(bert, "intermediate_size"), number(bert, "layer_norm_eps")),
        integer(json, "d_model"), number(json, "layer_norm_eps"), integer(json, "max_text_len"),
        integer(json, "num_feature_levels"), integer(json, "num_queries"), number(json, "positional_embedding_temperature"),
        integer(json, "encoder_layers"), part(json, "encoder"), integer(json, "decoder_layers"), part(json, "decoder"));
  }

  private static Part part(JsonObject json, String name) {
    return new Part(integer(json, name + "_attention_heads"), integer(json, name + "_ffn_dim"), integer(json, name + "_n_points"));
  }

  private static int integer(JsonObject json, String name) {
    return json.get(name).getAsInt();
  }

  private static float number(JsonObject json, String name) {
    return json.get(name).getAsFloat();
  }

  private static int[] integers(JsonObject json, String name) {
    return json.getAsJsonArray(name).asList().stream().mapToInt(e -> e.getAsInt()).toArray();
  }
}
