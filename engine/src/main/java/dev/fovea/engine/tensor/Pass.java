package dev.fovea.engine.tensor;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/// A forward pass that is recorded once and runs any number of times without calling the model: [Workspace#prepare].
///
/// Inputs and results keep their addresses in every run. Not thread-safe: one thread uses a pass at a time. Interrupting the thread
/// ends a run before the next operation with a [CancelledException], after which results and states are incomplete.
public final class Pass implements AutoCloseable {
  private final Recording recording;
  private final Program program;
  private final Map<String, Tensor> inputs = new HashMap<>();
  private final List<Tensor> outputs;
  private final Progress progress;
  private final Consumer<Operation> before = this::before;
  private long doneMacs;

  private Pass(Recording recording, Program program, List<Tensor> results, Progress progress) {
    this.recording = recording;
    this.program = program;
    this.progress = progress;
    recording.inputs().forEach((name, buffer) ->
        inputs.put(name, Tensor.over(program.memory(MemorySegment.ofAddress(buffer.address()),
        buffer.bytes()), Math.toIntExact(buffer.bytes() / Float.BYTES))));
    outputs = results.stream().map(result -> result.in(program)).toList();
  }

  /// A pass that runs `recording` on `kernels`, which stay open when the pass is closed.
  ///
  /// @param results tensors of the recording that a run returns
  /// @param progress called on the thread of a run, before each operation
  /// @param state tensors that the pass reads and writes and that outlive it, by input name; the caller owns their memory
  /// @throws IllegalArgumentException if the pass has no input of that name, or one of another size
  public static Pass of(Recording recording, List<Tensor> results, Kernels kernels, Map<String, Tensor> state, Progress progress) {
    Objects.requireNonNull(progress, "progress");
    var given = new HashMap<String, MemorySegment>();
    state.forEach((name, tensor) -> given.put(name, tensor.segment()));
    var program = kernels.prepare(recording, given);
    try {
      return new Pass(recording, program, results, progress);
    } catch (Throwable e) {
      program.close();
      throw e;
    }
  }

  /// The elements of an input or a state as a one-dimensional tensor, to write before a run: a view, valid until [#close()].
  ///
  /// @throws IllegalArgumentException if the pass has no input of that name
  public Tensor input(String name) {
    Objects.requireNonNull(name, "name");
    var input = inputs.get(name);
    if (input == null) throw new IllegalArgumentException("input '" + name + "': expected one of " + inputs.keySet());
    return input;
  }

  /// Runs the pass.
  ///
  /// @return the results, always the same tensors, valid until the next run or [#close()]
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the pass is closed
  public List<Tensor> run() {
    doneMacs = 0;
    program.run(before);
    return outputs;
  }

  /// The recording that the pass runs.
  public Recording recording() {
    return recording;
  }

  private void before(Operation operation) {
    if (Thread.currentThread().isInterrupted()) throw new CancelledException();
    progress.advanced(doneMacs += operation.macs(), recording.macs());
  }

  /// Frees the pass's memory, but not the state's; closing twice is harmless.
  @Override
  public void close() {
    program.close();
  }
}
