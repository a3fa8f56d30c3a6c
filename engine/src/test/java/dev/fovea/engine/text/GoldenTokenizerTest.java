package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.util.ArrayList;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Ids, tokens and decoded texts of the reference implementation, all of them.
class GoldenTokenizerTest {
  @ParameterizedTest
  @MethodSource("dev.fovea.engine.text.Tokenizers#names")
  void everyEncodingIsTheReferences(String name) throws Exception {
    var tokenizer = Tokenizers.named(name);
    var json = JsonParser.parseString(Files.readString(Tokenizers.FIXTURES.resolve(name).resolve("case.json")));
    var cases = json.getAsJsonObject().getAsJsonArray("encodings");
    assertThat(cases).hasSizeGreaterThan(30);
    for (var element : cases) {
      var c = element.getAsJsonObject();
      var text = c.get("text").getAsString();
      int[] ids = integers(c.getAsJsonArray("ids"));
      if (c.has("pair")) {
        var pair = tokenizer.encode(text, c.get("pair").getAsString());
        assertThat(pair.ids()).as(text).isEqualTo(ids);
        assertThat(pair.typeIds()).as(text).isEqualTo(integers(c.getAsJsonArray("type_ids")));
        continue;
      }
      var encoding = tokenizer.encode(text);
      assertThat(encoding.tokens()).as(text).isEqualTo(strings(c.getAsJsonArray("tokens")));
      assertThat(encoding.ids()).as(text).isEqualTo(ids);
      assertThat(tokenizer.decode(ids, true)).as(text).isEqualTo(c.get("decoded").getAsString());
      assertThat(streamed(tokenizer, ids)).as(text).isEqualTo(c.get("decoded").getAsString());
    }
  }

  private static int[] integers(JsonArray array) {
    return array.asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }

  private static Iterable<String> strings(JsonArray array) {
    return array.asList().stream().map(JsonElement::getAsString).toList();
  }

  private static String streamed(Tokenizer tokenizer, int[] ids) {
    var stream = tokenizer.stream(true);
    var parts = new ArrayList<String>();
    for (int id : ids) parts.add(stream.add(id));
    parts.add(stream.finish());
    return String.join("", parts);
  }
}
