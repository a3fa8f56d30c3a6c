package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.function.Consumer;

/// A recorded pass with its memory, ready to run any number of times. One thread uses it at a time. The caller closes it; the
/// kernels that have prepared it must stay open until then.
public interface Program extends AutoCloseable {
  /// Runs the pass on the current contents of its inputs.
  ///
  /// @param before called with each operation before it runs, or before the group that it runs in; its exception ends the pass
  /// @throws IllegalStateException if the program or the kernels are closed
  void run(Consumer<Operation> before);

  /// Uses other memory for the inputs that were given at preparation, such as the state of another session, from the next run on.
  ///
  /// @param given by name, of the same names and sizes as before
  /// @return whether it does; by default a program keeps the memory that it has
  default boolean give(Map<String, MemorySegment> given) {
    return false;
  }

  /// The memory of a recorded buffer, at the same address in every run and valid until [#close()]: inputs may be written before a
  /// run, results read after it.
  ///
  /// @param recorded a buffer of the pass, or a part of one
  /// @param bytes size of the buffer or part
  MemorySegment memory(MemorySegment recorded, long bytes);

  /// Frees the memory allocated by the program. Closing twice is harmless.
  @Override
  void close();
}
