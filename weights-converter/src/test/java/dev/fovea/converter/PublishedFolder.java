package dev.fovea.converter;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// A copy of a golden case's folder, to be altered.
record PublishedFolder(Path path) {
  static PublishedFolder of(String golden, Path place) {
    var original = Renamed.FIXTURES.resolve(golden);
    try (var files = Files.walk(original)) {
      var folder = Files.createDirectory(place.resolve(golden));
      for (var file : Stream.of(files.toArray(Path[]::new)).filter(Files::isRegularFile)
          .filter(file -> !file.endsWith("reference.safetensors")).toList()) {
        var copy = folder.resolve(original.relativize(file));
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
      return new PublishedFolder(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Writes a file of JSON, with ' for ".
  PublishedFolder put(String file, String json) {
    return write(file, json.replace('\'', '"'));
  }

  private PublishedFolder write(String file, String json) {
    try {
      Files.writeString(path.resolve(file), json);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  PublishedFolder delete(String file) {
    try {
      Files.delete(path.resolve(file));
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  JsonObject json(String file) {
    try {
      return JsonParser.parseString(Files.readString(path.resolve(file))).getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Takes fields out of a file; those of an object in it are called `object.field`.
  PublishedFolder without(String file, String... fields) {
    var json = json(file);
    for (var field : fields)
      if (holder(json, field).remove(name(field)) == null) throw new IllegalArgumentException(field);
    return write(file, json.toString());
  }

  PublishedFolder with(String file, String field, JsonElement value) {
    var json = json(file);
    holder(json, field).add(name(field), value);
    return write(file, json.toString());
  }

  PublishedFolder with(String file, String field, String value) {
    return with(file, field, JsonParser.parseString(value.replace('\'', '"')));
  }

  private static JsonObject holder(JsonObject json, String field) {
    return field.contains(".") ? json.getAsJsonObject(field.substring(0, field.indexOf('.'))) : json;
  }

  private static String name(String field) {
    return field.substring(field.indexOf('.') + 1);
  }
}
