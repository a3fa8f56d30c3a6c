package dev.fovea.kernels.vector;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import java.util.function.BooleanSupplier;

/// The vector provider with scalar loops for a cold start: while the program is cold, scalar loops run the operations that they
/// implement and vector loops the others; afterwards vector loops run all.
///
/// Both compute identical bits, so a result does not depend on the time of the switch. A pass that takes scalar loops longer than
/// C2 takes to compile the vector loops waits for these.
public final class ColdStartKernels implements Kernels {
  private final BooleanSupplier isCold;
  private final VectorKernels vector;
  private final ScalarKernels scalar;

  public ColdStartKernels(Workers workers) {
    this(workers, ColdStart::isCold);
  }

  ColdStartKernels(Workers workers, BooleanSupplier isCold) {
    this(workers, isCold, new ScratchPool(workers.threads()));
  }

  /// @param scratch closed with these kernels
  ColdStartKernels(Workers workers, BooleanSupplier isCold, ScratchPool scratch) {
    this.isCold = isCold;
    vector = new VectorKernels(workers, scratch);
    scalar = new ScalarKernels(workers, scratch);
  }

  @Override
  public String name() {
    return vector.name();
  }

  @Override
  public int threads() {
    return vector.threads();
  }

  @Override
  public void run(Operation operation) {
    if (!isCold.getAsBoolean() || !scalar.tryRun(operation)) vector.run(operation);
  }

  @Override
  public Runnable bind(Operation operation) {
    var step = vector.bind(operation);
    return () -> {
      if (!isCold.getAsBoolean() || !scalar.tryRun(operation)) step.run();
    };
  }

  @Override
  public void forEach(int tasks, Workers.Task task) {
    vector.forEach(tasks, task);
  }

  @Override
  public void expect(Recording recording) {
    if (isCold.getAsBoolean()) ColdStart.expect(recording.macs(), recording.weightFormats());
  }

  @Override
  public void close() {
    vector.close();
  }
}
