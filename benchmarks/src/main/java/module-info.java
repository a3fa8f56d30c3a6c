/// Benchmarks at the shapes of real models.
module dev.fovea.benchmarks {
  requires dev.fovea.models;
  requires java.management;
  requires jdk.incubator.vector;
  requires jmh.core;
  requires jdk.unsupported;   // JMH's generated code reads it.

  exports dev.fovea.benchmarks to jmh.core;
  opens dev.fovea.benchmarks to jmh.core;
}
