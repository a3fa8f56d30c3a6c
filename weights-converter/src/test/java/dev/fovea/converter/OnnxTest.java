package dev.fovea.converter;

import static dev.fovea.converter.Renamed.FIXTURES;
import static dev.fovea.converter.source.OnnxWriter.attribute;
import static dev.fovea.converter.source.OnnxWriter.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.converter.Foreign.Array;
import dev.fovea.converter.source.OnnxWriter;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Golden cases in the form in which torch.onnx exports them give the parameters that they give as published.
class OnnxTest {
  private static final OnnxExport.Stated STATED = new OnnxExport.Stated(3, 1e-12f);
  private static final Conversion F32 = Conversion.to(WeightFormat.F32);

  @TempDir
  private Path folder;

  /// A golden case's files, with an exported graph in the place of its weights.
  private Path exported(String golden, byte[] graph) throws IOException {
    var published = PublishedFolder.of(golden, folder).delete("model.safetensors").path();
    Files.write(published.resolve("model.onnx"), graph);
    return published;
  }

  private static Map<String, Array> tensors(String golden) {
    return Foreign.tensors(FIXTURES.resolve(golden));
  }

  private Path exported(String golden) throws IOException {
    return exported(golden, OnnxExport.of(tensors(golden), STATED));
  }

  private Map<String, byte[]> converted(Path source) {
    var target = folder.resolve("converted.safetensors");
    Converter.convert(source, target, F32);
    return parameters(target);
  }

  private static Map<String, byte[]> parameters(Path model) {
    try (var checkpoint = Checkpoint.open(model)) {
      var bytes = new TreeMap<String, byte[]>();
      checkpoint.tensors().forEach((name, tensor) -> bytes.put(name + tensor.shape() + tensor.dtype(),
          tensor.data().toArray(ValueLayout.JAVA_BYTE)));
      return bytes;
    }
  }

  private static void assertSame(Map<String, byte[]> actual, Map<String, byte[]> expected) {
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, bytes) -> assertThat(actual.get(name)).as(name).isEqualTo(bytes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert-tiny-classifier", "vit-tiny", "vit-tiny-rect-nobias", "clip-tiny", "dinov2-tiny"})
  void exports(String golden) throws IOException {
    assertSame(converted(exported(golden)), converted(FIXTURES.resolve(golden)));
  }

  /// Of equal parameters torch.onnx stores one.
  @Test
  void equalParameters() throws IOException {
    var tensors = new LinkedHashMap<>(tensors("vit-tiny"));
    tensors.replaceAll((name, array) -> name.endsWith("query.bias") || name.contains("layernorm") ? Array.zeros(array.shape()) : array);
    var renamed = new Renamed[] {Renamed.ofGolden("vit-tiny")};
    tensors.forEach((name, array) -> renamed[0].change(name, name, _ -> array));
    var published = PublishedFolder.of("vit-tiny", Files.createDirectory(folder.resolve("published"))).delete("model.safetensors").path();
    renamed[0].write(published.resolve("model.safetensors"));
    var source = exported("vit-tiny", OnnxExport.of(tensors, STATED));
    assertThat(Files.readString(source.resolve("model.onnx"), StandardCharsets.ISO_8859_1)).contains("Identity_");
    assertSame(converted(source), converted(published));
  }

  /// The graph of a BERT states all that its config does, but the names of classes.
  @Test
  void withoutConfig() throws IOException {
    var source = exported("bert-tiny-classifier");
    Files.delete(source.resolve("config.json"));
    var report = Converter.plan(source.resolve("model.onnx"), F32);
    assertThat(report.configFrom()).isEqualTo("the tensors' names and shapes, and the graph");
    assertThat(report.assumed()).isEmpty();
    assertThat(report.config()).isEqualTo(Converter.plan(FIXTURES.resolve("bert-tiny-classifier"), F32).config());
    assertSame(converted(source), converted(FIXTURES.resolve("bert-tiny-classifier")));
    try (var model = ModelHeader.open(folder.resolve("converted.safetensors"))) {
      assertThat(model).isNotNull();
    }
  }

  /// Weights alone go before a graph, and a graph of a vision model needs its config.
  @Test
  void places() throws IOException {
    var source = exported("vit-tiny");
    var graph = Files.createDirectory(source.resolve("onnx")).resolve("model.onnx");
    Files.move(source.resolve("model.onnx"), graph);
    var expected = converted(FIXTURES.resolve("vit-tiny"));
    assertSame(converted(source), expected);
    assertSame(converted(graph), expected);
    assertThat(Converter.files(graph)).extracting(file -> file.getFileName().toString())
        .containsExactlyInAnyOrder("model.onnx", "config.json", "preprocessor_config.json");
    assertThat(Converter.files(source)).hasSameSizeAs(Converter.files(graph));
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), source.resolve("model.safetensors"));
    assertThat(Converter.files(source)).contains(source.resolve("model.safetensors"));
    Files.delete(source.resolve("config.json"));
    assertThatThrownBy(() -> Converter.plan(graph, F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("there is no config.json beside it").hasMessageContaining("give --config FILE");
  }

  private void assertUntold(String why, OnnxWriter writer) throws IOException {
    var file = Files.write(folder.resolve("untold.onnx"), writer.model());
    assertThatThrownBy(() -> Converter.plan(file, F32)).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": there is no config.json beside it, its tensors are named like a BERT's, and its graph does not tell " + why
            + "; give --config FILE");
  }

