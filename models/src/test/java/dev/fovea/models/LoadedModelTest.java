package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.llama.LlamaConfig;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Models of files. Those of published sizes are in [PresetsTest], those of no family in [OwnModelTest].
@Timeout(120)
class LoadedModelTest {
  @TempDir
  private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"vit", "segformer", "sam"})
  void loadedAndMappedGiveTheSameBits(String name) {
    var file = Demo.copy(name, folder);
    var outputs = new ArrayList<Map<String, float[]>>();
    for (var residency : Residency.values())
      try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var checkpoint = Checkpoint.open(file, residency);
          var arena = Arena.ofShared(); var workspace = new Workspace(kernels)) {
        var model = LoadedModel.of(checkpoint, arena);
        var values = new TreeMap<String, float[]>();
        model.run(workspace, model.randomInputs(1, 0, arena), Probe.NONE)
            .forEach((output, tensor) -> values.put(output, tensor.toArray()));
        outputs.add(values);
      }
    assertThat(outputs.getFirst()).isNotEmpty();
    assertThat(outputs.getLast()).usingRecursiveComparison().isEqualTo(outputs.getFirst());
  }

  @ParameterizedTest
  @CsvSource({"F32, 128, 128", "BF16, 64, 64", "Q8, 34, 64"})
  void aTokenReadsEachMatrixAndARowOfTheEmbedding(WeightFormat format, int bytesOf32, int bytesOf32InTable) {
    var config = new LlamaConfig(100, 64, 2, 4, 2, 16, 96, LlamaConfig.Bias.NONE, 1e-5f, 64, 10_000, Scaling.NONE, false, List.of());
    try (var arena = Arena.ofConfined()) {
      var llama = (Llama) LoadedModel.of("small", config, new RandomWeights(arena, 1, _ -> format)).model();
      var step = Workspace.dryRun(ids -> llama.logits(llama.forward(llama.embed(ids), Probe.NONE)), List::of, 1, 1);
      int block = 3 * 64 * 64 + 3 * 96 * 64, head = 112 * 64;
      assertThat(step.weightBytes()).isEqualTo((2 * block + head) / 32 * bytesOf32 + 64 / 32 * bytesOf32InTable);
      assertThat(step.weightFormats()).contains(format);
    }
  }
}
