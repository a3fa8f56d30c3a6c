package dev.fovea.converter;

import static dev.fovea.converter.GoldenTest.requireGolden;
import static dev.fovea.converter.Renamed.FIXTURES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import dev.fovea.converter.Foreign.Array;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// CLIP under OpenAI's names, in each form in which it is published.
class OpenAiClipTest {
  private static final String OPEN_CLIP = """
      {"model_cfg": {"embed_dim": 24, "quick_gelu": true,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8, "mlp_ratio": 2.0},
        "text_cfg": {"context_length": 40, "vocab_size": 580, "width": 40, "heads": 4, "layers": 2}},
       "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bilinear", "resize_mode": "squash"}}""";

  @TempDir
  private Path folder;

  private static Renamed openAi(Renamed huggingFace) {
    return huggingFace
        .rename("vision_model\\.embeddings\\.class_embedding", "visual.class_embedding",
            "vision_model\\.embeddings\\.position_embedding\\.weight", "visual.positional_embedding",
            "vision_model\\.embeddings\\.patch_embedding", "visual.conv1", "vision_model\\.pre_layrnorm", "visual.ln_pre",
            "vision_model\\.post_layernorm", "visual.ln_post", "text_model\\.embeddings\\.token_embedding", "token_embedding",
            "text_model\\.embeddings\\.position_embedding\\.weight", "positional_embedding", "text_model\\.final_layer_norm", "ln_final",
            "vision_model\\.encoder\\.layers", "visual.transformer.resblocks", "text_model\\.encoder\\.layers", "transformer.resblocks",
            "layer_norm", "ln_", "mlp\\.fc1", "mlp.c_fc", "mlp\\.fc2", "mlp.c_proj")
        .change("visual_projection.weight", "visual.proj", Array::transposed)
        .change("text_projection.weight", "text_projection", Array::transposed)
        .fuse("(.*)self_attn\\.%s\\.(.*)", "$1attn.in_proj_$2", "q_proj", "k_proj", "v_proj")
        .rename("self_attn\\.out_proj", "attn.out_proj");
  }

  private static Renamed golden() {
    return openAi(Renamed.ofGolden("clip-tiny"));
  }

  private Path source() throws IOException {
    return Files.createDirectories(folder.resolve("source"));
  }

  private Path convert(Path source) {
    var target = folder.resolve("out.safetensors");
    Converter.convert(source, target, Weight.Type.F32);
    return target;
  }

  private static Map<String, Long> checksums(Path model) {
    var sums = new LinkedHashMap<String, Long>();
    try (var checkpoint = Checkpoint.open(model)) {
      checkpoint.tensors().forEach((name, tensor) -> sums.put(name, tensor.checksum()));
    }
    return sums;
  }

  /// The names are OpenAI's, the config is Hugging Face's: a state_dict, and a TorchScript archive, of which no code is run.
  @Test
  void everyOutput() throws IOException {
    Files.copy(FIXTURES.resolve("clip-tiny/config.json"), source().resolve("config.json"));
    var tensors = golden();
    requireGolden(convert(tensors.writeTorch(source().resolve("model.pt"), false)), "clip-tiny");
    var sums = checksums(folder.resolve("out.safetensors"));
    tensors.put("input_resolution", Array.of(new int[0], 32)).put("context_length", Array.of(new int[0], 40))
        .put("vocab_size", Array.of(new int[0], 580)).put("transformer.resblocks.1.attn_mask", Array.zeros(40, 40));
    var script = tensors.writeTorch(source().resolve("model.pt"), true);
    var dropped = Converter.convert(script, folder.resolve("out.safetensors"), Weight.Type.F32).dropped();
    assertThat(dropped).containsOnlyKeys("input_resolution", "context_length", "vocab_size", "transformer.resblocks.1.attn_mask");
    assertThat(checksums(folder.resolve("out.safetensors"))).isEqualTo(sums);
    requireGolden(folder.resolve("out.safetensors"), "clip-tiny");
  }

