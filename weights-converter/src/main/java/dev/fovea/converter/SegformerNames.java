package dev.fovea.converter;

import static dev.fovea.converter.NameRule.conv;
import static dev.fovea.converter.NameRule.depthwise;

import dev.fovea.converter.source.Source;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// The published names of SegFormer's parameters, and the constants of the code that trained them.
enum SegformerNames {
  /// All norms have PyTorch's epsilon, whatever the config says.
  HUGGING_FACE("Hugging Face's", "decode_head.classifier.weight", 1e-5f, 1e-5f, HuggingFaceNames.SEGFORMER),
  /// ref: NVlabs/SegFormer, `mix_transformer.py`, `segformer_head.py`.
  NVLABS("the original repository's", "decode_head.linear_pred.weight", 1e-6f, 1e-5f, nvlabs()),
  /// Versions 0.x and 1.x (ref: mmsegmentation, `backbones/mit.py`, `decode_heads/segformer_head.py`). The head differs: each
  /// stage's projection ends in a batch norm and a ReLU, and the finest map comes first.
  MMSEGMENTATION("mmsegmentation's", "decode_head.conv_seg.weight", 1e-6f, 1e-6f, mmsegmentation());

  private static final int STAGES = 4;
  private static final String COUNTS = "counts training's steps";

  private final String whose;
  private final String head;
  private final float layerNormEps;
  private final float convNormEps;
  private final NameMap map;

  /// @param head the classifier's matrix, a name that only these names have
  /// @param convNormEps of the norms that follow a convolution
  SegformerNames(String whose, String head, float layerNormEps, float convNormEps, NameMap map) {
    this.whose = whose;
    this.head = head;
    this.layerNormEps = layerNormEps;
    this.convNormEps = convNormEps;
    this.map = map;
  }

  /// The names in a SegFormer with a segmentation head; null without such a head.
  static @Nullable SegformerNames of(Source source) {
    var tensors = source.tensors();
    for (var names : values()) {
      var patches = names.map.sources("stages.0.patch_embed.proj.weight").getFirst().name();
      if (tensors.containsKey(names.head) && tensors.containsKey(patches)) return names;
    }
    return null;
  }

  /// Whose names these are, for messages.
  String whose() {
    return whose;
  }

  /// The name of the classifier's matrix `[classes, channels, 1, 1]`.
  String head() {
    return head;
  }

  float layerNormEps() {
    return layerNormEps;
  }

  float convNormEps() {
    return convNormEps;
  }

  NameMap map() {
    return map;
  }

  private static NameMap nvlabs() {
    var rules = new BlockRules("backbone.block#+1.#.");
    rules.add("stages.0.patch_embed.proj", "backbone.patch_embed1.proj");
    rules.add("stages.#.patch_embed.proj", conv("backbone.patch_embed#+1.proj"));
    rules.add("stages.#.patch_embed.norm", "backbone.patch_embed#+1.norm");
    rules.block("attn.q", "attn.q");
    rules.block("attn.kv", "attn.kv");
    rules.block("attn.proj", "attn.proj");
    rules.block("mlp.fc1", "mlp.fc1");
    rules.block("mlp.dwconv", depthwise("mlp.dwconv.dwconv"));
    rules.block("mlp.fc2", "mlp.fc2");
    rules.add("stages.#.norm", "backbone.norm#+1");
    rules.add("head.linear_c.#", "decode_head.linear_c#+1.proj");
    rules.add("head.linear_fuse", "decode_head.linear_fuse.conv ~ decode_head.linear_fuse.bn");
    rules.add("head.linear_pred", "decode_head.linear_pred");
    var unused = "the head has linear_pred instead";
    return new NameMap(rules.byName, Map.of("decode_head.linear_fuse.bn.num_batches_tracked", COUNTS,
        "decode_head.conv_seg.weight", unused, "decode_head.conv_seg.bias", unused));
  }

  private static NameMap mmsegmentation() {
    var rules = new BlockRules("backbone.layers.#.1.#.");
    rules.add("stages.0.patch_embed.proj", "backbone.layers.0.0.projection");
    rules.add("stages.#.patch_embed.proj", conv("backbone.layers.#.0.projection"));
    rules.add("stages.#.patch_embed.norm", "backbone.layers.#.0.norm");
    rules.block("attn.q", "attn.attn.in_proj_{weight|bias}[0/3]");
    rules.block("attn.kv", "attn.attn.in_proj_{weight|bias}[1/3]", "attn.attn.in_proj_{weight|bias}[2/3]");
    rules.block("attn.proj", "attn.attn.out_proj");
    rules.block("mlp.fc1", "ffn.layers.0");
    rules.block("mlp.dwconv", depthwise("ffn.layers.1"));
    rules.block("mlp.fc2", "ffn.layers.4");
    rules.add("stages.#.norm", "backbone.layers.#.2");
    rules.add("head.linear_c.#", "decode_head.convs.#.conv ~ decode_head.convs.#.bn");
    rules.add("head.linear_fuse", "decode_head.fusion_conv.conv ~ decode_head.fusion_conv.bn");
    rules.add("head.linear_pred", "decode_head.conv_seg");
    var dropped = new TreeMap<String, String>();
    dropped.put("decode_head.fusion_conv.bn.num_batches_tracked", COUNTS);
    for (int i = 0; i < STAGES; i++) dropped.put("decode_head.convs." + i + ".bn.num_batches_tracked", COUNTS);
    return new NameMap(rules.byName, dropped);
  }

  /// A builder that starts with the block rules common to both repositories.
  private static final class BlockRules extends Rules {
    private final String block;

    private BlockRules(String block) {
      this.block = block;
      for (var same : List.of("norm1", "attn.norm", "norm2")) block(same, same);
      block("attn.sr", conv("attn.sr"));
    }

    private void block(String name, String... sources) {
      add("stages.#.blocks.#." + name, Stream.of(sources).map(source -> block + source).toArray(String[]::new));
    }
  }
}
