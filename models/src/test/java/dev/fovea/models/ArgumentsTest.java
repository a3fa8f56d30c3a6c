package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.Encoding;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.PictureEmbedder.Prepared;
import dev.fovea.models.ZeroShotClassifier.Labels;
import dev.fovea.models.sam.AutomaticMasks;
import dev.fovea.models.sam.MaskPrediction;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.DoubleConsumer;
import java.util.function.Function;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Arguments are refused before any work, by a line that names them.
class ArgumentsTest {
  private static final Path FILE = Demo.SINGLES.resolve("single-00.png");
  private static final Picture PICTURE = Picture.read(FILE);
  /// Belongs to whoever opens and closes models.
  private static final Set<String> LIFECYCLE = Set.of("open", "of", "close", "equals");
  /// Arguments that may be null.
  private static final Set<String> NULLABLE = Set.of("Prompt box", "Prompt mask", "ModelInput like", "ModelInput placeholders",
      "Text pair", "load picture");

  @TempDir
  private Path folder;
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(1));

  @AfterEach
  void close() {
    kernels.close();
  }

  private Checkpoint checkpoint(SmallModel model) {
    return Checkpoint.open(model.write(folder.resolve("model.safetensors")));
  }

  private static Prepared prepared(int side, float... first) {
    var values = new float[3 * side * side];
    System.arraycopy(first, 0, values, 0, first.length);
    return new Prepared("input", new Preprocessing.Frame(side, side, 0, 0, side, side),
        new Preprocessing.Pixels(side, side, values));
  }

  private static void requireRefusal(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isExactlyInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  /// A valid argument of each type that the tasks take.
  private static Object valid(Type type) {
    if (type instanceof TypeVariable<?>) return "input";
    if (type instanceof ParameterizedType function && function.getRawType() == Function.class) return Function.identity();
    if (type instanceof ParameterizedType use && use.getRawType() == BiConsumer.class) return (BiConsumer<?, ?>) (_, _) -> { };
    if (type instanceof ParameterizedType list) return list.getActualTypeArguments()[0] == String.class ? List.of("a {}")
        : list.getActualTypeArguments()[0] == float[].class ? List.of() : List.of(valid(list.getActualTypeArguments()[0]));
    var values = new LinkedHashMap<Type, Object>();
    values.putAll(Map.of(Path.class, FILE, byte[].class, new byte[1], InputStream.class, new ByteArrayInputStream(new byte[0]),
        BufferedImage.class, new BufferedImage(9, 9, BufferedImage.TYPE_INT_RGB), Picture.class, PICTURE, String.class, "cat",
        Labels.class, new Labels(List.of("a"), new float[24]), Prepared.class, prepared(42), Prompt.class, Prompt.NOTHING,
        ModelInput.Placeholders.class, new ModelInput.Placeholders(1, 2)));
    values.putAll(Map.of(int.class, 1, boolean.class, true, float.class, 1f, double.class, 1.0, float[].class, new float[3],
        Pooling.class, Pooling.CLASS_TOKEN, Progress.class, Progress.NONE, TextClassifier.Text.class, TextClassifier.Text.of("cat"),
        Prompt.Point.class, new Prompt.Point(1, 2, true), TextSettings.class, new TextSettings(null, true, "")));
    values.putAll(Map.of(Mask.class, new Mask(1, 1, new boolean[1]), short[].class, new short[1], int[].class, new int[] {3},
        Preprocessing.Frame.class, new Preprocessing.Frame(1, 1, 0, 0, 1, 1), Preprocessing.Pixels.class,
        new Preprocessing.Pixels(1, 1, new float[3]), ModelInput.Kind.class, ModelInput.Kind.PIXELS, long.class, 1L,
        DoubleConsumer.class, (DoubleConsumer) _ -> {}, Segmentation.Share.class, new Segmentation.Share(0, "a", 1, 1),
        Box.class, new Box(1, 2, 3, 4)));
    values.putAll(Map.of(DetectionPrompt.class, DetectionPrompt.of("cat"), DetectionOptions.class, DetectionOptions.DEFAULT,
        DetectionOptions.Suppression.class, DetectionOptions.Suppression.NONE));
    var value = values.get(type);
    if (value == null) throw new IllegalStateException("no argument of type " + type);
    return value;
  }

  /// Calls with null in place of each argument, and in place of an element of each list.
  private static void requireNamedNulls(Executable executable, Object receiver) throws ReflectiveOperationException {
    var parameters = executable.getParameters();
    for (int i = 0; i < parameters.length; i++) {
      var owner = executable instanceof Method ? executable.getName() : executable.getDeclaringClass().getSimpleName();
      if (parameters[i].getType().isPrimitive() || NULLABLE.contains(owner + " " + parameters[i].getName())) continue;
      for (boolean inList : parameters[i].getType() == List.class ? new boolean[] {false, true} : new boolean[] {false}) {
        var arguments = new ArrayList<Object>();
        for (var parameter : parameters) arguments.add(valid(parameter.getParameterizedType()));
        arguments.set(i, inList ? Collections.singletonList(null) : null);
        var call = "argument " + i + " of " + executable;
        try {
          if (executable instanceof Method method) method.invoke(receiver, arguments.toArray());
          else ((Constructor<?>) executable).newInstance(arguments.toArray());
          throw new AssertionError(call + ": null was accepted");
        } catch (InvocationTargetException e) {
          assertThat(e.getCause()).as(call).isExactlyInstanceOf(NullPointerException.class)
              .hasMessage(parameters[i].getName() + (inList ? "[0]" : ""));
        }
      }
    }
  }

  private static void requireNamedNulls(Object task) throws ReflectiveOperationException {
    int checked = 0;
    for (var method : task.getClass().getMethods())
      if (method.getDeclaringClass() == task.getClass() && !Modifier.isStatic(method.getModifiers()) && !method.isBridge()
          && !LIFECYCLE.contains(method.getName()) && method.getParameterCount() > 0) {
        requireNamedNulls(method, task);
        checked++;
      }
    assertThat(checked).as(task.toString()).isPositive();
  }

  @Test
  void nullsAreNamed() throws ReflectiveOperationException {
    try (var task = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = PictureEmbedder.of(checkpoint(SmallModel.DINOV2), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = Segmenter.of(Demo.model("segformer"), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = TextEmbedder.of(checkpoint(SmallModel.CLIP), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = TextClassifier.of(checkpoint(SmallModel.BERT), kernels)) {
      requireNamedNulls(task);
    }
    try (var task = DetectorTest.detector(new DetectorTest.Brightness(), folder, kernels)) {
      requireNamedNulls(task);
    }
    requireNamedNulls(DetectionOptions.DEFAULT);
    try (var predictor = MaskPredictor.of(Demo.model("sam"), kernels); var session = predictor.session()) {
      requireNamedNulls(session);
      assertThatThrownBy(() -> new AutomaticMasks(predictor, null)).isInstanceOf(NullPointerException.class).hasMessage("settings");
      var masks = new AutomaticMasks(predictor, AutomaticMasks.Settings.DEFAULT);
      assertThatThrownBy(() -> masks.of(null, _ -> {})).isInstanceOf(NullPointerException.class).hasMessage("picture");
      assertThatThrownBy(() -> masks.of(PICTURE, null)).isInstanceOf(NullPointerException.class).hasMessage("progress");
    }
    requireNamedNulls(Prompt.NOTHING);
    for (var record : List.of(Classification.class, Segmentation.class, Segmentation.Share.class, MaskPrediction.class,
        Prompt.class, Labels.class, Prepared.class, TextClassifier.Text.class, OpenModel.Input.class, ModelInput.class,
        Comparison.class, Detection.class, DetectionOptions.class))
      for (var constructor : record.getConstructors()) requireNamedNulls(constructor, null);
    assertThatThrownBy(() -> Family.of(null)).isInstanceOf(NullPointerException.class).hasMessage("id");
    assertThatThrownBy(() -> Family.preset(null)).isInstanceOf(NullPointerException.class).hasMessage("name");
    assertThatThrownBy(() -> LoadedModel.preset("vit-tiny-patch16-224", null)).isInstanceOf(NullPointerException.class)
        .hasMessage("arena");
  }

  @Test
  void placesOutsideAMap() {
    var map = new Segmentation(3, 2, new short[] {0, 1, 2, 3, 4, (short) 0xffff}, List.of());
    assertThat(map.at(2, 1)).isEqualTo(0xffff);
    requireOutside(() -> map.at(3, 0), "x: expected 0 to 2, got 3");
    requireOutside(() -> map.at(-1, 1), "x: expected 0 to 2, got -1");
    requireOutside(() -> map.at(0, 2), "y: expected 0 to 1, got 2");
    requireOutside(() -> map.at(0, -1), "y: expected 0 to 1, got -1");
    requireRefusal(() -> new Segmentation(3, 2, new short[5], List.of()), "segmentation of 3x2: expected 6 classes, got 5");
    requireRefusal(() -> new Segmentation(0, 2, new short[0], List.of()), "segmentation of 0x2: expected 0 classes, got 0");
  }

  private static void requireOutside(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isExactlyInstanceOf(IndexOutOfBoundsException.class).hasMessage(message);
  }

  /// Before a file that is not there is looked for.
  @Test
  void topComesBeforeThePicture() {
    var missing = folder.resolve("missing.png");
    try (var classifier = ImageClassifier.of(checkpoint(SmallModel.VIT), kernels)) {
      for (int top : new int[] {0, -1}) {
        requireRefusal(() -> classifier.classify(missing, top), "top: expected at least 1, got " + top);
        requireRefusal(() -> classifier.classify(PICTURE, top, Progress.NONE), "top: expected at least 1, got " + top);
        requireRefusal(() -> classifier.classify(List.of(), top), "top: expected at least 1, got " + top);
      }
      assertThat(classifier.classify(PICTURE, 1000)).hasSize(5);
    }
    try (var classifier = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP), kernels)) {
      var labels = classifier.embed(List.of("cat"));
      requireRefusal(() -> classifier.classify(missing, labels, 0), "top: expected at least 1, got 0");
      requireRefusal(() -> classifier.classify(List.of(PICTURE), labels, -1), "top: expected at least 1, got -1");
    }
    try (var classifier = TextClassifier.of(checkpoint(SmallModel.BERT), kernels)) {
      requireRefusal(() -> classifier.classify("unknown ".repeat(99), 0), "top: expected at least 1, got 0");
      requireRefusal(() -> classifier.classify(List.of(), -1), "top: expected at least 1, got -1");
    }
    try (var embedder = PictureEmbedder.of(checkpoint(SmallModel.VIT), kernels)) {
      requireRefusal(() -> embedder.embed(missing, Pooling.JOINT, true, Progress.NONE),
          "pooling: expected one of [class, mean, both] for this model, got joint");
    }
  }

  @Test
  void emptyListsHaveNoResults() {
    try (var embedder = PictureEmbedder.of(checkpoint(SmallModel.VIT), kernels)) {
      assertThat(embedder.embed(List.of())).isEmpty();
      assertThat(embedder.embedPrepared(List.of(), Pooling.BOTH, true, Progress.NONE)).isEmpty();
    }
    try (var segmenter = Segmenter.of(Demo.model("segformer"), kernels)) {
      assertThat(segmenter.segment(List.of())).isEmpty();
    }
    try (var embedder = TextEmbedder.of(checkpoint(SmallModel.CLIP), kernels)) {
      assertThat(embedder.embed(List.of())).isEmpty();
    }
    try (var classifier = TextClassifier.of(checkpoint(SmallModel.BERT), kernels)) {
      assertThat(classifier.classify(List.of())).isEmpty();
      assertThat(classifier.classifyTexts(List.of(), 1, Progress.NONE)).isEmpty();
    }
  }

  @Test
  void labelsAndTemplates() {
    requireRefusal(() -> new Labels(List.of(), new float[0]), "labels: expected at least one");
    for (int values : new int[] {0, 3})
      requireRefusal(() -> new Labels(List.of("a", "b"), new float[values]),
          "labels: expected a vector for each of 2 names, got " + values + " values");
    try (var classifier = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP), kernels)) {
      requireRefusal(() -> classifier.embed(List.of()), "labels: expected at least one");
      requireRefusal(() -> classifier.embed(List.of("cat"), List.of("a {}", "a photo")),
          "template 'a photo': expected {} where the label goes");
    }
  }

  /// Before a file that is not there is looked for.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void labelsOfAnotherModel(boolean clip) {
    var missing = folder.resolve("missing.png");
    var labels = new Labels(List.of("a"), new float[5]);
    try (var classifier = ZeroShotClassifier.of(checkpoint(clip ? SmallModel.CLIP : SmallModel.SIGLIP), kernels)) {
      int dim = classifier.embed(List.of("cat")).vectors().length;
      var message = "labels: expected vectors of " + dim + " dimensions, as this model's, got 5";
      requireRefusal(() -> classifier.classify(missing, labels), message);
      requireRefusal(() -> classifier.classify(PICTURE, labels, 1, Progress.NONE), message);
      requireRefusal(() -> classifier.classify(List.of(), labels), message);
    }
  }

  /// A wrong one is found before the pass of an earlier one, which the interrupt would cancel.
  @Test
  void allPromptsAreCheckedFirst() {
    try (var predictor = MaskPredictor.of(Demo.model("sam"), kernels); var session = predictor.session()) {
      session.setImage(PICTURE);
      var prompts = List.of(Prompt.point(1, 1), Prompt.point(1, PICTURE.height() + 1));
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> session.predict(prompts, true)).isInstanceOf(InputException.class)
          .hasMessageStartingWith("point 1," + (PICTURE.height() + 1) + ": ");
      assertThatThrownBy(() -> session.predict(prompts.subList(0, 1), true)).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(session.predict(List.of(), true)).isEmpty();
    }
  }

  /// They are refused before an input is made: so many would not fit in memory.
  @Test
  void batchesBeyondAnArray() {
    try (var embedder = PictureEmbedder.of(checkpoint(SmallModel.DINOV2), kernels)) {
      var large = prepared(518);
      requireRefusal(() -> embedder.embedPrepared(Collections.nCopies(10_000, large), Pooling.BOTH, true, Progress.NONE),
          "pictures: expected at most 2667 inputs [3, 518, 518] in a batch, got 10000");
    }
    var n = new int[48];
    var encoding = new Encoding(n, Collections.nCopies(48, "a"), n, n, n, n, n, n, n, List.of());
    requireRefusal(() -> TokenBatch.filled(Collections.nCopies(50_000_000, encoding), 48, 0),
        "texts: expected at most 44739242 inputs [48] in a batch, got 50000000");
  }

  @Test
  void preparedInputs() {
    requireRefusal(() -> new Preprocessing.Pixels(2, 3, new float[17]), "input of 3x2: expected 18 values, got 17");
    requireRefusal(() -> new Preprocessing.Pixels(0, 3, new float[0]), "input of 3x0: expected 0 values, got 0");
    requireRefusal(() -> new OpenModel.Input(new float[5], 2, 3),
        "input [2, 3]: expected the product of these as the number of values, got 5");
    requireRefusal(() -> new OpenModel.Input(new float[6], -2, -3),
        "input [-2, -3]: expected the product of these as the number of values, got 6");
    for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
      requireRefusal(() -> prepared(14, 0, value), "input: expected finite values, got " + value);
    assertThatCode(() -> new OpenModel.Input(new float[] {Float.NEGATIVE_INFINITY}, 1)).doesNotThrowAnyException();
    try (var embedder = PictureEmbedder.of(checkpoint(SmallModel.DINOV2), kernels)) {
      assertThat(Arrays.toString(embedder.embedPrepared(List.of(prepared(14)), Pooling.CLASS_TOKEN, true, Progress.NONE)
          .getFirst())).doesNotContain("NaN");
    }
  }
}
