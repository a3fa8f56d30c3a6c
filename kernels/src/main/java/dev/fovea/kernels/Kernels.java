package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/// Performs the [Operation]s of a model on whole buffers of native memory.
///
/// Models compute only through this interface, so another implementation can count, plan, trace or move a forward pass without
/// changes to the model.
///
/// An operation allocates nothing that outlives it, except scratch memory reused by later ones. Kernels are thread-safe. Results
/// are bit-identical for any number of threads. An interrupt ends no operation, and stays set.
///
/// Whoever opens kernels closes them, after the last operation. They own their [Workers], and close these.
///
/// Buffers must come from shared or automatic arenas: with more than one thread, a buffer of a confined arena causes a
/// [WrongThreadException].
public interface Kernels extends AutoCloseable {
  /// The provider's name, which [KernelProvider#named] accepts.
  String name();

  /// The largest number of threads of an operation, including the caller's.
  int threads();

  /// Performs an operation, on the calling thread with the help of the workers' threads, and returns when it is done.
  ///
  /// @throws IllegalArgumentException if sizes do not match, or a buffer is not native, has the wrong size or overlaps where it may
  ///     not
  /// @throws IllegalStateException if a buffer's arena is closed; if these kernels are closed and the operation needs scratch
  ///     memory, others run on the calling thread alone
  /// @throws OutOfMemoryError if there is no scratch memory for the operation; the kernels stay usable
  void run(Operation operation);

  /// Prepares an operation to run any number of times on the same buffers. A provider may compute here everything that depends only
  /// on the operation, so that a run allocates nothing. One thread runs it at a time.
  ///
  /// @throws IllegalArgumentException as [#run]; the other exceptions of [#run] occur when it runs
  default Runnable bind(Operation operation) {
    return () -> run(operation);
  }

  /// Runs `task` for every index in `[0, tasks)` and returns when all are done, as [Workers#forEach]. Several run at a time, on as
  /// many threads as operations may have, and the operations of each stay on its own thread: so many passes at once are faster than
  /// one after the other on all threads. By default the tasks run one after the other on the calling thread.
  default void forEach(int tasks, Workers.Task task) {
    for (int i = 0; i < tasks; i++) task.run(i);
  }

  /// Announces a recorded pass before its first run, so that a provider can prepare for its size. It may wait here; an interrupt
  /// ends that and stays set.
  default void expect(Recording recording) {}

  /// Prepares a recorded pass to run any number of times. A provider may compile the pass as a whole; by default the operations run
  /// one after the other.
  ///
  /// @param given memory for inputs, by name, such as a state shared by several programs; the program allocates all other inputs
  /// @return the program, which the caller closes before the kernels
  /// @throws IllegalArgumentException if the pass has no input of such a name, or the memory has another size
  default Program prepare(Recording recording, Map<String, MemorySegment> given) {
    return new StepProgram(this, recording, given);
  }

  /// Whether a pass is to be run as a program of [#prepare], as on a device that keeps the memory of a pass. [#run] works
  /// nevertheless, but copies the operation's buffers there and back.
  default boolean runsWholePasses() {
    return false;
  }

  /// Frees scratch memory and the threads owned by these kernels. Closing twice is harmless.
  @Override
  void close();
}
