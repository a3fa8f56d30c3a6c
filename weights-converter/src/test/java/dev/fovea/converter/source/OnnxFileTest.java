package dev.fovea.converter.source;

import static dev.fovea.converter.source.OnnxWriter.attribute;
import static dev.fovea.converter.source.OnnxWriter.external;
import static dev.fovea.converter.source.OnnxWriter.floats;
import static dev.fovea.converter.source.OnnxWriter.packed;
import static dev.fovea.converter.source.OnnxWriter.tensor;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.converter.source.OnnxWriter.Message;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The rules of ONNX files, one test each.
class OnnxFileTest {
  private static final float[] SIX = {0, 1, 2, 3, 4, 5};

  @TempDir
  private Path folder;

  private Path write(byte[] model) {
    try {
      return Files.write(folder.resolve("model.onnx"), model);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Source open(Message... initializers) {
    var writer = new OnnxWriter();
    for (var each : initializers) writer.initializer(each);
    return Source.open(write(writer.model()));
  }

  private void assertBroken(byte[] model, String why) {
    var file = write(model);
    assertThatThrownBy(() -> Source.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": " + why);
  }

  private void assertBroken(Message initializer, String why) {
    assertBroken(new OnnxWriter().initializer(initializer).model(), why);
  }

  private static byte[] bytes(int... bytes) {
    var all = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) all[i] = (byte) bytes[i];
    return all;
  }

  private static void assertElements(SourceTensor tensor, DType dtype, float... expected) {
    var values = new float[expected.length];
    tensor.read(0, values, 0, values.length);
    assertThat(values).containsExactly(expected);
    assertThat(tensor.dtype()).isEqualTo(dtype);
    for (int i = 0; i < expected.length; i++) assertThat(tensor.floatAt(i)).isEqualTo(expected[i]);
  }

  @Test
  void elements() {
    try (var source = open(floats("a.raw", SIX, 2, 3),
        tensor("a.floats", OnnxWriter.FLOAT, 2).bytes(OnnxTensor.FLOATS, Pickler.floats(7, 8)),
        tensor("a.half", OnnxWriter.FLOAT16, 3).bytes(OnnxTensor.INTEGERS, packed(0x3c00, 0xc000, 0)),
        tensor("a.raw_half", OnnxWriter.FLOAT16, 2).bytes(9, bytes(0, 0x3c, 0, 0xc0)),
        tensor("a.brain", OnnxWriter.BFLOAT16, 2).bytes(OnnxTensor.INTEGERS, packed(0x3f80, 0xc000)),
        tensor("a.doubles", OnnxWriter.DOUBLE, 1).bytes(OnnxTensor.DOUBLES, bytes(0, 0, 0, 0, 0, 0, 0xf8, 0xbf)),
        tensor("a.longs", OnnxWriter.INT64, 3).bytes(OnnxTensor.LONGS, packed(1, -1, 300)),
        tensor("a.bytes", OnnxWriter.INT8, 2).bytes(OnnxTensor.INTEGERS, packed(1, -1)),
        new Message().bytes(1, packed(3, 2)).integer(2, OnnxWriter.FLOAT).text(8, "a.packed_shape").bytes(9, Pickler.floats(SIX)),
        floats("logit_scale", new float[] {4}), floats("a.none", new float[0], 0, 3))) {
      assertElements(source.tensor("a.raw", 2), DType.F32, SIX);
      assertElements(source.tensor("a.floats", 1), DType.F32, 7, 8);
      assertElements(source.tensor("a.half", 1), DType.F16, 1, -2, 0);
      assertElements(source.tensor("a.raw_half", 1), DType.F16, 1, -2);
      assertElements(source.tensor("a.brain", 1), DType.BF16, 1, -2);
      assertElements(source.tensor("a.doubles", 1), DType.F64, -1.5f);
      assertElements(source.tensor("a.longs", 1), DType.I64, 1, -1, 300);
      assertElements(source.tensor("a.bytes", 1), DType.I8, 1, -1);
      assertThat(source.tensor("a.packed_shape", 2).shape()).containsExactly(3L, 2L);
      assertElements(source.tensor("logit_scale", 0), DType.F32, 4);
      assertThat(source.tensors().get("a.none").size()).isZero();
      assertThat(source.graph()).isNotNull();
    }
  }

  /// Exporters also put parameters into `Constant` nodes, and read them by way of a cast.
  @Test
  void nodes() {
    var writer = new OnnxWriter().constant("/Constant_output_0", floats("", SIX, 2, 3))
        .initializer(tensor("l.bias", OnnxWriter.FLOAT16, 3).bytes(OnnxTensor.INTEGERS, packed(0, 0, 0)))
        .node("Cast", "/Cast", List.of("l.bias"), "/Cast_output_0")
        .node("MatMul", "/l/MatMul", List.of("x", "/Constant_output_0"), "y").node("Add", "/l/Add", List.of("y", "/Cast_output_0"), "z")
        .constant("m.weight", floats("", SIX, 2, 3)).node("Gemm", "/m/Gemm", List.of("z", "m.weight"), "v", attribute("transB", 1))
        .initializer(floats("onnx::MatMul_7", SIX, 3, 2)).node("MatMul", "/p.0/MatMul", List.of("v", "onnx::MatMul_7"), "w")
        .initializer(floats("text_projection", SIX, 3, 2)).node("MatMul", "/MatMul", List.of("v", "text_projection"), "u");
    try (var source = Source.open(write(writer.model()))) {
      assertThat(source.tensors().keySet()).containsExactlyInAnyOrder("l.bias", "l.weight", "m.weight", "p.0.weight", "text_projection");
      assertThat(source.tensor("l.weight", 2).shape()).containsExactly(3L, 2L);
      assertElements(source.tensor("l.weight", 2), DType.F32, 0, 3, 1, 4, 2, 5);
      assertElements(source.tensor("m.weight", 2), DType.F32, SIX);
      assertElements(source.tensor("p.0.weight", 2), DType.F32, 0, 2, 4, 1, 3, 5);
      assertElements(source.tensor("text_projection", 2), DType.F32, SIX);
    }
  }

  @Test
  void messages() {
    assertBroken(new byte[0], "is no ONNX model: there is no graph in it");
    assertBroken(bytes(8, 7), "is no ONNX model: there is no graph in it");
    assertBroken(bytes(8, 0x87), "is no ONNX model, or a broken one: before byte 2: a number has no end; is the file truncated?");
    assertBroken(bytes(8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2),
        "is no ONNX model, or a broken one: before byte 11: expected a number of at most 64 bits");
    assertBroken(bytes(0x3a, 100, 1), "is no ONNX model, or a broken one: before byte 2: expected at most 1 bytes of field 7, got 100; "
        + "is the file truncated?");
    assertBroken(bytes(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), "is no ONNX model, or a broken one: before byte 11: "
        + "expected at most 0 bytes of field 7, got 18446744073709551615; is the file truncated?");
    assertBroken(bytes(0x3b), "is no ONNX model, or a broken one: before byte 1: expected a field of a known type, got type 3");
    assertBroken(bytes(0), "is no ONNX model, or a broken one: before byte 1: expected a field's number, got 0");
    assertBroken(bytes(0x38, 1), "is no ONNX model, or a broken one: before byte 2: expected bytes in field 7, got type 0");
    assertBroken(bytes(0x3a, 0, 0x3a, 0), "expected one graph, got two");
    assertBroken(bytes(0x3a, 2, 0x7a, 0), "sparse initializers are not supported");
    assertBroken(new OnnxWriter().initializer(tensor("x".repeat(2000), 1)).model(),
        "is no ONNX model, or a broken one: before byte 2029: expected a text of at most 1024 bytes, got 2000");
  }

  @Test
  void tensors() {
    assertBroken(tensor("a.b", 1, 2, -3).bytes(9, Pickler.floats(SIX)),
        "tensor 'a.b': expected lengths and strides of at least 0, got -3 and 1");
    assertBroken(tensor("a.b", 1, 1L << 40, 1L << 40).bytes(9, Pickler.floats(SIX)),
        "tensor 'a.b': the size of [1099511627776, 1099511627776] does not fit in 64 bits");
    assertBroken(tensor("a.b", 1, 7).bytes(9, Pickler.floats(SIX)), "tensor 'a.b': reaches from element 0 to 6 of a storage of 6");
    assertBroken(tensor("a.b", 1, 5).bytes(9, Pickler.floats(SIX)), "tensor 'a.b': expected 5 elements of 4 bytes, got 24 bytes");
    assertBroken(tensor("a.b", 1, 5), "tensor 'a.b': reaches from element 0 to 4 of a storage of 0");
    assertBroken(tensor("a.b", 8, 5), "tensor 'a.b': elements of ONNX's type 8 are not supported");
    assertBroken(tensor("a.b", 10, 1).bytes(OnnxTensor.INTEGERS, packed(0x10000)),
        "tensor 'a.b': expected integers from 0 to 65535, got 65536");
    assertBroken(tensor("a.b", 10, 3).bytes(OnnxTensor.INTEGERS, packed(1)), "tensor 'a.b': expected 3 elements, got 1");
    assertBroken(tensor("a.b", 1, 3).bytes(OnnxTensor.INTEGERS, packed(1)),
        "tensor 'a.b': expected elements of type F32 in field 4, got field 5");
    assertBroken(tensor("a.b", 1, 1).float32(4, 1), "expected a tensor's elements in one piece");
    assertBroken(tensor("a.b", 1, 1).bytes(4, Pickler.floats(1)).bytes(9, Pickler.floats(1)),
        "tensor 'a.b': expected its elements in one form, got two");
    assertBroken(tensor("a.b", 1, 1).bytes(3, new byte[0]), "tensors in segments are not supported");
  }

  private static Map<String, String> where(String... pairs) {
    var where = new LinkedHashMap<String, String>();
    for (int i = 0; i < pairs.length; i += 2) where.put(pairs[i], pairs[i + 1]);
    return where;
  }

  private static Message elsewhere(String... where) {
    return external(tensor("a.b", OnnxWriter.FLOAT, 2, 3), where(where));
  }

  @Test
  void otherFiles() throws IOException {
    Files.write(folder.resolve("model.onnx_data"), Pickler.floats(9, 0, 1, 2, 3, 4, 5));
    try (var source = open(elsewhere("location", "model.onnx_data", "offset", "4", "length", "24"))) {
      assertElements(source.tensor("a.b", 2), DType.F32, SIX);
      assertThat(source.paths()).containsExactly(folder.resolve("model.onnx"), folder.resolve("model.onnx_data"));
    }
    assertThat(Source.files(folder)).containsExactly(folder.resolve("model.onnx"), folder.resolve("model.onnx_data"));
    assertBroken(elsewhere("location", "model.onnx_data", "offset", "8"),
        "tensor 'a.b': expected bytes 8 to 32 of 'model.onnx_data', which has 28");
    assertBroken(elsewhere("location", "model.onnx_data", "offset", "999999999999999999"),
        "tensor 'a.b': expected bytes 999999999999999999 to 1000000000000000023 of 'model.onnx_data', which has 28");
    assertBroken(elsewhere("location", "model.onnx_data", "length", "20"),
        "tensor 'a.b': expected 24 bytes of 'model.onnx_data', got a length of 20");
    assertBroken(elsewhere("location", "model.onnx_data", "offset", "-4"), "tensor 'a.b': expected a number as 'offset', got '-4'");
    assertBroken(elsewhere("offset", "4"), "tensor 'a.b': its elements are in another file, and which is not said");
    assertBroken(elsewhere(), "tensor 'a.b': its elements are in another file, and which is not said");
    assertBroken(elsewhere("location", "other"), "elements of its tensors are in 'other', which is missing beside it");
    for (var place : new String[] {"../model.onnx_data", "/etc/passwd", "sub/data", ".", "..", "", "C:data", "a\\b", "a\nb"})
      assertBroken(elsewhere("location", place), "expected names of files in its own folder, got '" + place.replace('\n', '?') + "'");
  }

  private static OnnxWriter linear(OnnxWriter writer, String module) {
    return writer.initializer(floats(module + ".bias", SIX, 6)).initializer(floats("onnx::MatMul_" + module.length(), new float[12], 2, 6))
        .node("MatMul", "/" + module + "/MatMul", List.of("x", "onnx::MatMul_" + module.length()), module + "/product")
        .node("Add", "/" + module + "/Add", List.of(module + "/product", module + ".bias"), module + "/out");
  }

  @Test
  void facts() {
    var writer = new OnnxWriter();
    for (var module : new String[] {"q", "qq", "qqq"}) linear(writer, module);
    writer.constant("/six", OnnxWriter.integers("", 1, 4, 3, -1)).node("Reshape", "", List.of("q/out", "/six"), "/q")
        .constant("/five", OnnxWriter.integers("", 1, 4, 5, -1)).node("Reshape", "", List.of("qq/out", "/five"), "/qq")
        .node("Relu", "", List.of("q/out"), "/relu").node("Gelu", "", List.of("qq/out"), "/gelu", attribute("approximate", "tanh"))
        .constant("/root", floats("", new float[] {0.70710677f})).node("Mul", "", List.of("qqq/out", "/root"), "/scaled")
        .node("Erf", "", List.of("/scaled"), "/erf");
    for (var norm : new String[] {"n.weight", "m.weight"}) writer.initializer(floats(norm, SIX, 6));
    writer.node("LayerNormalization", "", List.of("x", "n.weight"), "/n", attribute("epsilon", 1e-6f))
        .node("LayerNormalization", "", List.of("x", "m.weight"), "/m");
    for (var table : new String[] {"bert.weight", "roberta.weight"}) writer.initializer(floats(table, SIX, 6, 1));
    writer.node("Shape", "", List.of("input_ids"), "/shape").node("Slice", "", List.of("/six", "/shape"), "/counted")
        .node("Gather", "", List.of("bert.weight", "/counted"), "/bert").node("CumSum", "", List.of("input_ids", "/six"), "/told")
        .node("Gather", "", List.of("roberta.weight", "/told"), "/roberta");
    try (var source = Source.open(write(writer.model()))) {
      var graph = source.graph();
      assertThat(graph.heads("q")).isEqualTo(3);
      assertThat(graph.heads("qq")).as("6 channels are not 5 heads").isNull();
      assertThat(graph.heads("qqq")).isNull();
      assertThat(graph.heads("none")).isNull();
      assertThat(graph.activation("q")).isEqualTo("relu");
      assertThat(graph.activation("qq")).isEqualTo("gelu_pytorch_tanh");
      assertThat(graph.activation("qqq")).isEqualTo("gelu");
      assertThat(graph.activation("none")).isNull();
      assertThat(graph.epsilon("n")).isEqualTo(1e-6f);
      assertThat(graph.epsilon("m")).as("the default").isEqualTo(1e-5f);
      assertThat(graph.epsilon("q")).isNull();
      assertThat(graph.countsTokens("bert.weight")).isTrue();
      assertThat(graph.countsTokens("roberta.weight")).isFalse();
      assertThat(graph.countsTokens("none")).isFalse();
    }
  }

  /// A file of two million bytes would otherwise make a million objects.
  @Test
  void tooMuch() {
    var graph = new byte[2 * (1 << 20) + 2];
    for (int i = 0; i < graph.length; i += 2) graph[i] = 0x0a;
    assertBroken(new Message().bytes(7, graph).bytes(), "expected a graph of at most 1048576 nodes, names and numbers");
  }

  @Test
  void folders() throws IOException {
    var graph = new OnnxWriter().initializer(floats("a.b", SIX, 6)).model();
    Files.write(folder.resolve("b.onnx"), graph);
    try (var source = Source.open(folder)) {
      assertThat(source.tensors()).containsOnlyKeys("a.b");
    }
    Files.write(folder.resolve("a.onnx"), graph);
    assertThatThrownBy(() -> Source.open(folder)).isInstanceOf(CheckpointException.class).hasMessage(folder
        + ": expected model.onnx, onnx/model.onnx or one file that ends in .onnx; got a.onnx, b.onnx; say which");
  }

  @Test
  void notFetched() {
    assertBroken("version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.UTF_8),
        "holds no weights but Git LFS's note where they are; fetch the file itself");
  }
}
