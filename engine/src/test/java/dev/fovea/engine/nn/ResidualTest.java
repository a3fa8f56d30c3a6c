package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// A residual that the last product of a layer adds gives the bits of a sum after the layer. The reference provider, which sums in
/// double precision, rounds once less.
class ResidualTest {
  private static final int B = 2, ROWS = 6, COLS = 6, N = ROWS * COLS, C = 36, H = 6, D = C / H;

  private final Arena arena = Arena.ofShared();
  private final RandomLayers random = new RandomLayers(arena);
  private final Tensor table = random.normal(N, D);

  @AfterEach
  void close() {
    arena.close();
  }

  private Stream<DynamicTest> tests(String name, Tensor x, UnaryOperator<Tensor> plain, BinaryOperator<Tensor> added) {
    var residual = random.normal(x.shape());
    return Stream.of(KernelProvider.values()).map(provider -> DynamicTest.dynamicTest(name + ", " + provider, () -> {
      try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
        var in = Map.of("x", x, "residual", residual);
        float[] expected = workspace.run("sum", in, t -> t.get("residual").plus(plain.apply(t.get("x"))), List::of).toArray();
        float[] actual = workspace.run("added", in, t -> added.apply(t.get("residual"), t.get("x")), List::of).toArray();
        float tolerance = provider == KernelProvider.REFERENCE ? 4e-6f : 0;
        for (int i = 0; i < expected.length; i++) assertThat(actual[i]).as("%d", i).isCloseTo(expected[i], within(tolerance));
      }
    }));
  }

  @TestFactory
  Stream<DynamicTest> hasTheBitsOfASum() {
    Tensor tokens = random.normal(B, N, C), map = random.normal(B, ROWS, COLS, C), text = random.normal(1, B * N, C);
    var site = Probe.Site.NOWHERE;
    var mlp = new Mlp(random.linear(C, 50), Activation.GELU, random.linear(50, C));
    var gated = new SwiGlu(random.linear(C, 50), random.linear(C, 50), random.linear(50, C));
    var heads = new MultiHeadAttention(random.linear(C, 3 * C), random.linear(C, C), H);
    var cross = new CrossAttention(random.linear(C, C), random.linear(C, 2 * C), random.linear(C, C), H);
    var grouped = new GroupedAttention(random.linear(C, C), random.linear(C, 2 * 2 * D), random.linear(C, C), H, 2);
    var grid = new GridAttention(random.linear(C, 3 * C), random.linear(C, C), H, random.normal(2 * ROWS - 1, D),
        random.normal(2 * COLS - 1, D));
    var within = new GridAttention(random.linear(C, 3 * C), random.linear(C, C), H, random.normal(7, D), random.normal(7, D));
    var shifted = new ShiftedWindowAttention(random.linear(C, 3 * C), random.linear(C, C), H, random.normal(25, H), 3, 1);
    return Stream.of(
        tests("mlp", tokens, mlp::forward, mlp::addedTo),
        tests("gated", tokens, gated::forward, gated::addedTo),
        tests("heads", tokens, x -> heads.forward(x, AttentionMask.CAUSAL, site),
            (r, x) -> heads.addedTo(r, x, AttentionMask.CAUSAL, site)),
        tests("texts", text, x -> heads.forward(x, List.of(tokens)), (r, x) -> heads.addedTo(r, x, List.of(tokens))),
        tests("cross", tokens, x -> cross.forward(x, x.slice(1, 0, 7).contiguous(), site),
            (r, x) -> cross.addedTo(r, x, x.slice(1, 0, 7).contiguous(), site)),
        tests("grouped", tokens, x -> grouped.forward(x, table, site), (r, x) -> grouped.addedTo(r, x, table, site)),
        tests("grid", map, x -> grid.forward(x, site), (r, x) -> grid.addedTo(r, x, site)),
        tests("windows", map, x -> within.forward(x, within.windows(4), site),
            (r, x) -> within.addedTo(r, x, within.windows(4), site)),
        tests("shifted", map, x -> shifted.forward(x, site), (r, x) -> shifted.addedTo(r, x, site)))
        .flatMap(all -> all);
  }
}
