package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is read from a reference, and how far a model is said to be from it. A model of no family is verified in [OwnModelTest].
class VerificationTest {
  private static final float[] TOKENS = {2, 21, 10, 19, 3, 0, 0, 2, 5, 18, 16, 5, 8, 3};
  private static final float[] REAL = {1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1};

  @TempDir
  private Path folder;
  private final Map<String, OpenModel.Input> given = new LinkedHashMap<>();

  private VerificationTest with(String name, float[] values, int... shape) {
    given.put(name, new OpenModel.Input(values, shape));
    return this;
  }

  private List<Comparison> compare(Path model) {
    var writer = new CheckpointWriter();
    given.forEach((name, tensor) -> {
      var shape = new long[tensor.shape().length];
      for (int i = 0; i < shape.length; i++) shape[i] = tensor.shape()[i];
      writer.tensor(name, DType.F32, shape, () -> Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, tensor.values()));
    });
    writer.write(reference());
    try (var checkpoint = Checkpoint.open(model); var reference = Checkpoint.open(reference()); var arena = Arena.ofShared();
        var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      return new Verification(LoadedModel.of(checkpoint, arena).model(), reference).compare(kernels);
    }
  }

  private Path reference() {
    return folder.resolve("reference.safetensors");
  }

  private void requireError(Path model, String message) {
    assertThatThrownBy(() -> compare(model)).isInstanceOf(CheckpointException.class).hasMessage(reference() + ": " + message);
  }

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  /// The logits of two texts by BERT itself, where padding is `-∞` and all tokens are of the first type.
  private static float[] logits(Path file, float[] mask) {
    return SmallModel.compute(file, Map.of("ids", new OpenModel.Input(TOKENS, 2, 7), "mask", new OpenModel.Input(mask, 2, 7),
        "types", new OpenModel.Input(new float[14], 2, 7)),
        (model, x) -> ((ClassifiesText) model).logits(x.get("ids"), x.get("mask"), x.get("types")));
  }

  private static float[] added(float[] mask) {
    var added = new float[mask.length];
    for (int i = 0; i < mask.length; i++) if (mask[i] == 0) added[i] = Float.NEGATIVE_INFINITY;
    return added;
  }

  /// A reference's mask says 1 for a token and 0 for padding; types that are not there are of the first text.
  @Test
  void masksAndTypes() {
    var file = write(SmallModel.BERT);
    var logits = logits(file, added(REAL));
    with("input.input_ids", TOKENS, 2, 7).with("input.attention_mask", REAL, 2, 7).with("output.logits", logits, 2, 2);
    assertThat(compare(file)).singleElement().satisfies(c -> {
      assertThat(c.name()).isEqualTo("logits");
      assertThat(c.shape()).containsExactly(2, 2);
      assertThat(c.maxError()).isZero();
      double largest = 0;
      for (float logit : logits) largest = Math.max(largest, Math.abs(logit));
      assertThat(c.maxAbs()).isEqualTo(largest);
    });
    with("input.token_type_ids", new float[14], 2, 7);
    assertThat(compare(file).getFirst().maxError()).isZero();
    var second = new float[14];
    second[4] = 1;
    with("input.token_type_ids", second, 2, 7);
    assertThat(compare(file).getFirst().maxError()).isGreaterThan(1e-4);
  }

  /// Without a mask every token counts.
  @Test
  void aMaskThatIsNotThere() {
    var file = write(SmallModel.BERT);
    with("input.input_ids", TOKENS, 2, 7).with("output.logits", logits(file, new float[14]), 2, 2);
    assertThat(compare(file).getFirst().maxError()).isZero();
    with("input.attention_mask", REAL, 2, 7);
    assertThat(compare(file).getFirst().maxError()).isGreaterThan(1e-4);
  }

  @Test
  void numbersThatAreNoTokensAndNoMask() {
    var file = write(SmallModel.BERT);
    with("output.logits", new float[4], 2, 2).with("input.attention_mask", REAL, 2, 7);
    for (float wrong : new float[] {23, -1, 2.5f, Float.NaN}) {
      var tokens = TOKENS.clone();
      tokens[9] = wrong;
      with("input.input_ids", tokens, 2, 7);
      requireError(file, "'input.input_ids': expected tokens from 0 to 22, got " + wrong);
    }
    var mask = REAL.clone();
    mask[5] = 0.5f;
    with("input.input_ids", TOKENS, 2, 7).with("input.attention_mask", mask, 2, 7);
    requireError(file, "'input.attention_mask': expected 0 or 1, got 0.5");
  }

  @Test
  void whatTheModelAndTheReferenceDoNotShare() {
    var file = write(SmallModel.BERT);
    with("output.logits", new float[4], 2, 2);
    assertThatThrownBy(() -> compare(file)).isInstanceOf(CheckpointException.class).hasMessageContaining("'input.input_ids'");
    with("input.input_ids", TOKENS, 2, 7).with("output.logits", new float[4], 4);
    requireError(file, "'output.logits': the model gives [2, 2], the reference holds [4]");
    with("output.logits", new float[4], 2, 2).with("output.scores", new float[4], 2, 2);
    requireError(file, "'output.scores': the model has no such output");
    given.remove("output.scores");
    with("input.pixel_values", new float[3], 1, 3, 1, 1);
    requireError(file, "'input.pixel_values': the model has no such input");
    given.remove("input.pixel_values");
    with("input.input_ids", new float[49], 1, 49).with("output.logits", new float[2], 1, 2);
    requireError(file, "expected tokens [B, 1 to 48], got [1, 49]");
  }

  /// CLIP reads a text's features at one token, which each text has to hold.
  @Test
  void textsWithoutAnEnd() {
    var tokens = TOKENS.clone();
    tokens[13] = 5;
    with("input.input_ids", tokens, 2, 7).with("input.pixel_values", new float[3 * 32 * 32], 1, 3, 32, 32)
        .with("output.logits_per_text", new float[2], 2, 1);
    requireError(write(SmallModel.CLIP),
        "'input.input_ids': expected token 3, the model's eos_token_id, in each text, got none in text 1");
    requireError(write(SmallModel.clip(SmallModel.MASK)),
        "'input.input_ids': expected token 4, the model's eos_token_id, in each text, got none in text 0");
    with("input.input_ids", TOKENS, 2, 7);
    assertThat(compare(write(SmallModel.CLIP))).hasSize(1);
  }

  @Test
  void oneThatIsNotFinite() {
    var file = write(SmallModel.BERT);
    var logits = logits(file, new float[14]);
    logits[3] = Float.NaN;
    with("input.input_ids", TOKENS, 2, 7).with("output.logits", logits, 2, 2);
    assertThat(compare(file).getFirst().maxError()).isInfinite();
  }

  /// Where the classes of pixels differ, the error is how much less likely the model finds the reference's.
  @Test
  void classesOfPixels() {
    int side = 128, classes = 7, pixel = 40 * side + 70;
    var pixels = new float[3 * side * side];
    for (int i = 0; i < pixels.length; i++) pixels[i] = (float) Math.sin(i * 0.01);
    var file = Demo.copy("segformer", folder);
    Map<String, OpenModel.Input> inputs = Map.of("x", new OpenModel.Input(pixels, 1, 3, side, side));
    float[] upsampled = SmallModel.compute(file, inputs, (model, x) -> maps(model, x.get("x"), side).get("upsampled_logits")),
        segmentation = SmallModel.compute(file, inputs, (model, x) -> maps(model, x.get("x"), side).get("segmentation"));
    with("input.pixel_values", pixels, 1, 3, side, side).with("output.segmentation", segmentation, 1, side, side);
    assertThat(compare(file)).singleElement().satisfies(c -> assertThat(c.maxError()).isZero());
    int ours = (int) segmentation[pixel], other = (ours + 1) % classes;
    var different = segmentation.clone();
    different[pixel] = other;
    with("output.segmentation", different, 1, side, side);
    double less = upsampled[ours * side * side + pixel] - upsampled[other * side * side + pixel];
    assertThat(less).isPositive();
    assertThat(compare(file).getFirst().maxError()).isCloseTo(less, within(1e-5));
    different[pixel] = classes;
    assertThat(compare(file).getFirst().maxError()).as("no class").isInfinite();
  }

  private static Map<String, Tensor> maps(Model model, Tensor image, int side) {
    var outputs = model.outputs(Map.of(Model.PIXEL_VALUES, image), Probe.NONE);
    return ((SegmentsPictures) model).atPictureSize(outputs, new Preprocessing.Size(side, side));
  }

  /// Tokens that continue a text are equal or not, however near their numbers are.
  @Test
  void tokensThatContinueAText() {
    var model = LlamaSessionTest.LLAMA.write(folder.resolve("llama.safetensors"));
    var prompt = new float[] {1, 20, 7, 33};
    var generated = new float[6];
    try (var opened = OpenModel.open(model); var session = LlamaSession.open(opened, 10)) {
      session.read(1, 20, 7, 33);
      for (int i = 0; i < generated.length; i++) generated[i] = session.next(NextToken.GREEDY);
    }
    with("input.input_ids", prompt, 1, 4).with("output.generated", generated.clone(), 1, 6);
    assertThat(compare(model)).singleElement().returns("generated", Comparison::name).returns(0.0, Comparison::maxError);
    generated[5] += generated[5] == 0 ? 1 : -1;
    with("output.generated", generated, 1, 6);
    assertThat(compare(model)).singleElement().returns(Double.POSITIVE_INFINITY, Comparison::maxError);
    with("output.generated", new float[300], 1, 300);
    requireError(model, "expected a capacity of 1 to 256 tokens, the model's context, got 304");
    with("input.input_ids", new float[257], 1, 257);
    requireError(model, "expected tokens [B, 1 to 256], got [1, 257]");
  }
}
