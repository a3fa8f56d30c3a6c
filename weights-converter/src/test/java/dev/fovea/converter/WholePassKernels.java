package dev.fovea.converter;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/// Vector kernels that run whole passes only, as a device does that keeps the memory of a pass.
record WholePassKernels(Kernels kernels) implements Kernels {
  WholePassKernels() {
    this(KernelProvider.VECTOR.open(Workers.threads(1)));
  }

  @Override
  public String name() {
    return "whole passes";
  }

  @Override
  public int threads() {
    return kernels.threads();
  }

  @Override
  public void run(Operation operation) {
    throw new AssertionError("an operation outside of a pass: " + operation.description());
  }

  @Override
  public boolean runsWholePasses() {
    return true;
  }

  @Override
  public Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return kernels.prepare(recording, given);
  }

  @Override
  public void close() {
    kernels.close();
  }
}
