package dev.fovea.converter;

import static dev.fovea.converter.Renamed.FIXTURES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import dev.fovea.converter.Foreign.Array;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a model is told by where `config.json` is missing.
class RecognitionTest {
  @TempDir
  private Path folder;

  private Path weights(Map<String, Array> tensors) throws IOException {
    return Files.write(folder.resolve("weights.npz"), Foreign.npz(tensors));
  }

  /// What is recognised in tensors of which only those that tell something are there.
  private ModelConfig recognised(Map<String, Array> tensors) throws IOException {
    try (var source = Source.open(weights(tensors))) {
      return ShapeRecognition.of(source).config();
    }
  }

  private static Map<String, Array> sam(int dim, int depth) {
    var tensors = new LinkedHashMap<String, Array>();
    tensors.put("image_encoder.pos_embed", Array.zeros(1, 2, 2, dim));
    for (int i = 0; i < depth; i++) tensors.put("image_encoder.blocks." + i + ".norm1.weight", Array.zeros(dim));
    return tensors;
  }

  @ParameterizedTest
  @CsvSource({"sam-vit-base, 768, 12", "sam-vit-large, 1024, 24", "sam-vit-huge, 1280, 32"})
  void segmentAnything(String preset, int dim, int depth) throws IOException {
    assertThat(recognised(sam(dim, depth))).isEqualTo(SamConfig.PRESETS.get(preset));
    assertThatThrownBy(() -> recognised(sam(dim, depth - 1))).isInstanceOf(CheckpointException.class).hasMessageContaining(
        "weights.npz: there is no config.json beside it, and its tensors are a Segment Anything of " + dim + " channels and " + (depth - 1)
            + " blocks, which is none of sam-vit-base, sam-vit-huge, sam-vit-large: give --config FILE");
  }

  private static Map<String, Array> dinov2(int dim, int depth) {
    var tensors = new LinkedHashMap<String, Array>();
    tensors.put("cls_token", Array.zeros(1, 1, dim));
    tensors.put("pos_embed", Array.zeros(1, 1370, dim));
    tensors.put("patch_embed.proj.weight", Array.zeros(dim, 1, 1, 14));
    tensors.put("blocks.0.ls1.gamma", Array.zeros(dim));
    for (int i = 0; i < depth; i++) tensors.put("blocks." + i + ".norm1.weight", Array.zeros(dim));
    return tensors;
  }

  @ParameterizedTest
  @CsvSource({"dinov2-small, 384, 12", "dinov2-base, 768, 12", "dinov2-large, 1024, 24", "dinov2-giant, 1536, 40"})
  void dinov2(String preset, int dim, int depth) throws IOException {
    var tensors = dinov2(dim, depth);
    var expected = Dinov2Config.PRESETS.get(preset);
    assertThat(recognised(tensors)).isEqualTo(expected);
    tensors.put("register_tokens", Array.zeros(1, 4, dim));
    var registers = (Dinov2Config) recognised(tensors);
    assertThat(registers.numRegisterTokens()).isEqualTo(4);
    assertThat(registers.interpolateAntialias()).isTrue();
    assertThat(registers.numHeads()).isEqualTo(expected.numHeads()).isEqualTo(dim / 64);
    tensors.put("patch_embed.proj.weight", Array.zeros(dim, 1, 1, 16));
    assertThatThrownBy(() -> recognised(tensors)).hasMessageContaining("blocks and patches of 16, which is none of dinov2-base, ");
  }

  /// @param form of the names: the original repository's or mmsegmentation's
  private static Map<String, Array> segformer(SegformerConfig c, SegformerNames form, int classes) {
    var tensors = new LinkedHashMap<String, Array>();
    for (int s = 0; s < c.stages().size(); s++) {
      put(tensors, form, "stages." + s + ".patch_embed.proj.weight", Array.zeros(c.stages().get(s).dim(), 1, 1, 1));
      for (int b = 0; b < c.stages().get(s).depth(); b++)
        put(tensors, form, "stages." + s + ".blocks." + b + ".norm1.weight", Array.zeros(1));
    }
    put(tensors, form, "head.linear_fuse.weight", Array.zeros(c.decoderDim(), 1, 1, 1));
    put(tensors, form, "head.linear_pred.weight", Array.zeros(classes, 1, 1, 1));
    return tensors;
  }

