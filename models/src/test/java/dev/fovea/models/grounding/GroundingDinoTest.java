package dev.fovea.models.grounding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The parts of Grounding DINO that depend on padding, on sub-sentences and on the releases of the reference.
class GroundingDinoTest {
  /// Tokens of two texts with one and two sub-sentences.
  private static final float[] SHORT = {101, 1101, 1205, 1012, 102}, LONG = {101, 1101, 1204, 1205, 1012, 1101, 1210, 1012, 102};

  private Arena arena;
  private Checkpoint checkpoint;
  private Kernels kernels;
  private LoadedModel loaded;
  private GroundingDino model;

  @BeforeEach
  void open() {
    arena = Arena.ofShared();
    checkpoint = Demo.model("grounding-dino");
    kernels = KernelProvider.VECTOR.open(Workers.threads(2));
    loaded = LoadedModel.of(checkpoint, arena);
    model = (GroundingDino) loaded.model();
  }

  @AfterEach
  void close() {
    kernels.close();
    checkpoint.close();
    arena.close();
  }

  private Tensor tensor(float[] values, int... shape) {
    return Tensor.of(arena, values, shape);
  }

  private Map<String, Tensor> text(int tokens, float[]... texts) {
    var ids = new float[texts.length * tokens];
    var mask = new float[texts.length * tokens];
    Arrays.fill(mask, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < texts.length; i++) {
      System.arraycopy(texts[i], 0, ids, i * tokens, texts[i].length);
      Arrays.fill(mask, i * tokens, i * tokens + texts[i].length, 0);
    }
    var inputs = new HashMap<String, Tensor>();
    inputs.put(Model.INPUT_IDS, tensor(ids, texts.length, tokens));
    inputs.put(Model.ATTENTION_MASK, tensor(mask, texts.length, tokens));
    inputs.put(Model.TOKEN_TYPE_IDS, tensor(new float[ids.length], texts.length, tokens));
    return inputs;
  }

  private static float[] random(int count, int seed) {
    var random = new SplittableRandom(seed);
    var values = new float[count];
    for (int i = 0; i < count; i++) values[i] = (float) random.nextDouble(-1, 1);
    return values;
  }

  private Map<String, float[]> run(Map<String, Tensor> inputs) {
    try (var workspace = new Workspace(kernels)) {
      var outputs = new HashMap<String, float[]>();
      loaded.run(workspace, inputs, Probe.NONE).forEach((name, tensor) -> outputs.put(name, tensor.toArray()));
      return outputs;
    }
  }

