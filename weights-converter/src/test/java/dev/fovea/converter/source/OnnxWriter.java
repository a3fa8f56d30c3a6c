package dev.fovea.converter.source;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Writes ONNX models, field by field.
public final class OnnxWriter {
  public static final int FLOAT = 1, INT8 = 3, INT64 = 7, FLOAT16 = 10, DOUBLE = 11, BFLOAT16 = 16;

  private final Message graph = new Message();

  /// A protobuf message.
  public static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message varint(long value) {
      for (; (value & ~0x7fL) != 0; value >>>= 7) out.write((int) value & 0x7f | 0x80);
      out.write((int) value);
      return this;
    }

    public Message integer(int field, long value) {
      return varint(field << 3).varint(value);
    }

    public Message float32(int field, float value) {
      varint(field << 3 | 5);
      out.writeBytes(Pickler.floats(value));
      return this;
    }

    public Message bytes(int field, byte[] bytes) {
      varint(field << 3 | 2).varint(bytes.length);
      out.writeBytes(bytes);
      return this;
    }

    public Message text(int field, String text) {
      return bytes(field, text.getBytes(StandardCharsets.UTF_8));
    }

    public Message message(int field, Message message) {
      return bytes(field, message.bytes());
    }

    public byte[] bytes() {
      return out.toByteArray();
    }
  }

  /// Integers packed as one field's bytes.
  public static byte[] packed(long... values) {
    var packed = new Message();
    for (long value : values) packed.varint(value);
    return packed.bytes();
  }

  /// A tensor without elements.
  public static Message tensor(String name, int type, long... shape) {
    var tensor = new Message();
    for (long length : shape) tensor.integer(1, length);
    return tensor.integer(2, type).text(8, name);
  }

  public static Message floats(String name, float[] values, long... shape) {
    return tensor(name, FLOAT, shape).bytes(9, Pickler.floats(values));
  }

  /// A tensor in another file.
  public static Message external(Message tensor, Map<String, String> where) {
    where.forEach((key, value) -> tensor.message(13, new Message().text(1, key).text(2, value)));
    return tensor.integer(14, 1);
  }

  /// A shape or a number of it.
  public static Message integers(String name, long... values) {
    var bytes = new ByteArrayOutputStream();
    for (long value : values) for (int i = 0; i < Long.SIZE; i += Byte.SIZE) bytes.write((int) (value >> i) & 0xff);
    return tensor(name, INT64, values.length).bytes(9, bytes.toByteArray());
  }

  public OnnxWriter initializer(Message tensor) {
    graph.message(5, tensor);
    return this;
  }

  public OnnxWriter node(String op, String name, List<String> inputs, String output, Message... attributes) {
    return node(op, "", name, inputs, output, attributes);
  }

  public OnnxWriter node(String op, String domain, String name, List<String> inputs, String output, Message... attributes) {
    var node = new Message();
    inputs.forEach(input -> node.text(1, input));
    node.text(2, output).text(3, name).text(4, op);
    Arrays.stream(attributes).forEach(attribute -> node.message(5, attribute));
    if (!domain.isEmpty()) node.text(7, domain);
    graph.message(1, node);
    return this;
  }

  public static Message attribute(String name, long value) {
    return new Message().text(1, name).integer(3, value).integer(20, 2);
  }

  public static Message attribute(String name, float value) {
    return new Message().text(1, name).float32(2, value).integer(20, 1);
  }

  public static Message attribute(String name, String value) {
    return new Message().text(1, name).text(4, value).integer(20, 3);
  }

  public static Message attribute(String name, Message tensor) {
    return new Message().text(1, name).message(5, tensor).integer(20, 4);
  }

  /// A `Constant`, whose tensor has no name.
  public OnnxWriter constant(String output, Message tensor) {
    return node("Constant", "/" + output, List.of(), output, attribute("value", tensor));
  }

  /// The file, as PyTorch writes it.
  public byte[] model() {
    graph.text(2, "main_graph");
    return new Message().integer(1, 7).text(2, "pytorch").text(3, "2.1.0").message(7, graph).message(8, new Message().integer(2, 14))
        .bytes();
  }
}
