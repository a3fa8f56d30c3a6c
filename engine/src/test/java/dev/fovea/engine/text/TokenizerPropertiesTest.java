package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.text.Normalizer.Form;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What holds for any text.
class TokenizerPropertiesTest {
  private static final String[] PARTS = {"a", "B", " ", "  ", "\n", "\t", "'s", "1", ".", "!", "<pad>", "[SEP]", "</s>", "é",
      "e\u0301", "\u0323", "İ",
      "ß", "ﬁ", "漢", "각", "\u1100\u1161\u11A8", "ｶﾞ", "🙂", "👩‍👧", "🇩🇪", "\u200B", "\u00A0", "\u0000", "\uFFFD", "\uD800",
          "\uDC00", "▁", "Ġ"};

  static List<String> names() {
    return Tokenizers.names();
  }

  private static String text(Random random) {
    var text = new StringBuilder();
    for (int n = random.nextInt(30); n > 0; n--)
      if (random.nextInt(3) > 0) text.append(PARTS[random.nextInt(PARTS.length)]);
      else text.appendCodePoint(random.nextInt(Character.MAX_CODE_POINT + 1));
    return text.toString();
  }

  @Test
  void byteLevelTokensHoldTheText() {
    var tokenizer = Tokenizers.named("tokenizer-bytelevel");
    var random = new Random(1);
    for (int i = 0; i < 3000; i++) {
      var text = Characters.paired(text(random));
      var ids = tokenizer.encode(text, false).ids();
      assertThat(tokenizer.decode(ids, false)).isEqualTo(text);
      assertThat(streamed(tokenizer, ids)).isEqualTo(text);
    }
  }

  /// Puts together what a stream hands out, of which nothing may end within a character.
  private static String streamed(Tokenizer tokenizer, int[] ids) {
    var stream = tokenizer.stream(false);
    var text = new StringBuilder();
    for (int id : ids) {
      text.append(stream.add(id));
      assertThat(text.isEmpty() || !Character.isHighSurrogate(text.charAt(text.length() - 1))).isTrue();
    }
    return text.append(stream.finish()).toString();
  }

  @ParameterizedTest
  @MethodSource("names")
  void offsetsLieInTheTextAndGrow(String name) {
    var tokenizer = Tokenizers.named(name);
    var random = new Random(2);
    for (int i = 0; i < 2000; i++) {
      var text = text(random);
      var encoding = tokenizer.encode(text);
      int last = 0;
      for (int t = 0; t < encoding.length(); t++) {
        if (encoding.specialTokensMask()[t] == 1) continue;
        int start = encoding.starts()[t], end = encoding.ends()[t];
        assertThat(start).as(text).isBetween(last, end);
        assertThat(end).as(text).isBetween(start + 1, text.length());
        last = start;
      }
      tokenizer.decode(encoding.ids(), true);
    }
  }

  @ParameterizedTest
  @EnumSource(Form.class)
  void formsAreJavasAndAligned(Form form) {
    var random = new Random(3);
    for (int i = 0; i < 3000; i++) {
      var text = Characters.paired(text(random));
      var normalized = UnicodeForm.normalize(AlignedText.of(text), form);
      assertThat(normalized.text()).isEqualTo(java.text.Normalizer.normalize(text, form));
    }
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (!Character.isDefined(c) || Character.getType(c) == Character.PRIVATE_USE || Character.getType(c) == Character.SURROGATE)
        continue;
      var text = "a" + Character.toString(c) + "\u0301ﬁ";
      assertThat(UnicodeForm.normalize(AlignedText.of(text), form).text()).isEqualTo(java.text.Normalizer.normalize(text, form));
    }
  }

  @Test
  void composedCharactersCoverWhatTheyAreMadeOf() {
    var composed = UnicodeForm.normalize(AlignedText.of("xe\u0301y"), Form.NFC);
    assertThat(composed.text()).isEqualTo("xéy");
    assertThat(new int[] {composed.start(1), composed.end(1), composed.start(2), composed.end(2)}).containsExactly(1, 3, 3, 4);
    var taken = UnicodeForm.normalize(AlignedText.of("é\u0323x"), Form.NFD);
    assertThat(taken.text()).isEqualTo("e\u0323\u0301x");
    assertThat(new int[] {taken.start(0), taken.end(0), taken.start(3)}).containsExactly(0, 2, 2);
  }

  @ParameterizedTest
  @MethodSource("names")
  void longTextsTakeNoQuadraticTime(String name) {
    var tokenizer = Tokenizers.named(name);
    for (var unit : List.of("a", " ", "A photo of a cat. ")) encodesInTime(tokenizer, unit, 1_000_000);
    for (var unit : List.of("ab", "\n", "1", "!", "Ж", "漢", "🙂", "👩‍👧", "aЖ字🙂é1 ", "\u0301\u0323", "\u200D", "<"))
      encodesInTime(tokenizer, unit, 200_000);
  }

  /// A million characters take about a second; in the square of the length it would be hours.
  private static void encodesInTime(Tokenizer tokenizer, String unit, int length) {
    var text = unit.repeat(length / unit.length());
    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> tokenizer.decode(tokenizer.encode(text).ids(), true), unit);
  }

  @Test
  void threadsShareATokenizer() throws Exception {
    var tokenizer = Tokenizers.named("tokenizer-unigram");
    var random = new Random(4);
    var texts = new ArrayList<String>();
    for (int i = 0; i < 500; i++) texts.add(text(random));
    var expected = texts.stream().map(t -> tokenizer.encode(t).ids()).toList();
    Callable<List<int[]>> work = () -> texts.stream().map(t -> tokenizer.encode(t).ids()).toList();
    try (var pool = Executors.newFixedThreadPool(4)) {
      for (var result : pool.invokeAll(List.of(work, work, work, work)))
        for (int i = 0; i < expected.size(); i++) assertThat(result.get().get(i)).isEqualTo(expected.get(i));
    }
  }
}
