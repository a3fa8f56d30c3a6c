package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.models.DetectionOptions.Suppression;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What boxes and logits made by hand mean.
class PhraseDecodingTest {
  /// Of BERT's kind.
  static final List<String> WORDS = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", "?", "a", "red", "car", "##s", "cat", "dog",
      "two");
  private static final int MAX_TOKENS = 20;
  /// Logits of 0.9, 0.5, 0.3, 0.23 and nearly nothing.
  private static final float SURE = 2.2f, HALF = 0, LITTLE = -0.85f, LESS = -1.2f, NO = -6;

  static Tokenizer tokenizer() {
    var vocabulary = IntStream.range(0, WORDS.size()).mapToObj(i -> "\"" + WORDS.get(i) + "\": " + i)
        .collect(Collectors.joining(", "));
    var special = List.of("CLS", "SEP").stream().map(name -> "\"[%s]\": {\"id\": \"[%s]\", \"ids\": [%d], \"tokens\": [\"[%s]\"]}"
        .formatted(name, name, WORDS.indexOf("[" + name + "]"), name)).collect(Collectors.joining(", "));
    return Tokenizer.read("words", """
        {"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
          "lowercase": true},
         "pre_tokenizer": {"type": "BertPreTokenizer"},
         "post_processor": {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
           "special_tokens": {%s}},
         "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
           "vocab": {%s}}}""".formatted(special, vocabulary).getBytes());
  }

  private static PhraseDecoding decoding(DetectionPrompt prompt, int maxTokens) {
    return new PhraseDecoding(prompt, tokenizer().encode(prompt.text()), tokenizer(), maxTokens);
  }

  private static PhraseDecoding decoding(String text) {
    return decoding(DetectionPrompt.of(text), MAX_TOKENS);
  }

  /// The detections of a picture of 100 × 50 whose boxes stand side by side, one for each row of logits.
  private static List<Detection> detections(PhraseDecoding decoding, DetectionOptions options, float[]... logits) {
    int tokens = decoding.encoding().length();
    var all = new float[logits.length * tokens];
    var boxes = new float[4 * logits.length];
    for (int q = 0; q < logits.length; q++) {
      assertThat(logits[q]).hasSize(tokens);
      System.arraycopy(logits[q], 0, all, q * tokens, tokens);
      System.arraycopy(new float[] {(q + 0.5f) / logits.length, 0.5f, 1f / logits.length, 0.5f}, 0, boxes, 4 * q, 4);
    }
    return decoding.detections(all, boxes, 100, 50, options);
  }

  /// The only detection with the default options.
  private static Detection detection(PhraseDecoding decoding, float... logits) {
    return detections(decoding, DetectionOptions.DEFAULT, logits).getFirst();
  }

  @Test
  void aBoxHasItsBestLabelAndAllWordsThatFit() {
    // [CLS] a red car . a cat . [SEP]
    var decoding = decoding("a red car. a cat.");
    assertThat(decoding.labels()).containsExactly("a red car", "a cat");
    var found = detection(decoding, NO, HALF, HALF, SURE, NO, NO, LITTLE, NO, NO);
    assertThat(found).returns("a red car", Detection::label).returns("a red car cat", Detection::phrase);
    assertThat(found.score()).isEqualTo((float) (1 / (1 + Math.exp(-SURE))));
    assertThat(found.box()).isEqualTo(new Box(0, 12.5f, 100, 37.5f));
    found = detection(decoding, NO, LITTLE, LESS, NO, NO, LESS, SURE, NO, NO);
    assertThat(found).returns("a cat", Detection::label).returns("a cat", Detection::phrase);
    assertThat(detection(decoding, NO, LESS, NO, NO, NO, NO, SURE, NO, NO).phrase()).isEqualTo("cat");
  }

  /// A full stop or the end can be above the threshold, and be the best.
  @Test
  void specialTokensAreDecodedAndHaveNoLabel() {
    var decoding = decoding("a red car. a cat.");
    assertThat(detection(decoding, NO, NO, HALF, HALF, SURE, NO, HALF, NO, HALF))
        .returns("a red car", Detection::label).returns("red car. cat [SEP]", Detection::phrase);
    assertThat(detection(decoding, SURE, NO, NO, NO, NO, NO, LITTLE, NO, NO).score()).isGreaterThan(0.8f);
    assertThat(detection(decoding, SURE, NO, NO, NO, NO, NO, LITTLE, NO, NO))
        .as("the first token counts for the score only").returns("a cat", Detection::label).returns("cat", Detection::phrase);
    assertThat(detection(decoding, SURE, NO, NO, NO, NO, NO, NO, NO, NO).phrase()).isEmpty();
  }

  /// The reference pads logits to the longest text, and leaves out its last place.
  @Test
  void theLastPlaceOfTheLongestTextIsLeftOut() {
    var prompt = DetectionPrompt.of("a cat.");
    assertThat(detection(decoding(prompt, 6), NO, HALF, SURE, NO, HALF).phrase()).isEqualTo("a cat [SEP]");
    assertThat(detection(decoding(prompt, 5), NO, HALF, SURE, NO, HALF).phrase()).isEqualTo("a cat");
  }

  /// As the caller wrote them, though the model reads lower case and does not know all.
  @Test
  void labelsAreTheCallersWords() {
    assertThat(decoding("  A  Red\nCAR. Two cats?고양이 ").labels()).containsExactly("A Red CAR", "Two cats", "고양이");
    var unknown = decoding("고양이. cat");
    assertThat(detection(unknown, NO, SURE, NO, LITTLE, NO, NO)).returns("고양이", Detection::label)
        .returns("[UNK] cat", Detection::phrase);
    assertThat(decoding("İstanbul. CAT").labels()).as("longer in lower case").containsExactly("i̇stanbul", "cat");
    assertThat(decoding("cat. cat. dog.").labels()).containsExactly("cat", "dog");
    assertThat(detection(decoding("cat. cat."), NO, NO, NO, SURE, NO, NO)).returns("cat", Detection::label);
    assertThat(detection(decoding("two cars"), NO, LESS, HALF, SURE, NO, NO).phrase()).isEqualTo("cars");
  }

  @Test
  void labelsOfAListStayWhole() {
    var decoding = decoding(DetectionPrompt.labels(List.of("Red CAR", " a cat a dog", "İ", "red car")), MAX_TOKENS);
    assertThat(decoding.labels()).containsExactly("Red CAR", "a cat a dog", "İ", "red car");
    // [CLS] red car . a cat a dog . İ . red car . [SEP]
    var dog = new float[15];
    Arrays.fill(dog, NO);
    dog[7] = SURE;
    assertThat(detection(decoding, dog)).returns("a cat a dog", Detection::label).returns("dog", Detection::phrase);
    dog[12] = 2 * SURE;
    assertThat(detection(decoding, dog).label()).isEqualTo("red car");
  }

  @Test
  void aTextWithoutTokens() {
    assertThatThrownBy(() -> decoding("\u200b")).isInstanceOf(TokenizerException.class)
        .hasMessage("text '\u200b.': expected at least one word that has a token");
  }

  @Test
  void thresholdsAreExceeded() {
    var decoding = decoding("cat");
    float[] half = {NO, HALF, NO, NO}, none = {NO, NO, NO, NO}, padded = {NO, SURE, Float.NEGATIVE_INFINITY, NO};
    var options = DetectionOptions.DEFAULT.withTextThreshold(0.5f);
    assertThat(detections(decoding, options.withBoxThreshold(0.5f), half, none)).isEmpty();
    assertThat(detections(decoding, options.withBoxThreshold(0.499f), half, none)).singleElement()
        .returns("", Detection::phrase).returns("cat", Detection::label);
    assertThat(detections(decoding, options.withBoxThreshold(0), half, none, padded)).hasSize(3);
    assertThat(detections(decoding, options.withBoxThreshold(1), half, new float[] {99, 99, 99, 99})).isEmpty();
    assertThat(detections(decoding, options.withTextThreshold(0), padded)).singleElement()
        .returns("cat [SEP]", Detection::phrase);
    assertThat(detections(decoding, options, new float[] {Float.NaN, Float.NaN, Float.NaN, Float.NaN})).isEmpty();
  }

  @Test
  void theMostCertainComesFirst() {
    var found = detections(decoding("cat"), DetectionOptions.DEFAULT, new float[] {NO, HALF, NO, NO},
        new float[] {NO, SURE, NO, NO}, new float[] {NO, HALF, NO, NO});
    assertThat(found).extracting(detection -> Math.round(detection.box().x0())).containsExactly(33, 0, 67);
  }

  /// Of two boxes of cats and one of a dog around one thing, and another cat.
  @ParameterizedTest
  @EnumSource
  void suppression(Suppression suppression) {
    float[] logits = {NO, HALF, NO, LITTLE, NO, NO, NO, SURE, NO, NO, NO, NO, NO, NO, NO, 1, NO, NO, NO, HALF, NO, NO, NO, NO};
    float[] boxes = {0.5f, 0.5f, 0.2f, 0.2f, 0.5f, 0.5f, 0.2f, 0.21f, 0.51f, 0.5f, 0.2f, 0.2f, 0.2f, 0.5f, 0.2f, 0.2f};
    var options = DetectionOptions.DEFAULT.withSuppression(suppression);
    var found = decoding("cat. dog.").detections(logits, boxes, 100, 50, options);
    assertThat(found).extracting(Detection::label).containsExactly(switch (suppression) {
      case NONE -> new String[] {"cat", "dog", "cat", "cat"};
      case BY_LABEL -> new String[] {"cat", "dog", "cat"};
      case AGNOSTIC -> new String[] {"cat", "cat"};
    });
    assertThat(found.getLast().box().x0()).isLessThan(20);
    var strict = options.withSuppressionIou(1);
    assertThat(decoding("cat. dog.").detections(logits, boxes, 100, 50, strict)).hasSize(4);
  }
}
