package dev.fovea.converter.source;

import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// An operation of an ONNX graph (ref: onnx, `onnx.proto`, `NodeProto`).
///
/// @param op its operator, such as `MatMul`
/// @param domain the operator's origin; empty for ONNX's own
record OnnxNode(String name, String op, String domain, List<String> inputs, List<String> outputs,
    Map<String, Attribute> attributes) {
  /// A named value of an operation; of its forms one is set.
  record Attribute(float number, long integer, String text, List<Long> integers, @Nullable OnnxTensor tensor) {}

  /// Input `i`; empty if there is none.
  String input(int i) {
    return i < inputs.size() ? inputs.get(i) : "";
  }

  /// The first output; empty if there is none.
  String output() {
    return outputs.isEmpty() ? "" : outputs.getFirst();
  }

  long integer(String attribute, long otherwise) {
    var given = attributes.get(attribute);
    return given == null ? otherwise : given.integer;
  }

  float number(String attribute, float otherwise) {
    var given = attributes.get(attribute);
    return given == null ? otherwise : given.number;
  }

  String text(String attribute, String otherwise) {
    var given = attributes.get(attribute);
    return given == null ? otherwise : given.text;
  }

  /// For messages.
  String shown() {
    return "node '" + OnnxTensor.plain(name.isEmpty() ? output() : name) + "' (" + OnnxTensor.plain(op) + ")";
  }
}
