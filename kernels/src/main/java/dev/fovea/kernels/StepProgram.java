package dev.fovea.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Runs a recording one operation after the other.
final class StepProgram implements Program {
  private final Arena arena = Arena.ofShared();
  private final Placement placement;
  private final Operation[] operations;
  private final Runnable[] steps;
  private boolean closed;

  StepProgram(Kernels kernels, Recording recording, Map<String, MemorySegment> given) {
    try {
      placement = new Placement(recording, arena, given);
      for (var operation : placed(recording.constants().operations())) kernels.run(operation);
      operations = placed(recording.operations());
      steps = Stream.of(operations).map(kernels::bind).toArray(Runnable[]::new);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private Operation[] placed(List<Operation> operations) {
    var placed = operations.stream().map(operation -> operation.on(placement)).toArray(Operation[]::new);
    for (var operation : placed) Check.operation(operation);
    return placed;
  }

  @Override
  public void run(Consumer<Operation> before) {
    if (closed) throw new IllegalStateException("the program is closed");
    for (int i = 0; i < steps.length; i++) {
      before.accept(operations[i]);
      steps[i].run();
    }
  }

  @Override
  public MemorySegment memory(MemorySegment recorded, long bytes) {
    return placement.at(recorded, bytes);
  }

  @Override
  public void close() {
    if (closed) return;
    closed = true;
    arena.close();
  }
}
