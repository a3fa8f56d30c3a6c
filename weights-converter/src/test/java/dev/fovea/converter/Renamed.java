package dev.fovea.converter;

import dev.fovea.converter.Foreign.Array;
import dev.fovea.converter.source.Pickler;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// The tensors of a golden case, to be written in another form.
final class Renamed {
  static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  private final Map<String, Array> tensors = new LinkedHashMap<>();

  static Renamed of(Path file) {
    var renamed = new Renamed();
    renamed.tensors.putAll(Foreign.tensors(file));
    return renamed;
  }

  static Renamed ofGolden(String golden) {
    return of(FIXTURES.resolve(golden).resolve("model.safetensors"));
  }

  static Renamed ofReference(String golden) {
    return of(FIXTURES.resolve(golden).resolve("reference.safetensors"));
  }

  Renamed put(String name, Array values) {
    if (tensors.put(name, values) != null) throw new IllegalArgumentException(name);
    return this;
  }

  Array take(String name) {
    var values = tensors.remove(name);
    if (values == null) throw new IllegalArgumentException(name + " is none of " + tensors.keySet());
    return values;
  }

  Renamed drop(String pattern) {
    if (!tensors.keySet().removeIf(name -> name.matches(pattern))) throw new IllegalArgumentException(pattern);
    return this;
  }

  /// Changes a tensor, and its name.
  Renamed change(String from, String to, UnaryOperator<Array> change) {
    return put(to, change.apply(take(from)));
  }

  /// Replaces a part of names; each pair must find something.
  Renamed rename(String... pairs) {
    for (int i = 0; i < pairs.length; i += 2) {
      var renamed = new LinkedHashMap<String, Array>();
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
      put(matcher.replaceFirst(to), Array.concat(Arrays.stream(parts).map(part -> take(name.replace(parts[0], part))).toArray(Array[]::new)));
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
    tensors.forEach((name, array) -> writer.tensor(name, DType.F32, IntStream.of(array.shape()).asLongStream().toArray(),
        sink -> sink.write(ByteBuffer.wrap(Pickler.floats(array.values())))));
    writer.write(file);
    return file;
  }

  /// As a plain state_dict of `torch.save`, or as a TorchScript archive.
  Path writeTorch(Path file, boolean script) {
    var contents = new LinkedHashMap<String, byte[]>();
    var shapes = new LinkedHashMap<String, long[]>();
    tensors.forEach((name, array) -> {
      shapes.put(name, IntStream.of(array.shape()).asLongStream().toArray());
      contents.put(name, Pickler.floats(array.values()));
    });
    try {
      return Files.write(file, script ? Pickler.scriptZip(shapes, contents) : Pickler.stateDictZip(shapes, contents));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
