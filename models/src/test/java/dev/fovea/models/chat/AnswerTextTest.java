package dev.fovea.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Text that arrives token by token: characters, stop strings and ends, wherever tokens are cut.
class AnswerTextTest {
  private static final Path DEMO = Path.of("src/test/resources/demo-vlm");
  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz .,!?\n";

  /// Two ways to say any byte as a token: the alphabet of byte-level BPE, and byte tokens beside letters.
  enum Bytes {
    LEVEL {
      @Override
      Tokenizer tokenizer() {
        return Tokenizer.open(DEMO);
      }

      @Override
      int id(Tokenizer tokenizer, int value) {
        boolean itself = value > ' ' && value < 0x7f || value >= 0xa1 && value != 0xad;
        if (itself) return tokenizer.id(String.valueOf((char) value));
        int n = 0;
        for (int b = 0; b < value; b++) if (!(b > ' ' && b < 0x7f || b >= 0xa1 && b != 0xad)) n++;
        return tokenizer.id(String.valueOf((char) (256 + n)));
      }
    },
    FALLBACK {
      @Override
      Tokenizer tokenizer() {
        var vocab = new StringBuilder("\"<unk>\": 0");
        for (int b = 0; b < 256; b++) vocab.append(String.format(", \"<0x%02X>\": %d", b, 1 + b));
        for (int i = 0; i < LETTERS.length(); i++)
          vocab.append(String.format(", \"%s\": %d", LETTERS.charAt(i) == ' ' ? "▁" : LETTERS.charAt(i) == '\n' ? "\\n"
              : LETTERS.charAt(i), 257 + i));
        return Tokenizer.read("fallback", """
            {"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
               {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab": {%s}, "merges": []}}"""
            .formatted(vocab).getBytes(StandardCharsets.UTF_8));
      }

      @Override
      int id(Tokenizer tokenizer, int value) {
        int letter = LETTERS.indexOf(value);
        return letter >= 0 ? 257 + letter : 1 + value;
      }
    };

    abstract Tokenizer tokenizer();

    abstract int id(Tokenizer tokenizer, int value);

    int[] ids(Tokenizer tokenizer, byte[] utf8) {
      return IntStream.range(0, utf8.length).map(i -> id(tokenizer, utf8[i] & 0xff)).toArray();
    }
  }

  private static AnswerText.Limits stops(String... stops) {
    return new AnswerText.Limits(Set.of(), List.of(stops), 10_000);
  }

  private static String all(AnswerText answer, int... ids) {
    var text = new StringBuilder();
    for (int id : ids) {
      if (answer.end() != null) break;
      text.append(answer.add(id));
    }
    return text.append(answer.end(EndReason.CANCELLED)).toString();
  }

  /// One token a byte: each character comes as soon as its last byte does, and none before.
  @ParameterizedTest
  @EnumSource
  void charactersComeWhole(Bytes bytes) {
    var tokenizer = bytes.tokenizer();
    for (var text : List.of("größe ∑ 星 🌟 e\u0301 👩‍👩‍👧", "星星星星星星星星星星星星", "🌟", "\uFFFD!", "aß")) {
      var answer = new AnswerText(tokenizer, stops());
      var utf8 = text.getBytes(StandardCharsets.UTF_8);
      var ids = bytes.ids(tokenizer, utf8);
      var said = new StringBuilder();
      for (int i = 0; i < ids.length; i++) {
        said.append(answer.add(ids[i]));
        boolean complete = i + 1 == utf8.length || (utf8[i + 1] & 0xc0) != 0x80;
        assertThat(text).startsWith(said);
        // A replacement character of the text itself could be an unfinished one.
        if (complete && !text.contains("\uFFFD"))
          assertThat(said.toString()).isEqualTo(new String(utf8, 0, i + 1, StandardCharsets.UTF_8));
      }
      said.append(answer.end(EndReason.CANCELLED));
      assertThat(said.toString()).isEqualTo(text);
    }
  }

  @ParameterizedTest
  @EnumSource
  void brokenBytesBecomeReplacementsOnlyOnceTheyAreBroken(Bytes bytes) {
    var tokenizer = bytes.tokenizer();
    for (var broken : List.of(new byte[] {(byte) 0xe2, (byte) 0x82}, new byte[] {(byte) 0xff}, new byte[] {(byte) 0xf0,
        (byte) 0x9f},
        new byte[] {(byte) 0x80})) {
      var ids = bytes.ids(tokenizer, broken);
      var atEnd = new AnswerText(tokenizer, stops());
      for (int id : ids) assertThat(atEnd.add(id)).isEmpty();
      assertThat(atEnd.end(EndReason.TOKEN_LIMIT)).matches("\uFFFD+");
      assertThat(atEnd.end()).isEqualTo(EndReason.TOKEN_LIMIT);
      var inside = new AnswerText(tokenizer, stops());
      assertThat(all(inside, concat(bytes.ids(tokenizer, "ab".getBytes()), ids, bytes.ids(tokenizer, "cd".getBytes()))))
          .matches("ab\uFFFD+cd");
    }
    var random = new Random(4);
    for (int run = 0; run < 300; run++) {
      var noise = new byte[random.nextInt(60)];
      random.nextBytes(noise);
      all(new AnswerText(tokenizer, stops("ab", "\uFFFD\uFFFD\uFFFD\uFFFD")), bytes.ids(tokenizer, noise));
    }
  }

