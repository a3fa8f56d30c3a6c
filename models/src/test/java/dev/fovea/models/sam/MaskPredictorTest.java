package dev.fovea.models.sam;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.LoadedModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The embedded Segment Anything model on the scenes that came with it, and sessions as programs use them.
@Timeout(240)
class MaskPredictorTest {
  @TempDir
  private Path folder;

  private static MaskPredictor open(Kernels kernels) {
    return MaskPredictor.of(Demo.model("sam"), kernels);
  }

  private static Picture scene(int i) {
    return Picture.read(Demo.SCENES.resolve("%02d.png".formatted(i)));
  }

  private static void withSession(Consumer<SamSession> use) {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var predictor = open(kernels);
        var session = predictor.session()) {
      session.setImage(scene(0));
      use.accept(session);
    }
  }

  private static float[] floats(JsonArray array) {
    var values = new float[array.size()];
    for (int i = 0; i < values.length; i++) values[i] = array.get(i).getAsFloat();
    return values;
  }

  /// Mean agreement with the truth over all prompts, for a point, a point and one on the background, and a box, as the
  /// reference's.
  @Test
  void masksAreTheReferences() throws IOException {
    var json = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("scenes.json"))).getAsJsonObject();
    var expected = json.getAsJsonObject("reference").getAsJsonObject("sam_mean_iou");
    for (var provider : KernelProvider.values())
      try (var kernels = provider.open(Workers.all()); var predictor = open(kernels);
        var session = predictor.session()) {
        double[] sums = new double[3];
        int count = 0;
        for (var element : json.getAsJsonArray("scenes")) {
          var scene = element.getAsJsonObject();
          var name = scene.get("file").getAsString();
          session.setImage(Picture.read(Demo.SCENES.resolve(name)));
          var instances = Picture.read(Demo.SCENES.resolve(name.replace(".png", ".instances.png")));
          for (var each : scene.getAsJsonArray("prompts")) {
            var found = ious(session, each.getAsJsonObject(), instances);
            for (int i = 0; i < 3; i++) sums[i] += found[i];
            count++;
          }
        }
        assertThat(count).isEqualTo(78);
        assertThat(sums[0] / count).as("point").isCloseTo(expected.get("point").getAsDouble(), within(0.002));
        assertThat(sums[1] / count).as("point and background").isCloseTo(expected.get("point_and_background").getAsDouble(),
            within(0.002));
        assertThat(sums[2] / count).as("box").isCloseTo(expected.get("box").getAsDouble(), within(0.002));
      }
  }

  /// Each within a few pixels of what the reference gives.
  private static double[] ious(SamSession session, JsonObject prompt, Picture instances) {
    float[] p = floats(prompt.getAsJsonArray("point")), n = floats(prompt.getAsJsonArray("background_point")),
        b = floats(prompt.getAsJsonArray("box"));
    var truth = instance(instances, prompt.get("object").getAsInt());
    var asked = List.of(Prompt.point(p[0], p[1]), Prompt.point(p[0], p[1]).not(n[0], n[1]), Prompt.box(b[0], b[1], b[2], b[3]));
    var names = List.of("point_iou", "point_and_background_iou", "box_iou");
    return IntStream.range(0, 3).mapToDouble(i -> {
      double iou = session.best(asked.get(i)).mask().iou(truth);
      assertThat(iou).as(names.get(i) + " " + prompt).isCloseTo(prompt.get(names.get(i)).getAsDouble(), within(0.002));
      return iou;
    }).toArray();
  }

  private static Mask instance(Picture instances, int object) {
    var pixels = new boolean[instances.width() * instances.height()];
    for (int i = 0; i < pixels.length; i++) pixels[i] = (instances.rgb()[3 * i] & 0xff) == object;
    return new Mask(instances.width(), instances.height(), pixels);
  }

  /// What `bench --point` measures is what the whole model computes for a point.
  @Test
  void thePartThatAPointCostsGivesTheSame() {
    try (var checkpoint = Demo.model("sam"); var arena = Arena.ofShared();
        var workspace = new Workspace(KernelProvider.VECTOR.open(Workers.threads(2)))) {
      var whole = LoadedModel.of(checkpoint, arena);
      var sam = (Sam) whole.model();
      var inputs = new HashMap<>(whole.randomInputs(1, 0, arena));
      inputs.put("p.input_points", Tensor.of(arena, new float[] {70, 40}, 1, 1, 1, 2));
      inputs.put("p.input_labels", Tensor.of(arena, new float[] {1}, 1, 1, 1));
      var expected = whole.run(workspace, inputs, Probe.NONE).get("p.multi.pred_masks").toArray();
      // The embedding, and what a session keeps of it.
      var ready = new HashMap<String, Tensor>();
      workspace.run("ready", inputs.get("pixel_values"), x -> ready(sam, sam.embed(x).select(0, 0)), Map::values)
          .forEach((name, tensor) -> ready.put(name, tensor.copy(arena)));
      ready.put("point", Tensor.of(arena, new float[] {70, 40}, 1, 2));
      ready.put("label", Tensor.of(arena, new float[] {1}, 1));
      var outputs = PointPrompt.of(whole).run(workspace, ready, Probe.NONE);
      assertThat(outputs.get("pred_masks").toArray()).isEqualTo(expected);
      int size = sam.config().vision().imageSize();
      assertThat(outputs.get("mask").shape()).containsExactly(size, size);
    }
  }

  private static Map<String, Tensor> ready(Sam sam, Tensor map) {
    var projected = sam.project(map, null, sam.positions(map.workspace()));
    return Map.of("map", projected.map(), "keys", projected.keys(), "values", projected.values(), "queries", projected.queries());
  }

  @Test
  void anEmbeddingSurvivesARestart() throws IOException {
    var file = folder.resolve("scene.safetensors");
    var prompt = Prompt.point(98.5f, 95.5f);
    var before = new ArrayList<MaskPrediction>();
    withSession(session -> {
      before.addAll(session.predict(prompt, true));
      session.save(file);
    });
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var predictor = open(kernels);
        var session = predictor.session()) {
      assertThatThrownBy(() -> session.best(prompt)).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has seen no picture yet");
      session.load(file);
      assertSame(session.predict(prompt, true), before);
      var text = Files.writeString(folder.resolve("text"), "no embedding");
      assertThatThrownBy(() -> session.load(text)).isInstanceOf(CheckpointException.class);
      assertSame(session.predict(prompt, true), before);
    }
  }

  /// An embedding knows its picture; that of an earlier version does not.
  @Test
  void theEmbeddingOfAnotherPicture() {
    Path file = folder.resolve("scene.safetensors"), old = folder.resolve("old.safetensors");
    var prompt = Prompt.point(98.5f, 95.5f);
    withSession(session -> {
      session.save(file);
      var expected = session.predict(prompt, true);
      session.load(file, scene(0));
      assertThat(session.knowsPicture()).isTrue();
      assertThatThrownBy(() -> session.load(file, scene(1))).isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": the embedding is of another picture than " + Demo.SCENES.resolve("01.png"));
      assertThatThrownBy(() -> session.load(file, new Picture("small", 127, 128, new byte[3 * 127 * 128])))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": the embedding is of a picture of 128x128, small is 127x128");
      try (var saved = Checkpoint.open(file)) {
        var writer = new CheckpointWriter();
        saved.metadata().forEach((key, value) -> {
          if (!key.equals("picture_sha256")) writer.metadata(key, value);
        });
        var map = saved.tensor("image_embedding");
        writer.tensor("image_embedding", DType.F32, map.shape().stream().mapToLong(Long::longValue).toArray(), map::data)
            .write(old);
      }
      session.load(old, scene(1));
      assertThat(session.knowsPicture()).isFalse();
      assertSame(session.predict(prompt, true), expected);
    });
  }

  private static void assertSame(List<MaskPrediction> actual, List<MaskPrediction> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i).iou()).isEqualTo(expected.get(i).iou());
      assertThat(actual.get(i).logits()).isEqualTo(expected.get(i).logits());
      assertThat(actual.get(i).mask()).isEqualTo(expected.get(i).mask());
    }
  }

  @Test
  void aMaskFedBackStaysItself() {
    withSession(session -> {
      var first = session.best(Prompt.box(62, 65, 104, 107));
      assertThat(session.best(Prompt.box(62, 65, 104, 107).like(first.logits())).mask().iou(first.mask())).isGreaterThan(0.9);
      assertThat(session.predict(Prompt.NOTHING.like(first.logits()), false)).hasSize(1);
      assertThatThrownBy(() -> session.best(Prompt.NOTHING.like(new float[9]))).isInstanceOf(InputException.class)
          .hasMessage("mask: expected 64x64 logits, got 9");
    });
  }

  @Test
  void aFileThatCannotDoIt() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      assertThatThrownBy(() -> MaskPredictor.of(Demo.model("vit"), kernels)).isInstanceOf(CheckpointException.class)
          .hasMessage("demo: expected a Segment Anything model, got family vit");
    }
  }

  @Test
  void bordersAndBeyond() {
    withSession(session -> {
      for (var edge : List.of(Prompt.point(0, 0), Prompt.point(128, 128), Prompt.box(0, 0, 128, 128), Prompt.box(7, 9, 8, 10),
          Prompt.box(7, 9, 7, 9)))
        assertThat(session.best(edge).iou()).as(edge.toString()).isFinite();
      assertThatThrownBy(() -> session.best(Prompt.point(128.5f, 3))).isInstanceOf(InputException.class)
          .hasMessage("point 128.5,3: expected a place in the picture of 128x128");
      assertThatThrownBy(() -> session.best(Prompt.point(3, -1))).isInstanceOf(InputException.class);
      assertThatThrownBy(() -> session.best(Prompt.point(Float.NaN, 3))).isInstanceOf(InputException.class);
      assertThatThrownBy(() -> session.best(Prompt.box(3, 4, 300, 5))).isInstanceOf(InputException.class)
          .hasMessage("box 3,4,300,5: expected a place in the picture of 128x128");
      assertThatThrownBy(() -> session.best(Prompt.box(9, 4, 3, 5))).isInstanceOf(InputException.class)
          .hasMessage("box 9,4,3,5: expected the upper left corner, then the lower right");
    });
  }

  @Test
  void noneAndAHundredPrompts() {
    withSession(session -> {
      assertThat(session.predict(List.of(), true)).isEmpty();
      assertThat(session.predict(Prompt.NOTHING, true)).hasSize(3);
      var prompts = IntStream.range(0, 100).mapToObj(i -> Prompt.point(i % 10 * 12 + 5, i / 10 * 12 + 5)).toList();
      var together = session.predict(prompts, true);
      for (int i = 0; i < 100; i++) assertSame(session.predict(prompts.get(i), true), together.get(i));
    });
  }

  @Test
  void eightThreadsShareOneModel() throws Exception {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var predictor = open(kernels);
        var pool = Executors.newFixedThreadPool(8)) {
      Callable<List<MaskPrediction>> call = () -> {
        try (var session = predictor.session()) {
          session.setImage(scene(1));
          return session.predict(Prompt.point(115.5f, 115.5f), true);
        }
      };
      var expected = call.call();
      var calls = new ArrayList<Future<List<MaskPrediction>>>();
      for (int i = 0; i < 24; i++) calls.add(pool.submit(call));
      for (var each : calls) assertSame(each.get(), expected);
    }
  }

  /// A picture that is not square: its mask has its size, and lies where the same scene's does.
  @Test
  void aPictureThatIsNotSquare() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var predictor = open(kernels);
        var session = predictor.session()) {
      session.setImage(scene(0).part(0, 50, 128, 78));
      var found = session.best(Prompt.box(62, 15, 104, 57)).mask();
      assertThat(new int[] {found.width(), found.height()}).containsExactly(128, 78);
      var truth = instance(Picture.read(Demo.SCENES.resolve("00.instances.png")).part(0, 50, 128, 78), 2);
      assertThat(found.iou(truth)).isGreaterThan(0.9);
    }
  }

  /// Every object of a scene is among the masks of everything, and no two masks repeat each other.
  @Test
  void everything() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var predictor = open(kernels)) {
      var settings = new AutomaticMasks.Settings(12, 0.8, 0.8, 1, 0.7, 0, 0.7, 512.0 / 1500, 1, 20);
      var last = new double[1];
      var found = new AutomaticMasks(predictor, settings).of(scene(0), share -> {
        assertThat(share).isBetween(last[0], 1.0);
        last[0] = share;
      });
      assertThat(last[0]).isEqualTo(1);
      var instances = Picture.read(Demo.SCENES.resolve("00.instances.png"));
      for (int object = 1; object <= 4; object++) {
        var truth = instance(instances, object);
        assertThat(found.stream().mapToDouble(f -> f.mask().mask().iou(truth)).max().orElse(0)).as("object "
            + object).isGreaterThan(0.75);
      }
      for (var a : found) for (var b : found) if (a != b) assertThat(a.box().iou(b.box())).isLessThanOrEqualTo(0.7);
      var crops = new AutomaticMasks(predictor, new AutomaticMasks.Settings(8, 0.8, 0.8, 1, 0.7, 1, 0.7, 512.0 / 1500, 2,
          0)).of(scene(0), _ -> {});
      assertThat(crops).isNotEmpty();
      for (var f : crops) assertThat(new int[] {f.mask().width(), f.mask().height()}).containsExactly(128, 128);
    }
  }
}