  /// A graph of a BERT with something else in it, which is no guess.
  @Test
  void untold() throws IOException {
    var tensors = tensors("bert-tiny-classifier");
    var twice = OnnxExport.graph(tensors, STATED);
    twice.node("Gather", "again", List.of("bert.embeddings.position_embeddings.weight", "input_ids"), "again");
    assertUntold("that the positions count all tokens, as a BERT's do and a RoBERTa's, under the same names, do not", twice);
    assertUntold("one number of heads for all its layers", reshaped(tensors, 1, 4));
    assertUntold("the number of heads", reshaped(tensors, 0, 4));
    assertThatThrownBy(() -> Converter.plan(Files.write(folder.resolve("five.onnx"),
        OnnxExport.of(tensors, new OnnxExport.Stated(5, 1e-12f))), F32)).hasMessageContaining("the number of heads");
  }

  /// A second reshape of a layer's queries, into other heads.
  private static OnnxWriter reshaped(Map<String, Array> tensors, int layer, int heads) {
    var writer = OnnxExport.graph(tensors, STATED);
    writer.initializer(OnnxWriter.integers("onnx::Reshape_1", 0, 0, heads, -1));
    return writer.node("Reshape", "other", List.of("/bert/encoder/layer/" + layer + "/attention/self/query/Add_output_0", "onnx::Reshape_1"),
        "other");
  }

  /// Sentence-transformers' exports have a wrapper's prefix.
  @Test
  void wrappers() throws IOException {
    var wrapped = new LinkedHashMap<String, Array>();
    tensors("bert-tiny-classifier").forEach((name, array) -> {
      if (name.startsWith("bert.")) wrapped.put(name.replaceFirst("bert", "0.auto_model"), array);
    });
    var source = exported("bert-tiny-classifier", OnnxExport.of(wrapped, STATED));
    var parameters = converted(source);
    converted(FIXTURES.resolve("bert-tiny-classifier")).forEach((name, bytes) -> {
      if (!name.startsWith("head.")) assertThat(parameters.get(name)).as(name).isEqualTo(bytes);
    });
  }

  private void assertRefused(OnnxWriter writer, String why) throws IOException {
    var file = Files.write(folder.resolve("refused.onnx"), writer.model());
    assertThatThrownBy(() -> Converter.plan(file, F32)).isInstanceOf(CheckpointException.class).hasMessage(file + ": " + why);
  }

  private static OnnxWriter matmul(String node, String matrix, long... shape) {
    var values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    return new OnnxWriter().initializer(floats(matrix, values, shape)).node("MatMul", node, List.of("x", matrix), "y");
  }

