package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.feature.Vectors;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.PictureEmbedder.Prepared;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Vectors and patch features against the reference implementation's.
class EmbedderTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final int PATCH = 14;

  @TempDir
  private Path folder;

  private Path convert(String golden) {
    var file = folder.resolve(golden + ".safetensors");
    Converter.convert(FIXTURES.resolve(golden), file, WeightFormat.F32);
    return file;
  }

  static List<Prepared> inputs(Checkpoint reference) {
    var stored = reference.tensor("input.pixel_values");
    int count = stored.shape().get(0).intValue(), height = stored.shape().get(2).intValue(), width = stored.shape().get(3).intValue();
    var values = stored.toFloats();
    var frame = new Preprocessing.Frame(width, height, 0, 0, width, height);
    var inputs = new ArrayList<Prepared>();
    for (int i = 0; i < count; i++) {
      int size = values.length / count;
      inputs.add(new Prepared("input " + i, frame, new Preprocessing.Pixels(height, width, Arrays.copyOfRange(values, i * size, (i + 1) * size))));
    }
    return inputs;
  }

  /// The class token is the reference's pooler output; patches are what follows the class token and the registers, row by row.
  @ParameterizedTest
  @CsvSource({"dinov2-tiny, 0", "dinov2-tiny-interpolated, 0", "dinov2-tiny-swiglu, 0", "dinov2-tiny-registers, 4"})
  void featuresAreTheReferences(String golden, int registers) {
    try (var reference = Checkpoint.open(FIXTURES.resolve(golden).resolve("reference.safetensors"));
        var embedder = PictureEmbedder.open(convert(golden))) {
      var inputs = inputs(reference);
      var tokens = reference.tensor("output.last_hidden_state");
      int n = tokens.shape().get(1).intValue(), channels = tokens.shape().get(2).intValue();
      var all = tokens.toFloats();
      var cls = reference.tensor("output.pooler_output").toFloats();
      for (int i = 0; i < inputs.size(); i++) {
        var patches = embedder.patches(inputs.get(i), Progress.NONE);
        assertThat(new int[] {patches.rows(), patches.cols(), patches.channels()})
            .containsExactly(inputs.get(i).input().height() / PATCH, inputs.get(i).input().width() / PATCH, channels);
        var expected = Arrays.copyOfRange(all, (i * n + 1 + registers) * channels, (i + 1) * n * channels);
        assertThat(patches.values()).containsExactly(expected, within(2e-5f));
        var both = Arrays.copyOf(Arrays.copyOfRange(cls, i * channels, (i + 1) * channels), 2 * channels);
        for (int c = 0; c < channels; c++) {
          double sum = 0;
          for (int p = c; p < expected.length; p += channels) sum += expected[p];
          both[channels + c] = (float) (sum * channels / expected.length);
        }
        var one = List.of(inputs.get(i));
        assertThat(embedder.embedPrepared(one, Pooling.BOTH, false, Progress.NONE).getFirst()).containsExactly(both, within(2e-5f));
        assertThat(embedder.embedPrepared(one, Pooling.CLASS_TOKEN, false, Progress.NONE).getFirst())
            .containsExactly(Arrays.copyOf(both, channels), within(2e-5f));
        assertThat(embedder.embedPrepared(one, Pooling.PATCH_MEAN, false, Progress.NONE).getFirst())
            .containsExactly(Arrays.copyOfRange(both, channels, 2 * channels), within(2e-5f));
        assertThat(embedder.embedPrepared(one, Pooling.BOTH, true, Progress.NONE).getFirst()).containsExactly(Vectors.normalized(both), within(1e-5f));
      }
    }
  }

  /// In the space shared with words: what the reference calls `image_embeds`. Another pooling has to be one of the model's.
  @ParameterizedTest
  @CsvSource({"clip-tiny, 'joint, class, mean, both'", "siglip-tiny, 'joint, mean'"})
  void jointEmbeddings(String golden, String poolings) {
    try (var reference = Checkpoint.open(FIXTURES.resolve(golden).resolve("reference.safetensors"));
        var embedder = PictureEmbedder.open(convert(golden))) {
      assertThat(embedder.poolings()).hasToString("[" + poolings + "]");
      var expected = reference.tensor("output.image_embeds").toFloats();
      var found = embedder.embedPrepared(inputs(reference), Pooling.JOINT, true, Progress.NONE);
      for (int i = 0; i < found.size(); i++) {
        int dim = expected.length / found.size();
        assertThat(found.get(i)).containsExactly(Arrays.copyOfRange(expected, i * dim, (i + 1) * dim), within(1e-5f));
      }
    }
  }

  /// A ViT's features come after the final norm, from which its head computes the logits.
  @Test
  void theHeadOnAViTsClassTokenGivesItsLogits() {
    var model = convert("vit-tiny");
    try (var reference = Checkpoint.open(FIXTURES.resolve("vit-tiny/reference.safetensors")); var embedder = PictureEmbedder.open(model);
        var published = Checkpoint.open(FIXTURES.resolve("vit-tiny/model.safetensors"))) {
      var weight = published.tensor("classifier.weight").toFloats();
      var bias = published.tensor("classifier.bias").toFloats();
      var logits = reference.tensor("output.logits").toFloats();
      var cls = embedder.embedPrepared(List.of(inputs(reference).getFirst()), Pooling.CLASS_TOKEN, false, Progress.NONE).getFirst();
      for (int k = 0; k < bias.length; k++) {
        double logit = bias[k];
        for (int c = 0; c < cls.length; c++) logit += (double) weight[k * cls.length + c] * cls[c];
        assertThat(logit).isCloseTo(logits[k], within(1e-5));
      }
    }
  }
}