  private static void put(Map<String, Array> tensors, SegformerNames form, String name, Array array) {
    tensors.put(form.map().sources(name).getFirst().name(), array);
  }

  @ParameterizedTest
  @CsvSource({"segformer-b0", "segformer-b1", "segformer-b2", "segformer-b3", "segformer-b4", "segformer-b5"})
  void segformer(String preset) throws IOException {
    var published = SegformerConfig.PRESETS.get(preset);
    var original = (SegformerConfig) recognised(segformer(published, SegformerNames.NVLABS, 19));
    assertThat(original.stages()).isEqualTo(published.stages());
    assertThat(original.numClasses()).isEqualTo(19);
    assertThat(original.layerNormEps()).isEqualTo(1e-6f);
    assertThat(original.convNormEps()).isEqualTo(1e-5f);
    assertThat(original.mmsegHead()).isFalse();
    var mmseg = (SegformerConfig) recognised(segformer(published, SegformerNames.MMSEGMENTATION, 150));
    assertThat(mmseg.stages()).isEqualTo(published.stages());
    assertThat(mmseg.convNormEps()).isEqualTo(1e-6f);
    assertThat(mmseg.mmsegHead()).isTrue();
    assertThat(recognised(segformer(published, SegformerNames.HUGGING_FACE, 150))).isEqualTo(published);
  }

  @Test
  void segformerOfOtherSizes() throws IOException {
    Files.copy(FIXTURES.resolve("segformer-tiny/model.safetensors"), folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> Converter.plan(folder, Conversion.to(WeightFormat.F32))).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("model.safetensors: there is no config.json beside it, and its tensors are a SegFormer under Hugging Face's names with stages of "
            + "[16, 24, 40, 48] channels and [1, 2, 1, 1] blocks and a head of 32 channels, which is none of segformer-b0, segformer-b1, "
            + "segformer-b2, segformer-b3, segformer-b4, segformer-b5: give --config FILE");
  }

  @Test
  void presets() throws IOException {
    var source = FIXTURES.resolve("vit-tiny");
    var preset = Conversion.to(WeightFormat.F32).withPreset("vit-base-patch16-224");
    assertThatThrownBy(() -> Converter.plan(source, preset)).isInstanceOf(CheckpointException.class).hasMessageContaining(
        "'vit.embeddings.cls_token': expected cls_token [1, 768], got [1, 1, 48]");
    assertThatThrownBy(() -> Converter.plan(source, preset.withPreset("vit-enormous"))).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("--preset 'vit-enormous': expected one of bert-base-uncased, ");
    assertThatThrownBy(() -> Converter.plan(source, preset.withConfig(source.resolve("config.json")))).hasMessage(
        "--config and --preset: expected one of them, got both");
    var none = Conversion.to(WeightFormat.F32).withConfig(folder.resolve("none.json"));
    assertThatThrownBy(() -> Converter.plan(source, none)).hasMessageEndingWith("none.json: no such file");
    var names = new LinkedHashMap<String, Array>();
    names.put("vit.embeddings.cls_token", Array.zeros(1, 1, 192));
    names.put("classifier.weight", Array.zeros(7, 192));
    try (var checkpoint = Source.open(weights(names))) {
      var told = Recognition.of(checkpoint, folder, null, preset.withPreset("vit-tiny-patch16-224"));
      assertThat(told.configFrom()).isEqualTo("preset vit-tiny-patch16-224");
      assertThat(told.published().config().toJson().get("num_attention_heads").getAsInt()).isEqualTo(3);
      assertThat(told.published().labels()).containsExactly("0", "1", "2", "3", "4", "5", "6");
    }
  }

