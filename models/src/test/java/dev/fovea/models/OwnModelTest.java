package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model of no family here runs, is counted and is verified like the others.
class OwnModelTest {
  private static final int IN = 8, OUT = 3;

  @TempDir
  private Path folder;

  /// `y = x · Wᵀ + b`.
  private record Own(Linear head) implements Model {
    @Override
    public Map<String, ModelInput> inputs(int batch, int size) {
      return Map.of("x", ModelInput.coordinates(batch, IN));
    }

    @Override
    public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
      return Map.of("y", head.forward(inputs.get("x")));
    }
  }

  private static LoadedModel own(Arena arena) {
    var bound = Weights.bind(new RandomWeights(arena, 1), weights -> new Own(weights.linear("head", IN, OUT)));
    return new LoadedModel("own", bound.model(), bound.parameters());
  }

  private static float[] run(LoadedModel model, Kernels kernels, Map<String, Tensor> inputs) {
    try (var workspace = new Workspace(kernels)) {
      return model.run(workspace, inputs, Probe.NONE).get("y").toArray();
    }
  }

  @Test
  void runsAndIsCounted() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var model = own(arena);
      assertThat(model.parameters()).isEqualTo(OUT * IN + OUT);
      assertThat(model.dryRun(5, 0).macs()).isEqualTo(5 * OUT * IN);
      assertThat(model.publishedMacs(5, 0)).isEqualTo(5 * OUT * IN);
      assertThat(run(model, kernels, model.randomInputs(5, 0, arena))).hasSize(5 * OUT).doesNotContain(0);
    }
  }

  @Test
  void isVerified() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var model = own(arena);
      var inputs = model.randomInputs(2, 0, arena);
      var expected = run(model, kernels, inputs);
      try (var reference = reference("right", "x", inputs.get("x").toArray(), expected)) {
        assertThat(new Verification(model.model(), reference).compare(kernels)).singleElement()
            .satisfies(y -> assertThat(y.maxError()).isZero());
      }
      var wrong = expected.clone();
      wrong[1] += 0.5f;
      try (var reference = reference("wrong", "x", inputs.get("x").toArray(), wrong)) {
        assertThat(new Verification(model.model(), reference).compare(kernels)).singleElement()
            .satisfies(y -> assertThat(y.maxError()).isBetween(0.49, 0.51));
      }
      try (var reference = reference("other", "z", inputs.get("x").toArray(), expected)) {
        var verification = new Verification(model.model(), reference);
        assertThatThrownBy(() -> verification.compare(kernels)).isInstanceOf(CheckpointException.class)
            .hasMessageEndingWith("'input.z': the model has no such input");
      }
    }
  }

  private Checkpoint reference(String name, String input, float[] x, float[] y) {
    var file = folder.resolve(name + ".safetensors");
    var writer = new CheckpointWriter();
    add(writer, "input." + input, x, IN);
    add(writer, "output.y", y, OUT);
    writer.write(file);
    return Checkpoint.open(file);
  }

  private static void add(CheckpointWriter writer, String name, float[] values, int width) {
    writer.tensor(name, DType.F32, new long[] {values.length / width, width},
        () -> Tensor.of(Arena.ofAuto(), values, values.length).segment());
  }
}
