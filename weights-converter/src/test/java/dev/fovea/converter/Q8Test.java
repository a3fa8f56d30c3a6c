package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.checkpoint.StoredPanels;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.LoadedModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Matrices in 8 bits: which they are, how far they are off, and files that hold what no conversion writes.
class Q8Test {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final Conversion TOWERS = Conversion.to(WeightFormat.Q8).withTowers(true);

  @TempDir
  private Path folder;

  private Path convert(String golden, Conversion conversion) {
    var file = folder.resolve(golden + "." + conversion.format() + ".safetensors");
    Converter.convert(FIXTURES.resolve(golden), file, conversion);
    return file;
  }

  /// The weights of linear layers in 8 bits; tables in float16; the rest in float32.
  @Test
  void matricesOfALanguageModel() {
    for (var parameter : Converter.plan(FIXTURES.resolve("bert-tiny-classifier"), Conversion.to(WeightFormat.Q8)).mapped())
      assertThat(parameter.dtype()).as(parameter.name()).isEqualTo(parameter.name().matches("(token|type)_embed.weight") ? "F16"
          : parameter.name().matches("(.*(qkv|proj|fc1|fc2)|pooler|head).weight") ? "Q8" : "F32");
  }

  /// A token embedding that is the head too is one matrix in 8 bits; one that is only looked up is a table.
  @ParameterizedTest
  @CsvSource({"qwen2-tiny, Q8, ", "llama-tiny, F16, Q8", "deepseek-vl-tiny, F16, Q8"})
  void tokenEmbeddings(String golden, String embedding, String head) {
    var types = new HashMap<String, String>();
    for (var parameter : Converter.plan(FIXTURES.resolve(golden), Conversion.to(WeightFormat.Q8)).mapped())
      types.put(parameter.name().replaceFirst("^language.", ""), parameter.dtype());
    assertThat(types.get("token_embed.weight")).isEqualTo(embedding);
    assertThat(types.get("head.weight")).isEqualTo(head);
    assertThat(types.get("blocks.0.attn.kv.weight")).isEqualTo("Q8");
  }

  /// Both providers, with the file loaded and mapped, look up the same rows of a tied head and compute as with float32 weights of
  /// its values.
  @Test
  void aTiedHead() {
    Path model = convert("qwen2-tiny", Conversion.to(WeightFormat.Q8)), whole = folder.resolve("whole.safetensors");
    HuggingFaceExport.write(model, folder.resolve("hf"));
    Converter.convert(folder.resolve("hf"), whole, WeightFormat.F32);
    var rows = GoldenTest.outputs(whole, "qwen2-tiny", KernelProvider.REFERENCE, 1, Residency.LOADED).get("hidden_states.0");
    for (var provider : KernelProvider.values()) {
      var expected = GoldenTest.outputs(whole, "qwen2-tiny", provider, 2, Residency.LOADED);
      for (var residency : Residency.values()) {
        var outputs = GoldenTest.outputs(model, "qwen2-tiny", provider, 2, residency);
        assertThat(outputs).containsKey("logits");
        outputs.forEach((name, values) -> assertThat(values).as(provider + " " + name).isEqualTo(expected.get(name)));
        assertThat(outputs.get("hidden_states.0")).isEqualTo(rows);
      }
    }
  }

  /// Files of earlier versions have a tied head in float16 beside matrices in 8 bits.
  @Test
  void aTiedHeadInFloat16() {
    var file = folder.resolve("before.safetensors");
    Path half = convert("qwen2-tiny", Conversion.to(WeightFormat.F16));
    var writer = new CheckpointWriter();
    try (var narrow = Checkpoint.open(convert("qwen2-tiny", Conversion.to(WeightFormat.Q8))); var wide = Checkpoint.open(half)) {
      narrow.metadata().forEach(writer::metadata);
      narrow.tensors().forEach((name, tensor) -> {
        var stored = name.equals("token_embed.weight") ? wide.tensor(name) : tensor;
        writer.tensor(name, stored.dtype(), stored.shape().stream().mapToLong(i -> i).toArray(), stored::data);
      });
      writer.write(file);
    }
    for (var provider : KernelProvider.values()) {
      var outputs = GoldenTest.outputs(file, "qwen2-tiny", provider, 1, Residency.MAPPED);
      assertThat(outputs.get("hidden_states.0"))
          .isEqualTo(GoldenTest.outputs(half, "qwen2-tiny", provider, 1, Residency.MAPPED).get("hidden_states.0"));
      assertThat(outputs).containsKey("logits");
    }
  }

