package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/// A forward pass as data, sufficient to count its cost, plan its memory and run it again without the model.
///
/// Buffers of the pass have consecutive fictitious addresses from [#FIRST_ADDRESS] on; weights are the actual weights. An input
/// that an operation writes is state of the pass and survives a run.
///
/// @param operations in execution order
/// @param inputs buffers provided to the pass, by name
/// @param buffers intermediate results, in the order of allocation
/// @param outputs results to read after a run: `buffers` or parts of them
/// @param plan the place of each of `buffers` in one block of memory
/// @param constants operations that depend only on weights and run once, before the first run
public record Recording(List<Operation> operations, Map<String, Buffer> inputs, List<Buffer> buffers, List<Buffer> outputs,
    Plan plan, Constants constants) {
  /// The address of the first recorded buffer, beyond the address space of a process.
  public static final long FIRST_ADDRESS = 1L << 50;

  public Recording {
    Objects.requireNonNull(operations, "operations");
    Objects.requireNonNull(inputs, "inputs");
    Objects.requireNonNull(buffers, "buffers");
    Objects.requireNonNull(outputs, "outputs");
    Objects.requireNonNull(plan, "plan");
    Objects.requireNonNull(constants, "constants");
  }

  /// A buffer of the pass.
  ///
  /// @param address its fictitious address
  public record Buffer(long address, long bytes) {
    /// Whether an address lies in the buffer.
    public boolean holds(long address) {
      return address >= this.address && address < this.address + Math.max(1, bytes);
    }
  }

  /// Operations that need to run only once.
  ///
  /// @param buffers their results, each in separate memory
  public record Constants(List<Operation> operations, List<Buffer> buffers) {
    /// No constants.
    public static final Constants NONE = new Constants(List.of(), List.of());

    public Constants {
      Objects.requireNonNull(operations, "operations");
      Objects.requireNonNull(buffers, "buffers");
    }
  }

  /// Whether a segment is a recorded buffer without memory.
  public static boolean holds(MemorySegment segment) {
    return segment.address() >= FIRST_ADDRESS;
  }

  /// Names of the inputs that are state, because an operation writes them.
  public Set<String> states() {
    return inputs.entrySet().stream().filter(input -> operations.stream().anyMatch(operation -> input.getValue()
        .holds(operation.out().address()))).map(Map.Entry::getKey).collect(Collectors.toUnmodifiableSet());
  }

  /// Multiply-accumulates of all operations except those of the constants.
  public long macs() {
    return plan.macs();
  }

  /// Bytes of the weights that a run reads: all of each matrix, and of tables only the rows that are looked up.
  public long weightBytes() {
    return weights().bytes;
  }

  /// The formats of the weights that a run reads.
  public Set<WeightFormat> weightFormats() {
    return weights().formats;
  }

  private WeightCount weights() {
    var count = new WeightCount();
    for (var operation : operations)
      if (operation instanceof Operation.Gather(var table, _, _, int rows))
        count.add(table.format(), table.format().bytes(rows, table.k()));
      else
        operation.on(count);
    return count;
  }

  /// Collects sizes and formats of an operation's weights.
  private static final class WeightCount implements BufferVisitor {
    private final Set<WeightFormat> formats = EnumSet.noneOf(WeightFormat.class);
    private long bytes;

    private void add(WeightFormat format, long size) {
      formats.add(format);
      bytes += size;
    }

    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      return buffer;
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      return matrices.segment();
    }

    @Override
    public MemorySegment weight(Weight weight) {
      add(weight.format(), Weight.bytes(weight.format(), weight.layout(), weight.n(), weight.k()));
      return weight.segment();
    }
  }

  /// Runs the pass once, without the model.
  ///
  /// @param inputs memory of all inputs with their contents, by name
  /// @return the program, whose [Program#memory] holds the results; the caller closes it
  /// @throws IllegalArgumentException if an input is missing or has another size
  public Program run(Kernels kernels, Map<String, MemorySegment> inputs) {
    Objects.requireNonNull(kernels, "kernels");
    for (var name : this.inputs.keySet())
      if (!inputs.containsKey(name)) throw new IllegalArgumentException("input '" + name + "' is missing");
    var program = kernels.prepare(this, inputs);
    try {
      program.run(_ -> {});
      return program;
    } catch (RuntimeException | Error e) {
      program.close();
      throw e;
    }
  }
}
