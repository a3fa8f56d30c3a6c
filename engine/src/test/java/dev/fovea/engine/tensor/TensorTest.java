package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TensorTest {
  private final Arena arena = Arena.ofConfined();
  private final Kernels kernels = KernelProvider.REFERENCE.open(Workers.threads(1));

  @AfterEach
  void close() {
    kernels.close();
    arena.close();
  }

  /// `0, 1, 2, …` in this shape.
  private Tensor range(int... shape) {
    int n = 1;
    for (int d : shape) n *= d;
    var values = new float[n];
    for (int i = 0; i < n; i++) values[i] = i;
    return Tensor.of(arena, values, shape);
  }

  /// What `forward` computes from `x` in a pass.
  private float[] run(Tensor x, UnaryOperator<Tensor> forward) {
    try (var workspace = new Workspace(kernels)) {
      return workspace.run("test", x, forward, List::of).toArray();
    }
  }

  @Test
  void shape() {
    var t = range(2, 3, 4);
    assertThat(t.shape()).isEqualTo(new int[] {2, 3, 4});
    assertThat(t.rank()).isEqualTo(3);
    assertThat(t.size()).isEqualTo(24);
    assertThat(t.dim(-1)).isEqualTo(4);
    assertThat(t.dim(0)).isEqualTo(2);
    assertThat(t).hasToString("[2, 3, 4]");
    t.shape()[0] = 9;
    assertThat(t.dim(0)).isEqualTo(2);
    assertThat(t.get(1, 2, 3)).isEqualTo(23);
    assertThat(t.segment().address() % 64).isZero();
  }

  @Test
  void scalarAndEmpty() {
    assertThat(range().size()).isEqualTo(1);
    assertThat(range().get()).isZero();
    assertThat(range(0, 3).toArray()).isEmpty();
    assertThat(range(2, 3).slice(1, 1, 1).toArray()).isEmpty();
    assertThat(Tensor.zeros(arena, 2).toArray()).isEqualTo(new float[] {0, 0});
  }

  @Test
  void viewsShareMemory() {
    var t = range(2, 3);
    var views = List.of(t.reshape(6), t.reshape(3, 2), t.slice(0, 1, 2), t.select(0, 1), t.transposed(0, 1), t.slice(1, 1, 3));
    t.segment().set(java.lang.foreign.ValueLayout.JAVA_FLOAT, 4 * 4, 100);
    assertThat(views.get(0).get(4)).isEqualTo(100);
    assertThat(views.get(1).get(2, 0)).isEqualTo(100);
    assertThat(views.get(2).get(0, 1)).isEqualTo(100);
    assertThat(views.get(3).get(1)).isEqualTo(100);
    assertThat(views.get(4).get(1, 1)).isEqualTo(100);
    assertThat(views.get(5).get(1, 0)).isEqualTo(100);
  }

  @Test
  void ofCopies() {
    var values = new float[] {1, 2};
    var t = Tensor.of(arena, values, 2);
    values[0] = 9;
    t.toArray()[1] = 9;
    assertThat(t.toArray()).isEqualTo(new float[] {1, 2});
  }

  @Test
  void slice() {
    var t = range(2, 3, 2);
    assertThat(t.slice(1, 1, 3).shape()).isEqualTo(new int[] {2, 2, 2});
    assertThat(t.slice(1, 1, 3).toArray()).isEqualTo(new float[] {2, 3, 4, 5, 8, 9, 10, 11});
    assertThat(t.slice(1, 1, 3).slice(0, 1, 2).toArray()).isEqualTo(new float[] {8, 9, 10, 11});
    assertThat(t.slice(0, 1, 2).isContiguous()).isTrue();
    assertThat(t.slice(1, 1, 3).isContiguous()).isFalse();
  }

  @Test
  void select() {
    var t = range(2, 3, 2);
    assertThat(t.select(1, 2).toArray()).isEqualTo(new float[] {4, 5, 10, 11});
    assertThat(t.select(1, 2).select(0, 1).toArray()).isEqualTo(new float[] {10, 11});
    assertThat(range(3).select(0, 2).get()).isEqualTo(2);
  }

  @Test
  void transposed() {
    var t = range(2, 3);
    assertThat(t.transposed(0, 1).toArray()).isEqualTo(new float[] {0, 3, 1, 4, 2, 5});
    assertThat(t.transposed(0, 1).get(2, 1)).isEqualTo(5);
    assertThat(t.transposed(0, 1).transposed(1, 0).isContiguous()).isTrue();
    assertThat(range(1, 3).transposed(0, 1).isContiguous()).isTrue();
  }

  @Test
  void reshape() {
    var t = range(2, 6);
    assertThat(t.reshape(3, 4).get(2, 3)).isEqualTo(11);
    assertThatThrownBy(() -> t.reshape(5)).isInstanceOf(IllegalArgumentException.class).hasMessage("reshape: [2, 6] has 12 elements, [5] 5");
    assertThatThrownBy(() -> t.transposed(0, 1).reshape(12)).isInstanceOf(IllegalStateException.class).hasMessage("reshape: tensor [6, 2] is not contiguous");
    assertThatThrownBy(() -> t.reshape(-2, -6)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("negative dimension");
  }

  @Test
  void contiguous() {
    var t = range(2, 3, 2, 2);
    assertThat(t.contiguous()).isSameAs(t);
    var expected = t.transposed(1, 3).toArray();
    assertThat(run(t, x -> x.transposed(1, 3).contiguous())).isEqualTo(expected);
    assertThat(run(t, x -> x.transposed(1, 3).contiguous().reshape(24))).isEqualTo(expected);
  }

  @Test
  void contiguousOfOneAndOfFiveDimensions() {
    assertThat(run(range(4, 3), x -> x.select(1, 2).contiguous())).isEqualTo(new float[] {2, 5, 8, 11});
    var five = range(2, 3, 2, 2, 2);
    assertThat(run(five, x -> x.transposed(1, 4).contiguous())).isEqualTo(five.transposed(1, 4).toArray());
  }

  @Test
  void set() {
    var t = range(2, 3);
    assertThat(run(t, x -> {
      var out = x.allocate(2, 2, 3);
      out.select(0, 1).set(x);
      out.select(1, 0).slice(0, 0, 1).set(x.slice(0, 1, 2));
      return out.select(0, 1).contiguous();
    })).isEqualTo(new float[] {0, 1, 2, 3, 4, 5});
    assertThatThrownBy(() -> t.set(range(3, 2))).isInstanceOf(IllegalArgumentException.class).hasMessage("set: expected [2, 3], got [3, 2]");
  }

  @Test
  void expandRepeatsWithoutACopy() {
    var t = range(2, 3).select(0, 1);
    assertThat(t.expand(2).shape()).isEqualTo(new int[] {2, 3});
    assertThat(t.expand(2).toArray()).isEqualTo(new float[] {3, 4, 5, 3, 4, 5});
    assertThat(t.expand(2).isContiguous()).isFalse();
    assertThat(t.expand(1).isContiguous()).isTrue();
  }

  @Test
  void windowsOverlap() {
    var t = Tensor.of(arena, new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 4, 2);
    assertThat(t.windows(3).shape()).isEqualTo(new int[] {2, 3, 2});
    assertThat(t.windows(3).toArray()).isEqualTo(new float[] {1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8});
    assertThat(t.windows(4).toArray()).isEqualTo(t.toArray());
  }

  @Test
  void concat() {
    var t = range(2, 2, 2);
    var token = range(1, 2);
    assertThat(run(t, x -> Tensor.concat(1, token.expand(2), x, x.slice(1, 1, 2))))
        .isEqualTo(new float[] {0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 4, 5, 6, 7, 6, 7});
    assertThat(run(t, x -> Tensor.concat(0, x.select(0, 1), token))).isEqualTo(new float[] {4, 5, 6, 7, 0, 1});
    assertThat(run(t, x -> Tensor.concat(1, x.select(1, 0), x.select(1, 1)))).isEqualTo(new float[] {0, 1, 2, 3, 4, 5, 6, 7});
    assertThatThrownBy(() -> run(t, x -> Tensor.concat(1, x, range(2, 1, 3)))).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("set: expected [2, 1, 2], got [2, 1, 3]");
    assertThatThrownBy(() -> Tensor.concat(0, token, token)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void mean() {
    var t = range(2, 3, 2);
    assertThat(run(t, x -> x.mean(0))).isEqualTo(new float[] {3, 4, 5, 6, 7, 8});
    assertThat(run(t, x -> x.mean(1))).isEqualTo(new float[] {2, 3, 8, 9});
    assertThat(run(t, x -> x.mean(2))).isEqualTo(new float[] {0.5f, 2.5f, 4.5f, 6.5f, 8.5f, 10.5f});
    assertThat(run(t, x -> x.slice(1, 1, 3).mean(1))).isEqualTo(new float[] {3, 4, 9, 10});
  }

  @Test
  void arithmetic() {
    var t = range(2, 2);
    assertThat(run(t, x -> x.plus(x))).isEqualTo(new float[] {0, 2, 4, 6});
    assertThat(run(t, x -> x.plus(range(2)))).isEqualTo(new float[] {0, 2, 2, 4});
    assertThat(run(t, x -> x.times(x))).isEqualTo(new float[] {0, 1, 4, 9});
    assertThat(run(t, x -> x.times(0.5f))).isEqualTo(new float[] {0, 0.5f, 1, 1.5f});
    assertThat(run(t, x -> x.matmul(x.transposed(0, 1), 2))).isEqualTo(new float[] {2, 6, 6, 26});
    var rows = Tensor.of(arena, new float[] {1, 2,   9, 0,   3, 3,   4, 7,   8, 1,   7, 7}, 2, 3, 2);
    assertThat(run(rows, x -> x.topRows(2))).isEqualTo(new float[] {1, 2, 4, 3});
    assertThat(run(rows, x -> x.rows(x.topRows(1).reshape(2)))).isEqualTo(new float[] {9, 0, 8, 1});
    assertThatThrownBy(() -> run(rows, x -> x.topRows(4))).isInstanceOf(IllegalArgumentException.class).hasMessage("top rows: expected at most 3 rows, got 4");
    assertThat(run(Tensor.zeros(arena, 1, 4), Tensor::softmax)).isEqualTo(new float[] {0.25f, 0.25f, 0.25f, 0.25f});
    assertThatThrownBy(() -> run(t, x -> x.plus(range(3)))).isInstanceOf(IllegalArgumentException.class).hasMessage("expected the last dimensions of [2, 2], got [3]");
    assertThatThrownBy(() -> run(range(2), x -> x.plus(t))).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> run(t, x -> x.transposed(0, 1).times(2))).isInstanceOf(IllegalStateException.class).hasMessageContaining("not contiguous");
  }

  @Test
  void errors() {
    var t = range(2, 3);
    for (var index : List.of(new int[] {2, 0}, new int[] {0, -1}, new int[] {0}, new int[] {0, 0, 0}))
      assertThatThrownBy(() -> t.get(index)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> t.slice(1, 2, 1)).isInstanceOf(IndexOutOfBoundsException.class).hasMessage("slice [2, 1) of dimension 1 of [2, 3]");
    assertThatThrownBy(() -> t.slice(1, 0, 4)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> t.slice(2, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> t.select(0, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> t.select(0, -1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> t.transposed(0, 1).segment()).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> range(2).matrices()).isInstanceOf(IllegalStateException.class).hasMessageContaining("expected 2 to 4 dimensions");
    assertThatThrownBy(() -> Tensor.of(arena, new float[5], 2, 3)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("expected 6 values, got 5");
    assertThatThrownBy(() -> Tensor.zeros(arena, 2, -1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Tensor.over(arena.allocate(20), 6)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("expected 24 bytes, got 20");
    assertThatThrownBy(() -> Tensor.over(MemorySegment.ofArray(new float[6]), 6)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("heap");
    assertThatThrownBy(() -> t.plus(t)).isInstanceOf(IllegalStateException.class).hasMessageContaining("belongs to no workspace");
  }

  @Test
  void useAfterItsMemoryIsClosed() {
    Tensor t;
    try (var shortLived = Arena.ofConfined()) {
      t = Tensor.zeros(shortLived, 2);
    }
    assertThatThrownBy(() -> t.get(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(t::toArray).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> run(t, x -> x.plus(x))).isInstanceOf(IllegalStateException.class);
  }
}
