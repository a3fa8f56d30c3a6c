package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.llama.DecoderState;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.llama.LlamaConfig;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A decoder adds a thousand tokens to a text: none of them allocates a buffer, whatever the length.
class LlamaStepsTest {
  private static final LlamaConfig CONFIG = new LlamaConfig(1000, 64, 2, 4, 2, 16, 128, LlamaConfig.Bias.NONE, 1e-5f, 16_384, 10_000,
      Scaling.NONE, true, List.of());
  /// Bytes of the small objects that the kernels of a step may make on the heap, a kilobyte an operation; none follows the length.
  private static final long MOST_OF_STEP = 40 << 10;

  @Test
  void aTokenAllocatesNothing() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels);
        var text = new DecoderState(Weights.bind(new RandomWeights(arena, 1), w -> Llama.load(CONFIG, w)).model(), 16_384)) {
      text.read(workspace, 1, 2, 3);
      for (int length : new int[] {10, 1000}) {
        while (text.length() < length) text.next(workspace, NextToken.GREEDY);
        var allocations = Allocations.of(() -> text.next(workspace, NextToken.GREEDY),
            a -> a.buffers().isEmpty() && a.bytes() <= MOST_OF_STEP);
        assertThat(allocations.buffers()).as("buffers of a token, on the heap or off it").isEmpty();
        assertThat(allocations.bytes()).as("bytes of a token's small objects").isLessThanOrEqualTo(MOST_OF_STEP);
        assertThat(workspace.bytes()).isLessThan(1 << 20);
      }
    }
  }
}
