package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/// The door to a provider: refuses an operation that is wrong before the provider sees it, so that providers check nothing and
/// cannot forget to.
record Door(Kernels provider) implements Kernels {
  @Override
  public String name() {
    return provider.name();
  }

  @Override
  public int threads() {
    return provider.threads();
  }

  @Override
  public void run(Operation operation) {
    Check.operation(operation);
    provider.run(operation);
  }

  @Override
  public Runnable bind(Operation operation) {
    Check.operation(operation);
    return provider.bind(operation);
  }

  /// A recording's operations are checked when it gets its memory.
  @Override
  public Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return provider.prepare(recording, given);
  }

  @Override
  public void close() {
    provider.close();
  }
}
