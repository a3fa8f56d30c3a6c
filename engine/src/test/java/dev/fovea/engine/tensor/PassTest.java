package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.nn.Linear;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PassTest {
  private static final int DIM = 8, CAPACITY = 12;

  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(3);
  private final Linear q = linear(), k = linear(), v = linear();

  @AfterEach
  void close() {
    arena.close();
    Thread.interrupted();
  }

  private Linear linear() {
    return new Linear(Weight.rows(normal(DIM, DIM).segment(), DIM, DIM), null);
  }

  private Tensor normal(int... shape) {
    var values = new float[Math.toIntExact(Tensor.shapeOnly(shape).size())];
    for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
    return Tensor.of(arena, values, shape);
  }

  /// A token sees itself and those before it, whose keys and values are kept: `[1, DIM]` → `[1, DIM]`.
  private List<Tensor> step(Map<String, Tensor> in) {
    var x = in.get("x").reshape(1, DIM);
    Tensor keys = in.get("keys"), values = in.get("values"), out = x.allocate(1, DIM);
    x.run(new Operation.Append(k.forward(x).matrices(), keys.matrices(), in.get("before").segment()));
    x.run(new Operation.Append(v.forward(x).matrices(), values.matrices(), in.get("before").segment()));
    x.run(new Operation.Attention(q.forward(x).matrices(), keys.matrices(), values.matrices(),
        AttentionMask.cached(in.get("after").segment()), out.matrices(), 1));
    return List.of(x.plus(out));
  }

  private List<Tensor> all(Tensor x) {
    var out = x.allocate(x.shape());
    x.run(new Operation.Attention(q.forward(x).matrices(), k.forward(x).matrices(), v.forward(x).matrices(),
        AttentionMask.CAUSAL, out.matrices(), 1));
    return List.of(x.plus(out));
  }

  /// Token by token with a cache gives what all tokens at once give.
  @ParameterizedTest
  @EnumSource
  void stateGrowsWithoutAnotherRecord(KernelProvider provider) {
    var x = normal(CAPACITY, DIM);
    try (var kernels = provider.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      float[] expected = workspace.run("all", x, this::all, r -> r).getFirst().toArray();
      var recorded = new AtomicInteger();
      var state = Map.of("keys", Tensor.zeros(arena, CAPACITY, DIM), "values", Tensor.zeros(arena, CAPACITY, DIM));
      try (var pass = workspace.prepare(Map.of("x", new int[] {DIM}, "before", new int[] {1}, "after", new int[] {1}), state, in -> {
        recorded.incrementAndGet();
        return step(in);
      })) {
        for (int token = 0; token < CAPACITY; token++) {
          for (int i = 0; i < DIM; i++) pass.input("x").put(i, x.get(token, i));
          pass.input("before").put(0, token);
          pass.input("after").put(0, token + 1);
          float[] actual = pass.run().getFirst().toArray();
          // Scores reach 20, and one query's are summed in another order: 20 · 2⁻²³ is 2.4e-6 of a weight.
          for (int i = 0; i < DIM; i++) assertThat(actual[i]).isCloseTo(expected[token * DIM + i], within(1e-5f));
        }
        assertThat(recorded).hasValue(1);
        assertThat(pass.input("keys").segment().address()).isEqualTo(state.get("keys").segment().address());
        assertThatThrownBy(() -> pass.input("token")).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("input 'token': expected one of");
      }
      var wrong = Map.of("keys", Tensor.zeros(arena, CAPACITY, DIM), "values", Tensor.zeros(arena, CAPACITY, DIM - 1));
      assertThatThrownBy(() -> workspace.prepare(Map.of("x", new int[] {DIM}, "before", new int[] {1}, "after", new int[] {1}), wrong, this::step))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("to: expected [1, 1, 12, 8], got [1, 1, 12, 7]");
    }
  }

  @Test
  void interruptAndProgress() {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      var heard = new ArrayList<Long>();
      try (var workspace = new Workspace(kernels, (done, total) -> heard.add(done * 1000 + total))) {
        var pass = workspace.prepare(Map.of("x", new int[] {1, DIM}), Map.of(), in -> List.of(q.forward(k.forward(in.get("x")))));
        for (int run = 0; run < 2; run++) {
          heard.clear();
          pass.run();
          assertThat(heard).containsExactly(64_128L, 128_128L);
        }
        Thread.currentThread().interrupt();
        assertThatThrownBy(pass::run).isInstanceOf(CancelledException.class);
        assertThat(Thread.interrupted()).isTrue();
        pass.run();
        pass.close();
        pass.close();
        assertThatThrownBy(pass::run).isInstanceOf(IllegalStateException.class).hasMessage("the program is closed");
      }
    }
  }

  private static Tensor twice(Tensor weight, AtomicInteger computed) {
    computed.incrementAndGet();
    return weight.times(2);
  }

  @Test
  void constantsAreComputedOnceAndShared() {
    var weight = normal(1, DIM);
    var x = normal(1, DIM);
    var computed = new AtomicInteger();
    var constants = new Constants(1 << 20);
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var one = new Workspace(kernels, Progress.NONE, constants);
        var two = new Workspace(kernels, Progress.NONE, constants)) {
      for (var workspace : List.of(one, two, one))
        for (String kind : List.of("a", "b")) {
          var sum = workspace.run(kind, x, in -> in.plus(in.workspace().constant("twice", weight, w -> twice(w, computed))), List::of);
          for (int i = 0; i < DIM; i++) assertThat(sum.get(0, i)).isEqualTo(x.get(0, i) + 2 * weight.get(0, i));
        }
      // Recorded once and computed once.
      assertThat(computed).hasValue(2);
      assertThat(constants.bytes()).isEqualTo(4 * DIM);
      constants.clear();
      assertThat(constants.bytes()).isZero();
    }
  }

  @Test
  void constantsAreBounded() {
    var constants = new Constants(64 << 10);
    var weight = normal(1, 1024);
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var workspace = new Workspace(kernels, Progress.NONE, constants)) {
      for (int i = 0; i < 100; i++) {
        int key = i;
        workspace.run(i, weight, in -> in.plus(in.workspace().constant(key, weight, w -> w.times(key))), List::of);
      }
    }
    assertThat(constants.bytes()).isBetween(32L << 10, 64L << 10);
  }

  /// A record without kernels holds the constants' operations too, apart from those of each run.
  @ParameterizedTest
  @EnumSource
  void replayComputesConstants(KernelProvider provider) {
    var weight = normal(1, DIM);
    var x = normal(1, DIM);
    var results = new ArrayList<Tensor>();
    var recording = Workspace.dryRun(in -> {
      var sum = in.plus(in.workspace().constant("twice", weight, w -> w.times(2)));
      results.add(sum.plus(in.workspace().constant("twice", weight, w -> w.times(2))));
      return results;
    }, r -> r, 1, DIM);
    assertThat(recording.operations()).extracting(Operation::name).containsExactly("add", "add");
    assertThat(recording.constants().operations()).extracting(Operation::name).containsExactly("scale");
    try (Kernels kernels = provider.open(Workers.threads(1)); var pass = Pass.of(recording, results, kernels, Map.of("x", x), Progress.NONE)) {
      for (int run = 0; run < 2; run++) {
        var sum = pass.run().getFirst();
        for (int i = 0; i < DIM; i++) assertThat(sum.get(0, i)).isEqualTo(x.get(0, i) + 2 * weight.get(0, i) + 2 * weight.get(0, i));
      }
    }
  }
}
