package dev.fovea.engine.tensor;

import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/// Records the operations of a forward pass without computing them. Its tensors have virtual addresses, so that an operation's
/// buffers identify the tensors it uses.
final class Recorder {
  /// Gap between two buffers, so that the end of one is not the start of the next.
  private static final long GAP = 64;

  private final Workspace workspace;
  private final List<Operation> operations = new ArrayList<>(), constants = new ArrayList<>();
  private final List<Recording.Buffer> constantBuffers = new ArrayList<>();
  private final Map<Object, Tensor> constantsByKey = new HashMap<>();
  private final Map<String, Recording.Buffer> inputs = new LinkedHashMap<>();
  private final List<Lifetime> buffers = new ArrayList<>();
  private final TreeMap<Long, Lifetime> byAddress = new TreeMap<>();
  private long nextAddress = Recording.FIRST_ADDRESS;
  private boolean isConstant;

  /// Indices of the first and last operation that need a buffer.
  private static final class Lifetime {
    private final Recording.Buffer buffer;
    private final int from;
    private int to;

    private Lifetime(Recording.Buffer buffer, int from) {
      this.buffer = buffer;
      this.from = from;
      this.to = from;
    }
  }

  Recorder(Workspace workspace) {
    this.workspace = workspace;
  }

  /// An input of the pass with the layout of `given`.
  Tensor input(String name, Tensor given) {
    var buffer = reserve(given.extentBytes());
    inputs.put(name, buffer);
    return given.virtual(workspace, buffer.address());
  }

  Tensor allocate(int... shape) {
    var shapeOnly = Tensor.shapeOnly(shape);
    var buffer = reserve(Float.BYTES * shapeOnly.size());
    if (isConstant) {
      constantBuffers.add(buffer);
    } else {
      var lifetime = new Lifetime(buffer, operations.size());
      buffers.add(lifetime);
      byAddress.put(buffer.address(), lifetime);
    }
    return shapeOnly.virtual(workspace, buffer.address());
  }

  /// The result of `compute`, whose operations are recorded as constants.
  Tensor constant(Object key, Supplier<Tensor> compute) {
    var known = constantsByKey.get(key);
    if (known != null) return known;
    boolean wasConstant = isConstant;
    isConstant = true;
    try {
      var constant = compute.get();
      constantsByKey.put(key, constant);
      return constant;
    } finally {
      isConstant = wasConstant;
    }
  }

  /// The constants by their keys.
  Map<Object, Tensor> constants() {
    return Map.copyOf(constantsByKey);
  }

  private Recording.Buffer reserve(long bytes) {
    var buffer = new Recording.Buffer(nextAddress, bytes);
    nextAddress += bytes + GAP;
    return buffer;
  }

  void add(Operation operation) {
    if (isConstant) {
      constants.add(operation);
      return;
    }
    for (var segment : operation.buffers()) if (Recording.holds(segment)) use(segment.address(), operations.size());
    operations.add(operation);
  }

  /// Extends the lifetime of the buffer at `address`; inputs and constants have none.
  private void use(long address, int when) {
    var entry = byAddress.floorEntry(address);
    if (entry == null || address >= entry.getKey() + Math.max(1, entry.getValue().buffer.bytes())) return;
    entry.getValue().to = when;
  }

  Recording recording(Collection<Tensor> outputs) {
    for (var output : outputs) use(output.address(), Integer.MAX_VALUE);
    var plan = Plan.of(buffers.stream().map(b -> new Plan.Lifetime(b.buffer.bytes(), b.from, b.to)).toList(),
        operations.stream().mapToLong(Operation::macs).sum());
    return new Recording(List.copyOf(operations), Map.copyOf(inputs), buffers.stream().map(b -> b.buffer).toList(),
        outputs.stream().map(output -> new Recording.Buffer(output.address(), output.extentBytes())).toList(), plan,
        new Recording.Constants(List.copyOf(constants), List.copyOf(constantBuffers)));
  }
}
