package dev.fovea.cli;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.function.Function;

/// Writes all JSON. JSON has no numbers for NaN and infinities: they are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, so
/// that any parser reads the output and no value is lost.
final class Json {
  /// In one line.
  static final Gson LINE = builder().create();
  /// Over several lines, names in lower case with underscores.
  static final Gson PRETTY = builder().setPrettyPrinting().setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
      .create();

  private Json() {}

  private static GsonBuilder builder() {
    var doubles = new Numbers<>(Double::valueOf);
    var floats = new Numbers<>(Float::valueOf);
    return new GsonBuilder().disableHtmlEscaping().registerTypeAdapter(double.class, doubles)
        .registerTypeAdapter(Double.class, doubles)
        .registerTypeAdapter(float.class, floats).registerTypeAdapter(Float.class, floats);
  }

  /// Numbers of a type with values that JSON lacks.
  private static final class Numbers<N extends Number> extends TypeAdapter<N> {
    private final Function<String, N> read;

    Numbers(Function<String, N> read) {
      this.read = read;
    }

    @Override
    public void write(JsonWriter out, N number) throws IOException {
      if (number == null) out.nullValue();
      else if (Double.isFinite(number.doubleValue())) out.value(number);
      else out.value(number.toString());
    }

    @Override
    public N read(JsonReader in) throws IOException {
      return read.apply(in.nextString());
    }
  }
}
