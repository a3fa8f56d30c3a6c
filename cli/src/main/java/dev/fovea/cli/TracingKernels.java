package dev.fovea.cli;

import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Recording;
import java.util.ArrayList;
import java.util.List;

/// Kernels that let others compute, and time each operation or look at what it computes and who has asked for it.
///
/// The two are apart because reading a result would fill the caches anew, which the next operation's time would show. A recorded
/// pass runs operation by operation, also where the other kernels would run it as a whole.
///
/// The caller closes the other kernels. Not thread-safe.
final class TracingKernels implements Kernels {
  private enum Mode {
    COMPUTE, TIME, LOOK
  }

  /// An operation that has run.
  ///
  /// @param frames where in the models' source, the outermost method first
  record Seen(Operation operation, OutputValues values, List<SourceFrame> frames) {}

  private final Kernels kernels;
  private Mode mode = Mode.COMPUTE;
  private List<Long> nanos = new ArrayList<>();
  private List<Seen> seen = new ArrayList<>();

  TracingKernels(Kernels kernels) {
    this.kernels = kernels;
  }

  /// The times of the operations of a call, in nanoseconds.
  List<Long> time(Runnable call) {
    nanos = new ArrayList<>();
    in(Mode.TIME, call);
    return nanos;
  }

  /// The operations of a call.
  List<Seen> look(Runnable call) {
    seen = new ArrayList<>();
    in(Mode.LOOK, call);
    return seen;
  }

  private void in(Mode during, Runnable call) {
    mode = during;
    try {
      call.run();
    } finally {
      mode = Mode.COMPUTE;
    }
  }

  @Override
  public void run(Operation operation) {
    run(operation, () -> kernels.run(operation));
  }

  @Override
  public Runnable bind(Operation operation) {
    var bound = kernels.bind(operation);
    return () -> run(operation, bound);
  }

  private void run(Operation operation, Runnable work) {
    long start = System.nanoTime();
    work.run();
    switch (mode) {
      case COMPUTE -> { }
      case TIME -> nanos.add(System.nanoTime() - start);
      case LOOK -> seen.add(new Seen(operation, OutputValues.of(operation), SourceFrame.current()));
    }
  }

  @Override
  public String name() {
    return kernels.name();
  }

  @Override
  public int threads() {
    return kernels.threads();
  }

  @Override
  public void expect(Recording recording) {
    kernels.expect(recording);
  }

  @Override
  public void close() {}
}
