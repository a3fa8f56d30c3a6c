package dev.fovea.converter;

import dev.fovea.converter.source.Pickler;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/// The tensors of a golden case, to be written in another form.
final class Renamed {
  static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  private final Map<String, Values> tensors = new LinkedHashMap<>();

  /// A tensor in row-major order.
  record Values(long[] shape, float[] floats) {
    Values shaped(long... other) {
      return new Values(other, floats);
    }

    /// Rows `[from, to)` of the first dimension.
    Values rows(int from, int to) {
      int row = (int) (floats.length / shape[0]);
      var rows = shape.clone();
      rows[0] = to - from;
      return new Values(rows, Arrays.copyOfRange(floats, from * row, to * row));
    }

    Values transposed() {
      int rows = (int) shape[0], cols = (int) shape[1];
      var transposed = new float[floats.length];
      for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) transposed[c * rows + r] = floats[r * cols + c];
      return new Values(new long[] {cols, rows}, transposed);
    }
  }

  static Renamed of(Path file) {
    var renamed = new Renamed();
    try (var checkpoint = Checkpoint.open(file)) {
      checkpoint.tensors().forEach((name, tensor) -> renamed.put(name,
          new Values(tensor.shape().stream().mapToLong(d -> d).toArray(), tensor.toFloats())));
    }
    return renamed;
  }

  static Renamed ofGolden(String golden) {
    return of(FIXTURES.resolve(golden).resolve("model.safetensors"));
  }

  static Renamed ofReference(String golden) {
    return of(FIXTURES.resolve(golden).resolve("reference.safetensors"));
  }

  Renamed put(String name, Values values) {
    if (tensors.put(name, values) != null) throw new IllegalArgumentException(name);
    return this;
  }

  Values take(String name) {
    var values = tensors.remove(name);
    if (values == null) throw new IllegalArgumentException(name + " is none of " + tensors.keySet());
    return values;
  }

  Renamed drop(String pattern) {
    if (!tensors.keySet().removeIf(name -> name.matches(pattern))) throw new IllegalArgumentException(pattern);
    return this;
  }

  /// Changes a tensor, and its name.
  Renamed change(String from, String to, UnaryOperator<Values> change) {
    return put(to, change.apply(take(from)));
  }

  /// Replaces a part of names; each pair must find something.
  Renamed rename(String... pairs) {
    for (int i = 0; i < pairs.length; i += 2) {
      var renamed = new LinkedHashMap<String, Values>();
      for (var entry : tensors.entrySet())
        if (renamed.put(entry.getKey().replaceAll(pairs[i], pairs[i + 1]), entry.getValue()) != null)
          throw new IllegalArgumentException(pairs[i] + " gives one name twice");
      if (renamed.equals(tensors)) throw new IllegalArgumentException("no name has " + pairs[i]);
      tensors.clear();
      tensors.putAll(renamed);
    }
    return this;
  }

  /// Puts tensors one below the other wherever `pattern` finds the first of `parts` as its last group.
  Renamed fuse(String pattern, String to, String... parts) {
    for (var name : List.copyOf(tensors.keySet())) {
      var matcher = Pattern.compile(pattern.formatted(parts[0])).matcher(name);
      if (!matcher.matches()) continue;
      var all = new ArrayList<Values>();
      for (var part : parts) all.add(take(name.replace(parts[0], part)));
      int size = all.getFirst().floats.length;
      var fused = new float[parts.length * size];
      for (int i = 0; i < parts.length; i++) System.arraycopy(all.get(i).floats, 0, fused, i * size, size);
      var shape = all.getFirst().shape.clone();
      shape[0] *= parts.length;
      put(matcher.replaceFirst(to), new Values(shape, fused));
    }
    return this;
  }

  /// Writes a safetensors file and, beside it, a file of JSON.
  Path write(Path folder, String config, String json) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve(config), json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return write(folder.resolve("model.safetensors"));
  }

  Path write(Path file) {
    var writer = new CheckpointWriter();
    tensors.forEach((name, values) -> writer.tensor(name, DType.F32, values.shape,
        () -> Arena.ofAuto().allocate(4L * values.floats.length, 4).copyFrom(MemorySegment.ofArray(values.floats))));
    writer.write(file);
    return file;
  }

  /// As a plain state_dict of `torch.save`, or as a TorchScript archive.
  Path writeTorch(Path file, boolean script) {
    var contents = new LinkedHashMap<String, byte[]>();
    var shapes = new LinkedHashMap<String, long[]>();
    tensors.forEach((name, values) -> {
      shapes.put(name, values.shape);
      contents.put(name, Pickler.floats(values.floats));
    });
    try {
      return Files.write(file, script ? Pickler.scriptZip(shapes, contents) : Pickler.stateDictZip(shapes, contents));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
