package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The embedded SegFormer on the scenes that came with it, and the segmenter as programs use it.
@Timeout(240)
class SegmenterTest {
  private static final int SCENES_COUNT = 24;

  @TempDir
  private Path folder;

  private static Segmenter open(Kernels kernels) {
    return Segmenter.of(Demo.model("segformer"), kernels);
  }

  private static Path scene(int number) {
    return Demo.SCENES.resolve("%02d.png".formatted(number));
  }

  /// Intersection over union of each class, over all scenes; the mean is the reference implementation's.
  @ParameterizedTest
  @EnumSource
  void meanIouIsTheReferences(KernelProvider provider) throws IOException {
    double expected = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("scenes.json"))).getAsJsonObject()
        .getAsJsonObject("reference").get("segformer_mean_iou").getAsDouble();
    try (var kernels = provider.open(Workers.all()); var segmenter = open(kernels)) {
      int classes = segmenter.labels().size();
      var both = new long[classes];
      var either = new long[classes];
      for (int i = 0; i < SCENES_COUNT; i++) {
        var found = segmenter.segment(scene(i));
        var truth = Picture.read(Demo.SCENES.resolve("%02d.classes.png".formatted(i)));
        for (int pixel = 0; pixel < found.classes().length; pixel++) {
          int ours = found.classes()[pixel], right = truth.rgb()[3 * pixel];
          either[ours]++;
          if (ours == right) both[ours]++;
          else either[right]++;
        }
      }
      assertThat(IntStream.range(0, classes).mapToDouble(c -> (double) both[c] / either[c]).average().orElseThrow())
          .isCloseTo(expected, within(0.002));
    }
  }

  @Test
  void sharesAndOrder() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var segmenter = open(kernels)) {
      assertThat(segmenter.labels()).containsExactly("background", "circle", "square", "triangle", "star", "cross", "ring");
      assertThat(segmenter.palette()).hasSize(7).doesNotHaveDuplicates().startsWith(0);
      var s = segmenter.segment(scene(0));
      assertThat(s.shares()).extracting(Segmentation.Share::label)
          .containsExactly("background", "square", "circle", "star", "triangle");
      assertThat(s.shares().stream().mapToInt(Segmentation.Share::pixels).sum()).isEqualTo(128 * 128);
      assertThat(s.shares().stream().mapToDouble(Segmentation.Share::share).sum()).isCloseTo(1, within(1e-9));
      assertThat(s.at(20, 48)).as("the yellow circle").isEqualTo(1);
    }
  }

  /// The map has the picture's size, whatever the model's is.
  @Test
  void aPictureOfAnotherSize() {
    var scene = Picture.read(scene(0));
    int width = 300, height = 200;
    var rgb = new byte[3 * width * height];
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        System.arraycopy(scene.rgb(), 3 * (y * 128 / height * 128 + x * 128 / width), rgb, 3 * (y * width + x), 3);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var segmenter = open(kernels)) {
      var large = segmenter.segment(new Picture("large", width, height, rgb), Progress.NONE);
      assertThat(large).returns(width, Segmentation::width).returns(height, Segmentation::height);
      var small = segmenter.segment(scene, Progress.NONE);
      int same = 0;
      for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) if (large.at(x, y) == small.at(x * 128 / width, y * 128 / height)) same++;
      assertThat(same).isGreaterThan(width * height * 97 / 100);
      assertThat(segmenter.segment(new Picture("dot", 1, 1, new byte[3]), Progress.NONE)).returns(1, Segmentation::width);
      assertThatThrownBy(() -> segmenter.segment(new Picture("strip", 201, 1, new byte[603]), Progress.NONE))
          .isInstanceOf(ImageException.class).hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
    }
  }

  @Test
  void filesThatCannotDoIt() {
    requireRefusal(SmallModel.VIT, "expected a model that segments pictures, got family vit");
    try (var demo = Demo.model("segformer")) {
      var header = ModelHeader.of(demo);
      var same = new SmallModel(Family.config("demo", header), header.preprocessing().json(), false, header.labels());
      requireRefusal(same.withLabels("background", "circle"), "expected 7 labels, got 2");
      requireRefusal(same, "expected 7 colours in the palette, got 0");
    }
  }

  private void requireRefusal(SmallModel model, String why) {
    var file = model.write(folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> Segmenter.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": " + why);
  }

  @Test
  void eightThreadsShareOneModel() throws Exception {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var segmenter = open(kernels);
        var pool = Executors.newFixedThreadPool(8)) {
      var expected = new ArrayList<short[]>();
      for (int i = 0; i < 6; i++) expected.add(segmenter.segment(scene(i)).classes());
      var calls = new ArrayList<Future<short[]>>();
      for (int i = 0; i < 48; i++) {
        var scene = scene(i % 6);
        Callable<short[]> call = () -> segmenter.segment(scene).classes();
        calls.add(pool.submit(call));
      }
      for (int i = 0; i < calls.size(); i++) assertThat(calls.get(i).get()).isEqualTo(expected.get(i % 6));
    }
  }

  @Test
  void cancelledAndClosed() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2))) {
      var segmenter = open(kernels);
      var picture = Picture.read(scene(0));
      assertThatThrownBy(() -> segmenter.segment(picture, (_, _) -> Thread.currentThread().interrupt()))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(segmenter.segment(picture, Progress.NONE).shares()).hasSize(5);
      segmenter.close();
      segmenter.close();
      assertThatThrownBy(() -> segmenter.segment(picture, Progress.NONE)).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("demo: the model is closed");
    }
  }
}