  @Test
  void refusals() throws IOException {
    assertRefused(matmul("MatMul_1", "onnx::MatMul_2", 2, 3), "node 'MatMul_1' (MatMul): the name of its matrix 'onnx::MatMul_2' cannot be "
        + "told: expected a bias added to its product, or a node called after its module as '/module/MatMul' is");
    assertRefused(matmul("/a/MatMul_1", "885", 2, 3), "node '/a/MatMul_1' (MatMul): the name of its matrix '885' cannot be "
        + "told: expected a bias added to its product, or a node called after its module as '/module/MatMul' is");
    assertRefused(matmul("", "885", 2, 3, 1), "node 'y' (MatMul): expected a matrix as its weight, got [2, 3, 1]");
    var bias = matmul("/a/MatMul", "onnx::MatMul_2", 2, 3).initializer(floats("a.bias", new float[2], 2));
    assertRefused(bias.node("Add", "", List.of("a.bias", "y"), "z"),
        "node '/a/MatMul' (MatMul): its matrix [2, 3] has 3 outputs; expected as many elements of 'a.bias', got [2]");
    var unnamed = matmul("/a/MatMul", "onnx::MatMul_2", 2, 3).initializer(floats("onnx::Add_3", new float[3], 3));
    assertRefused(unnamed.node("Add", "", List.of("y", "onnx::Add_3"), "z"), "node '/a/MatMul' (MatMul): the name of its matrix "
        + "'onnx::MatMul_2' cannot be told: expected a bias called '….bias', got 'onnx::Add_3'");
    var shared = matmul("/a/MatMul", "onnx::MatMul_2", 2, 3).initializer(floats("a.bias", new float[3], 3))
        .node("Add", "", List.of("a.bias", "y"), "z").initializer(floats("onnx::MatMul_3", new float[9], 3, 3))
        .node("MatMul", "/b/MatMul", List.of("z", "onnx::MatMul_3"), "v").node("Add", "", List.of("a.bias", "v"), "w");
    assertRefused(shared, "node '/b/MatMul' (MatMul): its matrix 'onnx::MatMul_3' would be 'a.weight', which another one is already; "
        + "expected a bias for each");
    var two = matmul("/a/MatMul", "onnx::MatMul_2", 2, 3).initializer(floats("a.bias", new float[3], 3))
        .node("Add", "", List.of("a.bias", "y"), "z").node("Add", "", List.of("a.bias", "y"), "v");
    assertRefused(two, "node '/a/MatMul' (MatMul): expected one bias added to its product, got two");
    var scaled = new OnnxWriter().initializer(floats("a.weight", new float[6], 2, 3))
        .node("Gemm", "g", List.of("x", "a.weight"), "y", attribute("alpha", 2f));
    assertRefused(scaled, "node 'g' (Gemm): expected a product that is neither scaled nor of a transposed input");
    var folded = new OnnxWriter().initializer(floats("onnx::Conv_7", new float[8], 2, 1, 2, 2)).node("Conv", "c", List.of("x", "onnx::Conv_7"), "y");
    assertRefused(folded, "node 'c' (Conv): expected a parameter under its published name as input 1, got 'onnx::Conv_7'");
    var again = matmul("/a/MatMul", "onnx::MatMul_2", 2, 3).initializer(floats("a.weight", new float[6], 3, 2));
    assertRefused(again, "node '/a/MatMul' (MatMul): its matrix 'onnx::MatMul_2' would be 'a.weight', which another one is already; "
        + "expected a bias for each");
    assertRefused(matmul("/a/MatMul", "a.weight", 2, 3).initializer(floats("a.weight", new float[6], 2, 3)), "there are two values 'a.weight'");
  }

  @Test
  void quantizedAndRewritten() throws IOException {
    for (var op : new String[] {"DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "DequantizeLinear"})
      assertRefused(new OnnxWriter().node(op, "/a/MatMul_quant", List.of("x"), "y"), "node '/a/MatMul_quant' (" + op
          + "): the graph's weights are quantized; expected a graph with float32, float16 or bfloat16 weights");
    assertRefused(new OnnxWriter().node("Attention", "com.microsoft", "Attention_0", List.of("x"), "y"),
        "node 'Attention_0' (Attention): an operator of 'com.microsoft', as graphs rewritten by an optimizer have; expected ONNX's own "
            + "operators, as torch.onnx and optimum export them");
  }
}
