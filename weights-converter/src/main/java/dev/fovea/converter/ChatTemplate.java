package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The published template that makes a text of the turns of a conversation (ref: transformers, `tokenization_utils_base.py`,
/// `processing_utils.py`, which look in these files in this order).
final class ChatTemplate {
  /// The file with nothing but the template.
  static final String FILE = "chat_template.jinja";
  /// The file with the template as a field, which former releases write.
  static final String JSON = "chat_template.json";
  private static final List<String> BESIDE = List.of(JSON, "processor_config.json", "tokenizer_config.json");
  private static final String FIELD = "chat_template";

  private ChatTemplate() {}

  /// The text of the folder's template, as published; null if it has none.
  ///
  /// @throws CheckpointException if a file cannot be read
  static @Nullable String in(Path folder) {
    var file = folder.resolve(FILE);
    if (Files.exists(file)) {
      try {
        return Files.readString(file);
      } catch (IOException e) {
        throw new CheckpointException(file + ": cannot be read: " + e.getMessage(), e);
      }
    }
    for (var name : BESIDE) {
      var beside = folder.resolve(name);
      var template = Files.exists(beside) ? of(Recognition.json(beside)) : null;
      if (template != null) return template;
    }
    return null;
  }

  /// A template, or that called `default` of several.
  private static @Nullable String of(JsonFields json) {
    return switch (json.json().get(FIELD)) {
      case JsonPrimitive text when text.isString() -> text.getAsString();
      case JsonArray named -> {
        for (JsonElement each : named)
          if (each instanceof JsonObject template && template.get("name") instanceof JsonPrimitive name
              && name.getAsString().equals("default") && template.get("template") instanceof JsonPrimitive text)
            yield text.getAsString();
        yield null;
      }
      case null, default -> null;
    };
  }
}
