package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// The kernels that read like the formulas, in plain Java on the processor: whole models without a device.
final class JavaKernels implements Kernels {
  private final HostArrays weights = new HostArrays();

  @Override
  public String name() {
    return "java";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public boolean runsWholePasses() {
    return true;
  }

  @Override
  public void run(Operation operation) {
    throw new UnsupportedOperationException("an operation outside of a pass: " + operation.description());
  }

  @Override
  public Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return new JavaProgram(recording, given);
  }

  @Override
  public void close() {}

  private final class JavaProgram implements Program {
    private final ProgramMemory memory;
    private final Map<String, MemorySegment> given;
    private final List<Operation> operations;
    private final List<List<Step>> steps = new ArrayList<>();
    private final Recording recording;

    JavaProgram(Recording recording, Map<String, MemorySegment> given) {
      this.recording = recording;
      this.given = given;
      memory = new ProgramMemory(recording, given, weights);
      for (var operation : recording.constants().operations()) Lowering.steps(operation, memory, false, null).forEach(Step::runAsJava);
      operations = recording.operations();
      for (var operation : operations) steps.add(Lowering.steps(operation, memory, false, null));
    }

    @Override
    public void run(Consumer<Operation> before) {
      memory.takeInputs();
      memory.states().forEach((name, array) -> array.getSegment().asSlice(0, given.get(name).byteSize()).copyFrom(given.get(name)));
      for (int i = 0; i < operations.size(); i++) {
        before.accept(operations.get(i));
        steps.get(i).forEach(Step::runAsJava);
      }
      memory.states().forEach((name, array) -> given.get(name).copyFrom(array.getSegment().asSlice(0, given.get(name).byteSize())));
      for (var output : recording.outputs()) {
        Place from = memory.of(MemorySegment.ofAddress(output.address())), to = memory.result(output);
        for (int i = 0; i < output.bytes() / Float.BYTES; i++) to.array().set(to.at() + i, from.array().get(from.at() + i));
      }
    }

    @Override
    public MemorySegment memory(MemorySegment recorded, long bytes) {
      return memory.host(recorded, bytes);
    }

    @Override
    public void close() {}
  }
}
