package dev.fovea.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.Comparator;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BinaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ShapesTest {
  @Test
  void namesAreUniqueAndFound() {
    assertThat(Shapes.ALL).extracting(Shape::name).doesNotHaveDuplicates();
    for (var shape : Shapes.ALL) assertThat(Shapes.named(shape.name())).isSameAs(shape);
  }

  @Test
  void amountsAndReachesMakeSense() {
    for (var shape : Shapes.ALL) {
      assertThat(shape.amount()).as(shape.name()).isGreaterThan(100_000);
      if (!Double.isNaN(shape.reach())) assertThat(shape.reach()).as(shape.name()).isBetween(0.5, 1.0);
    }
  }

  /// A kernel without a line in [Shapes] is never measured. The reference provider against itself shows that each row can be
  /// computed alone, as the check of results supposes.
  @Test
  void everyKernelHasAShapeWhoseResultsAreRight() {
    var called = new TreeSet<String>();
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      var smallest = Shapes.ALL.stream().filter(s -> s.limit() != Limit.READ)
          .collect(Collectors.toMap(Shape::word, s -> s, BinaryOperator.minBy(Comparator.comparing(Shape::amount))));
      for (var shape : smallest.values()) shape.prepare().apply(arena).runChecked(recording(kernels, called));
    }
    var all = types(Operation.class).map(Class::getSimpleName).collect(Collectors.toCollection(TreeSet::new));
    all.remove("Append");   // a copy to a place that is known late
    assertThat(called).as("operations in Shapes").isEqualTo(all);
  }

  private static Stream<Class<?>> types(Class<?> type) {
    return type.isSealed() ? Stream.of(type.getPermittedSubclasses()).flatMap(ShapesTest::types) : Stream.of(type);
  }

  private static Kernels recording(Kernels kernels, Set<String> called) {
    return new Kernels() {
      @Override
      public String name() {
        return kernels.name();
      }

      @Override
      public int threads() {
        return kernels.threads();
      }

      @Override
      public void run(Operation operation) {
        called.add(operation.getClass().getSimpleName());
        kernels.run(operation);
      }

      @Override
      public void close() {}
    };
  }

  @Test
  void aWrongResultIsNoticed() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      var softmax = Case.inPlace(arena, 5, 7, (k, x, from, count, out) ->
          k.run(new Operation.Softmax(x.asSlice(4L * from * 7, 4L * count * 7), out, count, 7)));
      softmax.runChecked(kernels);
      float right = softmax.out().getAtIndex(JAVA_FLOAT, 4 * 7 + 6);
      for (float wrong : new float[] {right + 1e-4f, Float.NaN, Float.POSITIVE_INFINITY}) {
        softmax.out().setAtIndex(JAVA_FLOAT, 4 * 7 + 6, wrong);
        assertThatIllegalStateException().isThrownBy(softmax::check).withMessageContaining("row 4, column 6");
      }
    }
  }

  @Test
  void whatIsNotWrittenIsNoticed() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      var lazy = Case.of(arena, 6, 2, 3, (k, x, from, count, out) -> {
        if (count == 1) k.run(new Operation.Scale(x.asSlice(12L * from, 12), 2, out, 3));
      });
      assertThatIllegalStateException().isThrownBy(() -> lazy.runChecked(kernels)).withMessageContaining("NaN");
    }
  }

  @Test
  void restoringMakesRunsInPlaceAlike() {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
      var twice = Case.inPlace(arena, 2, 3, (k, x, from, count, out) ->
          k.run(new Operation.Scale(x.asSlice(12L * from, 12L * count), 2, out, 3L * count)));
      twice.runChecked(kernels);
      twice.restore();
      twice.run(kernels);
      twice.check();
    }
  }
}