  /// A preset for timm's names and for the original repository's, which have no `model_type` beside them.
  @Test
  void presetsForAnyNames() throws IOException {
    var names = new LinkedHashMap<String, Array>();
    names.put("blocks.0.attn.qkv.weight", Array.zeros(1));
    names.put("head.weight", Array.zeros(5, 192));
    var vit = Conversion.to(WeightFormat.F32).withPreset("vit-tiny-patch16-224");
    try (var checkpoint = Source.open(weights(names))) {
      var told = Recognition.of(checkpoint, folder, null, vit).published();
      assertThat(told.names()).isEqualTo(TimmNames.VIT);
      assertThat(told.labels()).hasSize(5);
    }
    var segformer = segformer(SegformerConfig.PRESETS.get("segformer-b0"), SegformerNames.MMSEGMENTATION, 19);
    try (var checkpoint = Source.open(weights(segformer))) {
      var told = Recognition.of(checkpoint, folder, null, vit.withPreset("segformer-b0")).published();
      assertThat(told.names()).isEqualTo(SegformerNames.MMSEGMENTATION.map());
      assertThat(((SegformerConfig) told.config()).mmsegHead()).isTrue();
    }
  }

  /// A config elsewhere is the one beside the weights.
  @Test
  void aConfigElsewhere() throws IOException {
    var beside = folder.resolve("beside.safetensors");
    var bare = Files.createDirectory(folder.resolve("bare"));
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), bare.resolve("model.safetensors"));
    Converter.convert(bare, beside, Conversion.to(WeightFormat.F32).withConfig(FIXTURES.resolve("vit-tiny/config.json")));
    var whole = folder.resolve("whole.safetensors");
    Files.createDirectory(folder.resolve("whole"));
    for (var file : new String[] {"config.json", "model.safetensors"})
      Files.copy(FIXTURES.resolve("vit-tiny").resolve(file), folder.resolve("whole").resolve(file));
    Converter.convert(folder.resolve("whole"), whole, WeightFormat.F32);
    assertThat(Files.mismatch(beside, whole)).isEqualTo(-1);
    // What asks for it wins over what is there.
    var config = JsonParser.parseString(Files.readString(FIXTURES.resolve("vit-tiny/config.json"))).getAsJsonObject();
    config.addProperty("layer_norm_eps", 0.5);
    Files.writeString(folder.resolve("other.json"), config.toString());
    var report = Converter.plan(folder.resolve("whole"), Conversion.to(WeightFormat.F32).withConfig(folder.resolve("other.json")));
    assertThat(report.config().get("layer_norm_eps").getAsFloat()).isEqualTo(0.5f);
  }

  @Test
  void nothingTells() throws IOException {
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> Converter.plan(folder, Conversion.to(WeightFormat.F32))).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("model.safetensors: there is no config.json beside it, and tensors such as 'vit.embeddings.cls_token' are a vit's but do not tell all "
            + "sizes; give --config FILE, or --preset NAME, one of vit-base-patch16-224, vit-base-patch16-384, vit-large-patch16-224, "
            + "vit-small-patch16-224, vit-tiny-patch16-224");
    Files.delete(folder.resolve("model.safetensors"));
    var other = new LinkedHashMap<String, Array>();
    for (int i = 0; i < 6; i++) other.put("layer" + i, Array.zeros(1));
    assertThatThrownBy(() -> Converter.plan(weights(other), Conversion.to(WeightFormat.F32))).hasMessageEndingWith("weights.npz: there is no "
        + "config.json beside it, and the names of its tensors are of no family known here: layer0, layer1, layer2, layer3, …; give "
        + "--config FILE, or --preset NAME");
  }

  /// A broken tokenizer's error names its file.
  @Test
  void brokenTokenizer() throws IOException {
    for (var file : new String[] {"config.json", "model.safetensors"})
      Files.copy(FIXTURES.resolve("bert-tiny-classifier").resolve(file), folder.resolve(file));
    Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": {\"type\": \"Foo\"}}");
    assertThatThrownBy(() -> Converter.plan(folder, Conversion.to(WeightFormat.F32))).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(folder.resolve("tokenizer.json") + ": model: type 'Foo' is not known");
    Files.delete(folder.resolve("tokenizer.json"));
    Files.writeString(folder.resolve("vocab.txt"), "[CLS]\n[SEP]\n");
    assertThatThrownBy(() -> Converter.plan(folder, Conversion.to(WeightFormat.F32))).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(folder.resolve("vocab.txt").toString());
  }
}
