package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
  private static final int N = 1024;

  private final Arena arena = Arena.ofConfined();
  private final Kernels kernels = KernelProvider.REFERENCE.open(Workers.threads(1));
  private final Workspace workspace = new Workspace(kernels);

  @AfterEach
  void close() {
    workspace.close();
    kernels.close();
    arena.close();
    Thread.interrupted();
  }

  private Tensor input(float first) {
    var values = new float[N];
    for (int i = 0; i < N; i++) values[i] = first + i % 7;
    return Tensor.of(arena, values, 2, N / 2);
  }

  /// `first` must outlive `second … fourth`; `sum` needs both.
  private static List<Tensor> forward(Tensor x) {
    var first = x.times(2);
    var second = x.plus(first);
    var third = second.activate(Activation.RELU);
    var fourth = third.times(third);
    var sum = fourth.plus(first);
    return List.of(first, sum);
  }

  private static void check(List<Tensor> outputs, Tensor x) {
    var values = x.toArray();
    var first = new float[N];
    var sum = new float[N];
    for (int i = 0; i < N; i++) {
      first[i] = 2 * values[i];
      float relu = Math.max(0, 3 * values[i]);
      sum[i] = relu * relu + first[i];
    }
    assertThat(outputs.get(0).toArray()).isEqualTo(first);
    assertThat(outputs.get(1).toArray()).isEqualTo(sum);
  }

  private List<Tensor> run(Tensor x) {
    return workspace.run("forward", x, WorkspaceTest::forward, r -> r);
  }

  @Test
  void computesWhatPlainLoopsCompute() {
    for (float first : new float[] {-3, 0, 5}) check(run(input(first)), input(first));
  }

  private record Expecting(Kernels kernels, List<Long> expected) implements Kernels {
    @Override
    public String name() {
      return kernels.name();
    }

    @Override
    public int threads() {
      return kernels.threads();
    }

    @Override
    public void expect(Recording recording) {
      expected.add(recording.plan().bytes());
    }

    @Override
    public void run(Operation operation) {
      assertThat(expected).isNotEmpty();
      kernels.run(operation);
    }

    @Override
    public void close() {}
  }

  @Test
  void kernelsHearOfEachNewPassBeforeItsFirstOperation() {
    var expecting = new Expecting(kernels, new ArrayList<>());
    try (var other = new Workspace(expecting)) {
      for (int i = 0; i < 3; i++) check(other.run("forward", input(i), WorkspaceTest::forward, r -> r), input(i));
      assertThat(expecting.expected).containsExactly(other.bytes());
      other.run("short", input(1), x -> List.of(x.times(2)), r -> r);
      assertThat(expecting.expected).hasSize(2);
    }
  }

  @Test
  void inputsHaveNames() {
    var inputs = Map.of("a", input(1), "b", input(3));
    var difference = workspace.run("named", inputs, in -> in.get("b").plus(in.get("a").times(-1)), List::of);
    for (float x : difference.toArray()) assertThat(x).isEqualTo(2);
    var longer = Map.of("a", Tensor.zeros(arena, 2, 4), "b", Tensor.zeros(arena, 2, 5));
    var sizes = workspace.run("named", longer, in -> List.of(in.get("a").times(1), in.get("b").times(1)), r -> r);
    assertThat(sizes).extracting(Tensor::size).containsExactly(8L, 10L);
    var recording = Workspace.dryRun(Map.of("a", new int[] {2, 3}, "b", new int[] {3, 5}), in -> in.get("a").matmul(in.get("b"), 1), List::of);
    assertThat(recording.macs()).isEqualTo(2 * 3 * 5);
  }

  @Test
  void secondPassAllocatesNothing() {
    var one = run(input(1));
    long bytes = workspace.bytes(), address = one.get(0).segment().address(), other = one.get(1).segment().address();
    assertThat(bytes).isPositive();
    var two = run(input(2));
    assertThat(workspace.bytes()).isEqualTo(bytes);
    assertThat(two.get(0).segment().address()).isEqualTo(address);
    assertThat(two.get(1).segment().address()).isEqualTo(other);
    check(two, input(2));
  }

  @Test
  void kindsShareTheMemory() {
    run(input(1));
    long bytes = workspace.bytes();
    workspace.run("small", input(1), x -> x.times(2), List::of);
    assertThat(workspace.bytes()).isEqualTo(bytes);
    check(run(input(4)), input(4));
    workspace.run("other shape", Tensor.zeros(arena, 10 * N), x -> x.times(2), List::of);
    assertThat(workspace.bytes()).isEqualTo(4 * 10 * N);
    check(run(input(4)), input(4));
  }

  @Test
  void memoryIsShared() {
    var result = workspace.run("chain", input(1), x -> {
      for (int i = 0; i < 20; i++) x = x.times(1);
      return x;
    }, List::of);
    assertThat(workspace.bytes()).isEqualTo(2 * 4 * N);
    assertThat(result.toArray()).isEqualTo(input(1).toArray());
  }

  @Test
  void outputsSurvive() {
    var outputs = workspace.run("outputs", input(1), x -> {
      var all = new ArrayList<Tensor>();
      for (int i = 0; i < 5; i++) all.add(x.times(i));
      for (int i = 0; i < 5; i++) x = x.times(3);
      return all;
    }, r -> r);
    for (int i = 0; i < 5; i++) assertThat(outputs.get(i).get(0, 3)).isEqualTo(4f * i);
  }

  @Test
  void viewsAsOutputsSurvive() {
    var output = workspace.run("views", input(1), x -> {
      var view = x.times(2).transposed(0, 1).slice(0, 100, 110);
      for (int i = 0; i < 5; i++) x = x.times(3);
      return view;
    }, List::of);
    for (int i = 0; i < 10; i++)
      for (int j = 0; j < 2; j++) assertThat(output.get(i, j)).isEqualTo(2 * input(1).get(j, 100 + i));
  }

  @Test
  void dryRunCountsWithoutMemory() {
    var fc = Weights.bind(WeightSource.shapesOnly(), w -> w.linear("fc", 300_000, 500_000)).model();
    var recording = Workspace.dryRun(x -> fc.forward(x).softmax(), List::of, 7, 300_000);
    assertThat(recording.macs()).isEqualTo(7L * 300_000 * 500_000);
    assertThat(recording.operations()).extracting(Operation::name).containsExactly("linear", "softmax");
    assertThat(recording.operations().getFirst().shape()).isEqualTo(List.of(7, 500_000, 300_000));
    assertThat(recording.operations().getFirst().description()).isEqualTo("linear[7, 500000, 300000] 1050000000000 MACs");
    assertThat(recording.plan().bytes()).isEqualTo(2 * 7 * 500_000 * 4L);
  }

  @Test
  void dryRunCountsProducts() {
    assertThat(Workspace.dryRun(x -> x.matmul(x.transposed(2, 3), 1), List::of, 2, 3, 5, 7).macs()).isEqualTo(2 * 3 * 5 * 5 * 7);
  }

  @Test
  void interruptEndsThePass() {
    var done = new ArrayList<String>();
    assertThatThrownBy(() -> workspace.run("interrupted", input(1), x -> {
      var y = x.times(2);
      if (y.segment().byteSize() > 0) {
        done.add("first");
        Thread.currentThread().interrupt();
      }
      y = y.times(3);
      if (y.segment().byteSize() > 0) done.add("second");
      return y;
    }, List::of)).isInstanceOf(CancelledException.class);
    assertThat(done).containsExactly("first");
    assertThat(Thread.currentThread().isInterrupted()).isTrue();
    assertThatThrownBy(() -> run(input(1))).isInstanceOf(CancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    check(run(input(1)), input(1));
  }

  @Test
  void progressGoesUpToTheTotal() {
    var heard = new ArrayList<Long>();
    var totals = new ArrayList<Long>();
    workspace.listen((done, total) -> {
      heard.add(done);
      totals.add(total);
    });
    for (int pass = 0; pass < 2; pass++) {
      heard.clear();
      workspace.run("products", Tensor.zeros(arena, 4, 4), x -> x.matmul(x, 1).plus(x).matmul(x, 1), List::of);
      assertThat(heard).containsExactly(64L, 64L, 128L);
      assertThat(totals).containsOnly(128L);
    }
  }

  @Test
  void failedPassLeavesTheWorkspaceUsable() {
    assertThatThrownBy(() -> workspace.run("bad", input(1), x -> x.matmul(x, 1), List::of)).isInstanceOf(IllegalArgumentException.class);
    workspace.listen((_, _) -> {
      throw new UnsupportedOperationException();
    });
    assertThatThrownBy(() -> run(input(1))).isInstanceOf(UnsupportedOperationException.class);
    workspace.listen(Progress.NONE);
    check(run(input(1)), input(1));
  }

  @Test
  void tensorsAreComputedInAPassOnly() {
    var output = run(input(1)).getFirst();
    assertThatThrownBy(() -> output.times(2)).isInstanceOf(IllegalStateException.class).hasMessageContaining("in a pass only");
    assertThatThrownBy(() -> workspace.allocate(1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> workspace.run("outer", input(1), x -> run(x).getFirst(), List::of))
        .isInstanceOf(IllegalStateException.class).hasMessageContaining("a pass is running");
  }

  @Test
  void passThatChangesIsRefused() {
    var size = new int[] {4};
    for (int pass = 0; pass < 2; pass++) workspace.run("kind", input(1), x -> x.allocate(size[0]), List::of);
    size[0] = 5;
    assertThatThrownBy(() -> workspace.run("kind", input(1), x -> x.allocate(size[0]), List::of))
        .isInstanceOf(IllegalStateException.class).hasMessageContaining("is not the one that was planned");
  }

  /// Of 250 sizes a workspace keeps the plans of the last ones, and of one that is used again and again.
  @Test
  void plansAreEvicted() {
    var records = new AtomicInteger();
    var often = Tensor.zeros(arena, 300);
    assertThat(recordsOf(often, records)).isOne();
    for (int size = 1; size <= 250; size++) {
      assertThat(recordsOf(Tensor.zeros(arena, size), records)).as("size %s", size).isOne();
      assertThat(recordsOf(often, records)).as("often").isZero();
    }
    for (int size = 190; size <= 250; size++)
      assertThat(recordsOf(Tensor.zeros(arena, size), records)).as("size %s again", size).isZero();
    for (int size = 1; size <= 100; size++)
      assertThat(recordsOf(Tensor.zeros(arena, size), records)).as("size %s after a while", size).isOne();
  }

  /// A pass computes once, and plans before that unless it has a plan.
  private int recordsOf(Tensor x, AtomicInteger calls) {
    calls.set(0);
    workspace.run("counted", x, each -> {
      calls.incrementAndGet();
      return each.times(2);
    }, List::of);
    return calls.get() - 1;
  }

  @Test
  void useAfterClose() {
    var output = run(input(1)).getFirst();
    workspace.close();
    workspace.close();
    assertThatThrownBy(() -> run(input(1))).isInstanceOf(IllegalStateException.class).hasMessage("the workspace is closed");
    assertThatThrownBy(() -> output.get(0, 0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> workspace.allocate(1)).isInstanceOf(IllegalStateException.class);
  }
}
