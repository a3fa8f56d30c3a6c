package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import java.util.Objects;

/// The sizes of the text encoder of an image-text model, with the names of the published `text_config`.
///
/// @param maxTokens number of trained positions
public record TextTowerConfig(int vocabSize, int maxTokens, int depth, EncoderBlock.Sizes blocks) {
  /// @throws IllegalArgumentException if sizes do not fit together
  public TextTowerConfig {
    Objects.requireNonNull(blocks, "blocks");
    if (vocabSize < 1 || maxTokens < 1 || depth < 0) throw new IllegalArgumentException("text_config: sizes must be positive");
  }

  /// Checks tokens `[B, N]`.
  ///
  /// @throws InputException if they have another rank, or `N` is 0 or more than the positions
  public void check(Tensor ids) {
    if (ids.rank() != 2 || ids.dim(1) < 1 || ids.dim(1) > maxTokens)
      throw new InputException("expected tokens [B, 1 to " + maxTokens + "], got " + ids);
  }

  /// @param otherwise values of missing fields, because published configs omit default values
  /// @throws IllegalArgumentException if sizes do not fit together
  public static TextTowerConfig of(JsonFields json, TextTowerConfig otherwise) {
    return new TextTowerConfig(json.integer("vocab_size", otherwise.vocabSize),
        json.integer("max_position_embeddings", otherwise.maxTokens),
        json.integer("num_hidden_layers", otherwise.depth), EncoderBlock.Sizes.of(json, otherwise.blocks));
  }

  /// The JSON form read by [#of].
  public JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty("vocab_size", vocabSize);
    json.addProperty("max_position_embeddings", maxTokens);
    json.addProperty("num_hidden_layers", depth);
    blocks.addTo(json);
    return json;
  }
}
