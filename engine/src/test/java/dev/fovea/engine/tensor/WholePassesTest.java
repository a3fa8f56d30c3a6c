package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.nn.AttentionCache;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Passes with kernels that run them as programs, as a device does.
class WholePassesTest {
  private final Arena arena = Arena.ofShared();
  private final Programs kernels = new Programs();
  private final Workspace workspace = new Workspace(kernels);

  /// Kernels that perform no operation alone, and count their programs.
  private static final class Programs implements Kernels {
    private final Kernels reference = KernelProvider.REFERENCE.open(Workers.threads(1));
    private int prepared, runs, open, changes;
    private boolean gives;

    @Override
    public String name() {
      return "programs";
    }

    @Override
    public int threads() {
      return 1;
    }

    @Override
    public void run(Operation operation) {
      throw new AssertionError("an operation alone: " + operation.description());
    }

    @Override
    public boolean runsWholePasses() {
      return true;
    }

    @Override
    public Program prepare(Recording recording, Map<String, MemorySegment> given) {
      var program = reference.prepare(recording, given);
      prepared++;
      open++;
      return new Program() {
        @Override
        public void run(Consumer<Operation> before) {
          runs++;
          program.run(before);
        }

        @Override
        public boolean give(Map<String, MemorySegment> memory) {
          if (gives) changes++;
          return gives;
        }

        @Override
        public MemorySegment memory(MemorySegment recorded, long bytes) {
          return program.memory(recorded, bytes);
        }

        @Override
        public void close() {
          open--;
          program.close();
        }
      };
    }

    @Override
    public void close() {
      reference.close();
    }
  }

  @AfterEach
  void close() {
    workspace.close();
    assertThat(kernels.open).as("programs that are not closed").isZero();
    kernels.close();
    arena.close();
    Thread.interrupted();
  }

  private Tensor tensor(float... values) {
    return Tensor.of(arena, values, values.length);
  }

  private static Tensor twice(Tensor x) {
    return x.plus(x);
  }

  @Test
  void onePreparationManyRuns() {
    for (int i = 1; i <= 3; i++)
      assertThat(workspace.run("twice", tensor(i, 5), WholePassesTest::twice, List::of).toArray()).containsExactly(2 * i, 10);
    assertThat(workspace.run("twice", tensor(1, 2, 3), WholePassesTest::twice, List::of).toArray()).containsExactly(2, 4, 6);
    assertThat(kernels.prepared).isEqualTo(2);
    assertThat(kernels.runs).isEqualTo(4);
  }

  /// Views of a result, and an input, are what the model returns.
  @Test
  void viewsAndInputs() {
    var x = tensor(1, 2, 3, 4);
    var results = workspace.run("views", x, in -> {
      var sum = twice(in);
      return List.of(sum.slice(0, 1, 3), in, sum.reshape(2, 2).transposed(0, 1));
    }, r -> r);
    assertThat(results.get(0).toArray()).containsExactly(4, 6);
    assertThat(results.get(1).toArray()).containsExactly(1, 2, 3, 4);
    assertThat(results.get(2).toArray()).containsExactly(2, 6, 4, 8);
  }

  @Test
  void constantsArePartOfThePass() {
    var weight = tensor(1, 2);
    for (int i = 1; i <= 2; i++) {
      var x = tensor(i, i);
      assertThat(workspace.run("constant", x, in -> in.plus(workspace.constant("twice", weight, WholePassesTest::twice)), List::of).toArray())
          .containsExactly(i + 2, i + 4);
    }
    assertThat(kernels.prepared).isEqualTo(1);
  }

  /// What a pass appends outlives it, for each memory separately.
  @Test
  void stateSurvives() {
    var caches = List.of(cache(), cache());
    for (int step = 0; step < 3; step++)
      for (int c = 0; c < 2; c++) append(caches.get(c), step, 10 * c + step);
    for (int c = 0; c < 2; c++) assertThat(caches.get(c).keys().toArray()).containsExactly(10 * c, 10 * c + 1, 10 * c + 2, 0);
    assertThat(kernels.prepared).as("this program cannot change its memory").isEqualTo(6);
    kernels.gives = true;
    for (int c = 0; c < 2; c++) append(caches.get(c), 3, 10 * c + 3);
    assertThat(kernels.changes).as("that of the first session, and of the second").isEqualTo(2);
    assertThat(kernels.prepared).isEqualTo(6);
  }

  private AttentionCache cache() {
    return new AttentionCache(Tensor.zeros(arena, 1, 4, 1), Tensor.zeros(arena, 1, 4, 1), Tensor.zeros(arena, 1), Tensor.zeros(arena, 1));
  }

  private void append(AttentionCache cache, int length, float value) {
    cache.before().put(0, length);
    var x = Tensor.of(arena, new float[] {value}, 1, 1, 1, 1);
    workspace.run("append", Map.of("x", x, "keys", cache.keys(), "before", cache.before()), in -> {
      in.get("x").run(new Operation.Append(in.get("x").matrices(), in.get("keys").reshape(1, 1, 4, 1).matrices(), in.get("before").segment()));
      return twice(in.get("x"));
    }, List::of);
  }

  @Test
  void programsAreClosed() {
    for (int n = 1; n <= 20; n++) workspace.run("twice", Tensor.zeros(arena, n), WholePassesTest::twice, List::of);
    assertThat(kernels.prepared).isEqualTo(20);
    assertThat(kernels.open).isLessThanOrEqualTo(8).isPositive();
  }

  @Test
  void progressAndInterrupts() {
    var told = new ArrayList<Long>();
    workspace.listen((done, total) -> {
      told.add(total);
      assertThat(done).isLessThanOrEqualTo(total);
    });
    workspace.run("twice", tensor(1), WholePassesTest::twice, List::of);
    assertThat(told).hasSize(1);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> workspace.run("twice", tensor(1), WholePassesTest::twice, List::of)).isInstanceOf(CancelledException.class);
    Thread.interrupted();
    workspace.listen((_, _) -> workspace.run("nested", tensor(1), WholePassesTest::twice, List::of));
    assertThatThrownBy(() -> workspace.run("twice", tensor(1), WholePassesTest::twice, List::of))
        .isInstanceOf(IllegalStateException.class).hasMessageContaining("a pass is running");
    workspace.listen(Progress.NONE);
    assertThat(workspace.run("twice", tensor(4), WholePassesTest::twice, List::of).toArray()).containsExactly(8);
  }
}
