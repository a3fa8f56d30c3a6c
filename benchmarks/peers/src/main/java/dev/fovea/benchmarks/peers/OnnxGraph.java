package dev.fovea.benchmarks.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/// An ONNX model that is being written: each operation returns its result's name
/// (ref: onnx `onnx.proto`, whose field numbers these are, and `docs/Operators.md`).
final class OnnxGraph {
  private static final int FLOAT = 1, INT64 = 7;
  /// What 2024's runtimes read, with `Gelu` and `LayerNormalization` as operations.
  private static final int IR_VERSION = 9, OPSET = 20;

  /// Where ONNX Runtime keeps operations of its own.
  private static final String MICROSOFT = "com.microsoft";

  private final Proto graph = new Proto().string(2, "fovea");
  private int names;

  /// An input of float32 numbers.
  String input(String name, long... shape) {
    graph.message(11, value(name, FLOAT, shape));
    return name;
  }

  /// An input of integers, such as tokens.
  String integers(String name, long... shape) {
    graph.message(11, value(name, INT64, shape));
    return name;
  }

  /// Makes `name` an output.
  void output(String name, long... shape) {
    graph.message(12, value(name, FLOAT, shape));
  }

  private static Proto value(String name, int type, long[] shape) {
    var dims = new Proto();
    for (long d : shape) dims.message(1, new Proto().integer(1, d));
    return new Proto().string(1, name).message(2, new Proto().message(1, new Proto().integer(1, type).message(2, dims)));
  }

  /// Constant float32 numbers.
  String constant(float[] values, long... shape) {
    var raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return constant(FLOAT, raw.array(), shape);
  }

  /// A constant shape or list of indices.
  String constant(long... values) {
    var raw = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asLongBuffer().put(values);
    return constant(INT64, raw.array(), values.length);
  }

  private String constant(int type, byte[] raw, long... shape) {
    var name = "c" + names++;
    var tensor = new Proto();
    for (long d : shape) tensor.integer(1, d);
    graph.message(5, tensor.integer(2, type).string(8, name).bytes(9, raw));
    return name;
  }

  /// An attribute of an operation.
  record Attribute(Proto proto) {
    static Attribute of(String name, long value) {
      return new Attribute(new Proto().string(1, name).integer(3, value).integer(20, 2));
    }

    static Attribute of(String name, float value) {
      return new Attribute(new Proto().string(1, name).number(2, value).integer(20, 1));
    }

    static Attribute of(String name, String value) {
      return new Attribute(new Proto().string(1, name).bytes(4, value.getBytes(StandardCharsets.UTF_8)).integer(20, 3));
    }

    static Attribute of(String name, long[] values) {
      var proto = new Proto().string(1, name);
      for (long value : values) proto.integer(8, value);
      return new Attribute(proto.integer(20, 7));
    }
  }

  /// An operation with one result.
  String node(String operation, Iterable<String> inputs, Attribute... attributes) {
    return write(operation, inputs, List.of("v" + names++), attributes);
  }

  /// The second result of an operation with two.
  String second(String operation, Iterable<String> inputs, Attribute... attributes) {
    var second = "v" + names++;
    write(operation, inputs, List.of("v" + names++, second), attributes);
    return second;
  }

  private String write(String operation, Iterable<String> inputs, List<String> results, Attribute... attributes) {
    var node = new Proto();
    for (var in : inputs) node.string(1, in);
    for (var result : results) node.string(2, result);
    node.string(3, results.getFirst()).string(4, operation);
    Arrays.stream(attributes).forEach(a -> node.message(5, a.proto()));
    if (operation.equals("MultiHeadAttention")) node.string(7, MICROSOFT);
    graph.message(1, node);
    return results.getFirst();
  }

  /// The model's file.
  byte[] toBytes() {
    return new Proto().integer(1, IR_VERSION).string(2, "fovea").message(7, graph)
        .message(8, new Proto().string(1, "").integer(2, OPSET))
        .message(8, new Proto().string(1, MICROSOFT).integer(2, 1)).toBytes();
  }
}
