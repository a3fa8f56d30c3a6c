package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.clip.ClipConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Small models of pictures and words behind the embedder of texts, beside their own passes.
class TextEmbedderTest {
  private static final List<String> TEXTS = List.of("a photo of a cat", "two dogs run", "the giraffe on the left", "");

  @TempDir
  private Path folder;

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  /// The vector of tokens that the test finds itself.
  private static float[] expected(Path file, float[] ids) {
    return SmallModel.compute(file, Map.of("ids", new OpenModel.Input(ids, 1, ids.length),
        "mask", new OpenModel.Input(new float[ids.length], 1, ids.length)),
        (model, x) -> ((JoinsPicturesAndText) model).textEmbeds(x.get("ids"), x.get("mask")));
  }

  private static void requireVector(float[] found, float[] expected, String text) {
    assertThat(found).as(text).containsExactly(expected, within(1e-6f));
    double squares = 0;
    for (float x : found) squares += x * x;
    assertThat(squares).as(text).isCloseTo(1, within(1e-5));
  }

  /// CLIP reads a text's tokens and no more.
  @Test
  void clipsVectorsAreTheModels() {
    var file = write(SmallModel.CLIP);
    try (var embedder = TextEmbedder.open(file)) {
      for (var text : TEXTS) requireVector(embedder.embed(text), expected(file, SmallModel.tokens(text)), text);
      assertThat(TEXTS.stream().map(text -> Arrays.toString(embedder.embed(text)))).doesNotHaveDuplicates();
      assertThat(embedder.embed("two dogs run")).isNotEqualTo(embedder.embed("run two dogs"));
    }
  }

  /// SigLIP reads a text that is filled up to the length it was trained with.
  @Test
  void siglipsVectorsAreThoseOfFilledTexts() {
    var file = write(SmallModel.SIGLIP);
    try (var embedder = TextEmbedder.open(file)) {
      for (var text : TEXTS) {
        var tokens = SmallModel.tokens(text);
        requireVector(embedder.embed(text), expected(file, Arrays.copyOf(tokens, 16)), text);
        assertThat(embedder.embed(text)).as(text).isNotEqualTo(expected(file, tokens));
      }
    }
  }

  /// Texts are a batch: their mean is that of the vectors that each has alone.
  @Test
  void theMeanOfTextsOfDifferentLengths() {
    try (var embedder = TextEmbedder.open(write(SmallModel.CLIP))) {
      var sums = new double[24];
      for (var text : TEXTS) {
        var vector = embedder.embed(text);
        for (int i = 0; i < 24; i++) sums[i] += vector[i];
      }
      double length = Math.sqrt(Arrays.stream(sums).map(x -> x * x).sum());
      var mean = embedder.mean(TEXTS, Progress.NONE);
      for (int i = 0; i < 24; i++) assertThat((double) mean[i]).isCloseTo(sums[i] / length, within(1e-6));
    }
  }

  @Test
  void textsThatAreTooLong() {
    try (var embedder = TextEmbedder.open(write(SmallModel.SIGLIP))) {
      assertThatThrownBy(() -> embedder.embed("a cat ".repeat(60))).isInstanceOf(TokenizerException.class)
          .hasMessage("text 'a cat a cat a cat a cat a cat a cat a…': expected at most 16 tokens, got 122");
      assertThat(embedder.embed("a cat ".repeat(7))).hasSize(48);
    }
  }

  /// Where the model reads a text's features at a token that the tokenizer does not give.
  @Test
  void aTokenThatIsNotThereIsAnError() {
    try (var embedder = TextEmbedder.open(write(SmallModel.clip(SmallModel.MASK)))) {
      assertThatThrownBy(() -> embedder.embed("two dogs run")).isInstanceOf(TokenizerException.class)
          .hasMessage("text 'two dogs run': expected token 4, which the model takes for a text's end, and the tokenizer gives none;"
              + " is the model's eos_token_id the tokenizer's?");
    }
  }