  @Test
  void aModelWithoutALanguageModel() {
    assertThatThrownBy(() -> convert("vit-tiny", Conversion.to(WeightFormat.Q8))).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("vit-tiny/model.safetensors: q8 is for the matrices of a language model, and a vit has none; --towers, in Java "
            + "Conversion.withTowers, stores its own in 8 bits");
    assertThat(Converter.plan(FIXTURES.resolve("vit-tiny"), TOWERS).mapped()).filteredOn(parameter -> parameter.name().endsWith(".weight"))
        .allMatch(parameter -> parameter.dtype().equals(parameter.shape().size() == 2 ? "Q8" : "F32"));
  }

  /// Every number is within half of its block's step of the published one.
  @ParameterizedTest
  @CsvSource({"vit-tiny", "bert-tiny-classifier", "clip-tiny", "segformer-tiny", "qwen2-tiny"})
  void roundTrip(String golden) {
    int matrices = 0;
    try (var whole = Checkpoint.open(convert(golden, Conversion.to(WeightFormat.F32)));
        var rounded = Checkpoint.open(convert(golden, TOWERS))) {
      for (var parameter : Converter.plan(FIXTURES.resolve(golden), TOWERS).mapped()) {
        if (!parameter.dtype().equals("Q8")) continue;
        int n = Math.toIntExact(parameter.shape().get(0)), k = Math.toIntExact(parameter.shape().get(1));
        Weight exact = weight(whole.tensor(parameter.name()), n, k), stored = weight(rounded.tensor(parameter.name()), n, k);
        assertThat(stored.format()).isEqualTo(WeightFormat.Q8);
        for (int row = 0; row < n; row++)
          for (int column = 0; column < k; column++) {
            double largest = 0;
            for (int i = column / 32 * 32; i < Math.min(k, column / 32 * 32 + 32); i++)
              largest = Math.max(largest, Math.abs(exact.get(row, i)));
            assertThat(Math.abs(stored.get(row, column) - exact.get(row, column)))
                .isLessThanOrEqualTo((float) (largest / 127 * (1 + 0x1p-10) / 2 + 0x1p-25));
          }
        matrices++;
      }
    }
    assertThat(matrices).isGreaterThan(4);
  }

  private static Weight weight(StoredTensor stored, int n, int k) {
    return new Weight(stored.data(), StoredPanels.format(stored, n, k), Weight.Layout.PANELS, n, k);
  }

  /// The outputs beside those of float64, of which the largest is `docs/converting.md`'s figure; float32's are below 1e-4.
  @ParameterizedTest
  @CsvSource({"vit-tiny, 0.03", "bert-tiny-classifier, 0.03", "clip-tiny, 0.03"})
  void outputs(String golden, double tolerance) {
    var comparisons = GoldenTest.compare(convert(golden, TOWERS), FIXTURES.resolve(golden).resolve("reference.safetensors"),
        KernelProvider.VECTOR, 2);
    for (var c : comparisons)
      assertThat(c.maxError()).as("%s of %s", c.maxError(), c.maxAbs()).isLessThan(tolerance * Math.max(1, c.maxAbs()));
    assertThat(comparisons).anyMatch(c -> c.maxError() > 1e-4);
  }

  /// The file that Hugging Face's form of a model becomes again, one with a tied head among them.
  @ParameterizedTest
  @CsvSource({"vit-tiny, 14", "qwen2-tiny, 13"})
  void thereAndBack(String golden, int matrices) throws IOException {
    var model = convert(golden, TOWERS);
    var report = HuggingFaceExport.write(model, folder.resolve("hf"));
    assertThat(report.decoded()).isEqualTo(matrices);
    try (var exported = Checkpoint.open(folder.resolve("hf/model.safetensors"))) {
      assertThat(exported.tensors().values()).allMatch(tensor -> tensor.dtype() == DType.F32);
    }
    var again = folder.resolve("again.safetensors");
    Converter.convert(folder.resolve("hf"), again, TOWERS);
    try (var first = Checkpoint.open(model); var second = Checkpoint.open(again)) {
      first.tensors().forEach((name, tensor) ->
          assertThat(tensor.data().mismatch(second.tensor(name).data())).as(name).isEqualTo(-1));
    }
  }

