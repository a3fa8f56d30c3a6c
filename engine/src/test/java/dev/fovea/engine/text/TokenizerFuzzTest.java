package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A broken `tokenizer.json` ends in one clear error, and what is accepted encodes any text.
class TokenizerFuzzTest {
  private static final String TEXT = "A photo, of <pad> 2 cats\u0301 \uD83D\uDE42 [SEP] 漢字 \uD800";
  private static final List<String> VALUES = List.of("null", "true", "-1", "0", "1", "7", "1e9", "0.5", "99999999999999999999",
      "1e999999", "\"\"",
      "\"a\"", "\"▁\"", "\"(\"", "\"(a|b)*c\"", "\"Sequence\"", "\"BPE\"", "\"ByteLevel\"", "\"Metaspace\"", "\"\\ud800\"", "[]",
          "{}", "[[]]",
      "[\"a\",\"b\"]", "{\"type\":\"Fuse\"}", "{\"Regex\":\"a*\"}", "{\"String\":\"\"}", "{\"Fixed\":9}", "{\"type\":\"NFKC\"}",
      "\"a\\nb\"", "\"(\\n[\"", "\"\\u2028\\u001b[2J\"", "{\"a\\r\\nb\":1}", "{\"type\":\"N\\nF\"}", "{\"Regex\":\"(\\n\"}");

  static List<String> names() {
    return Tokenizers.names();
  }

  /// @return whether the file was accepted
  private static boolean survives(String json, String what) {
    try {
      var tokenizer = Tokenizer.read("fuzz", json.getBytes(StandardCharsets.UTF_8));
      var encoding = tokenizer.encode(TEXT);
      tokenizer.decode(encoding.ids(), false);
      tokenizer.encodeBatch(List.of("a", TEXT, ""));
      return true;
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).as(what).startsWith("fuzz: ").hasSizeLessThan(1000).doesNotContainPattern(OneLineTest.BREAK);
    } catch (TokenizerException e) {
      assertThat(e.getMessage()).as(what).isNotEmpty().doesNotContainPattern(OneLineTest.BREAK);
    } catch (Throwable e) {
      fail(what + ": " + (json.length() < 3000 ? json : json.substring(0, 3000)), e);
    }
    return false;
  }

  @ParameterizedTest
  @MethodSource("names")
  void changedValues(String name) throws Exception {
    var original = Files.readString(Tokenizers.FIXTURES.resolve(name).resolve("tokenizer.json"));
    var random = new Random(name.hashCode());
    assertThat(survives(original, name)).isTrue();
    int accepted = 0;
    for (int i = 0; i < 600; i++) {
      var json = JsonParser.parseString(original).getAsJsonObject();
      for (int n = random.nextInt(3); n >= 0; n--) mutate(json, random);
      if (survives(json.toString(), name + " " + i)) accepted++;
    }
    assertThat(accepted).isBetween(1, 599);
  }

  /// Changes, removes or adds something, in one of the objects and arrays that lie in each other.
  private static void mutate(JsonElement json, Random random) {
    var places = new ArrayList<JsonElement>();
    for (var at = json; at instanceof JsonObject || at instanceof JsonArray; ) {
      places.add(at);
      var children = at instanceof JsonObject o ? List.copyOf(o.asMap().values()) : at.getAsJsonArray().asList();
      if (children.isEmpty()) break;
      at = children.get(random.nextInt(children.size()));
    }
    var value = JsonParser.parseString(VALUES.get(random.nextInt(VALUES.size())));
    switch (places.get(random.nextInt(places.size()))) {
      case JsonObject object -> {
        var names = List.copyOf(object.keySet());
        var field = names.isEmpty() ? "type" : names.get(random.nextInt(names.size()));
        if (random.nextInt(4) == 0) object.remove(field);
        else object.add(random.nextInt(8) == 0 ? field + "x" : field, value);
      }
      case JsonArray array when array.isEmpty() -> array.add(value);
      case JsonArray array -> {
        int i = random.nextInt(array.size());
        if (random.nextInt(4) == 0) array.remove(i);
        else array.set(i, value);
      }
      case JsonElement other -> throw new AssertionError(other);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void changedCharacters(String name) throws Exception {
    var original = Files.readString(Tokenizers.FIXTURES.resolve(name).resolve("tokenizer.json"));
    var random = new Random(2);
    for (int i = 0; i < 300; i++) {
      var json = new StringBuilder(original);
      // Half of the changes meet the fields before the vocabulary.
      for (int n = random.nextInt(4); n >= 0; n--)
        json.setCharAt(random.nextInt(random.nextBoolean() ? Math.min(4000, json.length()) : json.length()),
            random.nextInt(8) == 0 ? '\n' : (char) random.nextInt(32, 127));
      survives(json.toString(), name + " " + i);
    }
    for (int n = 0; n < 200; n++)
      assertThat(survives(original.substring(0, random.nextInt(original.length())), "truncated")).isFalse();
  }

  @Test
  void whatNestsOrGrowsWithoutEnd() {
    var model = "\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0}}";
    assertThat(survives("[".repeat(100_000), "arrays")).isFalse();
    var nested = "{\"type\":\"Sequence\",\"normalizers\":[".repeat(100) + "{\"type\":\"NFC\"}" + "]}".repeat(100);
    assertThat(survives("{\"normalizer\":" + nested + "," + model + "}", "sequences")).isTrue();
    assertThat(survives("{\"normalizer\":" + nested.repeat(3) + "," + model + "}", "no JSON")).isFalse();
    var rule = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaa\"}";
    var growing = "{\"type\":\"Sequence\",\"normalizers\":[" + (rule + ",").repeat(30) + rule + "]}";
    assertThat(survives("{\"normalizer\":" + growing + "," + model + "}", "replacements")).isFalse();
    var regex = "(".repeat(50_000) + ")".repeat(50_000);
    assertThat(survives("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" + regex
        + "\"},\"behavior\":\"Isolated\",\"invert\":false}," + model + "}", "groups")).isFalse();
  }
}