  @Test
  void filesThatCannotDoIt() {
    requireRefusal(SmallModel.DINOV2, "expected %s, got family dinov2");
    requireRefusal(SmallModel.CLIP.withoutTokenizer(), "holds no tokenizer: there is no tensor 'tokenizer.json'");
    var clip = (ClipConfig) SmallModel.CLIP.config();
    var picturesAlone = new ClipConfig(clip.vision(), null, clip.eosTokenId(), 24);
    requireRefusal(new SmallModel(picturesAlone, SmallModel.CLIP.preprocessing(), false, List.of()),
        "expected %s, got family clip without an encoder of words");
    var bert = write(SmallModel.BERT);
    assertThatThrownBy(() -> ZeroShotClassifier.open(bert)).isInstanceOf(CheckpointException.class)
        .hasMessage(bert + ": expected a model of pictures and words, got family bert");
  }

  @Test
  void settingsForAnotherKindOfModel() {
    var pooled = new TextSettings(TextPooling.MEAN, true, "");
    try (var clip = TextEmbedder.open(write(SmallModel.CLIP))) {
      assertThat(clip.settings()).isEqualTo(new TextSettings(null, true, ""));
      assertThat(clip.dimension()).isEqualTo(24);
      assertThatThrownBy(() -> clip.embed(TEXTS, pooled, Progress.NONE)).isInstanceOf(IllegalArgumentException.class)
          .hasMessage("settings: expected no pooling for this model, got mean");
      assertThatThrownBy(() -> clip.embed(TEXTS, clip.settings().withNormalized(false), Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("length 1");
      var prompted = clip.embed(List.of("dogs run"), clip.settings().withPrompt("two "), Progress.NONE).getFirst();
      assertThat(prompted).isEqualTo(clip.embed("two dogs run"));
    }
    try (var bert = TextEmbedder.open(write(SmallModel.BERT))) {
      assertThatThrownBy(() -> bert.embed(TEXTS, new TextSettings(null, true, ""), Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("settings: expected a pooling for this model, got null");
      assertThat(bert.embed(TEXTS)).hasSize(TEXTS.size()).allSatisfy(vector -> assertThat(vector).hasSize(bert.dimension()));
    }
  }

  /// Programs sometimes pass a picture to the wrong method.
  @Test
  void aPictureInBase64IsNoText() {
    var jpeg = "/9j/" + "4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJ".repeat(3);
    try (var embedder = TextEmbedder.open(write(SmallModel.BERT))) {
      for (var picture : List.of(jpeg, " data:image/png;base64,AAAA", "iVBORw0KGgo" + "A".repeat(60)))
        assertThatThrownBy(() -> embedder.embed(List.of("a cat", picture))).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("texts: expected words, got a picture in base64, '" + picture.substring(0, 16))
            .hasMessageEndingWith("PictureEmbedder embeds pictures");
      assertThat(embedder.embed(List.of("/9j/ is how a JPEG begins", "data:image/png", "R0lGOD"))).hasSize(3);
    }
  }

  private void requireRefusal(SmallModel model, String why) {
    var file = write(model);
    assertThatThrownBy(() -> TextEmbedder.open(file)).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": " + why.formatted("a text encoder or a model of pictures and words"));
    assertThatThrownBy(() -> ZeroShotClassifier.open(file)).isInstanceOf(CheckpointException.class)
        .hasMessage(file + ": " + why.formatted("a model of pictures and words"));
  }

  /// A picture embedder's own texts: one open model, closed once.
  @Test
  void besideAnEmbedderOfPictures() {
    var file = write(SmallModel.CLIP);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var pictures = PictureEmbedder.of(Checkpoint.open(file), kernels);
      var texts = pictures.texts();
      requireVector(texts.embed("two dogs run"), expected(file, SmallModel.tokens("two dogs run")), "two dogs run");
      pictures.close();
      texts.close();
      assertThatThrownBy(() -> texts.embed("two dogs run")).isInstanceOf(IllegalStateException.class)
          .hasMessage(file + ": the model is closed");
    }
  }
}
