package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The formulas as plain Java give what the reference gives.
class FormulasTest {
  static final double TOLERANCE = 1e-10;
  private static final Kernels REFERENCE = KernelProvider.REFERENCE.open(Workers.threads(1));

  @AfterAll
  static void close() {
    REFERENCE.close();
  }

  static List<Case> cases() {
    return Cases.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void formula(Case c) {
    Operation expected = c.copy(), actual = c.copy();
    REFERENCE.run(expected);
    var places = new HostPlaces(actual);
    Lowering.steps(actual, places, false, null).forEach(Step::runAsJava);
    assertThat(normalizedError(places.out(), expected.out())).isLessThanOrEqualTo(TOLERANCE);
    assertThat(places.damage()).isEmpty();
  }

  @Test
  void thereIsACaseOfEachOperation() {
    assertThat(cases().stream().<Class<?>>map(c -> c.operation().getClass()).distinct().toList())
        .containsExactlyInAnyOrderElementsOf(types(Operation.class).toList());
  }

  private static Stream<Class<?>> types(Class<?> type) {
    return type.isSealed() ? Stream.of(type.getPermittedSubclasses()).flatMap(FormulasTest::types) : Stream.of(type);
  }

  /// Kernels know activations by their ordinals.
  @Test
  void ordinalsOfActivations() {
    assertThat(new Activation[] {Activation.values()[Activations.NONE], Activation.values()[Activations.GELU],
        Activation.values()[Activations.GELU_TANH], Activation.values()[Activations.QUICK_GELU],
        Activation.values()[Activations.SILU], Activation.values()[Activations.RELU], Activation.values()[Activations.TANH],
        Activation.values()[Activations.SIGMOID], Activation.values()[Activations.LOGIT]}).containsExactly(Activation.values());
  }

  /// `Σ (actual - expected)² / Σ expected²`; infinite if numbers that are not finite differ. Devices may round subnormal numbers to
  /// zero.
  static double normalizedError(MemorySegment actual, MemorySegment expected) {
    double error = 0, size = 0;
    for (long i = 0; i < expected.byteSize() / 4; i++) {
      float a = Numbers.get(actual, i), e = Numbers.get(expected, i);
      if (!Float.isFinite(e) || !Float.isFinite(a)) {
        if (Float.compare(a, e) != 0) return Double.POSITIVE_INFINITY;
        continue;
      }
      double difference = (double) a - e;
      if (Math.abs(difference) < Float.MIN_NORMAL) difference = 0;
      error += difference * difference;
      size += (double) e * e;
    }
    return error == 0 ? 0 : error / size;
  }
}
