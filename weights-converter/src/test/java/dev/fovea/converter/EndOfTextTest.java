package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.converter.Foreign.Array;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.TextEmbedder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Where CLIP reads a text's features (ref: transformers, `modeling_clip.py`, `CLIPTextTransformer`).
class EndOfTextTest {
  private static final String CONFIG = "config.json";
  private static final List<String> TEXTS = List.of("a photo of a cat", "two dogs run", "the giraffe on the left");
  private static final int DIM = 24, CHANNELS = 40;

  @TempDir
  private Path place;

  private Path convert(PublishedFolder folder) {
    var file = place.resolve("clip.safetensors");
    Converter.convert(folder.path(), file, WeightFormat.F32);
    return file;
  }

  private float[] embed(Path file, String text) {
    try (var embedder = TextEmbedder.open(file)) {
      return embedder.embed(text);
    }
  }

  /// The reference's last hidden states at the first of the largest tokens of each text, projected.
  private static double[][] atTheLargest() {
    var vectors = new double[TEXTS.size()][DIM];
    var projection = Foreign.tensors(Renamed.FIXTURES.resolve("clip-tiny")).get("text_projection.weight").values();   // [D, C]
    try (var reference = Checkpoint.open(Renamed.FIXTURES.resolve("clip-tiny/reference.safetensors"))) {
      var ids = reference.tensor("input.input_ids");                                                                 // [T, N]
      float[] tokens = ids.toFloats(), hidden = reference.tensor("output.text_model_output.last_hidden_state").toFloats();
      int length = (int) (long) ids.shape().get(1);
      for (int t = 0; t < vectors.length; t++) {
        int at = 0;
        for (int i = 1; i < length; i++) if (tokens[t * length + i] > tokens[t * length + at]) at = i;
        double squares = 0;
        for (int d = 0; d < DIM; d++) {
          for (int c = 0; c < CHANNELS; c++)
            vectors[t][d] += projection[d * CHANNELS + c] * hidden[(t * length + at) * CHANNELS + c];
          squares += vectors[t][d] * vectors[t][d];
        }
        for (int d = 0; d < DIM; d++) vectors[t][d] /= Math.sqrt(squares);
      }
    }
    return vectors;
  }

  private void requireTheLargest(Path file) {
    var expected = atTheLargest();
    for (int t = 0; t < expected.length; t++) {
      var vector = embed(file, TEXTS.get(t));
      for (int d = 0; d < DIM; d++)
        assertThat((double) vector[d]).as(TEXTS.get(t) + " " + d).isCloseTo(expected[t][d], within(3e-6));
    }
  }

  @Test
  void twoStandsForTheLargestOfTheText() {
    requireTheLargest(convert(PublishedFolder.of("clip-tiny", place).with(CONFIG, "text_config.eos_token_id", "2")));
  }

  /// A token that was added, or a vocabulary that was filled up, has a last number that no text holds: every text was read at its
  /// beginning then, where all are alike.
  @Test
  void whateverTheVocabularyIsFilledUpTo() {
    var folder = PublishedFolder.of("clip-tiny", place).with(CONFIG, "text_config.eos_token_id", "2")
        .with(CONFIG, "text_config.vocab_size", "592");
    var name = "text_model.embeddings.token_embedding.weight";
    Renamed.ofGolden("clip-tiny").change(name, name, table -> Array.concat(table, Array.zeros(12, CHANNELS)))
        .write(folder.path().resolve("model.safetensors"));
    requireTheLargest(convert(folder));
  }

  /// The class's default is 49407, which this vocabulary does not have.
  @Test
  void withoutANumberTheDefault() {
    var folder = PublishedFolder.of("clip-tiny", place).without(CONFIG, "text_config.eos_token_id");
    assertThatThrownBy(() -> convert(folder)).isInstanceOf(CheckpointException.class)
        .hasMessage(folder.path().resolve(CONFIG) + ": eos_token_id 49407: expected one of 580 tokens");
  }
}
