package dev.fovea.engine.tensor;

import dev.fovea.kernels.Kernels;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;

/// Watches a forward pass that computes nothing. Its tensors lie at addresses that no memory has, so that an operation's
/// buffers tell which tensors it uses.
final class Recorder {
  private static final long FIRST_ADDRESS = 1L << 50;

  private final Workspace workspace;
  private final List<Operation> operations = new ArrayList<>();
  private final TreeMap<Long, Lifetime> byAddress = new TreeMap<>();
  private final List<Lifetime> buffers = new ArrayList<>();
  private final Kernels kernels = new ObservedKernels(null, this::observe);
  private long nextAddress = FIRST_ADDRESS;

  /// When a buffer is needed, in operations.
  private static final class Lifetime {
    private final long bytes;
    private final int from;
    private int to;

    private Lifetime(long bytes, int from) {
      this.bytes = bytes;
      this.from = from;
      this.to = from;
    }
  }

  Recorder(Workspace workspace) {
    this.workspace = workspace;
  }

  Kernels kernels() {
    return kernels;
  }

  Tensor allocate(int... shape) {
    var tensor = Tensor.virtual(workspace, nextAddress, shape);
    var buffer = new Lifetime(4 * tensor.size(), operations.size());
    buffers.add(buffer);
    byAddress.put(nextAddress, buffer);
    nextAddress += buffer.bytes + 64;
    return tensor;
  }

  private void observe(Operation operation) {
    for (var segment : operation.buffers()) use(segment.address(), operations.size());
    operations.add(operation);
  }

  private void use(long address, int when) {
    if (address < FIRST_ADDRESS) return;
    byAddress.floorEntry(address).getValue().to = when;
  }

  Recording recording(Collection<Tensor> outputs) {
    for (var output : outputs) use(output.address(), Integer.MAX_VALUE);
    var plan = Plan.of(buffers.stream().map(b -> new Plan.Buffer(b.bytes, b.from, b.to)).toList(),
        operations.stream().mapToLong(Operation::macs).sum());
    return new Recording(List.copyOf(operations), plan);
  }
}
