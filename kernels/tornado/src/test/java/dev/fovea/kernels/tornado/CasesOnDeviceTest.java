package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;

/// Each kernel on a device gives what the reference gives. A case takes a twentieth of a second or more to compile.
@Tag("device")
class CasesOnDeviceTest {
  /// TornadoVM's own flags let OpenCL's compilers assume that there are no infinities and no NaN.
  private static final String FLAGS = "-cl-mad-enable -w";
  private static final Kernels REFERENCE = KernelProvider.REFERENCE.open(Workers.threads(1));
  private static final Map<String, Errors> ERRORS = new TreeMap<>();

  /// The largest errors in an operation's cases, of the formulas and of the tuned kernels: normalised as for
  /// [FormulasTest#normalizedError], and of a single number.
  private static final class Errors {
    private final double[] normalized = new double[2], absolute = new double[2];

    void add(boolean tuned, double normalizedError, double absoluteError) {
      int tier = tuned ? 1 : 0;
      normalized[tier] = Math.max(normalized[tier], normalizedError);
      absolute[tier] = Math.max(absolute[tier], absoluteError);
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "%9.1e %9.1e  %9.1e %9.1e", normalized[0], absolute[0], normalized[1], absolute[1]);
    }
  }

  @BeforeAll
  static void requireDevice() {
    OnDevice.require();
  }

  @AfterAll
  static void close() {
    REFERENCE.close();
    System.out.printf("%-22s %20s %20s%n", "", "formulas", "tuned");
    System.out.printf("%-22s %9s %9s  %9s %9s%n", "largest errors", "of a case", "absolute", "of a case", "absolute");
    ERRORS.forEach((operation, errors) -> System.out.printf("%-22s %s%n", operation, errors));
  }

  static List<Case> cases() {
    return Cases.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void formula(Case c) throws TornadoExecutionPlanException {
    check(c, false);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void tuned(Case c) throws TornadoExecutionPlanException {
    check(c, true);
  }

  private static void check(Case c, boolean tuned) throws TornadoExecutionPlanException {
    Operation expected = c.copy(), actual = c.copy();
    REFERENCE.run(expected);
    var places = new HostPlaces(actual);
    var steps = Lowering.steps(actual, places, tuned, null);
    if (!steps.isEmpty()) run(steps, places);
    double error = FormulasTest.normalizedError(places.out(), expected.out());
    ERRORS.computeIfAbsent(c.operation().name(), _ -> new Errors())
        .add(tuned, error, absoluteError(places.out(), expected.out()));
    assertThat(error).isLessThanOrEqualTo(FormulasTest.TOLERANCE);
    assertThat(places.damage()).isEmpty();
  }

  /// `max |actual - expected|` of finite numbers.
  private static double absoluteError(MemorySegment actual, MemorySegment expected) {
    double error = 0;
    for (long i = 0; i < expected.byteSize() / 4; i++) {
      double difference = Math.abs((double) Numbers.get(actual, i) - Numbers.get(expected, i));
      if (difference < Float.POSITIVE_INFINITY) error = Math.max(error, difference);
    }
    return error;
  }

  private static void run(List<Step> steps, HostPlaces places) throws TornadoExecutionPlanException {
    var graph = new TaskGraph("g");
    var grids = new GridScheduler();
    var arrays = Collections.newSetFromMap(new IdentityHashMap<>());
    for (var step : steps) arrays.addAll(step.arrays());
    graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, arrays.toArray());
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).addTo(graph, "t" + i);
      var grid = steps.get(i).grid();
      if (grid != null) grids.addWorkerGrid("g.t" + i, grid);
    }
    graph.transferToHost(DataTransferMode.EVERY_EXECUTION, places.memory());
    try (var plan = new TornadoExecutionPlan(graph.snapshot())) {
      plan.withGridScheduler(grids).withCompilerFlags(TornadoVMBackendType.OPENCL, FLAGS).execute();
      plan.freeDeviceMemory();
    }
  }
}
