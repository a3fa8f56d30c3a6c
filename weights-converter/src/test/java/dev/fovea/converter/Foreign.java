package dev.fovea.converter;

import dev.fovea.converter.source.Pickler;
import dev.fovea.converter.source.Source;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;

/// Tensors on their way into another published form.
final class Foreign {
  private Foreign() {}

  /// Numbers with a shape, the last dimension the fastest.
  record Array(int[] shape, float[] values) {
    static Array of(int[] shape, double... values) {
      var floats = new float[values.length];
      for (int i = 0; i < floats.length; i++) floats[i] = (float) values[i];
      return new Array(shape, floats);
    }

    static Array zeros(int... shape) {
      return new Array(shape, new float[IntStream.of(shape).reduce(1, (a, b) -> a * b)]);
    }

    Array reshaped(int... other) {
      return new Array(other, values);
    }

    /// Rows `from … to - 1`.
    Array rows(int from, int to) {
      int row = values.length / shape[0];
      var rows = shape.clone();
      rows[0] = to - from;
      return new Array(rows, Arrays.copyOfRange(values, from * row, to * row));
    }

    /// A matrix whose rows are the columns.
    Array transposed() {
      var out = zeros(shape[1], shape[0]);
      for (int i = 0; i < shape[0]; i++) for (int j = 0; j < shape[1]; j++) out.values[j * shape[0] + i] = values[i * shape[1] + j];
      return out;
    }

    /// The rows of all, one below the other.
    static Array concat(Array... parts) {
      var out = parts[0].shape.clone();
      out[0] = Arrays.stream(parts).mapToInt(part -> part.shape[0]).sum();
      var all = zeros(out);
      int at = 0;
      for (var part : parts) {
        System.arraycopy(part.values, 0, all.values, at, part.values.length);
        at += part.values.length;
      }
      return all;
    }
  }

  /// The tensors of a published folder.
  static Map<String, Array> tensors(Path folder) {
    try (var source = Source.open(folder)) {
      var tensors = new LinkedHashMap<String, Array>();
      source.tensors().forEach((name, tensor) -> {
        var array = Array.zeros(tensor.shape().stream().mapToInt(Long::intValue).toArray());
        for (int i = 0; i < array.values.length; i++) array.values[i] = tensor.floatAt(i);
        tensors.put(name, array);
      });
      return tensors;
    }
  }

  /// What `numpy.savez` writes.
  static byte[] npz(Map<String, Array> arrays) {
    var entries = new LinkedHashMap<String, byte[]>();
    arrays.forEach((name, array) -> {
      var shape = IntStream.of(array.shape).mapToObj(n -> n + ",").collect(Collectors.joining(" "));
      var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }\n";
      var out = new ByteArrayOutputStream();
      out.writeBytes("\u0093NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1));
      out.write(header.length());
      out.write(header.length() >> 8);
      out.writeBytes(header.getBytes(StandardCharsets.ISO_8859_1));
      out.writeBytes(Pickler.floats(array.values));
      entries.put(name + ".npy", out.toByteArray());
    });
    return Pickler.zip(ZipEntry.STORED, entries);
  }

  /// What a training of OpenMMLab's saves: tensors under `state_dict`, and under `meta` the names of classes and a palette.
  static byte[] openMmlab(Map<String, Array> tensors, String[] classes, int[]... palette) {
    var pickle = new Pickler().op('}').text("meta").op('}').text("CLASSES").op('(');
    for (var name : classes) pickle.text(name);
    pickle.op('t', 's').text("PALETTE").op(']', '(');
    for (var colour : palette) {
      pickle.op(']', '(');
      for (int sample : colour) pickle.integer(sample);
      pickle.op('e');
    }
    pickle.op('e', 's', 's').text("state_dict").op('}');
    var storages = new LinkedHashMap<String, byte[]>();
    tensors.forEach((name, array) -> {
      var key = Integer.toString(storages.size());
      pickle.text(name).tensor(key, array.values.length, IntStream.of(array.shape).asLongStream().toArray()).op('s');
      storages.put(key, Pickler.floats(array.values));
    });
    return Pickler.torchZip(pickle.op('s').end(), storages);
  }
}
