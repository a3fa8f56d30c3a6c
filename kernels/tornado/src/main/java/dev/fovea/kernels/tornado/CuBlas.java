package dev.fovea.kernels.tornado;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.annotations.Nullable;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Products by cuBLAS, which TornadoVM's CUDA back end runs on the arrays of its tasks. It is looked up by name, for a TornadoVM
/// without it lacks its classes, and used only after a small product has come out right.
///
/// The property `fovea.tornado.libraries` is `auto`, by default, `off`, or `tf32`: with the tensor cores, which keep ten bits of a
/// number's mantissa.
final class CuBlas {
  private static final System.Logger LOG = System.getLogger(CuBlas.class.getName());
  private static final String MODE = "fovea.tornado.libraries", AUTO = "auto", OFF = "off", TF32 = "tf32";
  private static final String MODULE = "tornado.cublas", CLASS = "uk.ac.manchester.tornado.cublas.CuBlas",
      FUNCTION = "uk.ac.manchester.tornado.api.common.TornadoFunctions$LibraryTask13";
  /// Multiply-accumulates from which a call is worth the copies of its operands.
  private static final long LEAST = 1L << 22;
  /// cuBLAS's names for a matrix as it is, and for its transpose.
  private static final int AS_IT_IS = 0, TRANSPOSED = 1;

  /// Describes the task, from [#arguments].
  private final MethodHandle sgemm;
  /// Adds it to a graph: graph, name, what describes it, thirteen arguments; null in tests.
  private final @Nullable MethodHandle task;

  CuBlas(MethodHandle sgemm, @Nullable MethodHandle task) {
    this.sgemm = sgemm;
    this.task = task;
  }

  /// cuBLAS on a device; null if it is not there, not wanted, or wrong.
  ///
  /// @throws UnsupportedOperationException if the property has another value
  static @Nullable CuBlas on(Device device) {
    var mode = System.getProperty(MODE, AUTO);
    if (!List.of(AUTO, OFF, TF32).contains(mode))
      throw new UnsupportedOperationException("property " + MODE + ": expected auto, off or tf32, got '" + mode + "'");
    if (mode.equals(OFF) || !device.about().backend().equals("cuda")) return null;
    var module = ModuleLayer.boot().findModule(MODULE);
    if (module.isEmpty()) return null;
    try {
      var function = Class.forName(FUNCTION);
      var factory = Class.forName(module.get(), CLASS);
      var name = mode.equals(TF32) ? "cublasSgemmTF32" : "cublasSgemm";
      var sgemm = Arrays.stream(factory.getMethods()).filter(method -> method.getName().equals(name)).findFirst().orElseThrow();
      var task = Arrays.stream(TaskGraph.class.getMethods()).filter(method -> method.getName().equals("libraryTask")
          && method.getParameterCount() == 15 && method.getParameterTypes()[1] == function).findFirst().orElseThrow();
      var lookup = MethodHandles.publicLookup();
      var code = MethodHandleProxies.asInterfaceInstance(function, lookup.unreflect(sgemm));
      var found = new CuBlas(lookup.unreflect(sgemm), MethodHandles.insertArguments(lookup.unreflect(task), 2, code));
      found.requireRight(device, mode.equals(TF32) ? 1e-2f : 1e-4f);
      return found;
    } catch (Exception | LinkageError e) {
      LOG.log(System.Logger.Level.WARNING, "cuBLAS is not used: " + Devices.rootOf(e));
      return null;
    }
  }

  /// Whether a product is large enough for a call.
  static boolean isWorth(long m, long n, long k) {
    return m > 1 && m * n * k >= LEAST;
  }

  /// `y = x · weightᵀ`, row by row. cuBLAS counts columns: it reads `x` and `weight` as their transposes, and writes that of `y`.
  ///
  /// @param x `[M, K]` from the beginning of its array
  /// @param weight `[N, K]`
  /// @param y `[M, N]`
  Step product(FloatArray x, FloatArray weight, FloatArray y, int m, int n, int k) {
    Object[] arguments = {TRANSPOSED, AS_IT_IS, n, m, k, 1f, weight, k, x, k, 0f, y, n};
    return new Step("cublas", null, List.of(x, weight, y), (graph, id) -> add(graph, id, arguments), () -> call(sgemm, arguments));
  }

  private void add(TaskGraph graph, String id, Object[] arguments) {
    var all = new Object[arguments.length + 2];
    all[0] = graph;
    all[1] = id;
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    call(task, all);
  }

  private static void call(MethodHandle handle, Object[] arguments) {
    try {
      handle.invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("cuBLAS: " + e.getMessage(), e);
    }
  }

  /// @throws IllegalStateException if a small product is wrong
  private void requireRight(Device device, float tolerance) throws Exception {
    int m = 3, n = 5, k = 7;
    FloatArray x = new FloatArray(m * k), weight = new FloatArray(n * k), y = new FloatArray(m * n);
    for (int i = 0; i < m * k; i++) x.set(i, i % 4 - 1);
    for (int i = 0; i < n * k; i++) weight.set(i, i % 3 - 1);
    var graph = new TaskGraph("fovea_cublas").transferToDevice(DataTransferMode.EVERY_EXECUTION, x, weight);
    product(x, weight, y, m, n, k).addTo(graph, "product");
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, y);
    try (var plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.withDevice(device.device());
      plan.execute();
    }
    for (int row = 0; row < m; row++)
      for (int col = 0; col < n; col++) {
        float sum = 0;
        for (int i = 0; i < k; i++) sum += x.get(row * k + i) * weight.get(col * k + i);
        if (Math.abs(y.get(row * n + col) - sum) > tolerance)
          throw new IllegalStateException("a product of " + m + "x" + n + "x" + k + " is wrong");
      }
  }
}