  /// The model with its first matrix in 8 bits replaced.
  private Path with(Consumer<byte[]> change, long... shape) {
    var file = folder.resolve("hostile.safetensors");
    var writer = new CheckpointWriter();
    try (var checkpoint = Checkpoint.open(convert("vit-tiny", TOWERS))) {
      checkpoint.metadata().forEach(writer::metadata);
      checkpoint.tensors().forEach((name, tensor) -> {
        byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
        boolean changed = name.equals("blocks.1.mlp.fc1.weight");
        if (changed) change.accept(bytes);
        var dimensions = changed && shape.length > 0 ? shape : tensor.shape().stream().mapToLong(i -> i).toArray();
        writer.tensor(name, tensor.dtype(), dimensions, () -> java.lang.foreign.MemorySegment.ofArray(
            java.util.Arrays.copyOf(bytes, Math.toIntExact(java.util.Arrays.stream(dimensions).reduce(1, (a, b) -> a * b)
                * tensor.dtype().bytes()))));
      });
      writer.write(file);
    }
    return file;
  }

  private static void requireRefused(Path file, Residency residency, String why) {
    try (var checkpoint = Checkpoint.open(file, residency); var arena = Arena.ofShared()) {
      assertThatThrownBy(() -> LoadedModel.of(checkpoint, arena)).isInstanceOf(CheckpointException.class).hasMessage(file + ": weight " + why);
    }
  }

  @ParameterizedTest
  @EnumSource
  void hostileFiles(Residency residency) {
    // Group 9 has the second block of the fifth panel.
    requireRefused(with(bytes -> bytes[9 * 544 + 2 * 3 + 1] = 0x7e), residency,
        "'blocks.1.mlp.fc1.weight': expected finite scales, got NaN for row 67 from column 32");
    requireRefused(with(bytes -> {
      bytes[0] = 0;
      bytes[1] = (byte) 0xfc;
    }), residency, "'blocks.1.mlp.fc1.weight': expected finite scales, got -Infinity for row 0 from column 0");
    requireRefused(with(_ -> {}, 6, 3, 544), residency, "'blocks.1.mlp.fc1.weight': expected [96, 48], got [6, 3, 544]");
    requireRefused(with(_ -> {}, 6, 2, 543), residency, "'blocks.1.mlp.fc1.weight': expected [96, 48], got [6, 2, 543]");
    requireRefused(with(_ -> {}, 6, 48, 16), residency,
        "'blocks.1.mlp.fc1.weight': expected one of [F32, F16, BF16] in panels, got U8");
  }

  /// What would take its whole block with it is refused.
  @ParameterizedTest
  @CsvSource({"NaN", "Infinity", "8400000"})
  void numbersThatItCannotStore(float number) throws IOException {
    var source = Files.createDirectories(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny/config.json"), source.resolve("config.json"));
    var writer = new CheckpointWriter();
    try (var checkpoint = Checkpoint.open(FIXTURES.resolve("vit-tiny/model.safetensors"))) {
      checkpoint.tensors().forEach((name, tensor) -> {
        var bytes = Arena.ofAuto().allocate(tensor.data().byteSize()).copyFrom(tensor.data());
        if (name.endsWith("layer.2.output.dense.weight")) bytes.set(ValueLayout.JAVA_FLOAT, 400, number);
        writer.tensor(name, tensor.dtype(), tensor.shape().stream().mapToLong(i -> i).toArray(), () -> bytes);
      });
      writer.write(source.resolve("model.safetensors"));
    }
    var target = folder.resolve("target.safetensors");
    assertThatThrownBy(() -> Converter.convert(source, target, TOWERS)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith(": 'blocks.2.mlp.fc2.weight' has a number that is NaN, infinite or beyond 8,319,008, which q8 cannot "
            + "store; f32 and bf16 can");
    assertThat(target).doesNotExist();
  }
}
