package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The embedded ViT on the pictures that came with it, and the classifier as programs use it.
@Timeout(120)
class ImageClassifierTest {
  @TempDir
  private Path folder;

  private static ImageClassifier open(Kernels kernels) {
    return ImageClassifier.of(Demo.model("vit"), kernels);
  }

  private static List<Classification> classify(ImageClassifier classifier, String name) {
    return classifier.classify(Demo.SINGLES.resolve(name));
  }

  /// The resize comes before anything is too small.
  @Test
  void aPictureSmallerThanAPatch() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var classifier = open(kernels)) {
      for (int[] size : new int[][] {{1, 1}, {5, 5}, {160, 5}}) {
        var small = new Picture("small", size[0], size[1], new byte[3 * size[0] * size[1]]);
        assertThat(classifier.classify(small, 3, Progress.NONE)).hasSize(3);
      }
    }
  }

  /// The reference implementation's labels wherever it is sure, and its scores.
  @Test
  void answersAreTheReferences() throws IOException {
    int right = 0, all = 0;
    for (var provider : KernelProvider.values())
      try (var kernels = provider.open(Workers.all()); var classifier = open(kernels)) {
        for (var element : JsonParser.parseString(Files.readString(Demo.SINGLES.resolve("singles.json"))).getAsJsonArray()) {
          var expected = element.getAsJsonObject();
          var best = classify(classifier, expected.get("file").getAsString()).getFirst();
          double score = expected.get("reference_score").getAsDouble();
          if (score > 0.55)
            assertThat(best.label()).as(expected.toString()).isEqualTo(expected.get("reference_top1").getAsString());
          assertThat((double) best.score()).as(expected.toString()).isCloseTo(score, within(0.002));
          all++;
          if (best.label().equals(expected.get("truth").getAsString())) right++;
        }
      }
    assertThat(right).isEqualTo(22);
    assertThat(all).isEqualTo(24);
  }

  @Test
  void sixteenThreadsShareOneModel() throws Exception {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var classifier = open(kernels);
        var pool = Executors.newFixedThreadPool(16)) {
      var expected = new ArrayList<List<Classification>>();
      for (int i = 0; i < 12; i++) expected.add(classify(classifier, "single-%02d.png".formatted(i)));
      var calls = new ArrayList<Future<List<Classification>>>();
      for (int i = 0; i < 160; i++) {
        var name = "single-%02d.png".formatted(i % 12);
        Callable<List<Classification>> call = () -> classify(classifier, name);
        calls.add(pool.submit(call));
      }
      for (int i = 0; i < calls.size(); i++) assertThat(calls.get(i).get()).isEqualTo(expected.get(i % 12));
    }
  }

  /// A leak grows all the time; Java's own heap only now and then.
  @Test
  void aThousandClassificationsDoNotGrow() throws IOException {
    if (!Files.exists(Path.of("/proc/self/status"))) return;   // Only Linux tells resident memory.
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var classifier = open(kernels)) {
      var picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));
      long least = Long.MAX_VALUE, before = Long.MAX_VALUE / 2;
      for (int stretch = 0; stretch < 6; stretch++) {
        for (int i = 0; i < 250; i++) classifier.classify(picture, 1, Progress.NONE);
        System.gc();
        long now = resident();
        if (stretch > 1) least = Math.min(least, now - before);
        before = now;
      }
      assertThat(least).as("KiB more after 250 calls, at least").isLessThan(10_000);
    }
  }

  private static long resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmRSS"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum();
  }

  @Test
  void progressAndCancellation() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var classifier = open(kernels)) {
      var picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));
      var last = new AtomicLong();
      classifier.classify(picture, 1, (done, total) -> {
        assertThat(done).isBetween(last.get(), total);
        last.set(done);
      });
      assertThat(last).hasPositiveValue();
      var operations = new AtomicLong();
      assertThatThrownBy(() -> classifier.classify(picture, 1, (_, _) -> {
        if (operations.incrementAndGet() == 5) Thread.currentThread().interrupt();
      })).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(operations).hasValue(5);
      assertThat(classifier.classify(picture, 1, Progress.NONE)).hasSize(1);
    }
  }

  @Test
  void useAfterClose() {
    var picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));
    for (var residency : Residency.values()) {
      var classifier = ImageClassifier.open(Demo.copy("vit", folder), OpenOptions.DEFAULT.withResidency(residency));
      classifier.classify(picture, 1, Progress.NONE);
      classifier.close();
      classifier.close();
      assertThatThrownBy(() -> classifier.classify(picture, 1, Progress.NONE)).isInstanceOf(IllegalStateException.class);
    }
  }

  /// Weights are loaded unless the caller says otherwise, and then stay whatever becomes of the file.
  @Test
  void aTruncatedFile() throws IOException {
    var picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));
    Path loadedFile = Demo.copy("vit", folder), mappedFile = Demo.copy("vit", folder);
    try (var loaded = ImageClassifier.open(loadedFile);
        var mapped = ImageClassifier.open(mappedFile, OpenOptions.DEFAULT.withResidency(Residency.MAPPED))) {
      var expected = loaded.classify(picture, 3, Progress.NONE);
      assertThat(mapped.classify(picture, 3, Progress.NONE)).isEqualTo(expected);
      for (var file : List.of(loadedFile, mappedFile))
        try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(100_000);
        }
      assertThat(loaded.classify(picture, 3, Progress.NONE)).isEqualTo(expected);
      assertThatThrownBy(() -> mapped.classify(picture, 1, Progress.NONE)).isInstanceOf(CheckpointException.class)
          .hasMessage(mappedFile + ": was truncated while in use: expected 1541264 bytes, got 100000");
    }
  }

  @Test
  void filesThatCannotDoIt() {
    requireRefusal(SmallModel.DINOV2, "expected a model that classifies pictures, got family dinov2 without a classification head");
    requireRefusal(SmallModel.BERT, "expected a model that classifies pictures, got family bert without a classification head");
    requireRefusal(SmallModel.VIT.withLabels("one", "two"), "expected 5 labels, got 2");
  }

  private void requireRefusal(SmallModel model, String why) {
    var file = model.write(folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> ImageClassifier.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": " + why);
  }

  /// The scores of a model that is small enough to compare each of them: all classes, largest first, or the first few.
  @Test
  void scoresAreTheModels() {
    var file = SmallModel.VIT.write(folder.resolve("model.safetensors"));
    var picture = Picture.read(Demo.SINGLES.resolve("single-00.png"));
    var input = Preprocessing.of(new JsonFields("preprocessing", SmallModel.VIT.preprocessing())).apply(picture, 1);
    var expected = SmallModel.softmax(SmallModel.compute(file, Map.of("x", new OpenModel.Input(input.values(), 1, 3, 32, 32)),
        (model, x) -> ((ClassifiesPictures) model).logits(x.get("x"))));
    try (var classifier = ImageClassifier.open(file)) {
      assertThat(classifier.labels()).isEqualTo(SmallModel.VIT.labels());
      var found = classifier.classify(picture, 5, Progress.NONE);
      assertThat(found).hasSize(5).isSortedAccordingTo(Comparator.comparingDouble(c -> -c.score()));
      for (var c : found) {
        assertThat((double) c.score()).isCloseTo(expected[c.index()], within(2e-6));
        assertThat(c.label()).isEqualTo(SmallModel.VIT.labels().get(c.index()));
      }
      assertThat(found).extracting(Classification::index).doesNotHaveDuplicates();
      assertThat(classifier.classify(picture, 2, Progress.NONE)).isEqualTo(found.subList(0, 2));
      assertThat(classifier.classify(Demo.SINGLES.resolve("single-00.png"))).isEqualTo(found);
    }
  }

  /// Shapes are seen in lossy WebP too, which `cwebp -q 75` made of the pictures. Decoded wrongly, none of them was.
  @Test
  void lossyPicturesShowTheSameShapes() {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var classifier = open(kernels)) {
      for (int i = 0; i < 12; i++) {
        var name = "single-%02d".formatted(i);
        var before = classify(classifier, name + ".png").getFirst();
        var after = classifier.classify(Demo.SINGLES_WEBP.resolve(name + ".webp")).getFirst();
        assertThat(after.label()).as(name).isEqualTo(before.label());
      }
    }
  }
}
