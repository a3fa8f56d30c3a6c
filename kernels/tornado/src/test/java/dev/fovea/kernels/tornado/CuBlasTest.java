package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// The arguments for cuBLAS, with a function in its place that reads matrices as cuBLAS does: column by column.
class CuBlasTest {
  /// `C = alpha · op(A) · op(B) + beta · C`, with `C` of `m` rows and `n` columns.
  static Object sgemm(int transA, int transB, int m, int n, int k, float alpha, FloatArray a, int lda, FloatArray b, int ldb, float beta,
      FloatArray c, int ldc) {
    for (int row = 0; row < m; row++)
      for (int col = 0; col < n; col++) {
        float sum = 0;
        for (int i = 0; i < k; i++)
          sum += a.get(transA == 1 ? i + row * lda : row + i * lda) * b.get(transB == 1 ? col + i * ldb : i + col * ldb);
        c.set(row + col * ldc, alpha * sum + (beta == 0 ? 0 : beta * c.get(row + col * ldc)));
      }
    return "described";
  }

  @Test
  void rowsAreItsColumns() throws ReflectiveOperationException {
    var cublas = cublas();
    int m = 3, n = 5, k = 4;
    FloatArray x = new FloatArray(m * k), weight = new FloatArray(n * k), y = new FloatArray(m * n);
    for (int i = 0; i < m * k; i++) x.set(i, (float) Math.sin(i));
    for (int i = 0; i < n * k; i++) weight.set(i, (float) Math.cos(i));
    cublas.product(x, weight, y, m, n, k).runAsJava();
    for (int row = 0; row < m; row++)
      for (int col = 0; col < n; col++) {
        float sum = 0;
        for (int i = 0; i < k; i++) sum += x.get(row * k + i) * weight.get(col * k + i);
        assertThat(y.get(row * n + col)).isCloseTo(sum, within(1e-6f));
      }
  }

  private static CuBlas cublas() throws ReflectiveOperationException {
    var type = MethodType.methodType(Object.class, int.class, int.class, int.class, int.class, int.class, float.class, FloatArray.class,
        int.class, FloatArray.class, int.class, float.class, FloatArray.class, int.class);
    return new CuBlas(MethodHandles.lookup().findStatic(CuBlasTest.class, "sgemm", type), null);
  }

  /// A linear map with a bias, an activation and a residual around the library's product, with everything else in one array.
  @Test
  void linearMaps() throws ReflectiveOperationException {
    var numbers = new Numbers(3);
    int m = 65, n = 256, k = 257;
    for (var format : new WeightFormat[] {WeightFormat.F32, WeightFormat.BF16}) {
      var residual = numbers.normal((long) m * n);
      var linear = new Case("library", new Operation.Linear(numbers.normal((long) m * k),
          numbers.weight(n, k, format, Weight.Layout.PANELS), numbers.normal(n), Activation.GELU, residual, residual, m));
      Operation expected = linear.copy(), actual = linear.copy();
      try (var reference = KernelProvider.REFERENCE.open(Workers.threads(1))) {
        reference.run(expected);
      }
      var places = new HostPlaces(actual);
      var steps = Lowering.steps(actual, places, true, cublas());
      assertThat(steps).extracting(Step::name).containsExactly("copyRows", "cublas", "finish");
      steps.forEach(Step::runAsJava);
      assertThat(FormulasTest.normalizedError(places.out(), expected.out())).isLessThanOrEqualTo(FormulasTest.TOLERANCE);
      assertThat(places.damage()).isEmpty();
    }
    var narrow = new Operation.Linear(numbers.normal((long) m * k), numbers.weight(n, k, WeightFormat.Q8, Weight.Layout.PANELS), null,
        Activation.NONE, null, numbers.normal((long) m * n), m);
    assertThat(Lowering.steps(narrow, new HostPlaces(narrow), true, cublas())).as("8 bits").extracting(Step::name).hasSize(1);
  }

  @Test
  void smallProductsAreNotWorthACall() {
    assertThat(CuBlas.isWorth(1, 50_000, 50_000)).as("a row").isFalse();
    assertThat(CuBlas.isWorth(197, 768, 64)).isTrue();
    assertThat(CuBlas.isWorth(16, 64, 64)).isFalse();
  }
}
