package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.feature.Vectors;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.PictureEmbedder.Prepared;
import dev.fovea.models.dinov2.Dinov2;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Small models behind the embedder of pictures, beside their own passes.
class PictureEmbedderTest {
  private static final int PATCH = 14, CHANNELS = 48;

  @TempDir
  private Path folder;

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  /// A picture of noise as the model sees it.
  private static Prepared noise(int seed, int height, int width) {
    var random = new Random(seed);
    var values = new float[3 * height * width];
    for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
    return new Prepared("noise " + seed, new Preprocessing.Frame(width, height, 0, 0, width, height),
        new Preprocessing.Pixels(height, width, values));
  }

  /// What the model itself says of a picture.
  private static float[] expected(Path file, Prepared picture, Function<PictureFeatures, Tensor> part) {
    var input = picture.input();
    return SmallModel.compute(file, Map.of("x", OpenModel.Input.of(input)),
        (model, x) -> part.apply(((EmbedsPictures) model).features(x.get("x"))).contiguous());
  }

  private static Picture black(String name, int width, int height) {
    return new Picture(name, width, height, new byte[3 * width * height]);
  }

  /// A pass of the model itself tells class token, registers and patches apart.
  @Test
  void tokensOfEveryKind() {
    try (var checkpoint = Checkpoint.open(write(SmallModel.dinov2(56, 4))); var arena = Arena.ofShared();
        var kernels = KernelProvider.auto(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.of(checkpoint, arena);
      var image = Tensor.of(arena, noise(1, 42, 2 * 84).input().values(), 2, 3, 42, 84);
      var output = workspace.run("features", image, x -> ((Dinov2) run.model()).forward(x, Probe.NONE),
          o -> List.of(o.lastHiddenState()));
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

  /// Every pooling is made of the class token and the patches, which come row by row without the registers.
  @ParameterizedTest
  @ValueSource(ints = {0, 4})
  void featuresAreTheModels(int registers) {
    var file = write(SmallModel.dinov2(42, registers));
    var picture = noise(2, 42, 56);
    try (var embedder = PictureEmbedder.open(file)) {
      var found = embedder.patches(picture, Progress.NONE);
      assertThat(new int[] {found.rows(), found.cols(), found.channels()}).containsExactly(3, 4, CHANNELS);
      var patches = expected(file, picture, PictureFeatures::patches);
      assertThat(found.values()).containsExactly(patches, within(1e-5f));
      var both = Arrays.copyOf(expected(file, picture, PictureFeatures::clsToken), 2 * CHANNELS);
      for (int c = 0; c < CHANNELS; c++)
        for (int p = c; p < patches.length; p += CHANNELS) both[CHANNELS + c] += patches[p] / 12;
      requireVector(embedder, picture, Pooling.BOTH, both);
      requireVector(embedder, picture, Pooling.CLASS_TOKEN, Arrays.copyOf(both, CHANNELS));
      requireVector(embedder, picture, Pooling.PATCH_MEAN, Arrays.copyOfRange(both, CHANNELS, 2 * CHANNELS));
    }
  }

  private static void requireVector(PictureEmbedder embedder, Prepared picture, Pooling pooling, float[] expected) {
    assertThat(embedder.embedPrepared(List.of(picture), pooling, false, Progress.NONE).getFirst()).as(pooling.toString())
        .containsExactly(expected, within(1e-5f));
    assertThat(embedder.embedPrepared(List.of(picture), pooling, true, Progress.NONE).getFirst()).as(pooling + ", of length 1")
        .containsExactly(Vectors.normalized(expected), within(1e-5f));
  }

  /// The usual vector of a picture file is that of its first pooling, of length 1, after the file's own preprocessing.
  @Test
  void aPictureFile() {
    var file = write(SmallModel.CLIP);
    var picture = Demo.SINGLES.resolve("single-00.png");
    try (var embedder = PictureEmbedder.open(file)) {
      var prepared = embedder.prepare(Picture.read(picture), 0);
      assertThat(embedder.embed(picture)).hasSize(24)
          .containsExactly(Vectors.normalized(expected(file, prepared, PictureFeatures::joint)), within(1e-5f));
      assertThat(embedder.embed(picture)).isNotEqualTo(embedder.embed(Demo.SINGLES.resolve("single-01.png")));
    }
  }

  @Test
  void poolings() {
    requirePoolings(SmallModel.CLIP, "[joint, class, mean, both]");
    requirePoolings(SmallModel.SIGLIP, "[joint, mean]");
    requirePoolings(SmallModel.VIT, "[class, mean, both]");
  }

  private void requirePoolings(SmallModel model, String poolings) {
    try (var embedder = PictureEmbedder.open(write(model))) {
      assertThat(embedder.poolings()).hasToString(poolings);
    }
  }

  @Test
  void poolingsThatAModelLacks() {
    try (var embedder = PictureEmbedder.open(write(SmallModel.DINOV2))) {
      assertThatThrownBy(() -> embedder.embed(black("black", 42, 42), Pooling.JOINT, true, Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("pooling: expected one of [class, mean, both] for this model, got joint");
    }
    var text = write(SmallModel.BERT);
    assertThatThrownBy(() -> PictureEmbedder.open(text)).isInstanceOf(CheckpointException.class)
        .hasMessage(text + ": expected a model that gives features of pictures, got family bert");
  }

  /// Each picture's vector is its own, in whichever order they are given.
  @Test
  void aBatchGivesTheSameBits() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2));
        var embedder = PictureEmbedder.of(Checkpoint.open(write(SmallModel.dinov2(70, 0))), kernels)) {
      var inputs = List.of(noise(1, 42, 56), noise(2, 42, 56), noise(3, 42, 56));
      for (var pooling : embedder.poolings()) {
        var together = embedder.embedPrepared(inputs, pooling, true, Progress.NONE);
        assertThat(together).hasSize(3).doesNotHaveDuplicates();
        for (int i = 0; i < 3; i++)
          assertThat(embedder.embedPrepared(List.of(inputs.get(i)), pooling, true, Progress.NONE).getFirst())
              .isEqualTo(together.get(i));
        var reversed = embedder.embedPrepared(inputs.reversed(), pooling, true, Progress.NONE);
        for (int i = 0; i < 3; i++) assertThat(reversed.get(2 - i)).isEqualTo(together.get(i));
      }
    }
  }

  /// A ViT's features come after the final norm, from which its head computes the logits.
  @Test
  void theHeadOnAViTsClassTokenGivesItsLogits() {
    var file = write(SmallModel.VIT);
    var picture = noise(4, 32, 32);
    try (var embedder = PictureEmbedder.open(file); var checkpoint = Checkpoint.open(file)) {
      var weight = checkpoint.tensor("head.weight").toFloats();
      var bias = checkpoint.tensor("head.bias").toFloats();
      var logits = SmallModel.compute(file, Map.of("x", new OpenModel.Input(picture.input().values(), 1, 3, 32, 32)),
          (model, x) -> ((ClassifiesPictures) model).logits(x.get("x")));
      var cls = embedder.embedPrepared(List.of(picture), Pooling.CLASS_TOKEN, false, Progress.NONE).getFirst();
      assertThat(logits).hasSize(5);
      for (int k = 0; k < 5; k++) {
        double logit = bias[k];
        for (int c = 0; c < cls.length; c++) logit += (double) weight[k * cls.length + c] * cls[c];
        assertThat(logit).isCloseTo(logits[k], within(1e-5));
      }
    }
  }

  @Test
  void sizes() {
    var picture = black("wide", 100, 50);
    try (var embedder = PictureEmbedder.open(write(SmallModel.DINOV2))) {
      var own = embedder.prepare(picture, 0).input();
      assertThat(new int[] {own.height(), own.width()}).containsExactly(42, 42);
      var wide = embedder.prepare(picture, 28);
      assertThat(new int[] {wide.input().height(), wide.input().width()}).containsExactly(28, 56);
      assertThat(embedder.patches(wide, Progress.NONE).cols()).isEqualTo(4);
      assertThatThrownBy(() -> embedder.prepare(picture, 27)).isInstanceOf(IllegalArgumentException.class)
          .hasMessage("size: expected a multiple of the patch size 14 up to 65536, got 27");
      var dot = embedder.prepare(black("dot", 13, 20), 28).input();
      assertThat(new int[] {dot.height(), dot.width()}).containsExactly(42, 28);
      assertThatThrownBy(() -> embedder.prepare(black("strip", 201, 1), 28)).isInstanceOf(ImageException.class)
          .hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
      var other = embedder.prepare(black("square", 50, 50), 28);
      assertThatThrownBy(() -> embedder.embedPrepared(List.of(wide, other), Pooling.BOTH, true, Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("square: expected an input of 56x28 as the first, got 28x28");
    }
  }

  /// A preprocessing whose result is no whole number of patches.
  @Test
  void pixelsBeyondTheLastPatch() {
    var model = new SmallModel(SmallModel.DINOV2.config(), Preprocessing.imageNet(40, 42), false, List.of());
    try (var embedder = PictureEmbedder.open(write(model))) {
      assertThatThrownBy(() -> embedder.prepare(black("black", 50, 50), 0)).isInstanceOf(ImageException.class)
          .hasMessage("black: after preprocessing: expected a height and width that are multiples of the patch size 14, got 40x42");
    }
    var siglip = new SmallModel(SmallModel.SIGLIP.config(), Preprocessing.standardBicubic(35, 33), true, List.of());
    try (var embedder = PictureEmbedder.open(write(siglip))) {
      assertThat(embedder.patches(embedder.prepare(black("black", 50, 50), 0), Progress.NONE).rows()).isEqualTo(4);
    }
  }

  /// A digit and a strip, which CLIP's resize of the shorter side makes large enough.
  @Test
  void picturesSmallerThanAPatch() {
    try (var embedder = PictureEmbedder.open(write(SmallModel.CLIP))) {
      for (int[] size : new int[][] {{5, 5}, {160, 5}, {1, 1}}) {
        assertThat(embedder.patchSize()).isGreaterThan(5);
        assertThat(embedder.embed(black("small", size[0], size[1]), embedder.poolings().getFirst(), true, Progress.NONE))
            .doesNotContain(Float.NaN);
      }
    }
  }

  @Test
  void useAfterClose() {
    var embedder = PictureEmbedder.open(write(SmallModel.DINOV2));
    embedder.close();
    embedder.close();
    assertThatThrownBy(() -> embedder.embed(black("black", 42, 42), Pooling.BOTH, true, Progress.NONE))
        .isInstanceOf(IllegalStateException.class);
  }
}