  /// open_clip's config tells heads and activation. The end of a text is its largest token.
  @Test
  void openClip() throws IOException {
    var tensors = golden();
    Files.move(tensors.write(source(), "open_clip_config.json", OPEN_CLIP), source().resolve("open_clip_model.safetensors"));
    tensors.writeTorch(source().resolve("open_clip_pytorch_model.bin"), false);
    var converted = convert(source());
    var sums = checksums(converted);
    try (var checkpoint = Checkpoint.open(converted)) {
      var expected = JsonParser.parseString(Files.readString(FIXTURES.resolve("clip-tiny/config.json"))).getAsJsonObject();
      expected.getAsJsonObject("text_config").addProperty("eos_token_id", 2);
      Files.delete(source().resolve("open_clip_config.json"));
      Files.writeString(source().resolve("config.json"), expected.toString());
      var header = ModelHeader.of(checkpoint);
      var preprocessing = Preprocessing.of(header.preprocessing());
      assertThat(preprocessing.mean()).containsExactly(0.1f, 0.2f, 0.3f);
      assertThat(preprocessing.std()).containsExactly(0.4f, 0.5f, 0.6f);
      assertThat(header.preprocessing().integer("resample")).isEqualTo(2);
      assertThat(preprocessing.resize()).isEqualTo(new Preprocessing.Resize(32, 32, 0));
      assertThat(preprocessing.cropRounding()).isEqualTo(Preprocessing.CropRounding.HALF_EVEN);
      var target = folder.resolve("hf.safetensors");
      Converter.convert(source(), target, Weight.Type.F32);
      try (var other = Checkpoint.open(target)) {
        assertThat(header.config().json()).isEqualTo(ModelHeader.of(other).config().json());
      }
      assertThat(checksums(target)).isEqualTo(sums);
    }
  }

