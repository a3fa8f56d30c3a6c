package dev.fovea.converter;

import static dev.fovea.converter.GoldenTest.requireGolden;
import static dev.fovea.converter.Renamed.FIXTURES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.converter.Foreign.Array;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Comparison;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import dev.fovea.models.Verification;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Golden cases under timm's names, converted and run.
class TimmTest {
  @TempDir
  private Path folder;

  private Path convert(Renamed tensors, String config) {
    var source = folder.resolve("timm");
    tensors.write(source, "config.json", config);
    var target = folder.resolve("out.safetensors");
    Converter.convert(source, target, WeightFormat.F32);
    return target;
  }

  /// timm's config, as on its hub.
  private static String config(String architecture, int size, String arguments) {
    return """
        {"architecture": "%s", "num_classes": 0,
         "pretrained_cfg": {"input_size": [3, %d, %d], "interpolation": "bicubic", "crop_pct": 1.0, "crop_mode": "center",
          "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]},
         "model_args": %s}""".formatted(architecture, size, size, arguments);
  }

  private static JsonObject configOf(Path model) {
    try (var checkpoint = Checkpoint.open(model)) {
      return ModelHeader.of(checkpoint).config().json();
    }
  }

  private static Renamed dinov2(String golden) {
    return Renamed.ofGolden(golden).drop("embeddings.mask_token")
        .rename("embeddings\\.cls_token", "cls_token", "embeddings\\.position_embeddings", "pos_embed",
            "embeddings\\.patch_embeddings\\.projection", "patch_embed.proj", "^layernorm", "norm", "encoder\\.layer\\.", "blocks.",
            "attention\\.output\\.dense", "attn.proj", "layer_scale(.)\\.lambda1", "ls$1.gamma")
        .fuse("(.*)attention\\.attention\\.%s\\.(.*)", "$1attn.qkv.$2", "query", "key", "value");
  }

  @Test
  void dinov2() {
    requireGolden(convert(dinov2("dinov2-tiny"), config("vit_small_patch14_dinov2", 42, "{\"num_heads\": 3}")), "dinov2-tiny");
  }

  @Test
  void dinov2WithGates() {
    var tensors = dinov2("dinov2-tiny-swiglu").rename("weights_in", "fc1", "weights_out", "fc2");
    requireGolden(convert(tensors, config("vit_giant_patch14_dinov2", 28, "{\"num_heads\": 4}")), "dinov2-tiny-swiglu");
  }

  /// timm adds the class token's position to the token, and has none for it; the golden picture is larger than the positions' grid.
  private static Renamed withRegisters() {
    var tensors = dinov2("dinov2-tiny-registers").rename("embeddings\\.register_tokens", "reg_token");
    var positions = tensors.take("pos_embed");
    var table = positions.reshaped(positions.shape()[1], positions.shape()[2]);
    var cls = tensors.take("cls_token");
    var sum = cls.values().clone();
    for (int c = 0; c < sum.length; c++) sum[c] += table.values()[c];
    var patches = table.rows(1, table.shape()[0]);
    return tensors.put("cls_token", new Array(cls.shape(), sum))
        .put("pos_embed", patches.reshaped(1, patches.shape()[0], patches.shape()[1]));
  }

