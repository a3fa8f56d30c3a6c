package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.OpenModel;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Folders of Llama and Qwen2 as they were published, in their several forms, and what is refused of them.
class LlamaFolderTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final String CONFIG = "config.json", MODEL = "model.safetensors";

  @TempDir
  private Path place;

  private static Report plan(PublishedFolder folder) {
    return Converter.plan(folder.path(), Conversion.to(WeightFormat.F32));
  }

  /// The model in the file answers with the tokens that the reference generates.
  @ParameterizedTest
  @ValueSource(strings = {"llama-tiny", "llama-tiny-scaled", "qwen2-tiny"})
  void sessionsAnswerAsTheReference(String golden) {
    var file = place.resolve("model.safetensors");
    Converter.convert(FIXTURES.resolve(golden), file, WeightFormat.F32);
    try (var reference = Checkpoint.open(FIXTURES.resolve(golden).resolve("reference.safetensors")); var model = OpenModel.open(file);
        var session = LlamaSession.open(model, 80)) {
      float[] ids = reference.tensor("input.input_ids").toFloats(), expected = reference.tensor("output.generated").toFloats();
      var prompt = new int[ids.length];
      for (int i = 0; i < ids.length; i++) prompt[i] = (int) ids[i];
      session.read(prompt);
      var answer = new ArrayList<Float>();
      for (int i = 0; i < expected.length; i++) answer.add((float) session.next(NextToken.GREEDY));
      assertThat(answer).isEqualTo(com.google.common.primitives.Floats.asList(expected));
      assertThat(session.isEnd(1)).isTrue();
      assertThat(model.tokenizer().encode("a picture").ids()).isNotEmpty();
    }
  }

  /// The fields about positions in their older form.
  @ParameterizedTest
  @CsvSource(delimiter = ';', quoteCharacter = '"', value = {"llama-tiny; 'rope_theta': 10000.0, 'rope_scaling': null",
      "llama-tiny; 'unused': 0",
      "llama-tiny-scaled; 'rope_theta': 10000.0, 'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'high_freq_factor': 4.0, "
          + "'low_freq_factor': 1.0, 'original_max_position_embeddings': 32}",
      "llama-tiny-scaled; 'rope_theta': 10000.0, 'rope_scaling': {'type': 'llama3', 'factor': 8.0, 'high_freq_factor': 4.0, "
          + "'low_freq_factor': 1.0, 'original_max_position_embeddings': 32}",
      "qwen2-tiny; 'rope_theta': 1000000.0"})
  void olderFormsOfPositions(String golden, String fields) {
    var folder = PublishedFolder.of(golden, place);
    var before = plan(folder).config();
    folder.without(CONFIG, "rope_parameters");
    JsonParser.parseString(("{" + fields + "}").replace('\'', '"')).getAsJsonObject().entrySet()
        .forEach(field -> folder.with(CONFIG, field.getKey(), field.getValue()));
    assertThat(plan(folder).config()).isEqualTo(before);
  }

  /// More tokens end a text than the config says.
  @Test
  void endsOfTheGeneration() {
    var folder = PublishedFolder.of("llama-tiny", place);
    assertThat(plan(folder).config().get("eos_token_id")).hasToString("[1]");
    folder.put("generation_config.json", "{'eos_token_id': [1, 7, 8], 'temperature': 0.6}");
    assertThat(plan(folder).config().get("eos_token_id")).hasToString("[1,7,8]");
    assertThat(Converter.files(folder.path())).contains(folder.path().resolve("generation_config.json"));
    folder.put("generation_config.json", "{'temperature': 0.6}");
    assertThat(plan(folder).config().get("eos_token_id")).hasToString("[1]");
    folder.put("generation_config.json", "{'eos_token_id': 420}");
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class).hasMessageEndingWith("eos_token_id 420: expected one of 420 tokens");
  }

  @Test
  void biases() {
    var folder = PublishedFolder.of("llama-tiny", place).with(CONFIG, "attention_bias", "true");
    assertThatThrownBy(() -> plan(folder)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'model.layers.0.self_attn.q_proj.bias': missing")
        .hasMessageContaining("'model.layers.0.self_attn.o_proj.bias': missing");
    folder.with(CONFIG, "attention_bias", "false").with(CONFIG, "mlp_bias", "true");
    assertThatThrownBy(() -> plan(folder)).hasMessageContaining("'model.layers.0.mlp.gate_proj.bias': missing");
    assertThat(plan(PublishedFolder.of("qwen2-tiny", place)).config()).satisfies(config -> {
      assertThat(config.get("qkv_bias").getAsBoolean()).isTrue();
      assertThat(config.get("proj_bias").getAsBoolean()).isFalse();
    });
  }

  @Test
  void whatIsRefused() {
    var qwen2 = PublishedFolder.of("qwen2-tiny", place).with(CONFIG, "use_sliding_window", "true");
    assertThatThrownBy(() -> plan(qwen2)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("config.json: attention to a sliding window is not supported; expected full_attention");
    qwen2.with(CONFIG, "use_sliding_window", "false").with(CONFIG, "layer_types", "['full_attention', 'sliding_attention']");
    assertThatThrownBy(() -> plan(qwen2)).hasMessageContaining("attention to a sliding window is not supported");
    var llama = PublishedFolder.of("llama-tiny", place).with(CONFIG, "hidden_act", "'gelu'");
    assertThatThrownBy(() -> plan(llama)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("config.json: hidden_act 'gelu' is not supported; expected silu");
    var yarn = PublishedFolder.of("llama-tiny-scaled", place).with(CONFIG, "rope_parameters.rope_type", "'yarn'");
    assertThatThrownBy(() -> plan(yarn)).isInstanceOf(CheckpointException.class).hasMessageContaining("rope_type 'yarn' is not supported");
    llama.delete(CONFIG);
    assertThatThrownBy(() -> plan(llama)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensors such as 'model.layers.0.self_attn.q_proj.weight' are a llama's but do not tell all sizes")
        .hasMessageContaining("llama-3.2-1b");
  }

  /// Some files hold the tied head beside the embedding, and older ones the frequencies of positions.
  @Test
  void whatFollowsFromOthers() throws Exception {
    var folder = PublishedFolder.of("qwen2-tiny", place);
    var more = place.resolve("more.safetensors");
    try (var checkpoint = Checkpoint.open(folder.path().resolve(MODEL))) {
      var writer = new CheckpointWriter();
      for (var each : checkpoint.tensors().values())
        writer.tensor(each.name(), each.dtype(), each.shape().stream().mapToLong(d -> d).toArray(), each::data);
      var embedding = checkpoint.tensor("model.embed_tokens.weight");
      writer.tensor("lm_head.weight", embedding.dtype(), embedding.shape().stream().mapToLong(d -> d).toArray(), embedding::data);
      writer.tensor("model.layers.1.self_attn.rotary_emb.inv_freq", DType.F32, new long[] {6},
          () -> Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, new float[6]));
      writer.write(more);
    }
    Files.move(more, folder.path().resolve(MODEL), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    var file = place.resolve("model.safetensors");
    assertThat(Converter.convert(folder.path(), file, WeightFormat.F32).dropped().keySet())
        .containsExactlyInAnyOrder("lm_head.weight", "model.layers.1.self_attn.rotary_emb.inv_freq");
    GoldenTest.requireGolden(file, "qwen2-tiny");
  }

  /// In 16 bits the logits are near the reference's.
  @ParameterizedTest
  @CsvSource({"llama-tiny, F16, 0.02", "llama-tiny-scaled, BF16, 0.15", "qwen2-tiny, BF16, 0.4"})
  void halfPrecision(String golden, WeightFormat format, double most) {
    var file = place.resolve("model.safetensors");
    Converter.convert(FIXTURES.resolve(golden), file, format);
    var comparisons = GoldenTest.compare(file, FIXTURES.resolve(golden).resolve("reference.safetensors"), dev.fovea.kernels.KernelProvider.VECTOR, 2);
    assertThat(comparisons).filteredOn(c -> c.name().equals("logits")).singleElement()
        .satisfies(c -> assertThat(c.maxError()).isLessThan(most).isGreaterThan(1e-5));
    assertThat(List.of(file)).allMatch(Files::exists);
  }
}