  /// Some folders hold a model under both names, each with its config.
  @Test
  void whichConfigTells() throws IOException {
    Files.copy(FIXTURES.resolve("clip-tiny/config.json"), source().resolve("config.json"));
    golden().write(source(), "open_clip_config.json", OPEN_CLIP);
    var target = folder.resolve("out.safetensors");
    assertThat(Converter.convert(source(), target, Weight.Type.F32).configFrom()).endsWith("open_clip_config.json");
    Files.copy(FIXTURES.resolve("clip-tiny/model.safetensors"), source().resolve("model.safetensors"), StandardCopyOption.REPLACE_EXISTING);
    assertThat(Converter.convert(source(), target, Weight.Type.F32).configFrom()).endsWith(source().getFileSystem().getSeparator() + "config.json");
    Files.delete(source().resolve("config.json"));
    assertThatThrownBy(() -> Converter.convert(source(), target, Weight.Type.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("there are no visual.conv1.weight, token_embedding.weight, text_projection: of open_clip's models");
    Files.delete(source().resolve("open_clip_config.json"));
    var tensors = small().write(source().resolve("model.safetensors"));
    assertThat(Converter.convert(tensors, target, Weight.Type.F32).configFrom()).isEqualTo("the tensors' names and shapes");
  }

  @Test
  void openClipWithGelu() throws IOException {
    var converted = convert(golden().write(source(), "open_clip_config.json", OPEN_CLIP.replace("\"quick_gelu\": true,", "")));
    try (var checkpoint = Checkpoint.open(converted)) {
      var config = ModelHeader.of(checkpoint).config();
      for (var tower : new String[] {"vision_config", "text_config"})
        assertThat(config.object(tower).string("hidden_act")).isEqualTo("gelu");
    }
  }

  /// Random parameters `[rows, cols, …]`, always the same.
  private static Array random(SplittableRandom random, int... shape) {
    var array = Array.zeros(shape);
    for (int i = 0; i < array.values().length; i++) array.values()[i] = (float) random.nextDouble(-1, 1);
    return array;
  }

  /// A CLIP of one head in pictures and two in words.
  private static Renamed small() {
    var random = new SplittableRandom(1);
    var tensors = Renamed.of(FIXTURES.resolve("clip-tiny/model.safetensors")).drop(".*");
    for (var tower : new String[] {"visual.", ""}) {
      int dim = tower.isEmpty() ? 128 : 64;
      for (int i = 0; i < (tower.isEmpty() ? 1 : 2); i++) {
        var layer = tower + "transformer.resblocks." + i + ".";
        for (var norm : new String[] {"ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias", "attn.out_proj.bias", "mlp.c_proj.bias"})
          tensors.put(layer + norm, random(random, dim));
        tensors.put(layer + "attn.in_proj_weight", random(random, 3 * dim, dim)).put(layer + "attn.in_proj_bias", random(random, 3 * dim))
            .put(layer + "attn.out_proj.weight", random(random, dim, dim)).put(layer + "mlp.c_fc.weight", random(random, 4 * dim, dim))
            .put(layer + "mlp.c_fc.bias", random(random, 4 * dim)).put(layer + "mlp.c_proj.weight", random(random, dim, 4 * dim));
      }
    }
    for (var norm : new String[] {"visual.ln_pre.weight", "visual.ln_pre.bias", "visual.ln_post.weight", "visual.ln_post.bias",
        "visual.class_embedding"})
      tensors.put(norm, random(random, 64));
    return tensors.put("visual.conv1.weight", random(random, 64, 3, 4, 4)).put("visual.positional_embedding", random(random, 10, 64))
        .put("visual.proj", random(random, 64, 20)).put("text_projection", random(random, 128, 20))
        .put("token_embedding.weight", random(random, 50, 128)).put("positional_embedding", random(random, 7, 128))
        .put("ln_final.weight", random(random, 128)).put("ln_final.bias", random(random, 128)).put("logit_scale", random(random));
  }

  /// As OpenAI's `build_model` does, names and shapes tell all.
  @Test
  void withoutAConfig() throws IOException {
    try (var checkpoint = Checkpoint.open(convert(small().writeTorch(source().resolve("tiny.pt"), true)))) {
      assertThat(ModelHeader.of(checkpoint).config().json()).isEqualTo(JsonParser.parseString("""
          {"vision_config": {"image_size": [12, 12], "patch_size": 4, "num_channels": 3, "num_hidden_layers": 2, "hidden_size": 64,
             "num_attention_heads": 1, "intermediate_size": 256, "hidden_act": "quick_gelu", "layer_norm_eps": 1.0E-5},
           "text_config": {"vocab_size": 50, "max_position_embeddings": 7, "num_hidden_layers": 1, "hidden_size": 128,
             "num_attention_heads": 2, "intermediate_size": 512, "hidden_act": "quick_gelu", "layer_norm_eps": 1.0E-5,
             "eos_token_id": 2},
           "projection_dim": 20}"""));
    }
  }

  @Test
  void whatIsNotSupported() throws IOException {
    var narrow = golden().writeTorch(source().resolve("narrow.pt"), false);
    assertThatThrownBy(() -> convert(narrow)).isInstanceOf(CheckpointException.class)
        .hasMessage(narrow + ": 'visual.transformer': expected heads of 64 channels, got 48 channels; open_clip's config beside the "
            + "weights may tell otherwise");
    Files.delete(narrow);
    var resNet = small().rename("visual\\.class_embedding", "visual.layer1.0.conv1.weight").writeTorch(source().resolve("rn.pt"), true);
    assertThatThrownBy(() -> convert(resNet))
        .hasMessage(resNet + ": CLIPs that see through a ResNet are not supported; expected one with a ViT");
    Files.delete(resNet);
    var pool = OPEN_CLIP.replace("\"head_width\": 16", "\"attentional_pool\": true");
    assertThatThrownBy(() -> convert(golden().write(source(), "open_clip_config.json", pool)))
        .hasMessageEndingWith("open_clip_config.json: model_cfg: vision_cfg: 'attentional_pool' is not supported");
    var longest = OPEN_CLIP.replace("squash", "longest");
    assertThatThrownBy(() -> convert(golden().write(source(), "open_clip_config.json", longest)))
        .hasMessageEndingWith("preprocess_cfg: resize_mode 'longest' is not supported; expected shortest or squash");
    assertThat(folder.resolve("out.safetensors")).doesNotExist();
  }

  /// Hugging Face's encoder of pictures alone, with its projection.
  @Test
  void huggingFacesEncoderOfPictures() throws IOException {
    var config = JsonParser.parseString(Files.readString(FIXTURES.resolve("clip-tiny/config.json"))).getAsJsonObject()
        .getAsJsonObject("vision_config");
    config.addProperty("projection_dim", 24);
    var tensors = Renamed.ofGolden("clip-tiny").drop("text.*|logit_scale");
    var both = convert(FIXTURES.resolve("clip-tiny"));
    var sums = checksums(both);
    sums.keySet().removeIf(name -> !name.startsWith("visual."));
    assertThat(checksums(convert(tensors.write(source(), "config.json", config.toString())))).isEqualTo(sums);
  }
}