  private static void same(float[] actual, float[] expected, double error) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++)
      if (Float.isFinite(expected[i])) assertThat(actual[i]).as("element %s", i).isCloseTo(expected[i], within((float) error));
      else assertThat(actual[i]).isEqualTo(expected[i]);
  }

  private static float[] part(float[] values, int index, int count) {
    int each = values.length / count;
    return Arrays.copyOfRange(values, index * each, (index + 1) * each);
  }

  /// Two texts of different lengths in a batch, the shorter one padded: each has the result that it has alone.
  @Test
  void aBatchOfTextsEqualsSingles() {
    var picture = random(3 * 64 * 64, 1);
    var both = text(LONG.length, SHORT, LONG);
    both.put(Model.PIXEL_VALUES, tensor(concat(picture, picture), 2, 3, 64, 64));
    var together = run(both);
    var texts = new float[][] {SHORT, LONG};
    for (int i = 0; i < 2; i++) {
      var one = text(texts[i].length, texts[i]);
      one.put(Model.PIXEL_VALUES, tensor(picture, 1, 3, 64, 64));
      var alone = run(one);
      for (var name : List.of("logits", "pred_boxes", "init_reference_points", "encoder_last_hidden_state_vision"))
        same(part(together.get(name), i, 2), alone.get(name), 2e-5);
    }
  }

  private static float[] concat(float[] a, float[] b) {
    var both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  /// A picture in a batch with a larger one: its maps lie in the upper left of larger maps, and whatever is in the rest changes
  /// nothing up to the first boxes. (The backbone sees the padding, in the reference too, so that the comparison begins behind it;
  /// and the decoder embeds boxes as shares of the finest map with its padding, so that it ends before it.)
  @Test
  void paddedMapsEqualTheMapsAlone() {
    int dim = model.config().dim();
    var small = List.of(new MapSize(8, 6), new MapSize(4, 3), new MapSize(2, 2), new MapSize(1, 1));
    var large = List.of(new MapSize(16, 12), new MapSize(8, 6), new MapSize(4, 3), new MapSize(2, 2));
    var inputs = text(LONG.length, LONG);
    inputs.put(Model.PIXEL_VALUES, Tensor.shapeOnly(1, 3, 64, 48));
    var maps = random((48 + 12 + 4 + 1) * dim, 7);
    var alone = forward(maps, small, inputs);

    var padded = text(LONG.length, LONG, LONG);
    padded.put(Model.PIXEL_VALUES, Tensor.shapeOnly(2, 3, 128, 96));
    var mask = new float[2 * 128 * 96];
    for (int i = 0; i < 128 * 96; i++) if (i / 96 >= 64 || i % 96 >= 48) mask[128 * 96 + i] = Float.NEGATIVE_INFINITY;
    padded.put(GroundingDino.PIXEL_MASK, tensor(mask, 2, 128, 96));
    var garbage = random(2 * (192 + 48 + 12 + 4) * dim, 8);
    int from = 0, to = 192 + 48 + 12 + 4;
    for (int level = 0; level < 4; level++) {
      MapSize s = small.get(level), l = large.get(level);
      for (int y = 0; y < s.height(); y++)
        System.arraycopy(maps, (from + y * s.width()) * dim, garbage, (to + y * l.width()) * dim, s.width() * dim);
      from += s.height() * s.width();
      to += l.height() * l.width();
    }
    var together = forward(garbage, large, padded);
    for (int i = 0; i < alone.size(); i++) same(part(together.get(i), 1, 2), alone.get(i), 5e-5);
    // The other picture of the batch is larger, and differs.
    assertThat(part(together.get(0), 0, 2)).isNotEqualTo(alone.get(0));
  }

  /// The first boxes and the encoded text from projected maps.
  private List<float[]> forward(float[] maps, List<MapSize> sizes, Map<String, Tensor> inputs) {
    var given = new HashMap<>(model.prepared(inputs));
    int batch = inputs.get(Model.INPUT_IDS).dim(0), dim = model.config().dim();
    var picture = given.remove(Model.PIXEL_VALUES);
    given.put("maps", tensor(maps, batch, maps.length / dim / batch, dim));
    try (var workspace = new Workspace(kernels)) {
      return workspace.run("maps", given, in -> {
        var all = new HashMap<>(in);
        all.put(Model.PIXEL_VALUES, picture);
        var output = model.forward(in.get("maps"), sizes, all, Probe.NONE);
        return List.of(output.firstBoxes(), output.encoded().text());
      }, all -> all).stream().map(Tensor::toArray).toList();
    }
  }

  /// Without padding a mask changes nothing; one of another size or without pixels is refused.
  @Test
  void masksOfPixels() {
    var inputs = text(SHORT.length, SHORT);
    inputs.put(Model.PIXEL_VALUES, tensor(random(3 * 64 * 64, 1), 1, 3, 64, 64));
    var expected = run(inputs);
    inputs.put(GroundingDino.PIXEL_MASK, tensor(new float[64 * 64], 1, 64, 64));
    assertThat(run(inputs).get("pred_boxes")).isEqualTo(expected.get("pred_boxes"));
    var hidden = new float[64 * 64];
    Arrays.fill(hidden, Float.NEGATIVE_INFINITY);
    inputs.put(GroundingDino.PIXEL_MASK, tensor(hidden, 1, 64, 64));
    assertThatThrownBy(() -> run(inputs)).isInstanceOf(InputException.class).hasMessageContaining("all padding");
    inputs.put(GroundingDino.PIXEL_MASK, tensor(new float[] {Float.NEGATIVE_INFINITY, 0}, 1, 1, 2));
    assertThatThrownBy(() -> run(inputs)).isInstanceOf(InputException.class).hasMessageContaining("expected a mask of pixels [1, 64, 64]");
  }

  @Test
  void tooSmallAPictureIsRefused() {
    var inputs = text(SHORT.length, SHORT);
    inputs.put(Model.PIXEL_VALUES, tensor(random(3 * 9 * 20, 1), 1, 3, 9, 20));
    assertThatThrownBy(() -> run(inputs)).isInstanceOf(InputException.class)
        .hasMessage("expected pictures whose maps have at least 24 positions, got 20x9 with 10");
  }

  /// A text longer than the longest is cut, as in the reference; the command and the detector refuse it before.
  @Test
  void aLongTextIsCut() {
    var longer = new float[60];
    Arrays.fill(longer, 1101);
    longer[0] = 101;
    longer[59] = 102;
    var inputs = text(60, longer);
    inputs.put(Model.PIXEL_VALUES, tensor(random(3 * 64 * 64, 1), 1, 3, 64, 64));
    assertThat(run(inputs).get("encoder_last_hidden_state_text")).hasSize(48 * model.config().dim());
  }

  /// The sub-sentences of `[CLS] a b . c ? [SEP]`, and of a text that ends without a full stop and is padded.
  @Test
  void subSentences() {
    float[] ids = {101, 7, 8, 1012, 9, 1029, 102, 101, 7, 102, 0, 0, 0, 0};
    var parts = SubSentences.of(ids, 2, 7, 7, TextPositions.ORIGINAL);
    assertThat(parts.positions()).containsExactly(0, 0, 1, 2, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0);
    assertThat(SubSentences.of(ids, 2, 7, 7, TextPositions.TRANSFORMERS_5).positions()).containsExactly(0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assertThat(rows(parts.together(), 0)).containsExactly("1000000", "0111000", "0111000", "0111000", "0000110", "0000110", "0000001");
    assertThat(rows(parts.together(), 1)).containsExactly("1000000", "0110000", "0110000", "0001000", "0000100", "0000010", "0000001");
    assertThat(SubSentences.of(ids, 1, 7, 3, TextPositions.ORIGINAL).together()).containsExactly(true, false, false, false, true, true, false, true, true);
  }

  private static List<String> rows(boolean[] together, int text) {
    var rows = new String[7];
    for (int q = 0; q < 7; q++) {
      var row = new StringBuilder();
      for (int k = 0; k < 7; k++) row.append(together[(text * 7 + q) * 7 + k] ? '1' : '0');
      rows[q] = row.toString();
    }
    return List.of(rows);
  }

  /// Release 5 rounds the sines and cosines of a text's positions towards zero.
  @Test
  void roundedPositions() {
    var parts = new SubSentences(new boolean[4], new float[] {0, 3});
    var exact = parts.embeddings(8, TextPositions.ORIGINAL);
    assertThat(exact[8]).isCloseTo((float) Math.sin(6 * Math.PI), within(1e-6f));
    assertThat(exact[10]).isCloseTo((float) Math.sin(6 * Math.PI / 10), within(1e-6f));
    assertThat(parts.embeddings(8, TextPositions.TRANSFORMERS_5)).containsOnly(0, 1).startsWith(0, 1, 0, 1, 0, 1, 0, 1);
  }

  /// The geometry of a whole map by its formulas.
  @Test
  void geometry() {
    var whole = MapGeometry.whole(List.of(new MapSize(2, 200), new MapSize(1, 1)));
    assertThat(whole.positions()).isEqualTo(401);
    assertThat(whole.shares()).containsOnly(1);
    assertThat(whole.references()).startsWith(0.5f / 200, 0.25f, 0.5f / 200, 0.25f, 1.5f / 200, 0.25f);
    // The first and last column of the wide map are nearer to the border than a hundredth.
    assertThat(whole.kept()[0]).isZero();
    assertThat(whole.kept()[1]).isZero();
    assertThat(whole.kept()[2]).isOne();
    assertThat(whole.kept()[400]).isOne();
    assertThat(whole.proposals()[0]).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(whole.proposals()[4 * 400]).isCloseTo(0, within(1e-6f));
    assertThat(whole.proposals()[4 * 400 + 2]).isCloseTo((float) Math.log(0.1 / 0.9), within(1e-6f));
    var embedded = whole.embeddings(8, 20);
    assertThat(embedded[0]).isCloseTo((float) Math.sin(Math.PI), within(1e-5f));
    assertThat(embedded[4]).isCloseTo((float) Math.sin(2 * Math.PI / 200), within(1e-5f));
    assertThat(embedded[7]).isCloseTo((float) Math.cos(2 * Math.PI / 200 / Math.sqrt(20)), within(1e-5f));
  }
}
