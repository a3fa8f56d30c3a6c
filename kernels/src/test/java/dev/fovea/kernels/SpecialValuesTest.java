package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static dev.fovea.kernels.Buffers.floats;
import static java.lang.Float.NEGATIVE_INFINITY;
import static java.lang.Float.NaN;
import static java.lang.Float.POSITIVE_INFINITY;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// NaN, infinities, signed zeros, subnormal and huge numbers come out of both providers alike.
class SpecialValuesTest {
  private static final float[] SPECIAL = {NaN, POSITIVE_INFINITY, NEGATIVE_INFINITY, -0f, 0f, Float.MIN_VALUE,
      -Float.MIN_VALUE, 1e-39f, 1e30f, -1e30f, Float.MAX_VALUE, -Float.MAX_VALUE, 88.5f, -88.5f, -103f, 13f, -13f, -5f, 1e-20f, 3f};

  private final Kernels reference = KernelProvider.REFERENCE.open(Workers.threads(1));
  private final Kernels vector = KernelProvider.VECTOR.open(Workers.threads(2));

  private void same(int n, float relative, BiConsumer<Kernels, MemorySegment> operation) {
    MemorySegment expected = empty(n), actual = empty(n);
    operation.accept(reference, expected);
    operation.accept(vector, actual);
    float[] e = floats(expected), a = floats(actual);
    for (int i = 0; i < n; i++) {
      if (Float.isFinite(e[i])) assertThat(a[i]).as("element " + i + " of " + expected).isCloseTo(e[i],
          org.assertj.core.data.Offset.offset(Math.max(Float.MIN_NORMAL, relative * Math.abs(e[i]))));
      else assertThat(Float.compare(a[i], e[i])).as("element %d: %s for %s", i, a[i], e[i]).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void activations(Activation activation) {
    var x = Buffers.of(SPECIAL);
    same(SPECIAL.length, 4e-6f, (kernels, out) -> kernels.run(new Operation.Activate(activation, x, out, SPECIAL.length)));
  }

  @Test
  void signedZerosStay() {
    var x = Buffers.of(-0f, 0f);
    for (var activation : new Activation[] {Activation.NONE, Activation.GELU, Activation.SILU, Activation.QUICK_GELU}) {
      var out = empty(2);
      vector.run(new Operation.Activate(activation, x, out, 2));
      assertThat(floats(out)).as(activation.name()).isEqualTo(new float[] {-0f, 0f});
    }
  }

  @Test
  void elementWise() {
    int n = SPECIAL.length * SPECIAL.length;
    MemorySegment a = empty(n), b = empty(n);
    for (int i = 0; i < n; i++) {
      Buffers.set(a, i, SPECIAL[i / SPECIAL.length]);
      Buffers.set(b, i, SPECIAL[i % SPECIAL.length]);
    }
    same(n, 0, (kernels, out) -> kernels.run(new Operation.Add(a, b, out, n, n)));
    same(n, 0, (kernels, out) -> kernels.run(new Operation.Multiply(a, b, out, n, n)));
    same(n, 0, (kernels, out) -> kernels.run(new Operation.Scale(a, -3e-5f, out, n)));
  }

  @Test
  void softmax() {
    float i = NEGATIVE_INFINITY;
    var x = Buffers.of(i, 1, 2, i, 0,   i, i, i, i, i,   1, NaN, 2, 3, 4,   1, POSITIVE_INFINITY, 2, 3, 4,
        1e30f, -1e30f, 0, 1e30f, 5,   -0f, 0, 1e-39f, -90, -104);
    same(30, 1e-6f, (kernels, out) -> kernels.run(new Operation.Softmax(x, out, 6, 5)));
  }

  @Test
  void rmsNorm() {
    var x = Buffers.of(1, 2, NaN, 4,   1, POSITIVE_INFINITY, 2, 3,   0, -0f, 0, 0,   1e-15f, 2e-15f, 0, -1e-15f,   1e15f, -1e15f, 3e15f, 2);
    same(20, 2e-6f, (kernels, out) -> kernels.run(new Operation.RmsNorm(x, null, 0, out, 5, 4)));
  }

  @Test
  void layerNorm() {
    var gamma = Buffers.of(1, -2, 0.5f, 3);
    var beta = Buffers.of(0, 1e30f, -0f, 1);
    var x = Buffers.of(1, 2, NaN, 4,   1, POSITIVE_INFINITY, 2, 3,   5, 5, 5, 5,   1e-39f, 2e-39f, 0, -1e-39f,   1e15f, -1e15f, 3e15f, 2,
        100_001, 100_002, 100_003, 100_004);
    same(24, 2e-6f, (kernels, out) -> kernels.run(new Operation.LayerNorm(x, gamma, beta, 1e-12f, out, 6, 4)));
  }

  /// One poisoned row poisons its own results and no others: the padding of tiles leaks nothing.
  @Test
  void linear() {
    var buffers = new Buffers(1);
    var x = buffers.normal(16 * 40);
    Buffers.set(x, 3 * 40 + 7, NaN);
    Buffers.set(x, 5 * 40 + 39, POSITIVE_INFINITY);
    Buffers.set(x, 9 * 40, 1e30f);
    Buffers.set(x, 10 * 40 + 1, 1e-39f);
    var weight = Weight.rows(buffers.normal(35 * 40), 35, 40);
    same(16 * 35, 1e-4f, (kernels, out) -> kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, out, 16)));
  }

  @Test
  void attention() {
    var buffers = new Buffers(2);
    var k = buffers.normal(40 * 8);
    var q = buffers.normal(5 * 8);
    Buffers.set(q, 2 * 8, NaN);
    var v = buffers.normal(40 * 8);
    Buffers.set(v, 17 * 8 + 3, POSITIVE_INFINITY);
    same(5 * 8, 1e-4f, (kernels, out) -> kernels.run(new Operation.Attention(Matrices.dense(q, 1, 5, 8), Matrices.dense(k, 1, 40, 8),
        Matrices.dense(v, 1, 40, 8), AttentionMask.NONE, Matrices.dense(out, 1, 5, 8), 1)));
  }
}
