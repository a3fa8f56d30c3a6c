package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/// A recorded pass with its memory, ready to run any number of times. One thread uses it at a time.
public interface Program extends AutoCloseable {
  /// Runs the pass on what its inputs' memory holds.
  ///
  /// @param before hears of each operation before it runs, or of several where they run together; what it throws ends the pass
  /// @throws IllegalStateException if the program or the kernels are closed
  void run(Consumer<Operation> before);

  /// Where a buffer of the recording lies: inputs may be written before a run, results read after it.
  ///
  /// @param recorded a buffer of the pass, or a part of one
  /// @param bytes its size
  MemorySegment memory(MemorySegment recorded, long bytes);

  /// Frees the memory that the program allocated; closing twice is harmless.
  @Override
  void close();
}