  @Test
  void dinov2WithRegisters() {
    var model = convert(withRegisters(), config("vit_base_patch14_reg4_dinov2", 56, "{\"num_heads\": 4, \"reg_tokens\": 4}"));
    requireGolden(model, "dinov2-tiny-registers");
    try (var checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.tensor("pos_embed").toFloats()).startsWith(new float[48]).hasSize(17 * 48);
    }
  }

  /// Positions for another size than the checkpoint's are no table with a row of zeros.
  @Test
  void positionsOfAnotherSize() {
    assertThatThrownBy(() -> convert(withRegisters(), config("vit_base_patch14_reg4_dinov2", 70, "{\"num_heads\": 4}")))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("'pos_embed': expected pos_embed [26, 48], got [1, 16, 48]");
  }

  /// With registers or without, timm resamples positions with antialiasing.
  @Test
  void interpolation() {
    var arguments = "{\"num_heads\": 3}";
    assertThat(configOf(convert(dinov2("dinov2-tiny-interpolated"), config("vit_small_patch14_dinov2", 70, arguments)))
        .get("interpolate_antialias").getAsBoolean()).isTrue();
  }

  private static Renamed clip() {
    return Renamed.ofGolden("clip-tiny").drop("text.*|logit_scale")
        .change("vision_model.embeddings.class_embedding", "cls_token", t -> t.reshaped(1, 1, 48))
        .change("vision_model.embeddings.position_embedding.weight", "pos_embed", t -> t.reshaped(1, 17, 48))
        .rename("vision_model\\.embeddings\\.patch_embedding", "patch_embed.proj", "vision_model\\.pre_layrnorm", "norm_pre",
            "visual_projection", "head")
        .put("head.bias", Array.zeros(24))
        .rename("vision_model\\.post_layernorm", "norm", "vision_model\\.encoder\\.layers\\.", "blocks.", "layer_norm", "norm")
        .fuse("(.*)self_attn\\.%s\\.(.*)", "$1attn.qkv.$2", "q_proj", "k_proj", "v_proj")
        .rename("self_attn\\.out_proj", "attn.proj");
  }

  private static final String CLIP = config("vit_base_patch8_clip_quickgelu_32", 32, "{\"num_heads\": 3}");

  /// A golden case's pictures, and what the reference says of them as if it had no words.
  private Path pictures(String golden) {
    var reference = Renamed.ofReference(golden).drop("input\\.(input_ids|attention_mask)")
        .drop("output\\.(logits_per_image|text_.*)").drop("output\\.image_embeds");
    reference.rename("output\\.vision_model_output\\.", "output.");
    return reference.write(folder.resolve("pictures.safetensors"));
  }

  private static List<Comparison> compare(Path model, Path reference) {
    return GoldenTest.compare(model, reference, KernelProvider.VECTOR, 1);
  }

  private static float[] imageEmbeds(String golden) {
    return Renamed.ofReference(golden).take("output.image_embeds").values();
  }

  private static float[] embeddings(Path model, String golden) {
    try (var embedder = PictureEmbedder.open(model);
        var reference = Checkpoint.open(FIXTURES.resolve(golden).resolve("reference.safetensors"))) {
      var found = embedder.embedPrepared(EmbedderTest.inputs(reference), Pooling.JOINT, true, Progress.NONE);
      var all = new float[found.size() * found.getFirst().length];
      for (int i = 0; i < found.size(); i++) System.arraycopy(found.get(i), 0, all, i * found.get(i).length, found.get(i).length);
      return all;
    }
  }

  @Test
  void clipOfPicturesAlone() {
    var model = convert(clip(), CLIP);
    var json = configOf(model);
    assertThat(json.has("text_config")).isFalse();
    assertThat(json.getAsJsonObject("vision_config").get("layer_norm_eps").getAsFloat()).isEqualTo(1e-5f);
    requireGolden(compare(model, pictures("clip-tiny")), "clip-tiny", "vision_model_output.");
    assertThat(embeddings(model, "clip-tiny")).containsExactly(imageEmbeds("clip-tiny"), within(3e-6f));
    try (var checkpoint = Checkpoint.open(model)) {
      var preprocessing = Preprocessing.of(ModelHeader.of(checkpoint).preprocessing());
      assertThat(preprocessing.mean()).containsExactly(0.5f, 0.4f, 0.3f);
      assertThat(preprocessing.crop()).containsExactly(32, 32);
      assertThat(preprocessing.resize().shortestEdge()).isEqualTo(32);
      assertThat(preprocessing.cropRounding()).isEqualTo(Preprocessing.CropRounding.HALF_EVEN);
    }
  }

  /// A head with a bias has learnt classes. Without its bias, it points where the projection does.
  @Test
  void classifierMadeOfClip() {
    var bias = new float[24];
    for (int i = 0; i < bias.length; i++) bias[i] = i + 1;
    var tensors = clip();
    tensors.take("head.bias");
    var model = convert(tensors.put("head.bias", new Array(new int[] {24}, bias)), CLIP);
    try (var checkpoint = Checkpoint.open(model); var reference = Checkpoint.open(pictures("clip-tiny")); var arena = Arena.ofShared();
        var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      assertThat(ModelHeader.of(checkpoint).family()).isEqualTo("vit");
      var run = LoadedModel.of(checkpoint, arena);
      var logits = run.run(workspace, new Verification(run.model(), reference).inputs(arena), Probe.NONE).get("logits").toArray();
      var expected = imageEmbeds("clip-tiny");
      for (int row = 0; row < 2; row++) {
        double square = 0;
        for (int c = 0; c < 24; c++) square += Math.pow(logits[24 * row + c] - bias[c], 2);
        for (int c = 0; c < 24; c++)
          assertThat((logits[24 * row + c] - bias[c]) / Math.sqrt(square)).isCloseTo(expected[24 * row + c], within(1e-5));
      }
    }
  }

  private static Renamed siglip() {
    var tensors = Renamed.ofGolden("siglip-tiny").drop("text.*|logit_.*");
    for (var end : new String[] {"weight", "bias"}) {
      var all = tensors.take("vision_model.head.attention.in_proj_" + end);
      tensors.put("attn_pool.q." + end, all.rows(0, 48)).put("attn_pool.kv." + end, all.rows(48, 144));
    }
    return tensors.change("vision_model.embeddings.position_embedding.weight", "pos_embed", t -> t.reshaped(1, 16, 48))
        .rename("vision_model\\.embeddings\\.patch_embedding", "patch_embed.proj", "vision_model\\.post_layernorm", "norm",
            "vision_model\\.head\\.probe", "attn_pool.latent", "vision_model\\.head\\.attention\\.out_proj", "attn_pool.proj",
            "vision_model\\.head\\.layernorm", "attn_pool.norm", "vision_model\\.head\\.mlp", "attn_pool.mlp",
            "vision_model\\.encoder\\.layers\\.", "blocks.", "layer_norm", "norm")
        .fuse("(.*)self_attn\\.%s\\.(.*)", "$1attn.qkv.$2", "q_proj", "k_proj", "v_proj")
        .rename("self_attn\\.out_proj", "attn.proj");
  }

  @Test
  void siglipOfPicturesAlone() {
    var model = convert(siglip(), config("vit_base_patch8_siglip_32", 32, "{\"num_heads\": 3, \"act_layer\": \"gelu_tanh\"}"));
    requireGolden(compare(model, pictures("siglip-tiny")), "siglip-tiny", "vision_model_output.");
    assertThat(embeddings(model, "siglip-tiny")).containsExactly(imageEmbeds("siglip-tiny"), within(3e-6f));
  }

  /// Without the pooling head, and pictures that are no whole number of patches, as in SO400M's at 384.
  @Test
  void siglipWithoutPooling() {
    var json = config("vit_base_patch8_siglip_gap_32", 39, "{\"num_heads\": 3, \"act_layer\": \"gelu_tanh\", \"fc_norm\": false}");
    var model = convert(siglip().drop("attn_pool.*"), json);
    var reference = Renamed.of(pictures("siglip-tiny")).drop("output.pooler_output").write(folder.resolve("patches.safetensors"));
    requireGolden(compare(model, reference), "siglip-tiny", "vision_model_output.");
    assertThat(configOf(model).getAsJsonObject("vision_config").get("vision_use_head").getAsBoolean()).isFalse();
  }

  /// A preset's sizes for timm's names.
  @Test
  void siglipPreset() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    siglip().write(source.resolve("model.safetensors"));
    var conversion = Conversion.to(WeightFormat.F32).withPreset("siglip-base-patch16-224");
    assertThatThrownBy(() -> Converter.convert(source, folder.resolve("out.safetensors"), conversion))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'pos_embed': expected visual.pos_embed [196, 768], got [1, 16, 48]");
    assertThatThrownBy(() -> Converter.convert(source, folder.resolve("out.safetensors"), WeightFormat.F32))
        .hasMessageContaining("tensors such as 'attn_pool.latent' are a siglip's but do not tell all sizes; give --config FILE");
  }

  /// As timm runs its architectures: heads, epsilon and activation.
  @ParameterizedTest
  @CsvSource({"vit_so400m_patch14_siglip_384, 16, 1e-6, gelu", "vit_so400m_patch16_siglip_256, 16, 1e-6, gelu_pytorch_tanh",
      "vit_large_patch16_siglip_512, 16, 1e-6, gelu_pytorch_tanh", "vit_large_patch16_siglip_384, 16, 1e-6, gelu",
      "vit_giantopt_patch16_siglip_gap_384, 16, 1e-6, gelu_pytorch_tanh", "vit_base_patch32_siglip_256, 12, 1e-6, gelu_pytorch_tanh"})
  void siglipArchitectures(String architecture, int heads, float eps, String activation) {
    var pool = architecture.contains("gap") ? "avg" : "map";
    var tensors = pool.equals("map") ? siglip() : siglip().drop("attn_pool.*");
    var vision = configOf(convert(tensors, "{\"architecture\": \"%s\", \"global_pool\": \"%s\"}".formatted(architecture, pool)))
        .getAsJsonObject("vision_config");
    assertThat(vision.get("num_attention_heads").getAsInt()).isEqualTo(heads);
    assertThat(vision.get("layer_norm_eps").getAsFloat()).isEqualTo(eps);
    assertThat(vision.get("hidden_act").getAsString()).isEqualTo(activation);
    assertThat(vision.get("image_size").toString()).isEqualTo("[32,32]");
  }

  @ParameterizedTest
  @CsvSource({"vit_base_patch32_clip_224, 12, gelu", "vit_huge_patch14_clip_378, 16, gelu",
      "vit_large_patch14_clip_quickgelu_336, 16, quick_gelu", "vit_xsmall_patch16_clip_224, 4, gelu"})
  void clipArchitectures(String architecture, int heads, String activation) {
    var vision = configOf(convert(clip(), "{\"architecture\": \"%s\"}".formatted(architecture))).getAsJsonObject("vision_config");
    assertThat(vision.get("num_attention_heads").getAsInt()).isEqualTo(heads);
    assertThat(vision.get("layer_norm_eps").getAsFloat()).isEqualTo(1e-5f);
    assertThat(vision.get("hidden_act").getAsString()).isEqualTo(activation);
  }

  @Test
  void squashedPictures() {
    var json = JsonParser.parseString(CLIP).getAsJsonObject();
    json.getAsJsonObject("pretrained_cfg").addProperty("crop_mode", "squash");
    try (var checkpoint = Checkpoint.open(convert(clip(), json.toString()))) {
      var preprocessing = Preprocessing.of(ModelHeader.of(checkpoint).preprocessing());
      var resize = preprocessing.resize();
      assertThat(List.of(resize.height(), resize.width(), resize.shortestEdge())).containsExactly(32, 32, 0);
      assertThat(preprocessing.cropRounding()).isEqualTo(Preprocessing.CropRounding.HALF_EVEN);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "vit_foo; {}; architecture 'vit_foo' is not known; expected one such as vit_base_patch16_224",
      "vit_base_patch16_clip_224; {\"act_layer\": \"mish\"}; act_layer 'mish' is not supported; expected gelu",
      "vit_base_patch16_clip_224; {\"global_pool\": \"avg\"}; global_pool 'avg' is not supported for these tensors; expected token",
      "vit_base_patch16_clip_224; {\"scale_mlp_norm\": true}; 'scale_mlp_norm' is not supported"})
  void refused(String given) {
    var parts = given.split("; ", 3);
    assertThatThrownBy(() -> convert(clip(), config(parts[0], 32, parts[1]))).isInstanceOf(CheckpointException.class)
        .hasMessageContaining(parts[2]).hasMessageContaining("config.json: ");
  }

  @Test
  void headsThatAreNotSupported() {
    var head = Array.zeros(2, 48);
    var gap = siglip().drop("attn_pool.*").put("head.weight", head);
    assertThatThrownBy(() -> convert(gap, config("vit_base_patch16_siglip_gap_224", 32, "{\"num_heads\": 3}")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'head.weight': a ViT without a class token and with a head is not supported");
    var dinov2 = dinov2("dinov2-tiny").put("head.weight", head);
    assertThatThrownBy(() -> convert(dinov2, config("vit_small_patch14_dinov2", 42, "{\"num_heads\": 3}")))
        .hasMessageContaining("'head.weight': a DINOv2 with a head on the class token is not supported");
  }
}
