package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
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

  @BeforeAll
  static void requireDevice() {
    OnDevice.require();
  }

  @AfterAll
  static void close() {
    REFERENCE.close();
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
    assertThat(FormulasTest.normalizedError(places.out(), expected.out())).isLessThanOrEqualTo(FormulasTest.TOLERANCE);
    assertThat(places.damage()).isEmpty();
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
