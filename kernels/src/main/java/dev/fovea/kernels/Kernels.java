package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/// Performs the [Operation]s of a model on whole buffers of native memory.
///
/// Models compute through this interface alone. So another implementation in its place can count, plan, trace or move a forward
/// pass without a change of the model.
///
/// An operation allocates nothing that outlives it, except scratch memory for the next one. Any number of threads may use the same
/// kernels. Results are bit-identical for any number of threads.
///
/// Buffers come from shared or automatic arenas: with more than one thread, those of a confined arena throw
/// [WrongThreadException].
public interface Kernels extends AutoCloseable {
  /// The provider's name, which [KernelProvider#named] accepts.
  String name();

  /// The largest number of threads of an operation, the caller's included.
  int threads();

  /// Performs an operation.
  ///
  /// @throws IllegalArgumentException if a buffer is not native, has the wrong size or overlaps where it may not
  /// @throws IllegalStateException if a buffer's arena or these kernels are closed
  void run(Operation operation);

  /// Makes an operation ready to run any number of times on the same buffers: this is where a provider may prepare what depends on
  /// the operation alone, so that a run allocates nothing. One thread runs it at a time.
  ///
  /// @throws IllegalArgumentException as [#run] does; running it throws what [#run] throws besides
  default Runnable bind(Operation operation) {
    return () -> run(operation);
  }

  /// Makes a recorded pass ready to run any number of times: this is where a provider may take the pass as a whole. Unless it does,
  /// operations run one after the other.
  ///
  /// @param given memory of inputs, by name, that the caller provides, such as a state that several programs share; the program
  ///     allocates all others
  /// @throws IllegalArgumentException if the pass has no input of that name, or its memory has another size
  default Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return new StepProgram(this, recording, given);
  }

  /// Frees scratch memory and the threads that these kernels own. Closing twice is harmless.
  @Override
  void close();
}
