package uk.ac.manchester.tornado.api;

public class TornadoExecutionResult {
  public TornadoProfilerResult getProfilerResult() {
    throw new UnsupportedOperationException("a stand-in");
  }

  public TornadoExecutionResult transferToHost(Object... objects) {
    return this;
  }
}
