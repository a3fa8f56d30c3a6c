package dev.fovea.benchmarks.peers;

/// A product or a model, prepared in one of the programs, on a fixed input.
interface Computation extends AutoCloseable {
  /// Computes the output.
  void run();

  /// Computes the output and copies it.
  float[] output();

  @Override
  void close();
}
