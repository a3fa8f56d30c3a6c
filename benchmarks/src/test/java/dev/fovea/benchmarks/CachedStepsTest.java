package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.SwiGlu;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// A model with a cache of keys and values takes 1,000 steps: it is recorded once, and a step allocates nothing.
class CachedStepsTest {
  private static final int DIM = 64, HEADS = 4, LAYERS = 2, CAPACITY = 1024, STEPS = 1000, VOCABULARY = 100;
  /// Bytes of the small objects that the kernels of a step may make on the heap, a kilobyte an operation; none follows the length.
  private static final long MOST_OF_STEP = 40 << 10;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private record Block(Tensor norm, Linear q, Linear k, Linear v, Linear proj, SwiGlu mlp) {
    static Block load(Weights w) {
      return new Block(w.tensor("norm", DIM), w.linear("q", DIM, DIM, false), w.linear("k", DIM, DIM, false), w.linear("v", DIM, DIM, false),
          w.linear("proj", DIM, DIM, false), new SwiGlu(w.linear("w1", DIM, 2 * DIM, false), w.linear("w2", DIM, 2 * DIM, false),
          w.linear("w3", 2 * DIM, DIM, false)));
    }

    Tensor forward(Tensor x, int layer, Map<String, Tensor> in) {                     // [1, C]
      var normed = x.allocate(1, DIM);
      x.run(new Operation.RmsNorm(x.segment(), norm.segment(), 1e-6f, normed.segment(), 1, DIM));
      Tensor keys = in.get("keys." + layer).reshape(HEADS, CAPACITY, DIM / HEADS), values = in.get("values." + layer).reshape(HEADS, CAPACITY, DIM / HEADS);
      x.run(new Operation.Append(heads(k.forward(normed)).matrices(), keys.matrices(), in.get("before").segment()));
      x.run(new Operation.Append(heads(v.forward(normed)).matrices(), values.matrices(), in.get("before").segment()));
      var out = x.allocate(1, DIM);
      x.run(new Operation.Attention(heads(q.forward(normed)).matrices(), keys.matrices(), values.matrices(),
          AttentionMask.cached(in.get("after").segment()), heads(out).matrices(), (float) (1 / Math.sqrt(DIM / HEADS))));
      x = x.plus(proj.forward(out));
      return x.plus(mlp.forward(x));
    }

    private static Tensor heads(Tensor x) {                                           // [1, C] → [H, 1, D]
      return x.reshape(HEADS, 1, DIM / HEADS);
    }
  }

  private record Model(Embedding embed, List<Block> blocks, Linear head) {
    static Model load(Weights w) {
      return new Model(w.embedding("embed", VOCABULARY, DIM), IntStream.range(0, LAYERS).mapToObj(i -> Block.load(w.at(i))).toList(),
          w.linear("head", DIM, VOCABULARY, false));
    }

    Tensor step(Map<String, Tensor> in) {
      var x = embed.forward(in.get("token"));
      for (int i = 0; i < LAYERS; i++) x = blocks.get(i).forward(x, i, in);
      return head.forward(x);
    }
  }

  @Test
  void aStepNeitherRecordsNorAllocates() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var model = Weights.bind(new RandomWeights(arena, 1), Model::load).model();
      var state = new HashMap<String, Tensor>();
      for (int i = 0; i < LAYERS; i++)
        for (var name : List.of("keys.", "values.")) state.put(name + i, Tensor.zeros(arena, HEADS * CAPACITY * DIM / HEADS));
      var recorded = new AtomicInteger();
      var inputs = Map.of("token", new int[] {1}, "before", new int[] {1}, "after", new int[] {1});
      try (var pass = workspace.prepare(inputs, state, in -> {
        recorded.incrementAndGet();
        return List.of(model.step(in));
      })) {
        Tensor token = pass.input("token"), before = pass.input("before"), after = pass.input("after");
        long least = Long.MAX_VALUE;
        for (int step = 0; step < STEPS; step++) {
          long bytes = THREADS.getCurrentThreadAllocatedBytes();
          token.put(0, step * 7 % VOCABULARY);
          before.put(0, step);
          after.put(0, step + 1);
          var logits = pass.run().getFirst();
          if (step > 1) least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - bytes);
          if (step % 100 == 0) assertThat(logits.toArray()).doesNotContain(Float.NaN);
        }
        assertThat(recorded).as("records").hasValue(1);
        var allocations = Allocations.of(pass::run, a -> a.buffers().isEmpty() && a.bytes() <= MOST_OF_STEP);
        assertThat(allocations.buffers()).as("buffers of a step, on the heap or off it").isEmpty();
        assertThat(allocations.bytes()).as("bytes of a step's small objects").isLessThanOrEqualTo(MOST_OF_STEP);
        System.out.println("a step of " + pass.recording().operations().size() + " operations: " + allocations.bytes() + " bytes, least " + least);
      }
    }
  }
}
