package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.Sets;
import dev.fovea.engine.feature.PatchFeatures;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Resample;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.models.explain.Chain;
import dev.fovea.models.explain.Explanation.Effect;
import dev.fovea.models.explain.Explanation.Features;
import dev.fovea.models.explain.Explanation.Filters;
import dev.fovea.models.explain.Explanation.Operands;
import dev.fovea.models.explain.Explanation.Samples;
import dev.fovea.models.explain.Explanation.Similarities;
import dev.fovea.models.explain.HeadMaps;
import dev.fovea.models.sam.MaskPrediction;
import dev.fovea.models.sam.Prompt;
import dev.fovea.models.vlm.SeenPicture;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// Records that hold arrays are compared by what is in them, and say it.
class ResultsTest {
  /// A new instance each time, of every such record.
  private static final Map<Class<? extends Record>, Supplier<Record>> SAMPLES = Map.of(
      Segmentation.class, () -> new Segmentation(2, 1, new short[] {0, 3},
          List.of(new Segmentation.Share(0, "a", 1, 0.5), new Segmentation.Share(3, "d", 1, 0.5))),
      ZeroShotClassifier.Labels.class, () -> new ZeroShotClassifier.Labels(List.of("a", "b"), new float[] {1, 2, 3, 4}),
      OpenModel.Input.class, () -> new OpenModel.Input(new float[] {1, Float.NaN}, 1, 2),
      ModelInput.class, () -> ModelInput.tokens(5, 1, 2),
      SeenPicture.class, () -> new SeenPicture("model", 0, 0, 1, 2, new float[] {1, 2}),
      Comparison.class, () -> new Comparison("logits", new int[] {1, 2}, 3, 4),
      MaskPrediction.class, () -> new MaskPrediction(new Mask(2, 1, new boolean[] {true, false}), 0.5f, new float[] {1, 2}),
      Prompt.class, () -> new Prompt(List.of(new Prompt.Point(1, 2, true)), new Box(1, 2, 3, 4), new float[] {1, 2}));

  /// Those of an explanation.
  private static final Map<Class<? extends Record>, Supplier<Record>> SAMPLES_OF_EXPLANATIONS = Map.of(
      Operands.class, () -> new Operands("a", 1, 2, Tokens.grid(1, 1), Tokens.grid(1, 1), new float[2], new float[2], new float[2]),
      Similarities.class, () -> new Similarities(1, 1, 1, new float[1]),
      Filters.class, () -> new Filters(1, 3, new double[] {1}, new float[3]),
      Features.class, () -> new Features(1, 1, new float[3], new double[3], new Similarities(1, 1, 1, new float[1])),
      Effect.class, () -> new Effect("cat", 2, 1, 2, new float[2]),
      Samples.class, () -> new Samples("layer 0", "cat", new float[4], new float[2], new float[1]),
      HeadMaps.class, () -> new HeadMaps("attentions.0", 1, 1, 1, Tokens.grid(1, 2), Tokens.grid(1, 2), null, 1, new float[4],
          new float[2], List.of(), List.of(), new double[1], new double[1]),
      Chain.class, () -> new Chain("", List.of("attentions.0"), Tokens.grid(1, 1), 1, List.of(new float[1]),
          List.of(new float[1], new float[1]), new double[1], new double[2], List.of()));

  /// Those of the engine that the tasks take and give.
  private static final Map<Class<? extends Record>, Supplier<Record>> SAMPLES_OF_THE_ENGINE = Map.of(
      PatchFeatures.class, () -> new PatchFeatures(1, 2, 1, new float[] {1, 2}),
      Preprocessing.Pixels.class, () -> new Preprocessing.Pixels(1, 1, new float[] {1, 2, 3}),
      Preprocessing.class, () -> new Preprocessing(new Preprocessing.Resize(1, 2, 0), Resample.BICUBIC, new int[] {1, 2}, 1,
          new float[3], new float[] {1, 2, 3}, new int[] {5, 6}, Preprocessing.CropRounding.DOWN));

