package dev.fovea.converter.source;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Reads the graph of an ONNX model (ref: onnx, `onnx.proto`; the numbers are those of its fields). Graphs within operations, such
/// as the branches of `If`, are passed over. Elements are not read, and the numbers of things and of letters are limited, so memory
/// use is.
final class OnnxParser {
  private static final int MAX_THINGS = 1 << 20;
  private static final int MAX_TEXT = 1 << 10;
  private static final long MAX_TEXTS = 64 << 20;

  private final String file;
  private int things;
  private long texts;

  /// A graph as it is written.
  record Graph(List<OnnxNode> nodes, List<OnnxTensor> initializers) {}

  private OnnxParser(String file) {
    this.file = file;
  }

  /// @throws CheckpointException if the bytes are no ONNX model, or break a rule of the format
  static Graph read(String file, MemorySegment bytes) {
    return new OnnxParser(file).model(new ProtobufFields(file, bytes));
  }

  private Graph model(ProtobufFields fields) {
    Graph graph = null;
    while (fields.next()) {
      if (fields.field() != 7) continue;
      if (graph != null) throw broken("expected one graph, got two");
      graph = graph(fields.message());
    }
    if (graph == null) throw broken("is no ONNX model: there is no graph in it");
    return graph;
  }

  private Graph graph(ProtobufFields fields) {
    var nodes = new ArrayList<OnnxNode>();
    var initializers = new ArrayList<OnnxTensor>();
    while (fields.next()) {
      switch (fields.field()) {
        case 1 -> nodes.add(node(fields.message()));
        case 5 -> initializers.add(tensor(fields.message()));
        case 15 -> throw broken("sparse initializers are not supported");
        default -> {}
      }
    }
    return new Graph(nodes, initializers);
  }

  private OnnxNode node(ProtobufFields fields) {
    count();
    String name = "", op = "", domain = "";
    var inputs = new ArrayList<String>();
    var outputs = new ArrayList<String>();
    var attributes = new HashMap<String, OnnxNode.Attribute>();
    while (fields.next()) {
      switch (fields.field()) {
        case 1 -> inputs.add(text(fields));
        case 2 -> outputs.add(text(fields));
        case 3 -> name = text(fields);
        case 4 -> op = text(fields);
        case 5 -> attribute(fields.message(), attributes);
        case 7 -> domain = text(fields);
        default -> {}
      }
    }
    return new OnnxNode(name, op, domain, List.copyOf(inputs), List.copyOf(outputs), Map.copyOf(attributes));
  }

  private void attribute(ProtobufFields fields, Map<String, OnnxNode.Attribute> attributes) {
    count();
    String name = "", text = "";
    float number = 0;
    long integer = 0;
    OnnxTensor tensor = null;
    var integers = new ArrayList<Long>();
    while (fields.next()) {
      switch (fields.field()) {
        case 1 -> name = text(fields);
        case 2 -> number = fields.float32();
        case 3 -> integer = fields.integer();
        case 4 -> text = fields.length() > MAX_TEXT ? "" : text(fields);
        case 5 -> tensor = tensor(fields.message());
        case 8 -> integers(fields, integers);
        default -> {}
      }
    }
    attributes.put(name, new OnnxNode.Attribute(number, integer, text, List.copyOf(integers), tensor));
  }

  private OnnxTensor tensor(ProtobufFields fields) {
    count();
    var name = "";
    int type = 0;
    boolean elsewhere = false;
    MemorySegment raw = null;
    OnnxTensor.Packed packed = null;
    var shape = new ArrayList<Long>();
    var external = new LinkedHashMap<String, String>();
    while (fields.next()) {
      switch (fields.field()) {
        case 1 -> integers(fields, shape);
        case 2 -> type = Math.clamp(fields.integer(), -1, Short.MAX_VALUE);
        case 3 -> throw broken("tensors in segments are not supported");
        case OnnxTensor.FLOATS, OnnxTensor.INTEGERS, OnnxTensor.LONGS, OnnxTensor.DOUBLES -> packed = packed(fields, packed);
        case 8 -> name = text(fields);
        case 9 -> raw = fields.bytes();
        case 13 -> entry(fields.message(), external);
        case 14 -> elsewhere = fields.integer() == 1;
        default -> {}
      }
    }
    if (elsewhere && external.isEmpty()) external.put("", "");
    if (raw != null && packed != null)
      throw broken("tensor '" + OnnxTensor.plain(name) + "': expected its elements in one form, got two");
    return new OnnxTensor(file, name, type, List.copyOf(shape), raw, packed, elsewhere ? Map.copyOf(external) : Map.of());
  }

  private OnnxTensor.Packed packed(ProtobufFields fields, OnnxTensor.@Nullable Packed before) {
    if (before != null || !fields.isBytes()) throw broken("expected a tensor's elements in one piece");
    return new OnnxTensor.Packed(fields.field(), fields.bytes());
  }

  private void entry(ProtobufFields fields, Map<String, String> entries) {
    count();
    String key = "", value = "";
    while (fields.next()) {
      if (fields.field() == 1) key = text(fields);
      else if (fields.field() == 2) value = text(fields);
    }
    entries.put(key, value);
  }

  /// Repeated integers, each a field of its own or all packed in one.
  private void integers(ProtobufFields fields, List<Long> integers) {
    if (!fields.isBytes()) {
      count();
      integers.add(fields.integer());
      return;
    }
    var packed = fields.message();
    while (packed.hasPacked()) {
      count();
      integers.add(packed.packed());
    }
  }

  private String text(ProtobufFields fields) {
    count();
    texts += fields.length();
    if (texts > MAX_TEXTS) throw broken("expected names of at most " + MAX_TEXTS + " bytes together");
    return fields.text(MAX_TEXT);
  }

  private void count() {
    if (++things > MAX_THINGS) throw broken("expected a graph of at most " + MAX_THINGS + " nodes, names and numbers");
  }

  private CheckpointException broken(String why) {
    return new CheckpointException(file + ": " + why);
  }
}
