package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.Classification;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.TextClassifier;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.ZeroShotClassifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// From published folders and plain texts to answers, against the reference implementation's results.
class TextTasksTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final List<String> CLIP_TEXTS = List.of("a photo of a cat", "two dogs run", "the giraffe on the left");
  private static final List<String> SIGLIP_TEXTS = List.of("a photo of a cat", "two dogs");

  @TempDir
  private Path folder;

  private Path convert(Path source) {
    var file = folder.resolve(source.getFileName() + ".safetensors");
    Converter.convert(source, file, WeightFormat.F32);
    return file;
  }

  private Path convert(String fixture) {
    return convert(FIXTURES.resolve(fixture));
  }

  private static float[] reference(String fixture, String name) {
    try (var reference = Checkpoint.open(FIXTURES.resolve(fixture).resolve("reference.safetensors"))) {
      return reference.tensor(name).toFloats();
    }
  }

  private static double[] softmax(float[] logits, int from, int count) {
    var exp = IntStream.range(from, from + count).mapToDouble(i -> Math.exp(logits[i])).toArray();
    double sum = IntStream.range(0, count).mapToDouble(i -> exp[i]).sum();
    return IntStream.range(0, count).mapToDouble(i -> exp[i] / sum).toArray();
  }

  private static List<Classification> inOrder(List<Classification> classes) {
    return classes.stream().sorted(Comparator.comparingInt(Classification::index)).toList();
  }

  /// The first picture of the reference is the fixture's, preprocessed.
  @Test
  void clipTellsLabelsApart() {
    var expected = softmax(reference("clip-tiny", "output.logits_per_image"), 0, 3);
    var picture = Picture.read(FIXTURES.resolve("clip-tiny/image.png"));
    try (var classifier = ZeroShotClassifier.open(convert("clip-tiny"))) {
      var classes = inOrder(classifier.classify(picture, classifier.embed(CLIP_TEXTS, List.of()), 3, Progress.NONE));
      assertThat(classes).extracting(Classification::label).isEqualTo(CLIP_TEXTS);
      for (int i = 0; i < 3; i++) assertThat((double) classes.get(i).score()).isCloseTo(expected[i], within(2e-6));
    }
  }

  @Test
  void textsAreWhereTheReferencePutsThem() {
    compare("clip-tiny", CLIP_TEXTS, 24);
    compare("siglip-tiny", SIGLIP_TEXTS, 48);
  }

  private void compare(String fixture, List<String> texts, int dim) {
    var expected = reference(fixture, "output.text_embeds");
    try (var embedder = TextEmbedder.open(convert(fixture))) {
      for (int t = 0; t < texts.size(); t++) {
        var vector = embedder.embed(texts.get(t));
        assertThat(vector).hasSize(dim);
        for (int i = 0; i < dim; i++) assertThat(vector[i]).as(fixture + " " + i).isCloseTo(expected[t * dim + i], within(3e-6f));
      }
    }
  }

  @Test
  void picturesAreWhereTheReferencePutsThem() {
    var expected = reference("clip-tiny", "output.image_embeds");
    try (var embedder = PictureEmbedder.open(convert("clip-tiny"))) {
      var vector = embedder.embed(FIXTURES.resolve("clip-tiny/image.png"));
      assertThat(vector).hasSize(24);
      for (int i = 0; i < 24; i++) assertThat(vector[i]).isCloseTo(expected[i], within(3e-6f));
    }
  }

  @Test
  void bertClassifiesSentencesOfDifferentLengths() {
    var logits = reference("bert-tiny-classifier", "output.logits");
    var texts = List.of("I love you all", "two dogs run across the field");
    try (var classifier = TextClassifier.open(convert("bert-tiny-classifier"))) {
      var together = classifier.classify(texts, 2, Progress.NONE);
      for (int t = 0; t < 2; t++) {
        var expected = softmax(logits, 2 * t, 2);
        var alone = inOrder(classifier.classify(texts.get(t)));
        var inBatch = inOrder(together.get(t));
        for (int i = 0; i < 2; i++) {
          assertThat((double) inBatch.get(i).score()).isCloseTo(expected[i], within(2e-6));
          assertThat(alone.get(i).score()).isCloseTo(inBatch.get(i).score(), within(1e-6f));
        }
        assertThat(inBatch).extracting(Classification::label).containsExactly("negative", "positive");
      }
      var pair = classifier.classifyTexts(List.of(new TextClassifier.Text(texts.get(0), texts.get(1))), 2, Progress.NONE).getFirst();
      assertThat(pair).isNotEqualTo(together.get(0)).hasSize(2);
    }
  }

  /// Vocabularies that were published before `tokenizer.json` was.
  @Test
  void vocabulariesAlone() throws IOException {
    var source = Files.createDirectory(folder.resolve("old"));
    for (var name : List.of("config.json", "model.safetensors"))
      Files.copy(FIXTURES.resolve("bert-tiny-classifier").resolve(name), source.resolve(name));
    var vocab = new JsonFields("vocab", JsonFields.parse("tokenizer", Files.readString(FIXTURES.resolve("bert-tiny-classifier/tokenizer.json")))
        .object("model").object("vocab").json());
    var words = vocab.json().keySet().stream().sorted(Comparator.comparingInt(vocab::integer)).toList();
    Files.write(source.resolve("vocab.txt"), words);
    try (var old = TextClassifier.open(convert(source)); var published = TextClassifier.open(convert("bert-tiny-classifier"))) {
      assertThat(old.classify("I love you all")).isEqualTo(published.classify("I love you all"));
    }
  }

  /// Such a folder converts, and what reads texts says what is missing.
  @Test
  void aFolderWithoutATokenizer() throws IOException {
    var without = folder.resolve("without");
    Files.createDirectory(without);
    for (var name : List.of("config.json", "model.safetensors"))
      Files.copy(FIXTURES.resolve("clip-tiny").resolve(name), without.resolve(name));
    var file = convert(without);
    assertThatThrownBy(() -> ZeroShotClassifier.open(file)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("without.safetensors").hasMessageContaining("tokenizer");
  }
}