  private static int[] concat(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  /// Every text cut in two or three at every place, and into single characters, ends the same.
  @Test
  void stopStringsMaySpanPieces() {
    for (var text : List.of("one two\n\nUser: three", "xUseUser:y", "aaab", "User", "ababac", "no stop", "abcd", "Us", ""))
      for (var stops : List.of(List.of("\n\n"), List.of("User:"), List.of("aab"), List.of("abac"), List.of("bc", "abcd"),
          List.of("abcd", "cd", "d"), List.<String>of(), List.of("\nUser", "\n\n"))) {
        var whole = said(stops, text);
        assertThat(whole).as("%s %s", stops, text).isEqualTo(expected(stops, text));
        for (int i = 0; i <= text.length(); i++)
          for (int j = i; j <= text.length(); j++)
            assertThat(said(stops, text.substring(0, i), text.substring(i, j), text.substring(j))).isEqualTo(whole);
        assertThat(said(stops, text.split(""))).isEqualTo(whole);
      }
  }

  private static String said(List<String> stops, String... pieces) {
    var matcher = new StopStrings(stops);
    var text = new StringBuilder();
    for (var piece : pieces) text.append(matcher.add(piece));
    return text + matcher.finish() + (matcher.isStopped() ? "|" : "");
  }

  private static String expected(List<String> stops, String text) {
    for (int end = 1; end <= text.length(); end++) {
      int length = 0;
      for (var stop : stops) if (text.substring(0, end).endsWith(stop)) length = Math.max(length, stop.length());
      if (length > 0) return text.substring(0, end - length) + "|";
    }
    return text;
  }

  @Test
  void whatCannotBeAStopIsReleasedAtOnce() {
    var stops = new StopStrings(List.of("User:", "\n\n"));
    assertThat(stops.add("a Us")).isEqualTo("a ");
    assertThat(stops.add("e")).isEmpty();
    assertThat(stops.add("ful\n")).isEqualTo("Useful");
    assertThat(stops.add("x")).isEqualTo("\nx");
    assertThat(stops.add("User:")).isEmpty();
    assertThat(stops.isStopped()).isTrue();
    assertThat(stops.add("more")).isEmpty();
    assertThat(stops.finish()).isEmpty();
    assertThatThrownBy(() -> new StopStrings(List.of("a", ""))).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new AnswerText.Limits(Set.of(), List.of(""), 1)).isInstanceOf(IllegalArgumentException.class);
  }

  /// The stop lies across tokens of one byte each, beside characters of several.
  @ParameterizedTest
  @EnumSource
  void aStopEndsAnAnswerOfTokens(Bytes bytes) {
    var tokenizer = bytes.tokenizer();
    var answer = new AnswerText(tokenizer, stops("星。"));
    assertThat(all(answer, bytes.ids(tokenizer, "ein 星 und 星。mehr".getBytes(StandardCharsets.UTF_8)))).isEqualTo("ein 星 und ");
    assertThat(answer.end()).isEqualTo(EndReason.STOP_STRING);
    // The last character completes the stop only when nothing follows.
    var late = new AnswerText(tokenizer, stops("\uFFFD"));
    assertThat(all(late, bytes.ids(tokenizer, new byte[] {'a', (byte) 0xe2}))).isEqualTo("a");
    assertThat(late.end()).isEqualTo(EndReason.STOP_STRING);
  }

  @Test
  void answersEnd() {
    var tokenizer = Tokenizer.open(DEMO);
    var ended = new AnswerText(tokenizer, new AnswerText.Limits(Set.of(1), List.of("zzz"), 10), true);
    var text = new ArrayList<String>();
    for (int id : new int[] {380, 21, 1}) text.add(ended.add(id));
    assertThat(text).containsExactly("four", ".", "");
    assertThat(ended.end()).isEqualTo(EndReason.END_TOKEN);
    assertThat(ended.tokens()).isEqualTo(3);
    assertThatThrownBy(() -> ended.add(2)).isInstanceOf(IllegalStateException.class).hasMessage("the answer has ended: end token");
    assertThat(ended.end(EndReason.CANCELLED)).isEmpty();
    assertThat(ended.end()).isEqualTo(EndReason.END_TOKEN);

    var limited = new AnswerText(tokenizer, new AnswerText.Limits(Set.of(1), List.of(".."), 2));
    assertThat(limited.add(380)).isEqualTo(" four");
    assertThat(limited.add(21)).isEqualTo(".");
    assertThat(limited.end()).isEqualTo(EndReason.TOKEN_LIMIT);
    assertThatThrownBy(() -> new AnswerText.Limits(Set.of(), List.of(), 0)).isInstanceOf(IllegalArgumentException.class);
  }

  /// The demo's marks are special tokens, and yet text; its padding is none.
  @Test
  void marksOfGroundedAnswersAreText() {
    var answer = new AnswerText(Tokenizer.open(DEMO), new AnswerText.Limits(Set.of(1), List.of(), 100), true);
    var text = all(answer, 228, 4, 325, 320, 228, 5, 2, 3, 228, 6, 228, 388, 228, 388, 228, 424, 228, 424, 228, 7, 1);
    assertThat(text).isEqualTo("<ref> orange square </ref> <det> 50 50 80 80 </det>");
  }

  @ParameterizedTest
  @ValueSource(strings = {" four", "  four", "four", ""})
  void oneFirstSpaceIsDropped(String text) {
    var tokenizer = Bytes.LEVEL.tokenizer();
    var answer = new AnswerText(tokenizer, stops(), true);
    assertThat(all(answer, Bytes.LEVEL.ids(tokenizer, text.getBytes()))).isEqualTo(text.startsWith(" ") ? text.substring(1) : text);
  }
}
