package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;

/// The door to a provider: rejects wrong operations before they reach it, so that no provider contains checks or can forget them.
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

  @Override
  public void forEach(int tasks, Workers.Task task) {
    provider.forEach(tasks, Objects.requireNonNull(task, "task"));
  }

  @Override
  public void expect(Recording recording) {
    provider.expect(Objects.requireNonNull(recording, "recording"));
  }

  /// The operations of a recording are checked when its memory is allocated.
  @Override
  public Program prepare(Recording recording, Map<String, MemorySegment> given) {
    Objects.requireNonNull(recording, "recording");
    Objects.requireNonNull(given, "given");
    return provider.prepare(recording, given);
  }

  @Override
  public boolean runsWholePasses() {
    return provider.runsWholePasses();
  }

  @Override
  public void close() {
    provider.close();
  }
}
