package dev.fovea.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.TextClassifier;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.rag.content.Content;
import dev.langchain4j.rag.content.aggregator.ReRankingContentAggregator;
import dev.langchain4j.rag.query.Query;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A small cross-encoder behind LangChain4j's scores, beside its own logits.
class FoveaScoringModelTest {
  private static final String QUERY = "how many people live in berlin";
  private static final List<String> TEXTS = List.of("berlin has many inhabitants", "the moon is cheese", "dogs run",
      "dogs run across a field in berlin", "people");

  @TempDir
  private Path folder;

  private static List<TextSegment> segments() {
    return TEXTS.stream().map(TextSegment::from).toList();
  }

  private static float[] logits(Path file) {
    try (var classifier = TextClassifier.open(file)) {
      var pairs = TEXTS.stream().map(text -> new TextClassifier.Text(QUERY, text)).toList();
      var logits = classifier.logits(pairs, Progress.NONE);
      var all = new float[TEXTS.size() * logits.getFirst().length];
      for (int i = 0; i < all.length; i++) all[i] = logits.get(i * TEXTS.size() / all.length)[i % logits.getFirst().length];
      return all;
    }
  }

  @Test
  void scoresOfOneClass() throws IOException {
    var file = CrossEncoder.write(folder, List.of("LABEL_0"));
    var logits = logits(file);
    try (var model = FoveaScoringModel.builder().file(file).batchSize(2).build();
        var raw = FoveaScoringModel.builder().classifier(TextClassifier.open(file)).normalized(false).build()) {
      var scores = model.scoreAll(segments(), QUERY).content();
      var unbounded = raw.scoreAll(segments(), QUERY).content();
      assertThat(scores).hasSize(5).doesNotHaveDuplicates();
      for (int i = 0; i < 5; i++) {
        assertThat(unbounded.get(i)).isCloseTo(logits[i], within(1e-5));
        assertThat(scores.get(i)).isCloseTo(1 / (1 + Math.exp(-logits[i])), within(1e-5));
      }
      assertThat(model.score(TEXTS.get(3), QUERY).content()).isCloseTo(scores.get(3), within(1e-6));
      // The query is the first of the pair.
      assertThat(model.score(QUERY, TEXTS.get(3)).content()).isNotCloseTo(scores.get(3), within(1e-4));
      assertThat(model.scoreAll(List.of(), QUERY).content()).isEmpty();
    }
  }

  /// LangChain4j's own way to order what was found.
  @Test
  void contentsInTheOrderOfTheirScores() throws IOException {
    var file = CrossEncoder.write(folder, List.of("LABEL_0"));
    var logits = logits(file);
    var expected = IntStream.range(0, 5).boxed().sorted(Comparator.comparingDouble(i -> -logits[i])).map(TEXTS::get).toList();
    try (var model = FoveaScoringModel.builder().file(file).build()) {
      var query = Query.from(QUERY);
      var found = ReRankingContentAggregator.builder().scoringModel(model).build()
          .aggregate(Map.of(query, List.of(TEXTS.stream().map(Content::from).toList())));
      assertThat(found).extracting(content -> content.textSegment().text()).containsExactlyElementsOf(expected);
    }
  }

  @Test
  void theProbabilityOfANamedClass() throws IOException {
    var file = CrossEncoder.write(folder, List.of("contradiction", "entailment", "neutral"));
    var logits = logits(file);
    try (var model = FoveaScoringModel.builder().file(file).label("entailment").build()) {
      var scores = model.scoreAll(segments(), QUERY).content();
      for (int i = 0; i < 5; i++) {
        double sum = Math.exp(logits[3 * i]) + Math.exp(logits[3 * i + 1]) + Math.exp(logits[3 * i + 2]);
        assertThat(scores.get(i)).isCloseTo(Math.exp(logits[3 * i + 1]) / sum, within(1e-5));
      }
    }
    assertThatThrownBy(() -> FoveaScoringModel.builder().file(file).build()).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("label: expected one of [contradiction, entailment, neutral], whose probability is the score, got none");
    assertThatThrownBy(() -> FoveaScoringModel.builder().file(file).label("yes").build())
        .hasMessage("label: expected one of [contradiction, entailment, neutral], got yes");
    assertThatThrownBy(() -> FoveaScoringModel.builder().file(file).label("neutral").normalized(false).build())
        .hasMessage("normalized: expected true for a model of several classes, got false");
  }

  @Test
  void whatIsRefused() throws IOException {
    var file = CrossEncoder.write(folder, List.of("LABEL_0"));
    var model = FoveaScoringModel.builder().file(file).build();
    assertThat(model.score("dogs ".repeat(40), QUERY).content()).isEqualTo(model.score("dogs ".repeat(90), QUERY).content())
        .isNotEqualTo(model.score("dogs", QUERY).content());
    assertThatThrownBy(() -> model.score("data:image/png;base64,iVBORw0KGgo", QUERY)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("text 1: expected words, got a picture in base64");
    assertThatThrownBy(() -> model.scoreAll(segments(), "data:image/png;base64,iVBORw0KGgo"))
        .hasMessageStartingWith("query: expected words, got a picture in base64");
    model.close();
    assertThatThrownBy(() -> model.score("dogs", QUERY)).isInstanceOf(IllegalStateException.class)
        .hasMessage(file + ": the model is closed");
    assertThatThrownBy(() -> FoveaScoringModel.builder().build()).hasMessage("expected one of file, classifier, got none");
    assertThatThrownBy(() -> FoveaScoringModel.builder().batchSize(-1)).hasMessage("batchSize: expected at least 1, got -1");
  }
}
