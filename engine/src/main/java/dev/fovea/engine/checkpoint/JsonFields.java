package dev.fovea.engine.checkpoint;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Reads a JSON object field by field. A field that is missing or of another type is a [CheckpointException], which names the file
/// and the field. Thread-safe as long as nobody changes the object, which is not copied.
///
/// @param where name of the object in error messages
public record JsonFields(String where, JsonObject json) {
  private static final int SHOWN = 200;

  public JsonFields {
    Objects.requireNonNull(where, "where");
    Objects.requireNonNull(json, "json");
  }

  /// Parses a text.
  ///
  /// @throws CheckpointException if `text` is not a JSON object
  public static JsonFields parse(String where, String text) {
    Objects.requireNonNull(where, "where");
    Objects.requireNonNull(text, "text");
    try {
      return new JsonFields(where, JsonParser.parseString(text).getAsJsonObject());
    } catch (JsonParseException | IllegalStateException e) {
      throw new CheckpointException(where + ": expected a JSON object", e);
    }
  }

  /// Whether the field exists and is not null.
  public boolean has(String field) {
    Objects.requireNonNull(field, "field");
    return json.has(field) && !json.get(field).isJsonNull();
  }

  private JsonElement get(String field, String expected) {
    if (!has(field)) throw new CheckpointException(where + ": '" + field + "' is missing, expected " + expected);
    return json.get(field);
  }

  private CheckpointException wrong(String field, String expected) {
    var got = json.get(field).toString();
    return new CheckpointException(where + ": '" + field + "': expected " + expected + ", got "
        + (got.length() <= SHOWN ? got : got.substring(0, SHOWN) + "…"));
  }

  /// A whole number of 32 bits.
  public int integer(String field) {
    Objects.requireNonNull(field, "field");
    try {
      var number = get(field, "an integer");
      // Loading BigDecimal takes 20 ms, so short numbers of only digits are parsed without it.
      if (number.isJsonPrimitive() && isShort(number.getAsString())) return Integer.parseInt(number.getAsString());
      return number.getAsBigDecimal().intValueExact();
    } catch (IllegalStateException | NumberFormatException | ArithmeticException | UnsupportedOperationException e) {
      throw wrong(field, "an integer");
    }
  }

  private static boolean isShort(String number) {
    for (int i = 0; i < number.length(); i++) if (number.charAt(i) < '0' || number.charAt(i) > '9') return false;
    return !number.isEmpty() && number.length() < 10;
  }

  /// A whole number of 32 bits; `otherwise` if the field is missing or null.
  public int integer(String field, int otherwise) {
    Objects.requireNonNull(field, "field");
    return has(field) ? integer(field) : otherwise;
  }

  /// A number, rounded to a float.
  public float number(String field) {
    Objects.requireNonNull(field, "field");
    try {
      return get(field, "a number").getAsFloat();
    } catch (IllegalStateException | NumberFormatException | UnsupportedOperationException e) {
      throw wrong(field, "a number");
    }
  }

  /// A number, rounded to a float; `otherwise` if the field is missing or null.
  public float number(String field, float otherwise) {
    Objects.requireNonNull(field, "field");
    return has(field) ? number(field) : otherwise;
  }

  /// `true` or `false`; `otherwise` if the field is missing or null.
  public boolean bool(String field, boolean otherwise) {
    Objects.requireNonNull(field, "field");
    if (!has(field)) return otherwise;
    if (!(json.get(field) instanceof com.google.gson.JsonPrimitive p) || !p.isBoolean()) throw wrong(field, "true or false");
    return p.getAsBoolean();
  }

  /// A string.
  public String string(String field) {
    Objects.requireNonNull(field, "field");
    if (!(get(field, "a string") instanceof com.google.gson.JsonPrimitive p) || !p.isString()) throw wrong(field, "a string");
    return p.getAsString();
  }

  /// An object.
  public JsonFields object(String field) {
    Objects.requireNonNull(field, "field");
    if (!(get(field, "an object") instanceof JsonObject object)) throw wrong(field, "an object");
    return new JsonFields(where + ": " + field, object);
  }

  /// An array of numbers.
  public float[] numbers(String field) {
    Objects.requireNonNull(field, "field");
    try {
      var array = get(field, "an array of numbers").getAsJsonArray();
      var values = new float[array.size()];
      for (int i = 0; i < values.length; i++) values[i] = array.get(i).getAsFloat();
      return values;
    } catch (IllegalStateException | NumberFormatException | UnsupportedOperationException e) {
      throw wrong(field, "an array of numbers");
    }
  }

  /// An array of integers.
  public int[] integers(String field) {
    Objects.requireNonNull(field, "field");
    var values = numbers(field);
    var integers = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      if (values[i] != (int) values[i]) throw wrong(field, "an array of integers");
      integers[i] = (int) values[i];
    }
    return integers;
  }

  /// A size `[height, width]`, given as one number for both or an array of two.
  public int[] heightAndWidth(String field) {
    Objects.requireNonNull(field, "field");
    if (get(field, "an integer or two").isJsonArray()) {
      var values = integers(field);
      if (values.length != 2) throw wrong(field, "an integer or two");
      return values;
    }
    int both = integer(field);
    return new int[] {both, both};
  }

  /// An array for [#integers] or, of a height and a width, for [#heightAndWidth].
  public static JsonArray array(int... values) {
    Objects.requireNonNull(values, "values");
    var array = new JsonArray();
    for (int value : values) array.add(value);
    return array;
  }

  /// Parses an array of strings.
  ///
  /// @throws CheckpointException if `text` is not an array of strings
  public static List<String> strings(String where, String text) {
    Objects.requireNonNull(where, "where");
    Objects.requireNonNull(text, "text");
    try {
      var strings = new ArrayList<String>();
      for (var element : JsonParser.parseString(text).getAsJsonArray()) strings.add(element.getAsString());
      return List.copyOf(strings);
    } catch (JsonParseException | IllegalStateException | UnsupportedOperationException e) {
      throw new CheckpointException(where + ": expected a JSON array of strings", e);
    }
  }
}
