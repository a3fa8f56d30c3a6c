package dev.fovea.models;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.Objects;

/// The sizes of the image encoder of an image-text model, with the names of the published `vision_config`.
///
/// @param imageHeight height in pixels of the pictures for which the positions were trained
public record PictureTowerConfig(int imageHeight, int imageWidth, int patchSize, int numChannels, int depth,
    EncoderBlock.Sizes blocks) {
  /// @throws IllegalArgumentException if sizes do not fit together
  public PictureTowerConfig {
    Objects.requireNonNull(blocks, "blocks");
    if (imageHeight < 1 || imageWidth < 1 || patchSize < 1 || numChannels < 1 || depth < 0)
      throw new IllegalArgumentException("vision_config: sizes must be positive");
    if (imageHeight < patchSize || imageWidth < patchSize)
      throw new IllegalArgumentException("vision_config: image_size " + imageHeight + "x" + imageWidth
          + " is smaller than patch_size "
          + patchSize);
  }

  /// Rows of whole patches.
  public int rows() {
    return imageHeight / patchSize;
  }

  /// Columns of whole patches.
  public int cols() {
    return imageWidth / patchSize;
  }

  /// The input with the pictures.
  ///
  /// @param size side in pixels, or 0 for the size for which the positions were trained
  public ModelInput input(int batch, int size) {
    return ModelInput.pixels(batch, numChannels, imageHeight, imageWidth, size);
  }

  /// @param otherwise values of missing fields, because published configs omit default values
  /// @throws IllegalArgumentException if sizes do not fit together
  public static PictureTowerConfig of(JsonFields json, PictureTowerConfig otherwise) {
    var image = json.has("image_size") ? json.heightAndWidth("image_size")
        : new int[] {otherwise.imageHeight, otherwise.imageWidth};
    return new PictureTowerConfig(image[0], image[1], json.integer("patch_size", otherwise.patchSize),
        json.integer("num_channels", otherwise.numChannels), json.integer("num_hidden_layers", otherwise.depth),
        EncoderBlock.Sizes.of(json, otherwise.blocks));
  }

  /// The JSON form read by [#of].
  public JsonObject toJson() {
    var json = new JsonObject();
    json.add("image_size", JsonFields.array(imageHeight, imageWidth));
    json.addProperty("patch_size", patchSize);
    json.addProperty("num_channels", numChannels);
    json.addProperty("num_hidden_layers", depth);
    blocks.addTo(json);
    return json;
  }
}
