package dev.fovea.converter.source;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// Writes pickles step by step, and the files of `torch.save` around them.
public final class Pickler {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  public Pickler() {
    op(0x80, 2);
  }

  public Pickler op(int... bytes) {
    for (int b : bytes) out.write(b);
    return this;
  }

  Pickler ascii(String text) {
    out.writeBytes(text.getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  public Pickler text(String text) {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    return op('X').number(4, bytes.length).ascii(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  Pickler number(int bytes, long value) {
    for (int i = 0; i < bytes; i++) op((int) (value >> 8 * i) & 0xff);
    return this;
  }

  public Pickler integer(long value) {
    return op(0x8a, 8).number(8, value);
  }

  Pickler tuple(long... values) {
    op('(');
    for (long value : values) integer(value);
    return op('t');
  }

  Pickler global(String module, String name) {
    return ascii("c" + module + "\n" + name + "\n");
  }

  /// A tensor of float32 by its row-major shape, in a storage of its own.
  public Pickler tensor(String key, long numel, long... shape) {
    var strides = new long[shape.length];
    long stride = 1;
    for (int d = shape.length - 1; d >= 0; stride *= shape[d--]) strides[d] = stride;
    return view("FloatStorage", key, numel, 0, shape, strides);
  }

  Pickler view(String type, String key, long numel, long offset, long[] shape, long[] strides) {
    global("torch._utils", "_rebuild_tensor_v2").op('(', '(').text("storage").global("torch",
        type).text(key).text("cpu").integer(numel).op('t', 'Q');
    integer(offset).tuple(shape).tuple(strides).op(0x89).global("collections", "OrderedDict").op(')', 'R', 't', 'R');
    return this;
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  public byte[] end() {
    return op('.').bytes();
  }

  static byte[] floats(ByteOrder order, float... values) {
    var buffer = ByteBuffer.allocate(4 * values.length).order(order);
    for (float value : values) buffer.putFloat(value);
    return buffer.array();
  }

  public static byte[] floats(float... values) {
    return floats(ByteOrder.LITTLE_ENDIAN, values);
  }

  /// A file of `torch.save`, with these storages by key.
  public static byte[] torchZip(byte[] pickle, Map<String, byte[]> storages) {
    var entries = new LinkedHashMap<String, byte[]>();
    entries.put("archive/data.pkl", pickle);
    storages.forEach((key, bytes) -> entries.put("archive/data/" + key, bytes));
    return zip(ZipEntry.STORED, entries);
  }

  /// A file of `torch.save` that holds a state_dict of float32 tensors by name.
  public static byte[] stateDictZip(Map<String, long[]> shapes, Map<String, byte[]> contents) {
    var pickle = new Pickler().global("collections", "OrderedDict").op(')', 'R', '(');
    var names = List.copyOf(contents.keySet());
    for (int i = 0; i < names.size(); i++)
      pickle.text(names.get(i)).tensor("" + i, contents.get(names.get(i)).length / 4, shapes.get(names.get(i)));
    return torchZip(pickle.op('u').end(), numbered(contents));
  }

  /// A TorchScript archive whose modules have these float32 tensors, by their paths.
  public static byte[] scriptZip(Map<String, long[]> shapes, Map<String, byte[]> contents) {
    var pickle = new Pickler();
    pickle.module("", List.copyOf(contents.keySet()), shapes, contents);
    var entries = new LinkedHashMap<String, byte[]>();
    entries.put("archive/constants.pkl", new Pickler().op(')').end());
    entries.put("archive/code/__torch__/clip/model.py", "import os\nos.system('exit')\n".getBytes(StandardCharsets.US_ASCII));
    entries.put("archive/data.pkl", pickle.end());
    numbered(contents).forEach((key, bytes) -> entries.put("archive/data/" + key, bytes));
    return zip(ZipEntry.STORED, entries);
  }

  private static Map<String, byte[]> numbered(Map<String, byte[]> contents) {
    var numbered = new LinkedHashMap<String, byte[]>();
    contents.values().forEach(bytes -> numbered.put("" + numbered.size(), bytes));
    return numbered;
  }

  /// A module with its flags and tensors, and the modules in it.
  private void module(String path, List<String> names, Map<String, long[]> shapes, Map<String, byte[]> contents) {
    global("__torch__.clip.model.___torch_mangle_" + out.size(), "Module").op(')', 0x81, '}', '(');
    text("training").op(0x89).text("_is_full_backward_hook").op('N');
    var below = new LinkedHashSet<String>();
    for (int i = 0; i < names.size(); i++) {
      if (!names.get(i).startsWith(path)) continue;
      var rest = names.get(i).substring(path.length());
      if (rest.contains(".")) below.add(rest.substring(0, rest.indexOf('.')));
      else text(rest).tensor("" + i, contents.get(names.get(i)).length / 4, shapes.get(names.get(i)));
    }
    for (var name : below) text(name).module(path + name + ".", names, shapes, contents);
    op('u', 'b');
  }

  public static byte[] zip(int method, Map<String, byte[]> entries) {
    var bytes = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(bytes)) {
      zip.setMethod(method);
      for (var each : entries.entrySet()) {
        var entry = new ZipEntry(each.getKey());
        var crc = new CRC32();
        crc.update(each.getValue());
        entry.setSize(each.getValue().length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(each.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /// A file as PyTorch wrote it before 1.6; storages of float32.
  static byte[] stream(byte[] pickle, Map<String, byte[]> storages) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(new Pickler().op(0x8a, 10).ascii(new StringBuilder(new String(new BigInteger("1950a86a20f9469cfc6c",
        16).toByteArray(),
        StandardCharsets.ISO_8859_1)).reverse().toString()).end());
    out.writeBytes(new Pickler().integer(1001).end());
    out.writeBytes(new Pickler().op('}').text("little_endian").op(0x88, 's').end());
    out.writeBytes(pickle);
    var keys = new Pickler().op(']', '(');
    storages.keySet().forEach(keys::text);
    out.writeBytes(keys.op('e').end());
    storages.values().forEach(bytes -> {
      out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length / 4).array());
      out.writeBytes(bytes);
    });
    return out.toByteArray();
  }
}
