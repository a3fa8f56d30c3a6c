package dev.fovea.models.vlm;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.ReadsPictures;
import dev.fovea.models.llama.Llama;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A language model that sees: a picture tower, an adapter to the decoder's space, and a decoder, in whose prompt the features of
/// pictures stand among the embeddings of tokens (Liu et al., "Visual Instruction Tuning", 2023; Lu et al., "DeepSeek-VL: Towards
/// Real-World Vision-Language Understanding", 2024; ref: transformers `models/llava/modeling_llava.py`,
/// `models/deepseek_vl/modeling_deepseek_vl.py`, `models/smolvlm/modeling_smolvlm.py`).
///
/// Shapes: B texts, N tokens, I pictures or tiles, T tokens of one, C channels of the decoder, V tokens of the vocabulary.
///
/// @param tokensPerPicture T
/// @param tiles whether a text's pictures have a dimension of their own, as they have where pictures are cut into tiles
public record VisionLanguageModel(VisionLanguageSizes sizes, PictureTower tower, Adapter adapter, Llama language,
    int tokensPerPicture, boolean tiles) implements Model, ReadsPictures {
  /// The input that tells pixels from padding, `[B, I, H, W]`; the pictures that are read here have no padding.
  public static final String PIXEL_MASK = "pixel_attention_mask";
  /// Tokens of the text beside a picture that the model is measured with.
  private static final int MEASURED = 64;

  public VisionLanguageModel {
    Objects.requireNonNull(sizes, "sizes");
    Objects.requireNonNull(tower, "tower");
    Objects.requireNonNull(adapter, "adapter");
    Objects.requireNonNull(language, "language");
  }

  @Override
  public int imageTokenId() {
    return sizes.imageTokenId();
  }

  @Override
  public Tensor features(Tensor pixels) {
    return features(pixels, Probe.NONE);
  }

  private Tensor features(Tensor pixels, Probe probe) {                               // [I, 3, H, W]
    var c = sizes.vision();
    if (pixels.rank() != 4 || pixels.dim(2) != c.imageHeight() || pixels.dim(3) != c.imageWidth())
      throw new InputException("expected pictures [B, " + c.numChannels() + ", " + c.imageHeight() + ", " + c.imageWidth()
          + "], got " + pixels);
    return adapter.forward(tower.forward(pixels, probe.at("vision_model_output.")));  // [I, T, C]
  }

  /// The shape of what the picture tower gives for one picture or tile, `[1, P, C]`: patches and the tower's channels. It costs a
  /// pass that is not computed, milliseconds.
  public int[] patches() {
    var c = sizes.vision();
    var shape = new int[1][];
    Workspace.dryRun(pixels -> {
      var patches = tower.forward(pixels, Probe.NONE);
      shape[0] = patches.shape();
      return patches;
    }, List::of, 1, c.numChannels(), c.imageHeight(), c.imageWidth());
    return shape[0];
  }

  @Override
  public Tensor prompt(Tensor ids, Tensor features) {
    Objects.requireNonNull(ids, "ids");
    Objects.requireNonNull(features, "features");
    var embeddings = language.prompt(Map.of(INPUT_IDS, ids));                         // [B, N, C]
    return new Placeholders(imageTokenId()).fill(ids, embeddings, features);
  }

  @Override
  public Llama language() {
    return language;
  }

  @Override
  public Tensor prompt(Map<String, Tensor> inputs) {
    return prompt(inputs.get(INPUT_IDS), features(pictures(inputs.get(PIXEL_VALUES))));
  }

  /// Pictures without the dimension of texts: `[B, I, 3, H, W]` → `[B · I, 3, H, W]`.
  private static Tensor pictures(Tensor pixels) {
    return pixels.rank() != 5 ? pixels
        : pixels.reshape(pixels.dim(0) * pixels.dim(1), pixels.dim(2), pixels.dim(3), pixels.dim(4));
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    var pixels = sizes.vision().input(batch, size);
    int count = Math.min(tokensPerPicture + MEASURED, sizes.text().context());
    var inputs = new HashMap<String, ModelInput>();
    inputs.put(INPUT_IDS,
        ModelInput.tokens(sizes.text().vocabSize(), batch, count).withPlaceholders(imageTokenId(), tokensPerPicture));
    if (!tiles) {
      inputs.put(PIXEL_VALUES, pixels);
      return inputs;
    }
    int channels = pixels.shape()[1], height = pixels.shape()[2], width = pixels.shape()[3];
    inputs.put(PIXEL_VALUES, new ModelInput(new int[] {batch, 1, channels, height, width}, ModelInput.Kind.PIXELS, 0, null, 0));
    inputs.put(PIXEL_MASK, ModelInput.mask(PIXEL_VALUES, batch, 1, height, width));
    return inputs;
  }

  /// @throws InputException if the placeholders are not as many as the pictures' tokens, or a picture has padding
  @Override
  public void check(Map<String, Tensor> inputs) {
    Tensor ids = inputs.get(INPUT_IDS), pixels = inputs.get(PIXEL_VALUES), mask = inputs.get(PIXEL_MASK);
    int count = new Placeholders(imageTokenId()).count(ids), pictures = pictures(pixels).dim(0);
    requirePlaceholders(count, pictures);
    if (mask == null) return;
    for (float term : mask.toArray())
      if (term != 0) throw new InputException(PIXEL_MASK + ": pictures with padding are not supported");
  }

  /// @param count of placeholders
  /// @param pictures inputs of the picture tower
  /// @throws InputException if these do not fit together
  private void requirePlaceholders(int count, int pictures) {
    if (count != (long) pictures * tokensPerPicture)
      throw new InputException("expected " + (long) pictures * tokensPerPicture + " placeholders (token " + imageTokenId()
          + ") for " + pictures + " pictures or tiles of " + tokensPerPicture + " tokens, got " + count);
  }

  /// `image_features` is the adapter's output, `[I, T, C]`; hidden states and attention maps are the decoder's, and with the prefix
  /// `vision_model_output.` the picture tower's.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var features = features(pictures(inputs.get(PIXEL_VALUES)), probe);
    var hidden = language.forward(prompt(inputs.get(INPUT_IDS), features), probe);    // [B, N, C]
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("image_features", features);
    named.put("logits", language.logits(hidden));                                     // [B, N, V]
    return named;
  }
}
