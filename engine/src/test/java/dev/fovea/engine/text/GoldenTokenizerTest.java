package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Ids, tokens and decoded texts of the reference implementation, all of them.
class GoldenTokenizerTest {
  record Case(String text, int[] ids, List<String> tokens, String decoded) {}

  @ParameterizedTest
  @MethodSource("dev.fovea.engine.text.Tokenizers#names")
  void everyEncodingIsTheReferences(String name) throws Exception {
    var tokenizer = Tokenizers.named(name);
    var json = JsonParser.parseString(Files.readString(Tokenizers.FIXTURES.resolve(name).resolve("case.json")));
    var cases = new Gson().fromJson(json.getAsJsonObject().get("encodings"), Case[].class);
    assertThat(cases).hasSizeGreaterThan(30);
    for (var c : cases) {
      var encoding = tokenizer.encode(c.text);
      assertThat(encoding.tokens()).as(c.text).isEqualTo(c.tokens);
      assertThat(encoding.ids()).as(c.text).isEqualTo(c.ids);
      assertThat(tokenizer.decode(c.ids, true)).as(c.text).isEqualTo(c.decoded);
      assertThat(streamed(tokenizer, c.ids)).as(c.text).isEqualTo(c.decoded);
    }
  }

  private static String streamed(Tokenizer tokenizer, int[] ids) {
    var stream = tokenizer.stream(true);
    var parts = new ArrayList<String>();
    for (int id : ids) parts.add(stream.add(id));
    parts.add(stream.finish());
    return String.join("", parts);
  }
}