  private static Set<Class<?>> exportedRecordsWithArrays() throws IOException {
    var packages = ModuleLayer.boot().findModule("dev.fovea.models").orElseThrow().getDescriptor().exports().stream()
        .map(ModuleDescriptor.Exports::source).collect(Collectors.toSet());
    var found = new HashSet<Class<?>>();
    var classes = Path.of("target/classes");
    try (var files = Files.walk(classes)) {
      files.map(file -> classes.relativize(file).toString().replace('\\', '/')).filter(name -> name.endsWith(".class"))
          .map(name -> name.substring(0, name.length() - 6).replace('/', '.')).filter(name -> !name.equals("module-info"))
          .forEach(name -> {
            try {
              var type = Class.forName(name, false, ResultsTest.class.getClassLoader());
              if (packages.contains(type.getPackageName()) && isPublic(type) && type.isRecord()
                  && Arrays.stream(type.getRecordComponents()).anyMatch(component -> component.getType().isArray()))
                found.add(type);
            } catch (ClassNotFoundException e) {
              throw new IllegalStateException(e);
            }
          });
    }
    return found;
  }

  private static boolean isPublic(Class<?> type) {
    return Modifier.isPublic(type.getModifiers()) && (type.getEnclosingClass() == null || isPublic(type.getEnclosingClass()));
  }

  @Test
  void everyExportedRecordWithAnArrayIsHere() throws IOException {
    assertThat(exportedRecordsWithArrays()).containsExactlyInAnyOrderElementsOf(
        Sets.union(SAMPLES.keySet(), SAMPLES_OF_EXPLANATIONS.keySet()));
  }

  @Test
  void copiesAreEqualAndSayWhatTheyHold() throws ReflectiveOperationException {
    for (var samples : List.of(SAMPLES, SAMPLES_OF_EXPLANATIONS, SAMPLES_OF_THE_ENGINE))
      for (var each : samples.entrySet()) {
        Record one = each.getValue().get(), other = each.getValue().get();
        assertThat(one).isEqualTo(other).hasSameHashCodeAs(other).isNotEqualTo(null).isNotEqualTo("another thing");
        assertThat(one.toString()).doesNotContain("[F@").doesNotContain("[B@").doesNotContain("[S@").doesNotContain("[I@").doesNotContain("[D@")
            .doesNotContain("[Z@").isEqualTo(other.toString());
        requireDifference(one);
      }
  }

  /// With another number in one of its arrays, where it is valid, it is another record.
  private static void requireDifference(Record record) throws ReflectiveOperationException {
    var components = record.getClass().getRecordComponents();
    int changed = 0;
    for (int i = 0; i < components.length; i++) {
      if (!components[i].getType().isArray()) continue;
      var values = new Object[components.length];
      for (int j = 0; j < values.length; j++) values[j] = components[j].getAccessor().invoke(record);
      values[i] = changed(values[i]);
      try {
        var types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        assertThat(record.getClass().getConstructor(types).newInstance(values)).isNotEqualTo(record);
        changed++;
      } catch (InvocationTargetException e) {
        assertThat(e.getCause()).isInstanceOf(IllegalArgumentException.class);
      }
    }
    assertThat(changed).as(record.toString()).isPositive();
  }

  private static Object changed(Object array) {
    return switch (array) {
      case float[] values -> {
        var copy = values.clone();
        copy[0]++;
        yield copy;
      }
      case double[] values -> {
        var copy = values.clone();
        copy[0]++;
        yield copy;
      }
      case int[] values -> {
        var copy = values.clone();
        copy[0]++;
        yield copy;
      }
      case short[] values -> {
        var copy = values.clone();
        copy[0]++;
        yield copy;
      }
      default -> throw new IllegalStateException("arrays of " + Array.get(array, 0).getClass());
    };
  }
}
