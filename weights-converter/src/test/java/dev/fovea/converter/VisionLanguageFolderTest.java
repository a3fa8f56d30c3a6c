package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.OpenModel;
import dev.fovea.models.Verification;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import dev.fovea.models.vlm.PictureReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Folders of DeepSeek-VL, LLaVA, SmolVLM and Idefics3 as they were published, in their several forms.
class VisionLanguageFolderTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final String CONFIG = "config.json", MODEL = "model.safetensors", PREPROCESSOR = "preprocessor_config.json";

  @TempDir
  private Path place;

  private static Report plan(PublishedFolder folder) {
    return Converter.plan(folder.path(), Conversion.to(WeightFormat.F32));
  }

  private Path convert(Path folder) {
    var file = place.resolve("converted.safetensors");
    Converter.convert(folder, file, WeightFormat.F32);
    return file;
  }

  /// From the picture and the prompt's tokens to the answer, with the folder's own preparation of pictures.
  @ParameterizedTest
  @CsvSource({"deepseek-vl-tiny-picture, 0, 0", "llava-tiny, 0, 0", "smolvlm-tiny, 2, 2"})
  void picturesAreReadIntoAText(String golden, int rows, int columns) {
    var folder = FIXTURES.resolve(golden);
    try (var reference = Checkpoint.open(folder.resolve("reference.safetensors")); var model = OpenModel.open(convert(folder));
        var session = LlamaSession.open(model, 64)) {
      var reader = PictureReader.of(model);
      var seen = reader.see(Picture.read(folder.resolve("image.png")), Progress.NONE);
      assertThat(seen.rows()).isEqualTo(rows);
      assertThat(seen.columns()).isEqualTo(columns);
      var tokens = Floats.asList(reference.tensor("input.input_ids").toFloats()).stream().mapToInt(Float::intValue).toArray();
      reader.read(session, tokens, List.of(seen));
      var expected = reference.tensor("output.generated").toFloats();
      var answer = new ArrayList<Float>();
      for (int i = 0; i < expected.length; i++) answer.add((float) session.next(NextToken.GREEDY));
      assertThat(answer).isEqualTo(Floats.asList(expected));
      assertThat(session.isEnd(1)).isTrue();
    }
  }

  /// The parts under the prefixes of other releases of transformers give the same model.
  @ParameterizedTest
  @CsvSource({"llava-tiny, ^vision_tower, vision_tower.vision_model", "llava-tiny, ^vision_tower, model.vision_tower.vision_model",
      "llava-tiny, ^language_model\\.model|^language_model(?=.lm_head), model.language_model",
      "llava-tiny, ^multi_modal, model.multi_modal",
      "deepseek-vl-tiny, ^model\\.vision_model, model.vision_model.vision_model"})
  void otherPrefixes(String golden, String prefix, String other) throws IOException {
    var tensors = Renamed.ofGolden(golden).rename(prefix, other);
    if (other.equals("model.language_model")) tensors.rename("^model.language_model.lm_head", "lm_head");
    var source = tensors.write(place.resolve("source"), CONFIG, Files.readString(FIXTURES.resolve(golden).resolve(CONFIG)))
        .getParent();
    GoldenTest.requireGolden(convert(source), golden);
  }

  @Test
  void idefics3IsTheSameAsSmolVlm() {
    var folder = PublishedFolder.of("smolvlm-tiny", place).with(CONFIG, "model_type", "'idefics3'")
        .with(CONFIG, "vision_config.model_type", "'idefics3_vision'")
        .with(PREPROCESSOR, "image_processor_type", "'Idefics3ImageProcessor'");
    assertThat(plan(folder).family()).isEqualTo("smolvlm");
    assertThat(plan(folder).config())
        .isEqualTo(Converter.plan(FIXTURES.resolve("smolvlm-tiny"), Conversion.to(WeightFormat.F32)).config());
  }

  /// What the reference takes for what a config does not say.
  @Test
  void defaults() {
    var smol = PublishedFolder.of("smolvlm-tiny", place);
    var before = plan(smol).config();
    smol.without(CONFIG, "scale_factor", "vision_config.num_channels", "vision_config.hidden_act", "vision_config.layer_norm_eps",
        "text_config.rms_norm_eps", "text_config.rope_parameters", "text_config.head_dim", "text_config.model_type");
    assertThat(plan(smol).config()).isEqualTo(before);
    assertThat(plan(smol).assumed()).contains("config.json: scale_factor: 2, the default of SmolVLMConfig",
        "config.json: vision_config.num_channels: 3, the default of SmolVLMVisionConfig",
        "config.json: text_config.rms_norm_eps: 1e-6, the default of LlamaConfig");
    var llava = PublishedFolder.of("llava-tiny", place);
    var config = plan(llava).config();
    llava.without(CONFIG, "vision_feature_layer", "vision_feature_select_strategy", "projector_hidden_act",
        "multimodal_projector_bias", "image_token_index").with(CONFIG, "image_token_id", "3");
    assertThat(plan(llava).config()).isEqualTo(config);
  }

  /// More tokens end an answer than the decoder's part says.
  @Test
  void endsOfTheGeneration() {
    var folder = PublishedFolder.of("deepseek-vl-tiny", place);
    assertThat(plan(folder).config().getAsJsonObject("text_config").get("eos_token_id")).hasToString("[1]");
    folder.put("generation_config.json", "{'eos_token_id': [1, 7]}");
    assertThat(plan(folder).config().getAsJsonObject("text_config").get("eos_token_id")).hasToString("[1,7]");
  }

  /// Where the folder has no preparation of pictures, or one that says nothing.
  @ParameterizedTest
  @CsvSource({"deepseek-vl-tiny-picture, min_size do_pad do_resize resample background_color image_mean image_std",
      "llava-tiny, do_center_crop do_resize resample image_mean image_std",
      "smolvlm-tiny, do_image_splitting do_pad do_resize resample image_mean image_std"})
  void usualPreparations(String golden, String fields) {
    var published = preparation(FIXTURES.resolve(golden));
    var folder = PublishedFolder.of(golden, place).without(PREPROCESSOR, fields.split(" ")).without(PREPROCESSOR, "rescale_factor",
        "do_rescale", "do_normalize");
    assertThat(preparation(folder.path())).isEqualTo(published);
    assertThat(preparation(folder.delete(PREPROCESSOR).path()).size()).isEqualTo(published.size());
  }

  private PicturePreparation preparation(Path folder) {
    try (var checkpoint = Checkpoint.open(convert(folder))) {
      return PicturePreparation.of(ModelHeader.of(checkpoint).preprocessing());
    }
  }

  /// The template, wherever the folder has it, and there and back.
  @ParameterizedTest
  @CsvSource(delimiter = ';', quoteCharacter = '"', value = {"chat_template.json; {'chat_template': 'A {{ x }}\\n'}",
      "tokenizer_config.json; {'chat_template': 'A {{ x }}\\n'}", "processor_config.json; {'chat_template': 'A {{ x }}\\n'}",
      "tokenizer_config.json; {'chat_template': [{'name': 'tool', 'template': 'B'}, {'name': 'default', 'template': 'A {{ x }}\\n'}]}"})
  void chatTemplates(String file, String json) throws IOException {
    var folder = PublishedFolder.of("llava-tiny", place);
    assertThat(template(folder.path())).isNull();
    folder.put(file, json);
    assertThat(template(folder.path())).isEqualTo("A {{ x }}\n");
    assertThat(Converter.files(folder.path())).contains(folder.path().resolve(file));
    HuggingFaceExport.write(place.resolve("converted.safetensors"), place.resolve("exported"));
    assertThat(place.resolve("exported/chat_template.jinja")).hasContent("A {{ x }}\n");
    Files.writeString(folder.path().resolve("chat_template.jinja"), "C");
    assertThat(template(folder.path())).isEqualTo("C");
  }

  @Test
  void templatesThatAreNone() throws IOException {
    var folder = PublishedFolder.of("llava-tiny", place).put("tokenizer_config.json", "{'chat_template': [{'name': 'tool', 'template': 'B'}]}");
    assertThat(template(folder.path())).isNull();
    folder.put("tokenizer_config.json", "{'chat_template': 5}");
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class).hasMessageContaining("tokenizer_config.json: ")
        .hasMessageContaining("chat_template");
    Files.write(folder.path().resolve("chat_template.jinja"), new byte[] {(byte) 0xff});
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class).hasMessageContaining("chat_template.jinja: cannot be read");
  }

  private String template(Path folder) {
    try (var checkpoint = Checkpoint.open(convert(folder))) {
      return ModelHeader.chatTemplate(checkpoint);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
      "llava-tiny| vision_config.model_type| 'siglip_vision_model'| vision_config: model_type 'siglip_vision_model' is not supported; expected clip_vision_model",
      "deepseek-vl-tiny| text_config.model_type| 'mistral'| text_config: model_type 'mistral' is not supported; expected llama or qwen2",
      "llava-tiny| vision_feature_select_strategy| 'cls'| vision_feature_select_strategy 'cls': expected default or full",
      "smolvlm-tiny| scale_factor| 3| scale_factor 3: expected a divisor of 4 and 4, the rows and columns of patches"})
  void whatIsRefused(String golden, String field, String value, String message) {
    var folder = PublishedFolder.of(golden, place).with(CONFIG, field, value);
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class).hasMessageEndingWith(message);
  }

  /// Without a config, the tensors tell the family, and a preset the sizes.
  @ParameterizedTest
  @CsvSource({"deepseek-vl-tiny, a deepseek_vl's, deepseek-vl-1.3b", "llava-tiny, a llava's, llava-1.5-7b",
      "smolvlm-tiny, a smolvlm's, 'smolvlm-256m, smolvlm-500m'"})
  void withoutAConfig(String golden, String family, String presets) {
    var folder = PublishedFolder.of(golden, place).delete(CONFIG);
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class).hasMessageContaining("are " + family)
        .hasMessageEndingWith("or --preset NAME, one of " + presets);
    var preset = Conversion.to(WeightFormat.F32).withPreset(presets.split(",")[0]);
    assertThatThrownBy(() -> Converter.plan(folder.path(), preset)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("weights do not fit: ").hasMessageContaining("expected");
  }

  /// Padding inside of a picture, which no published preparation makes.
  @Test
  void paddingInAPicture() {
    var reference = place.resolve("reference.safetensors");
    Renamed.ofReference("smolvlm-tiny").change("input.pixel_attention_mask", "input.pixel_attention_mask", mask -> {
      mask.values()[0] = 0;
      return mask;
    }).write(reference);
    try (var checkpoint = Checkpoint.open(convert(FIXTURES.resolve("smolvlm-tiny"))); var given = Checkpoint.open(reference);
        var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var verification = new Verification(LoadedModel.of(checkpoint, arena).model(), given);
      assertThatThrownBy(() -> verification.compare(kernels)).isInstanceOf(CheckpointException.class)
          .hasRootCauseInstanceOf(InputException.class).hasMessageEndingWith("pictures with padding are not supported");
    }
  }
}
