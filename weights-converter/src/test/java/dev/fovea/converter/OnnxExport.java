package dev.fovea.converter;

import static dev.fovea.converter.source.OnnxWriter.attribute;
import static dev.fovea.converter.source.OnnxWriter.floats;
import static dev.fovea.converter.source.OnnxWriter.integers;

import dev.fovea.converter.Foreign.Array;
import dev.fovea.converter.source.OnnxWriter;
import dev.fovea.converter.source.OnnxWriter.Message;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/// Writes the tensors of a published model in the form that torch.onnx gives them: the matrices of linear layers are transposed
/// and have numbers for names, and of equal vectors one is stored. The nodes are those that read parameters, and, of a BERT, those
/// that state what its config would.
final class OnnxExport {
  private static final Set<String> EMBEDDINGS = Set.of("word_embeddings", "position_embeddings", "token_type_embeddings",
      "token_embedding", "position_embedding");

  private final Map<String, Array> tensors;
  private final OnnxWriter writer = new OnnxWriter();
  private final Map<String, String> stored = new LinkedHashMap<>();
  private int number = 885;

  /// What a BERT's graph states.
  ///
  /// @param eps of the norms
  record Stated(int heads, float eps) {}

  private OnnxExport(Map<String, Array> tensors) {
    this.tensors = tensors;
  }

  static byte[] of(Map<String, Array> tensors, Stated stated) {
    return graph(tensors, stated).model();
  }

  /// An export that more can be added to.
  static OnnxWriter graph(Map<String, Array> tensors, Stated stated) {
    var export = new OnnxExport(tensors);
    for (var name : tensors.keySet())
      if (!export.isMatrix(name)) export.vector(name);
    for (var name : tensors.keySet()) if (name.endsWith(".weight")) export.module(name.substring(0, name.lastIndexOf('.')), stated);
    return export.writer;
  }

  private static long[] shape(Array array) {
    return IntStream.of(array.shape()).asLongStream().toArray();
  }

  /// Whether this is the matrix of a linear layer.
  private boolean isMatrix(String name) {
    if (!name.endsWith(".weight") || tensors.get(name).shape().length != 2) return false;
    var module = name.substring(0, name.lastIndexOf('.'));
    return !EMBEDDINGS.contains(module.substring(module.lastIndexOf('.') + 1)) && !isGemm(module);
  }

  private static boolean isGemm(String module) {
    return module.endsWith("pooler.dense") || module.equals("classifier");
  }

  private void vector(String name) {
    var array = tensors.get(name);
    var same = stored.putIfAbsent(Arrays.toString(array.shape()) + Arrays.toString(array.values()), name);
    if (same == null) writer.initializer(floats(name, array.values(), shape(array)));
    else writer.node("Identity", "Identity_" + number++, List.of(same), name);
  }

  private void module(String module, Stated stated) {
    var scope = "/" + module.replace('.', '/');
    var weight = tensors.get(module + ".weight");
    var bias = tensors.containsKey(module + ".bias") ? module + ".bias" : null;
    if (isGemm(module)) {
      writer.node("Gemm", scope + "/Gemm", List.of(scope + "/input", module + ".weight", bias), scope + "/Gemm_output_0",
          attribute("alpha", 1f), attribute("beta", 1f), attribute("transB", 1));
    } else if (isMatrix(module + ".weight")) {
      linear(scope, weight.transposed(), bias);
      if (module.endsWith("attention.self.query")) reshape(scope + "/Add_output_0", scope, stated.heads);
      if (module.endsWith("intermediate.dense")) gelu(scope + "/Add_output_0", scope);
    } else if (weight.shape().length == 4) {
      writer.node("Conv", scope + "/Conv", bias == null ? List.of("pixel_values", module + ".weight")
          : List.of("pixel_values", module + ".weight", bias), scope + "/Conv_output_0");
    } else if (weight.shape().length == 2) {
      writer.node("Gather", scope + "/Gather", List.of(module + ".weight", indices(module, scope)), scope + "/Gather_output_0");
    } else {
      norm(scope, module, stated.eps);
    }
  }

  private void linear(String scope, Array transposed, String bias) {
    var name = "onnx::MatMul_" + number++;
    writer.initializer(floats(name, transposed.values(), shape(transposed)));
    writer.node("MatMul", scope + "/MatMul", List.of(scope + "/input", name), scope + "/MatMul_output_0");
    if (bias != null) writer.node("Add", scope + "/Add", List.of(bias, scope + "/MatMul_output_0"), scope + "/Add_output_0");
  }

  /// Positions count the tokens; other indices are inputs.
  private String indices(String module, String scope) {
    if (!module.endsWith("position_embeddings")) return "input_ids";
    writer.node("Shape", scope + "/Shape", List.of("input_ids"), scope + "/Shape_output_0");
    writer.initializer(integers("onnx::Slice_" + number, 0, 1, 2));
    writer.node("Slice", scope + "/Slice", List.of("onnx::Slice_" + number++, scope + "/Shape_output_0"), scope + "/Slice_output_0");
    return scope + "/Slice_output_0";
  }

  private void reshape(String value, String scope, int heads) {
    for (int i = 0; i < 2; i++) writer.constant(scope + "/Constant_" + i, integers("", i == 0 ? heads : -1));
    writer.node("Concat", scope + "/Concat", List.of("batch", "tokens", scope + "/Constant_0", scope + "/Constant_1"), scope + "/Concat_output_0");
    writer.node("Reshape", scope + "/Reshape", List.of(value, scope + "/Concat_output_0"), scope + "/Reshape_output_0");
  }

  private void gelu(String value, String scope) {
    writer.constant(scope + "/Constant", number((float) Math.sqrt(2)));
    writer.node("Div", scope + "/Div", List.of(value, scope + "/Constant"), scope + "/Div_output_0");
    writer.node("Erf", scope + "/Erf", List.of(scope + "/Div_output_0"), scope + "/Erf_output_0");
  }

  private static Message number(float value) {
    return floats("", new float[] {value});
  }

  private void norm(String scope, String module, float eps) {
    if (!module.startsWith("bert")) {
      writer.node("LayerNormalization", scope + "/LayerNormalization", List.of(scope + "/input", module + ".weight", module + ".bias"),
          scope + "/LayerNormalization_output_0", attribute("epsilon", eps));
      return;
    }
    writer.constant(scope + "/Constant_1", number(eps));
    writer.node("Add", scope + "/Add", List.of(scope + "/variance", scope + "/Constant_1"), scope + "/Add_output_0");
    writer.node("Sqrt", scope + "/Sqrt", List.of(scope + "/Add_output_0"), scope + "/Sqrt_output_0");
    writer.node("Div", scope + "/Div", List.of(scope + "/Sub_output_0", scope + "/Sqrt_output_0"), scope + "/Div_output_0");
    writer.node("Mul", scope + "/Mul", List.of(scope + "/Div_output_0", module + ".weight"), scope + "/Mul_output_0");
    writer.node("Add", scope + "/Add_1", List.of(scope + "/Mul_output_0", module + ".bias"), scope + "/Add_1_output_0");
  }
}
