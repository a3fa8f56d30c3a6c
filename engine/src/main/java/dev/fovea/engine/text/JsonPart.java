package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jetbrains.annotations.Nullable;

/// An object of a `tokenizer.json`, read field by field; each error names the file and the field.
record JsonPart(JsonFields fields) {
  /// Bound on ids: more than in any published model, and few enough for an array.
  static final int MOST_IDS = 1 << 24;
  private static final int SHOWN = 60, LONGEST_MESSAGE = 400;

  static JsonPart of(String where, JsonElement json) {
    if (!(json instanceof JsonObject object)) throw new CheckpointException(where + ": expected an object, got " + shown(json));
    return new JsonPart(new JsonFields(where, object));
  }

  String where() {
    return fields.where();
  }

  boolean has(String field) {
    return fields.has(field);
  }

  /// Rejects unknown fields, because they may change the meaning of others.
  JsonPart only(String... known) {
    for (var field : fields.json().keySet())
      if (!Set.of(known).contains(field)) throw error("field '" + field + "' is not known, expected one of " + listed(known));
    return this;
  }

  String type() {
    return string("type");
  }

  CheckpointException unknownType(String... known) {
    return error("type '" + type() + "' is not known, expected one of " + listed(known));
  }

  private static String listed(String... names) {
    return String.join(", ", new TreeSet<>(List.of(names)));
  }

  /// A field whose value must be one of `names`.
  String choice(String field, String... names) {
    var value = string(field);
    if (!List.of(names).contains(value))
      throw error("'" + field + "': '" + value + "' is not known, expected one of " + listed(names));
    return value;
  }

  String string(String field) {
    return checked(field, fields.string(field));
  }

  @Nullable String string(String field, @Nullable String otherwise) {
    return has(field) ? string(field) : otherwise;
  }

  private String checked(String field, String value) {
    if (!Characters.paired(value).equals(value)) throw error("'" + field + "' holds an unpaired surrogate");
    return value;
  }

  /// A string of one code point.
  int character(String field) {
    var value = string(field);
    if (value.isEmpty() || value.length() != Character.charCount(value.codePointAt(0))) throw wrong(field, "one character");
    return value.codePointAt(0);
  }

  boolean bool(String field, boolean otherwise) {
    return fields.bool(field, otherwise);
  }

  boolean bool(String field) {
    if (!has(field)) throw error("'" + field + "' is missing, expected true or false");
    return fields.bool(field, false);
  }

  /// An integer from 0 to `most`.
  int count(String field, int most) {
    int value = fields.integer(field);
    if (value < 0 || value > most) throw wrong(field, "an integer from 0 to " + most);
    return value;
  }

  int count(String field, int most, int otherwise) {
    return has(field) ? count(field, most) : otherwise;
  }

  JsonPart object(String field) {
    return of(where() + ": " + field, element(field, "an object"));
  }

  JsonArray array(String field) {
    if (!(element(field, "an array") instanceof JsonArray array)) throw wrong(field, "an array");
    return array;
  }

  /// An array of objects.
  List<JsonPart> parts(String field) {
    var parts = new ArrayList<JsonPart>();
    for (var element : array(field)) parts.add(of(where() + ": " + field + "[" + parts.size() + "]", element));
    return parts;
  }

  /// An array of strings.
  List<String> strings(String field) {
    var strings = new ArrayList<String>();
    for (var element : array(field)) strings.add(text(element, field + "[" + strings.size() + "]"));
    return strings;
  }

  /// The string value of `element`, called `name` in errors.
  String text(JsonElement element, String name) {
    if (element instanceof com.google.gson.JsonPrimitive p && p.isString()) return checked(name, p.getAsString());
    throw error("'" + name + "': expected a string, got " + shown(element));
  }

  JsonElement element(String field, String expected) {
    if (!has(field)) throw error("'" + field + "' is missing, expected " + expected);
    return fields.json().get(field);
  }

  CheckpointException wrong(String field, String expected) {
    return error("'" + field + "': expected " + expected + ", got " + shown(fields.json().get(field)));
  }

  CheckpointException error(String message) {
    return new CheckpointException(where() + ": " + (message.length() <= LONGEST_MESSAGE ? message
        : message.substring(0, LONGEST_MESSAGE) + "…"));
  }

  private static String shown(@Nullable JsonElement json) {
    var text = String.valueOf(json);
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
  }
}
