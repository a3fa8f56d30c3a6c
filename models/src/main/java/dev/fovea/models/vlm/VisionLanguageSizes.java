package dev.fovea.models.vlm;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.kernels.Activation;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.PictureTowerConfig;
import dev.fovea.models.llama.LlamaConfig;
import java.util.Objects;

/// The sizes that all vision-language models have, with the names of the published `config.json`.
///
/// @param vision of the picture tower
/// @param text of the decoder
/// @param imageTokenId the token that stands for a picture's features in a text
public record VisionLanguageSizes(PictureTowerConfig vision, LlamaConfig text, int imageTokenId) {
  /// The name of the decoder in the names of its parameters.
  static final String LANGUAGE = "language";
  private static final String VISION = "vision_config", TEXT = "text_config", IMAGE_TOKEN = "image_token_id";

  /// @throws IllegalArgumentException if sizes do not fit together
  public VisionLanguageSizes {
    Objects.requireNonNull(vision, "vision");
    Objects.requireNonNull(text, "text");
    if (imageTokenId < 0 || imageTokenId >= text.vocabSize())
      throw new IllegalArgumentException("image_token_id " + imageTokenId + ": expected one of " + text.vocabSize() + " tokens");
  }

  /// Whether a parameter is the decoder's.
  static boolean isOfLanguageModel(String parameter) {
    return Objects.requireNonNull(parameter, "parameter").startsWith(LANGUAGE + ".");
  }

  /// Patches of a picture.
  int patches() {
    return vision.rows() * vision.cols();
  }

  /// A picture tower for square pictures of three channels.
  static PictureTowerConfig tower(int imageSize, int patchSize, int depth, int dim, int numHeads, int mlpDim, Activation act,
      float eps) {
    return new PictureTowerConfig(imageSize, imageSize, patchSize, 3, depth,
        new EncoderBlock.Sizes(dim, numHeads, mlpDim, true, act, eps));
  }

  /// Reads the config in a model file.
  ///
  /// @param otherwise the picture tower's missing values
  /// @throws IllegalArgumentException if sizes do not fit together
  static VisionLanguageSizes of(JsonFields json, PictureTowerConfig otherwise) {
    return new VisionLanguageSizes(PictureTowerConfig.of(json.object(VISION), otherwise), LlamaConfig.of(json.object(TEXT)),
        json.integer(IMAGE_TOKEN));
  }

  /// The form that [#of] reads.
  JsonObject toJson() {
    var json = new JsonObject();
    json.addProperty(IMAGE_TOKEN, imageTokenId);
    json.add(VISION, vision.toJson());
    json.add(TEXT, text.toJson());
    return json;
  }
}
