package uk.ac.manchester.tornado.api;

import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;

public class TornadoExecutionPlan implements AutoCloseable {
  public TornadoExecutionPlan(ImmutableTaskGraph... graphs) {}

  public TornadoExecutionResult execute() {
    throw new UnsupportedOperationException("a stand-in");
  }

  public TornadoExecutionPlan withGraph(int graph) {
    return this;
  }

  public TornadoExecutionPlan withAllGraphs() {
    return this;
  }

  public TornadoExecutionPlan withPreCompilation() {
    return this;
  }

  public TornadoExecutionPlan withDevice(TornadoDevice device) {
    return this;
  }

  public TornadoExecutionPlan withGridScheduler(GridScheduler grids) {
    return this;
  }

  public TornadoExecutionPlan withProfiler(ProfilerMode mode) {
    return this;
  }

  public TornadoExecutionPlan withCompilerFlags(TornadoVMBackendType backend, String flags) {
    return this;
  }

  public TornadoExecutionPlan freeDeviceMemory() {
    return this;
  }

  public long getCurrentDeviceMemoryUsage() {
    return 0;
  }

  @Override
  public void close() throws TornadoExecutionPlanException {}

  public TornadoDevice getDevice(int graph) {
    return null;
  }
}
