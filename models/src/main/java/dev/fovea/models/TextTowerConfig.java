package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;

/// The sizes of the encoder of words in a model of pictures and words, under the names of the published `text_config`.
///
/// @param maxTokens tokens that positions were learnt for
public record TextTowerConfig(int vocabSize, int maxTokens, int depth, EncoderBlock.Sizes blocks) {
  /// @throws IllegalArgumentException if sizes do not fit together
  public TextTowerConfig {
    if (vocabSize < 1 || maxTokens < 1 || depth < 0) throw new IllegalArgumentException("text_config: sizes must be positive");
  }

  /// Checks tokens `[B, N]`.
  ///
  /// @throws InputException if they have another rank, or there are more of them than positions, or none
  public void check(Tensor ids) {
    if (ids.rank() != 2 || ids.dim(1) < 1 || ids.dim(1) > maxTokens)
      throw new InputException("expected tokens [B, 1 to " + maxTokens + "], got " + ids);
  }

  /// @param otherwise what fields mean that are not there, as published configs leave out what they did not change
  /// @throws IllegalArgumentException if sizes do not fit together
  public static TextTowerConfig of(JsonFields json, TextTowerConfig otherwise) {
    return new TextTowerConfig(json.integer("vocab_size", otherwise.vocabSize),
        json.integer("max_position_embeddings", otherwise.maxTokens),
        json.integer("num_hidden_layers", otherwise.depth), EncoderBlock.Sizes.of(json, otherwise.blocks));
  }

  /// The form that [#of] reads.
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("vocab_size", vocabSize);
    json.addProperty("max_position_embeddings", maxTokens);
    json.addProperty("num_hidden_layers", depth);
    blocks.addTo(json);
    return json;
  }
}
