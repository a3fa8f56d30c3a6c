package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.feature.Vectors;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import dev.fovea.models.PictureEmbedder.Prepared;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import dev.fovea.models.Verification;
import dev.fovea.models.dinov2.Dinov2;
import java.lang.foreign.Arena;
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
      inputs.add(new Prepared("input " + i, frame, new Preprocessing.Input(height, width, Arrays.copyOfRange(values, i * size, (i + 1) * size))));
    }
    return inputs;
  }

  /// A pass of the model itself tells class token, registers and patches apart.
  @Test
  void tokensOfEveryKind() {
    try (var checkpoint = Checkpoint.open(convert("dinov2-tiny-registers"));
        var reference = Checkpoint.open(FIXTURES.resolve("dinov2-tiny-registers/reference.safetensors")); var arena = Arena.ofShared();
        var kernels = KernelProvider.auto(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.of(checkpoint, arena);
      var image = new Verification(run.model(), reference).inputs(arena).get(Model.PIXEL_VALUES);
      var output = workspace.run("features", image, x -> ((Dinov2) run.model()).forward(x, Probe.NONE), o -> List.of(o.lastHiddenState()));
      int patches = output.rows() * output.cols(), channels = output.lastHiddenState().dim(2);
      assertThat(output.rows()).isEqualTo(image.dim(2) / PATCH);
      assertThat(output.cols()).isEqualTo(image.dim(3) / PATCH);
      assertThat(output.registerTokens().shape()).containsExactly(image.dim(0), 4, channels);
      assertThat(output.patchTokens().shape()).containsExactly(image.dim(0), patches, channels);
      assertThat(output.registerTokens().get(0, 0, 0)).isEqualTo(output.lastHiddenState().get(0, 1, 0));
      assertThat(output.patchTokens().get(0, 0, 0)).isEqualTo(output.lastHiddenState().get(0, 5, 0));
      assertThat(output.clsToken().get(0, 0)).isEqualTo(output.lastHiddenState().get(0, 0, 0));
    }
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
        assertThat(embedder.embed(one, Pooling.BOTH, false, Progress.NONE).getFirst()).containsExactly(both, within(2e-5f));
        assertThat(embedder.embed(one, Pooling.CLASS_TOKEN, false, Progress.NONE).getFirst())
            .containsExactly(Arrays.copyOf(both, channels), within(2e-5f));
        assertThat(embedder.embed(one, Pooling.PATCH_MEAN, false, Progress.NONE).getFirst())
            .containsExactly(Arrays.copyOfRange(both, channels, 2 * channels), within(2e-5f));
        assertThat(embedder.embed(one, Pooling.BOTH, true, Progress.NONE).getFirst()).containsExactly(Vectors.normalized(both), within(1e-5f));
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
      var found = embedder.embed(inputs(reference), Pooling.JOINT, true, Progress.NONE);
      for (int i = 0; i < found.size(); i++) {
        int dim = expected.length / found.size();
        assertThat(found.get(i)).containsExactly(Arrays.copyOfRange(expected, i * dim, (i + 1) * dim), within(1e-5f));
      }
    }
  }

  @Test
  void poolingsThatAModelLacks() {
    try (var embedder = PictureEmbedder.open(convert("dinov2-tiny"))) {
      var picture = new Picture("black", 42, 42, new byte[3 * 42 * 42]);
      assertThatThrownBy(() -> embedder.embed(picture, Pooling.JOINT, true, Progress.NONE)).isInstanceOf(IllegalArgumentException.class)
          .hasMessage("pooling: expected one of [class, mean, both] for this model, got joint");
    }
    var text = convert("bert-tiny-classifier");
    assertThatThrownBy(() -> PictureEmbedder.open(text)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("expected a model that gives features of pictures, got family bert");
  }

  @Test
  void aBatchGivesTheSameBits() {
    try (var reference = Checkpoint.open(FIXTURES.resolve("dinov2-tiny-interpolated/reference.safetensors")); var kernels = KernelProvider.VECTOR.open(Workers.threads(2));
        var embedder = PictureEmbedder.of(Checkpoint.open(convert("dinov2-tiny-interpolated")), kernels)) {
      var inputs = inputs(reference);
      for (var pooling : embedder.poolings()) {
        var together = embedder.embed(inputs, pooling, true, Progress.NONE);
        assertThat(together).hasSize(2);
        for (int i = 0; i < 2; i++) assertThat(embedder.embed(List.of(inputs.get(i)), pooling, true, Progress.NONE).getFirst()).isEqualTo(together.get(i));
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
      var cls = embedder.embed(List.of(inputs(reference).getFirst()), Pooling.CLASS_TOKEN, false, Progress.NONE).getFirst();
      for (int k = 0; k < bias.length; k++) {
        double logit = bias[k];
        for (int c = 0; c < cls.length; c++) logit += (double) weight[k * cls.length + c] * cls[c];
        assertThat(logit).isCloseTo(logits[k], within(1e-5));
      }
    }
  }

  @Test
  void sizes() {
    var picture = new Picture("wide", 100, 50, new byte[15000]);
    try (var embedder = PictureEmbedder.open(convert("dinov2-tiny"))) {
      var own = embedder.prepare(picture, 0).input();
      assertThat(new int[] {own.height(), own.width()}).containsExactly(42, 42);
      var wide = embedder.prepare(picture, 28);
      assertThat(new int[] {wide.input().height(), wide.input().width()}).containsExactly(28, 56);
      assertThat(embedder.patches(wide, Progress.NONE).cols()).isEqualTo(4);
      assertThatThrownBy(() -> embedder.prepare(picture, 27)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("patch size 14").hasMessageEndingWith("got 27");
      var dot = embedder.prepare(new Picture("dot", 13, 20, new byte[780]), 28).input();
      assertThat(new int[] {dot.height(), dot.width()}).containsExactly(42, 28);
      assertThatThrownBy(() -> embedder.prepare(new Picture("strip", 201, 1, new byte[603]), 28)).isInstanceOf(ImageException.class)
          .hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
      var other = embedder.prepare(new Picture("square", 50, 50, new byte[7500]), 28);
      assertThatThrownBy(() -> embedder.embed(List.of(wide, other), Pooling.BOTH, true, Progress.NONE)).isInstanceOf(IllegalArgumentException.class)
          .hasMessage("square: expected an input of 56x28 as the first, got 28x28");
    }
  }

  /// A digit and a strip, which CLIP's resize of the shorter side makes large enough.
  @Test
  void picturesSmallerThanAPatch() {
    try (var embedder = PictureEmbedder.open(convert("clip-tiny"))) {
      for (int[] size : new int[][] {{5, 5}, {160, 5}, {1, 1}}) {
        var picture = new Picture("small", size[0], size[1], new byte[3 * size[0] * size[1]]);
        assertThat(embedder.patchSize()).isGreaterThan(5);
        assertThat(embedder.embed(picture, embedder.poolings().getFirst(), true, Progress.NONE)).doesNotContain(Float.NaN);
      }
    }
  }

  @Test
  void useAfterClose() {
    var embedder = PictureEmbedder.open(convert("dinov2-tiny"));
    embedder.close();
    embedder.close();
    var picture = new Picture("black", 42, 42, new byte[3 * 42 * 42]);
    assertThatThrownBy(() -> embedder.embed(picture, Pooling.BOTH, true, Progress.NONE)).isInstanceOf(IllegalStateException.class);
  }
}
