package dev.fovea.converter.source;

import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Checkpoints in several files beside an index of their tensors (ref: transformers, `modeling_utils.py`,
/// `model.safetensors.index.json` and `pytorch_model.bin.index.json`).
final class Shards {
  static final String ENDING = ".index.json";
  private static final int MAX_SHARDS = 1000;
  private static final long MAX_INDEX_BYTES = 64 << 20;

  private Shards() {}

  /// @throws CheckpointException if the index is broken, names a shard that is missing or elsewhere, or contradicts the shards
  static Source open(Path index) {
    var shardOf = weightMap(index);
    var shards = new ArrayList<Source>();
    try {
      for (var file : shards(index, shardOf)) shards.add(Source.openFile(file));
      return join(index, shardOf, shards);
    } catch (RuntimeException | InternalError e) {
      shards.forEach(Source::close);
      throw e;
    }
  }

  /// The index and the shards that it names.
  ///
  /// @throws CheckpointException if the index is broken, or names a shard that is missing or elsewhere
  static List<Path> files(Path index) {
    return Stream.concat(Stream.of(index), shards(index, weightMap(index)).stream()).toList();
  }

  private static List<Path> shards(Path index, Map<String, String> shardOf) {
    return names(index, shardOf).stream().map(name -> shard(index, name)).toList();
  }

  /// The names of the shards, whether they exist or not.
  ///
  /// @throws CheckpointException if the index is broken, or names a shard elsewhere
  static List<String> names(Path index) {
    return names(index, weightMap(index));
  }

  /// A shard must be beside its index: a name that leads elsewhere is an attack or a mistake.
  private static List<String> names(Path index, Map<String, String> shardOf) {
    var names = shardOf.values().stream().distinct().toList();
    if (names.size() > MAX_SHARDS)
      throw new CheckpointException(index + ": expected at most " + MAX_SHARDS + " shards, got " + names.size());
    for (var name : names)
      if (!isPlain(name))
        throw new CheckpointException(index + ": expected names of shards in its own folder, got '"
            + name.replaceAll("\\p{Cntrl}", "?") + "'");
    return names;
  }

  /// Whether a name is that of a file in the same folder, on every system.
  static boolean isPlain(String name) {
    return !name.isBlank() && !name.startsWith(".") && name.matches("[^/\\\\:\\p{Cntrl}]+");
  }

  private static Map<String, String> weightMap(Path index) {
    var map = new LinkedHashMap<String, String>();
    var fields = JsonFields.parse(index.toString(), text(index)).object("weight_map");
    fields.json().asMap().forEach((tensor, shard) -> {
      if (!(shard instanceof JsonPrimitive p) || !p.isString())
        throw new CheckpointException(fields.where() + ": '" + tensor + "': expected a file's name");
      Source.requirePlain(index.toString(), tensor);
      map.put(tensor, p.getAsString());
    });
    return map;
  }

  private static String text(Path index) {
    try {
      long size = Files.size(index);
      if (size > MAX_INDEX_BYTES)
        throw new CheckpointException(index + ": expected an index of at most " + MAX_INDEX_BYTES + " bytes, got " + size);
      return Files.readString(index);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(index + ": no such file", e);
    } catch (IOException e) {
      throw new CheckpointException(index + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static Path shard(Path index, String name) {
    var file = index.resolveSibling(name);
    if (!Files.isRegularFile(file)) throw new CheckpointException(index + ": the shard '" + name + "' is missing");
    return file;
  }

  private static Source join(Path index, Map<String, String> shardOf, List<Source> shards) {
    var tensors = new LinkedHashMap<String, SourceTensor>();
    var holder = new LinkedHashMap<String, String>();
    var leftOut = new ArrayList<String>();
    var files = new ArrayList<OpenFile>();
    for (var shard : shards) {
      shard.tensors().forEach((name, tensor) -> {
        var other = holder.put(name, shard.name());
        if (other != null) throw new CheckpointException(shard.name() + ": tensor '" + name + "' is also in " + other);
        tensors.put(name, tensor);
      });
      leftOut.addAll(shard.leftOut());
      files.addAll(shard.files());
    }
    shardOf.forEach((name, shard) -> {
      var got = holder.get(name);
      if (got == null || !Path.of(got).endsWith(shard))
        throw new CheckpointException(index + ": tensor '" + name + "' should be in '" + shard + "', but is "
            + (got == null ? "missing" : "in " + got));
    });
    return new Source(index.toString(), tensors, leftOut, files);
  }
}
