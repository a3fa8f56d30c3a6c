package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every task takes what programs have, alone and in batches, under the same names and with the parameters in the same order.
class TaskInputsTest {
  private static final Path FILE = Demo.SINGLES.resolve("single-00.png");
  private static final Map<Class<?>, Callable<Object>> KINDS = Map.of(Path.class, () -> FILE,
      byte[].class, () -> Files.readAllBytes(FILE), InputStream.class, () -> new ByteArrayInputStream(Files.readAllBytes(FILE)),
      BufferedImage.class, () -> ImageIO.read(FILE.toFile()), Picture.class, () -> Picture.read(FILE));

  @TempDir
  private Path folder;
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(2));

  @AfterEach
  void close() {
    kernels.close();
  }

  private Checkpoint checkpoint(SmallModel model) {
    return Checkpoint.open(model.write(folder.resolve("model.safetensors")));
  }

  /// Calls a task with inputs of each kind, its own arguments, and every choice of `top` and progress.
  ///
  /// @param own the task's own arguments, by type
  /// @param expected the results of all forms without `top`
  private static <R> void requireForms(Object task, String verb, Map<Class<?>, Callable<Object>> inputs, Map<Class<?>, Object> own,
      boolean hasTop, R expected, BiFunction<R, Integer, Object> best) throws Exception {
    for (var input : inputs.entrySet())
      for (int top : hasTop ? new int[] {0, 2} : new int[] {0})
        for (boolean hasProgress : new boolean[] {false, true}) {
          var operations = new AtomicInteger();
          Progress progress = (_, _) -> operations.incrementAndGet();
          var types = new ArrayList<Class<?>>(List.of(input.getKey()));
          var arguments = new ArrayList<Object>(List.of(input.getValue().call()));
          types.addAll(own.keySet());
          arguments.addAll(own.values());
          if (top > 0) types.add(int.class);
          if (top > 0) arguments.add(top);
          if (hasProgress) types.add(Progress.class);
          if (hasProgress) arguments.add(progress);
          var method = task.getClass().getMethod(verb, types.toArray(Class<?>[]::new));
          var found = method.invoke(task, arguments.toArray());
          assertThat(found).as(method.toString()).usingRecursiveComparison()
              .isEqualTo(top == 0 ? expected : best.apply(expected, top));
          assertThat(operations.get() > 0).as(method.toString()).isEqualTo(hasProgress);
        }
  }

  private static <T> void requirePictureForms(Object task, String verb, Map<Class<?>, Object> own, boolean hasTop, T expected)
      throws Exception {
    BiFunction<Object, Integer, Object> best = (all, top) -> ((List<?>) all).subList(0, top);
    requireForms(task, verb, KINDS, own, hasTop, expected, best);
    requireForms(task, verb, Map.of(List.class, () -> List.of(Picture.read(FILE), Picture.read(FILE))), own, hasTop,
        List.of(expected, expected), (all, top) -> all.stream().map(each -> best.apply(each, top)).toList());
  }

  @Test
  void kindsOfPictures() throws Exception {
    var picture = Picture.read(FILE);
    try (var classifier = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      requirePictureForms(classifier, "classify", Map.of(), true, classifier.classify(picture, 5, Progress.NONE));
    }
    try (var embedder = PictureEmbedder.of(checkpoint(SmallModel.DINOV2), kernels)) {
      requirePictureForms(embedder, "embed", Map.of(), false,
          embedder.embed(picture, Pooling.CLASS_TOKEN, true, Progress.NONE));
      for (var kind : KINDS.entrySet())
        assertThat(embedder.getClass().getMethod("embed", kind.getKey(), Pooling.class, boolean.class, Progress.class)
            .invoke(embedder, kind.getValue().call(), Pooling.BOTH, false, Progress.NONE))
            .isEqualTo(embedder.embed(picture, Pooling.BOTH, false, Progress.NONE));
    }
    try (var segmenter = Segmenter.of(Demo.model("segformer"), kernels)) {
      requirePictureForms(segmenter, "segment", Map.of(), false, segmenter.segment(picture, Progress.NONE));
    }
    try (var classifier = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP), kernels)) {
      var labels = classifier.embed(List.of("cat", "dog", "field"));
      requirePictureForms(classifier, "classify", Map.of(ZeroShotClassifier.Labels.class, labels), true,
          classifier.classify(picture, labels, 3, Progress.NONE));
    }
    try (var detector = DetectorTest.detector(new DetectorTest.Brightness(), folder, kernels)) {
      var text = DetectionPrompt.of("cat. dog.");
      var options = DetectionOptions.DEFAULT.withBoxThreshold(0.4f);
      requirePictureForms(detector, "detect", Map.of(DetectionPrompt.class, text), false, detector.detect(picture, text));
      for (var kind : KINDS.entrySet())
        assertThat(detector.getClass().getMethod("detect", kind.getKey(), DetectionPrompt.class, DetectionOptions.class,
            Progress.class).invoke(detector, kind.getValue().call(), text, options, Progress.NONE))
            .isEqualTo(detector.detect(picture, text, options, Progress.NONE));
    }
    var prompt = Prompt.point(20, 20);
    try (var predictor = MaskPredictor.of(Demo.model("sam"), kernels); var session = predictor.session()) {
      session.setImage(picture);
      var expected = session.best(prompt);
      for (var kind : KINDS.entrySet()) {
        session.setImage(Picture.read(Demo.SINGLES.resolve("single-01.png")));
        requireForms(session, "setImage", Map.of(kind.getKey(), kind.getValue()), Map.of(), false, null, null);
        assertThat(session.best(prompt)).isEqualTo(expected);
      }
    }
  }

  @Test
  void kindsOfTexts() throws Exception {
    try (var classifier = TextClassifier.of(checkpoint(SmallModel.bert(2)), kernels)) {
      var one = classifier.classify("two dogs run", 2, Progress.NONE);
      BiFunction<List<Classification>, Integer, Object> best = (all, top) -> all.subList(0, top);
      requireForms(classifier, "classify", Map.of(String.class, () -> "two dogs run"), Map.of(), true, one, best);
      requireForms(classifier, "classify", Map.of(List.class, () -> List.of("two dogs run", "two dogs run")), Map.of(), true,
          List.of(one, one), (all, top) -> all.stream().map(each -> best.apply(each, top)).toList());
    }
    try (var embedder = TextEmbedder.of(checkpoint(SmallModel.CLIP), kernels)) {
      var one = embedder.embed("two dogs run", Progress.NONE);
      requireForms(embedder, "embed", Map.of(String.class, () -> "two dogs run"), Map.of(), false, one, null);
      requireForms(embedder, "embed", Map.of(List.class, () -> List.of("two dogs run", "two dogs run")), Map.of(), false,
          List.of(one, one), null);
      var several = embedder.embed(List.of("a photo of a cat", "two dogs run"));
      for (int i = 0; i < one.length; i++)
        assertThat(several.get(1)[i]).isCloseTo(one[i], within(1e-6f));
    }
    try (var classifier = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP), kernels)) {
      var shares = new ArrayList<Double>();
      var labels = classifier.embed(List.of("cat", "two dogs run"), List.of("a {}", "the {}"),
          (done, total) -> shares.add((double) done / total));
      assertThat(shares).isSorted().endsWith(1.0);
      assertThat(classifier.embed(List.of("cat", "two dogs run"), List.of("a {}", "the {}"))).isEqualTo(labels);
      assertThat(classifier.embed(List.of("cat"), Progress.NONE)).isEqualTo(classifier.embed(List.of("cat")));
    }
  }

  /// A picture without a name of its own is called as its parameter is.
  @Test
  void namesInErrors() throws IOException {
    var text = Files.writeString(folder.resolve("text.png"), "no picture");
    var bytes = Files.readAllBytes(text);
    try (var classifier = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      assertThatThrownBy(() -> classifier.classify(text)).isInstanceOf(ImageException.class).hasMessageStartingWith(text + ": ");
      assertThatThrownBy(() -> classifier.classify(bytes)).isInstanceOf(ImageException.class).hasMessageStartingWith("picture: ");
      assertThatThrownBy(() -> classifier.classify(new ByteArrayInputStream(bytes))).isInstanceOf(ImageException.class)
          .hasMessageStartingWith("picture: ");
      assertThatThrownBy(() -> classifier.classify(new BufferedImage(201, 1, BufferedImage.TYPE_INT_RGB)))
          .isInstanceOf(ImageException.class).hasMessage("picture: the picture is 201x1, expected sides at most 200 : 1");
      assertThatThrownBy(() -> classifier.classify(new Picture("strip", 201, 1, new byte[603])))
          .isInstanceOf(ImageException.class).hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
    }
  }

  /// Whoever opened a stream closes it.
  @Test
  void streamsStayOpen() throws IOException {
    var in = new FilterInputStream(new ByteArrayInputStream(Files.readAllBytes(FILE))) {
      @Override
      public void close() {
        throw new UncheckedIOException(new IOException("closed"));
      }
    };
    try (var classifier = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      assertThat(classifier.classify(in)).isEqualTo(classifier.classify(FILE));
      assertThat(in.read()).isEqualTo(-1);
    }
  }

  /// Three pictures of one size with two of another between them.
  private static List<Picture> ofTwoSizes() {
    return IntStream.range(0, 5).mapToObj(i ->
        Picture.read(Demo.SINGLES.resolve("single-0" + i + ".png")).part(i, 3, i % 2 == 0 ? 32 : 40, 32)).toList();
  }

  /// The model, taking pictures as large as they are.
  private static SmallModel withoutResize(SmallModel model) {
    var preprocessing = model.preprocessing().deepCopy();
    preprocessing.addProperty("do_resize", false);
    preprocessing.addProperty("do_center_crop", false);
    return new SmallModel(model.config(), preprocessing, model.readsText(), model.labels());
  }

  private static <R> void requireBatch(List<Picture> pictures, Function<Picture, R> alone,
      BiFunction<List<Picture>, Progress, List<R>> together) {
    var shares = new ArrayList<Double>();
    Progress progress = (done, total) -> shares.add((double) done / total);
    var expected = pictures.stream().map(alone).toList();
    assertThat(together.apply(pictures, progress)).usingRecursiveComparison().isEqualTo(expected);
    assertThat(shares).isSorted().endsWith(1.0);
    shares.clear();
    together.apply(pictures.subList(0, 1), progress);
    assertThat(shares).isSorted().endsWith(1.0);
    assertThat(together.apply(pictures.reversed(), progress)).usingRecursiveComparison().isEqualTo(expected.reversed());
    assertThat(together.apply(List.of(), progress)).isEmpty();
  }

  @Test
  void batchesGiveTheBitsOfSingleCalls() {
    for (var provider : KernelProvider.values())
      try (var each = provider.open(Workers.threads(2))) {
        try (var classifier = ImageClassifier.of(checkpoint(withoutResize(SmallModel.VIT)), each)) {
          requireBatch(ofTwoSizes(), classifier::classify, (pictures, progress) -> classifier.classify(pictures, progress));
        }
        try (var embedder = PictureEmbedder.of(checkpoint(withoutResize(SmallModel.VIT)), each)) {
          requireBatch(ofTwoSizes(), embedder::embed, (pictures, progress) -> embedder.embed(pictures, progress));
          for (var pooling : embedder.poolings())
            requireBatch(ofTwoSizes(), picture -> embedder.embed(picture, pooling, false, Progress.NONE),
                (pictures, progress) -> embedder.embed(pictures, pooling, false, progress));
        }
        for (var model : List.of(SmallModel.CLIP, SmallModel.SIGLIP))
          try (var classifier = ZeroShotClassifier.of(checkpoint(withoutResize(model)), each)) {
            var labels = classifier.embed(List.of("cat", "two dogs run", "field"));
            requireBatch(ofTwoSizes(), picture -> classifier.classify(picture, labels),
                (pictures, progress) -> classifier.classify(pictures, labels, progress));
          }
      }
  }

  /// The model sees the pictures in one size; each map has its own picture's.
  @Test
  void mapsOfABatchHaveTheirPicturesSizes() {
    for (var provider : KernelProvider.values())
      try (var each = provider.open(Workers.threads(2)); var segmenter = Segmenter.of(Demo.model("segformer"), each)) {
        var scenes = List.of(Picture.read(Demo.SCENES.resolve("00.png")),
            Picture.read(Demo.SCENES.resolve("01.png")).part(5, 7, 100, 90), Picture.read(Demo.SCENES.resolve("02.png")));
        var found = segmenter.segment(scenes);
        assertThat(found).isEqualTo(scenes.stream().map(segmenter::segment).toList());
        assertThat(found.get(1)).returns(100, Segmentation::width).returns(90, Segmentation::height);
      }
  }

  /// Kernels that run whole passes get the pictures of one size in one.
  @Test
  void oneWholePassForEachSize() {
    var passes = new AtomicInteger();
    try (var vector = KernelProvider.VECTOR.open(Workers.threads(2));
        var whole = new WholePasses(vector, passes);
        var classifier = ImageClassifier.of(checkpoint(withoutResize(SmallModel.VIT)), whole)) {
      var expected = ofTwoSizes().stream().map(classifier::classify).toList();
      passes.set(0);
      assertThat(classifier.classify(ofTwoSizes())).isEqualTo(expected);
      assertThat(passes).hasValue(2);
    }
  }

  /// Kernels that run whole passes, by those of others.
  private record WholePasses(Kernels others, AtomicInteger passes) implements Kernels {
    @Override
    public String name() {
      return others.name();
    }

    @Override
    public int threads() {
      return others.threads();
    }

    @Override
    public void run(Operation operation) {
      others.run(operation);
    }

    @Override
    public Program prepare(Recording recording, Map<String, MemorySegment> given) {
      passes.incrementAndGet();
      return others.prepare(recording, given);
    }

    @Override
    public boolean runsWholePasses() {
      return true;
    }

    @Override
    public void close() {}
  }

  /// A wrong picture is found before the first pass.
  @Test
  void aPictureThatDoesNotFitStopsTheBatchFirst() {
    try (var classifier = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      var pictures = List.of(Picture.read(FILE), new Picture("strip", 201, 1, new byte[603]));
      assertThatThrownBy(() -> classifier.classify(pictures, (_, _) -> {
        throw new IllegalStateException("a pass began");
      })).isInstanceOf(ImageException.class).hasMessage("strip: the picture is 201x1, expected sides at most 200 : 1");
    }
  }
}
