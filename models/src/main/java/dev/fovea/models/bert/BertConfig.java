package dev.fovea.models.bert;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.Family;
import dev.fovea.models.Model;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.SentenceConfig;
import dev.fovea.models.TextTowerConfig;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The sizes of a BERT, with the names of the published `config.json`.
///
/// @param typeVocabSize number of token types; 0 for a model without them, such as DistilBERT
/// @param pooler whether the model has a pooler
/// @param numClasses classes of the head on the pooled features; 0 for features only
/// @param sentence how vectors of texts are made; null if the model was published without that
public record BertConfig(TextTowerConfig encoder, int typeVocabSize, boolean pooler, int numClasses,
    @Nullable SentenceConfig sentence) implements ModelConfig {
  /// The published sizes (Devlin et al., 2019), lower-case vocabulary.
  public static final Map<String, BertConfig> PRESETS =
      Map.of("bert-base-uncased", preset(768, 12), "bert-large-uncased", preset(1024, 24));

  private static final String SENTENCE = "sentence";

  private static BertConfig preset(int dim, int depth) {
    var blocks = new EncoderBlock.Sizes(dim, dim / 64, 4 * dim, true, Activation.GELU, 1e-12f);
    return new BertConfig(new TextTowerConfig(30522, 512, depth, blocks), 2, true, 0);
  }

  /// A model that was published without a way to make vectors of texts.
  public BertConfig(TextTowerConfig encoder, int typeVocabSize, boolean pooler, int numClasses) {
    this(encoder, typeVocabSize, pooler, numClasses, null);
  }

  /// @throws IllegalArgumentException if sizes do not fit together
  public BertConfig {
    Objects.requireNonNull(encoder, "encoder");
    if (typeVocabSize < 0 || numClasses < 0) throw new IllegalArgumentException("sizes must be positive");
    if (numClasses > 0 && !pooler) throw new IllegalArgumentException("a classification head reads the pooler, and there is none");
    if (sentence != null && sentence.maxTokens() > encoder.maxTokens())
      throw new IllegalArgumentException("max_seq_length: expected at most the " + encoder.maxTokens() + " positions, got "
          + sentence.maxTokens());
  }

  /// Reads the config in a model file: the published `config.json` with `num_labels` and `pooler`.
  ///
  /// @throws CheckpointException if a field is missing or wrong
  public static BertConfig of(JsonFields json) {
    var base = PRESETS.get("bert-base-uncased");
    try {
      return new BertConfig(TextTowerConfig.of(json, base.encoder), json.integer("type_vocab_size", base.typeVocabSize),
          json.bool("pooler", true), json.integer("num_labels"),
          json.has(SENTENCE) ? SentenceConfig.of(json.object(SENTENCE)) : null);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public boolean isOfLanguageModel(String parameter) {
    Objects.requireNonNull(parameter, "parameter");
    return true;
  }

  @Override
  public Family family() {
    return Family.BERT;
  }

  @Override
  public Model load(Weights weights) {
    Objects.requireNonNull(weights, "weights");
    return Bert.load(this, weights);
  }

  @Override
  public JsonObject toJson() {
    var json = encoder.toJson();
    json.addProperty("type_vocab_size", typeVocabSize);
    json.addProperty("pooler", pooler);
    json.addProperty("num_labels", numClasses);
    if (sentence != null) json.add(SENTENCE, sentence.toJson());
    return json;
  }
}
