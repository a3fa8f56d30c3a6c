package dev.fovea.models.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.feature.AttentionRollout.Fusion;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import dev.fovea.models.sam.Prompt;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Explanations of the demo models.
class ExplainerTest {
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(2));

  @AfterEach
  void close() {
    kernels.close();
  }

  private OpenModel open(String name) {
    return OpenModel.of(Demo.model(name), kernels);
  }

  private static Picture single() {
    try (var files = Files.list(Demo.SINGLES)) {
      return Picture.read(files.filter(file -> file.toString().endsWith(".png")).sorted().findFirst().orElseThrow());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Explanation explain(OpenModel model, Subject subject, ExplainSettings settings) {
    return Explainer.explain(model, subject, settings, Progress.NONE);
  }

  private static ExplainSettings atMost(long weights) {
    return new ExplainSettings(weights, -1, Fusion.MEAN, 0, 8, 0);
  }

  private static void requireRowSums(HeadMaps map) {
    int keys = map.keyCount();
    assertThat(map.weights()).as(map.toString()).hasSize(map.inputs() * map.heads() * map.queryCount() * keys);
    for (int row = 0; row < map.weights().length; row += keys) {
      double sum = 0;
      for (int k = 0; k < keys; k++) sum += map.weights()[row + k];
      assertThat(sum).as(map.name()).isCloseTo(1, within(1e-4));
    }
  }

  /// The maps are those that a probe gets, bit by bit.
  @Test
  void mapsOfTheProbe() {
    try (var model = open("vit")) {
      var picture = single();
      var explanation = explain(model, Subject.of(picture), ExplainSettings.ALL);
      var pixels = Preprocessing.of(model.header().preprocessing()).apply(picture, 1);
      var probe = Probe.all();
      var expected = model.run(probe, Map.of(Model.PIXEL_VALUES, new OpenModel.Input(pixels.values(), 1, 3, pixels.height(), pixels.width())),
          inputs -> List.copyOf(model.model().outputs(inputs, probe).values()), _ -> {
            var maps = new ArrayList<float[]>();
            probe.attentions().values().forEach(map -> maps.add(map.weights().toArray()));
            return maps;
          }, Progress.NONE);
      assertThat(explanation.maps()).hasSize(5).extracting(HeadMaps::name).first().isEqualTo("attentions.0");
      for (int i = 0; i < 5; i++) assertThat(explanation.maps().get(i).weights()).as("layer " + i).isEqualTo(expected.get(i));
      explanation.maps().forEach(ExplainerTest::requireRowSums);
      assertThat(explanation.maps().getFirst().queryNames()).containsExactly(List.of("class token"));
      assertThat(explanation.maps().getFirst().entropies()).hasSize(4).satisfies(bits -> assertThat(Arrays.stream(bits)).allMatch(each -> each >= 0 && each < 8.1));
      assertThat(explanation.maps().getFirst().distances()).hasSize(4).satisfies(far -> assertThat(Arrays.stream(far)).allMatch(each -> each >= 0 && each < 181));
      assertThat(explanation.view()).returns(128, Picture::width);
      assertThat(explanation.notes()).isEmpty();
    }
  }

  @Test
  void residualStreamAndRollout() {
    try (var model = open("vit")) {
      var explanation = explain(model, Subject.of(single()), ExplainSettings.ALL);
      var chain = explanation.chains().getFirst();
      assertThat(chain.maps()).hasSize(5);
      assertThat(chain.norms()).hasSize(6).allSatisfy(norms -> assertThat(norms).hasSize(257));
      assertThat(chain.nearness()[5]).isCloseTo(1, within(1e-9));
      assertThat(chain.early()).hasSize(6);
      assertThat(chain.early().getLast()).as("after the last block, the model's answer").isEqualTo(explanation.answers());
      for (var rollout : chain.rollouts())
        for (int row = 0; row < 257; row++) {
          double sum = 0;
          for (int k = 0; k < 257; k++) sum += rollout[257 * row + k];
          assertThat(sum).isCloseTo(1, within(1e-5));
        }
      var operands = explanation.operands();
      assertThat(operands.name()).isEqualTo("attentions.4");
      assertThat(operands.give(explanation.maps().get(4).weights())).as("softmax of q · k").isTrue();
      assertThat(operands.give(explanation.maps().get(3).weights())).as("another layer's map").isFalse();
      var first = explain(model, Subject.of(single()), new ExplainSettings(Long.MAX_VALUE, 0, Fusion.MAX, 0.5, 1, 0));
      assertThat(first.operands().name()).isEqualTo("attentions.0");
      assertThat(first.chains().getFirst().rollouts().getLast()).isNotEqualTo(chain.rollouts().getLast());
    }
  }

  @Test
  void whatIsLearnt() {
    try (var model = open("vit")) {
      var explanation = explain(model, Subject.of(single()), ExplainSettings.ALL);
      var positions = explanation.positions();
      assertThat(positions.rows()).isEqualTo(16);
      for (int i = 0; i < 256; i++) assertThat(positions.cosines()[257 * i]).as("with itself").isCloseTo(1, within(1e-5f));
      var filters = explanation.filters();
      assertThat(filters.components()).hasSize(28 * 3 * 8 * 8);
      assertThat(filters.shares()).isSortedAccordingTo((a, b) -> Double.compare(b, a));
      double all = 0;
      for (double share : filters.shares()) all += share;
      assertThat(all).isBetween(0.1, 1.0);
      assertThat(explanation.features().components()).hasSize(256 * 3);
    }
  }

  /// With less room, squares of patches are one, rows still sum to 1, and the class token's look is kept whole.
  @Test
  void coarser() {
    try (var model = open("vit")) {
      var whole = explain(model, Subject.of(single()), ExplainSettings.ALL);
      var coarse = explain(model, Subject.of(single()), atMost(200_000));
      assertThat(coarse.maps().stream().mapToLong(map -> map.weights().length).sum()).isLessThanOrEqualTo(200_000);
      assertThat(coarse.notes()).hasSize(1).first().asString().contains("coarser than the model's");
      for (int i = 0; i < 5; i++) {
        HeadMaps less = coarse.maps().get(i), all = whole.maps().get(i);
        assertThat(less.block()).isGreaterThan(1);
        requireRowSums(less);
        assertThat(less.entropies()).isEqualTo(all.entropies());
        assertThat(less.distances()).isEqualTo(all.distances());
        for (int head = 0; head < 4; head++)
          for (int k = 0; k < 257; k++)
            assertThat(less.classRow()[head * 257 + k]).isEqualTo(all.weights()[head * 257 * 257 + k]);
      }
      var least = explain(model, Subject.of(single()), atMost(200));
      assertThat(least.notes()).anyMatch(note -> note.contains("mean of the heads") || note.startsWith("Too large"));
    }
  }

  @Test
  void anotherSize() {
    try (var model = open("vit")) {
      var explanation = explain(model, Subject.of(single()), new ExplainSettings(Long.MAX_VALUE, -1, Fusion.MEAN, 0, 1, 64));
      assertThat(explanation.maps().getFirst().queryCount()).isEqualTo(65);
      assertThat(explanation.positions().rows()).as("as learnt").isEqualTo(16);
      assertThatThrownBy(() -> explain(model, Subject.of(single()), new ExplainSettings(1, -1, Fusion.MEAN, 0, 1, 60)))
          .hasMessageStartingWith("size: expected a multiple of the patch size 8");
    }
    try (var model = open("segformer")) {
      assertThatThrownBy(() -> explain(model, Subject.of(single()), new ExplainSettings(1, -1, Fusion.MEAN, 0, 1, 64)))
          .hasMessage("size: expected none for this model, whose pictures have one");
    }
  }

  @Test
  void segformer() {
    try (var model = open("segformer")) {
      var maps = explain(model, Subject.of(single()), ExplainSettings.ALL).maps();
      assertThat(maps).hasSize(4);
      maps.forEach(ExplainerTest::requireRowSums);
      assertThat(maps.getFirst().keyCount()).as("reduced keys").isLessThan(maps.getFirst().queryCount());
    }
  }

  @Test
  void sam() {
    try (var model = open("sam")) {
      var subject = Subject.of(single()).withPoints(List.of(new Prompt.Point(64, 64, true)));
      var explanation = explain(model, subject, ExplainSettings.ALL);
      explanation.maps().forEach(ExplainerTest::requireRowSums);
      var looks = explanation.maps().stream().filter(map -> map.name().endsWith("layers.0.token_to_image")).findFirst().orElseThrow();
      assertThat(looks.queryNames().getFirst()).startsWith("score token", "mask token 1").endsWith("point 64,64", "padding of the prompt");
      assertThat(explanation.maps()).extracting(HeadMaps::name).noneMatch(name -> name.contains(".single."));
      assertThatThrownBy(() -> explain(model, Subject.of(single()), ExplainSettings.ALL)).hasMessage("expected a point on the picture, got none");
      assertThatThrownBy(() -> explain(model, subject.withPoints(List.of(new Prompt.Point(900, 1, true))), ExplainSettings.ALL))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("expected a place in the picture of");
    }
  }

  @Test
  void wrongSubjects() {
    try (var model = open("vit")) {
      assertThatThrownBy(() -> explain(model, Subject.ofTexts(List.of("a")), ExplainSettings.ALL)).hasMessage("expected a picture, got none");
      assertThatThrownBy(() -> explain(model, Subject.of(single()).withTexts(List.of("a")), ExplainSettings.ALL)).hasMessage("expected no text for this model");
      assertThatThrownBy(() -> explain(model, Subject.of(single()).withPoints(List.of(new Prompt.Point(1, 1, true))), ExplainSettings.ALL))
          .hasMessage("expected no point for this model");
      assertThatThrownBy(() -> explain(model, Subject.of(single()), new ExplainSettings(1, 5, Fusion.MEAN, 0, 1, 0))).hasMessage("layer: expected 0 to 4, got 5");
    }
    assertThatThrownBy(() -> new ExplainSettings(0, 0, Fusion.MEAN, 0, 1, 0)).hasMessage("maxWeights: expected at least 1, got 0");
    assertThatThrownBy(() -> new ExplainSettings(1, -2, Fusion.MEAN, 0, 1, 0)).hasMessageStartingWith("layer: ");
    assertThatThrownBy(() -> new ExplainSettings(1, 0, Fusion.MEAN, 1, 1, 0)).hasMessageStartingWith("discard: ");
    assertThatThrownBy(() -> new ExplainSettings(1, 0, Fusion.MEAN, 0, 0, 0)).hasMessageStartingWith("answerTokens: ");
  }
}
