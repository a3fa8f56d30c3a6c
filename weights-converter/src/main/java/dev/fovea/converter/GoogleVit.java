package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Google's ViTs in `.npz` files (ref: vision_transformer `models_vit.py`, with array names from Flax before `linen`; timm
/// `vision_transformer.py`, `_load_weights`). Kernels have their inputs before their outputs, and attention kernels are split into
/// heads, so the shapes determine all sizes.
///
/// Shapes: P patch size, C channels of a picture, D of a token, H heads, S features of a head.
final class GoogleVit {
  private static final String PATCHES = "embedding/kernel", HEAD = "head/kernel", PRE_LOGITS = "pre_logits/kernel",
      RESNET = "conv_root/kernel";
  private static final String BLOCK = "Transformer/encoderblock_#/", ATTENTION = "MultiHeadDotProductAttention_1/",
      MLP = "MlpBlock_3/";
  private static final String POSITIONS = "Transformer/posembed_input/pos_embedding";
  /// Prefixes of the parameters and of the optimizer state in a training checkpoint.
  private static final String TRAINING = "opt/target/", STATE = "opt/state/";
  private static final float FLAX_LAYER_NORM_EPS = 1e-6f;

  private final Source source;
  private final String prefix;

  private GoogleVit(Source source, String prefix) {
    this.source = source;
    this.prefix = prefix;
  }

  /// A checkpoint with these names; null for others.
  ///
  /// @throws CheckpointException if its patches come from a ResNet, or it has no class token or head
  static @Nullable GoogleVit of(Source source) {
    var tensors = source.tensors().keySet();
    var prefix = tensors.contains(TRAINING + PATCHES) ? TRAINING : "";
    if (!tensors.contains(prefix + PATCHES) || !tensors.contains(prefix + POSITIONS)) return null;
    if (tensors.contains(prefix + RESNET))
      throw new CheckpointException(source.name() + ": a hybrid, whose patches a ResNet makes ('" + prefix + RESNET
          + "'), is not supported; expected a ViT on plain patches");
    for (var needed : List.of("cls", HEAD))
      if (!tensors.contains(prefix + needed))
        throw new CheckpointException(source.name() + ": there is no '" + prefix + needed
            + "': only ViTs that classify by their class token are supported");
    return new GoogleVit(source, prefix);
  }

  /// The sizes as a `config.json`, with the original code's constants: [#FLAX_LAYER_NORM_EPS] and the tanh GELU.
  JsonFields config() {
    var patches = shape(PATCHES, 4);                                                  // [P, P, C, D]
    int patch = patches[0], side = side(shape(POSITIONS, 3)[1]) * patch;
    var json = new JsonObject();
    json.addProperty("image_size", side);
    json.addProperty("patch_size", patch);
    json.addProperty("num_channels", patches[2]);
    json.addProperty("hidden_size", patches[3]);
    json.addProperty("num_hidden_layers", depth());
    json.addProperty("num_attention_heads", heads());
    json.addProperty("intermediate_size", shape(block(0) + MLP + "Dense_0/kernel", 2)[1]);
    json.addProperty("layer_norm_eps", FLAX_LAYER_NORM_EPS);
    json.addProperty("hidden_act", "gelu_pytorch_tanh");
    return new JsonFields(source.name() + ": the arrays' shapes", json);
  }

  /// Patches along a side.
  private int side(int positions) {
    int side = (int) Math.sqrt(Math.max(0, positions - 1));
    if (side == 0 || side * side != positions - 1)
      throw new CheckpointException(source.name() + ": '" + prefix + POSITIONS + "': " + positions
          + " positions are not a class token's and a square's, so that the shapes do not tell the size of pictures; give "
          + "--config FILE");
    return side;
  }

  private int depth() {
    int depth = 0;
    while (source.tensors().containsKey(prefix + block(depth) + "LayerNorm_0/scale")) depth++;
    return depth;
  }

  int heads() {
    return shape(block(0) + ATTENTION + "query/kernel", 3)[1];                        // [D, H, S]
  }

  int classes() {
    return shape(HEAD, 2)[1];
  }

  /// Features of the layer before the head; 0 if there is none.
  int representationSize() {
    return source.tensors().containsKey(prefix + PRE_LOGITS) ? shape(PRE_LOGITS, 2)[1] : 0;
  }

  private static String block(int index) {
    return BLOCK.replace("#", Integer.toString(index));
  }

  private int[] shape(String name, int dimensions) {
    return source.tensor(prefix + name, dimensions).shape().stream().mapToInt(Math::toIntExact).toArray();
  }

  NameMap names() {
    var names = new HashMap<String, List<String>>();
    names.put("cls_token", List.of(prefix + "cls"));
    names.put("pos_embed", List.of(prefix + POSITIONS));
    names.put("patch_embed.proj", List.of(prefix + "embedding/{kernel|bias}(3 2 0 1)"));
    var block = prefix + BLOCK;
    names.put("blocks.#.norm1", List.of(block + "LayerNorm_0/{scale|bias}"));
    names.put("blocks.#.attn.qkv", List.of(
        block + ATTENTION + "query/{kernel|bias}(1 2 0)",
        block + ATTENTION + "key/{kernel|bias}(1 2 0)",
        block + ATTENTION + "value/{kernel|bias}(1 2 0)"));
    names.put("blocks.#.attn.proj", List.of(block + ATTENTION + "out/{kernel|bias}(2 0 1)"));
    names.put("blocks.#.norm2", List.of(block + "LayerNorm_2/{scale|bias}"));
    names.put("blocks.#.mlp.fc1", List.of(block + MLP + "Dense_0/{kernel|bias}(1 0)"));
    names.put("blocks.#.mlp.fc2", List.of(block + MLP + "Dense_1/{kernel|bias}(1 0)"));
    names.put("norm", List.of(prefix + "Transformer/encoder_norm/{scale|bias}"));
    names.put("pre_logits", List.of(prefix + "pre_logits/{kernel|bias}(1 0)"));
    names.put("head", List.of(prefix + "head/{kernel|bias}(1 0)"));
    var dropped = new HashMap<String, String>();
    if (prefix.equals(TRAINING))
      for (var name : source.tensors().keySet()) if (name.startsWith(STATE)) dropped.put(name, "used in training only");
    return new NameMap(names, Map.copyOf(dropped));
  }
}
