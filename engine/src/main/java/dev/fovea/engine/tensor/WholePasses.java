package dev.fovea.engine.tensor;

import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.cache.RemovalNotification;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// The programs of a workspace whose kernels run whole passes, one for each kind of pass. Sessions that write states of their own
/// share them.
final class WholePasses implements AutoCloseable {
  /// Programs that are kept: each holds its pass's memory, on a device too. The least recently used one is closed.
  private static final int PROGRAMS = 8;

  /// A pass as the model described it.
  ///
  /// @param written names of the inputs that an operation writes: state, whose memory outlives the pass
  /// @param constants what the pass asked for by key
  private record Recorded(Recording recording, Set<String> written, Map<Object, Tensor> constants) {}

  /// A recorded pass with its constants.
  record Described(Recording recording, Map<Object, Tensor> constants) {}

  private final Kernels kernels;
  private final Cache<List<Object>, Recorded> recorded;
  private final Cache<List<Object>, Bound> programs = CacheBuilder.newBuilder().concurrencyLevel(1).maximumSize(PROGRAMS)
      .removalListener((RemovalNotification<List<Object>, Bound> removed) -> removed.getValue().program.close()).build();

  /// A program with the states that it uses, each with its arena: another one may have memory at an address that one had before.
  private static final class Bound {
    private final Program program;
    private Map<String, List<Object>> states;

    private Bound(Program program, Map<String, List<Object>> states) {
      this.program = program;
      this.states = states;
    }
  }

  WholePasses(Kernels kernels, int most) {
    this.kernels = kernels;
    recorded = CacheBuilder.newBuilder().concurrencyLevel(1).maximumSize(most).build();
  }

  /// A pass that is ready to run.
  static final class Pass {
    private final Recorded recorded;
    private final Program program;

    private Pass(Recorded recorded, Program program) {
      this.recorded = recorded;
      this.program = program;
    }

    Plan plan() {
      return recorded.recording.plan();
    }

    /// Runs the pass on the contents of `inputs`.
    ///
    /// @param before called with each operation before it runs, or before the group that it runs in
    void run(Map<String, Tensor> inputs, Consumer<Operation> before) {
      recorded.recording.inputs().forEach((name, buffer) -> {
        if (!recorded.written.contains(name)) memory(buffer).copyFrom(inputs.get(name).memory());
      });
      program.run(before);
    }

    /// The constant that the pass asked for, without contents.
    Tensor constant(Object key) {
      return recorded.constants.get(key);
    }

    /// Copies what a run has computed to the tensors that the model returns for it, in the same order.
    void copyTo(Collection<Tensor> results) {
      var from = recorded.recording.outputs().iterator();
      for (var result : results) {
        var output = from.next();
        if (recorded.recording.inputs().values().stream().noneMatch(input -> input.holds(output.address())))
          result.memory().copyFrom(memory(output));
      }
    }

    private MemorySegment memory(Recording.Buffer buffer) {
      return program.memory(MemorySegment.ofAddress(buffer.address()), buffer.bytes());
    }
  }

  /// A pass over `inputs`, recorded and prepared if it is new.
  ///
  /// @param key kind and layouts
  /// @param describe records the pass
  Pass pass(List<Object> key, Map<String, Tensor> inputs, Supplier<Described> describe) {
    var pass = recorded.getIfPresent(key);
    if (pass == null) {
      var described = describe.get();
      kernels.expect(described.recording);
      recorded.put(key, pass = new Recorded(described.recording, described.recording.states(), described.constants));
    }
    return new Pass(pass, program(key, pass, inputs));
  }

  private Program program(List<Object> key, Recorded pass, Map<String, Tensor> inputs) {
    var given = new HashMap<String, MemorySegment>();
    var states = new HashMap<String, List<Object>>();
    for (var name : pass.written) {
      var memory = inputs.get(name).memory();
      given.put(name, memory);
      states.put(name, List.of(memory.address(), memory.scope()));
    }
    var bound = programs.getIfPresent(key);
    if (bound != null && (bound.states.equals(states) || bound.program.give(given))) {
      bound.states = states;
      return bound.program;
    }
    programs.invalidate(key);
    var program = kernels.prepare(pass.recording, given);
    programs.put(key, new Bound(program, states));
    return program;
  }

  /// Closes all programs.
  @Override
  public void close() {
    programs.invalidateAll();
    recorded.invalidateAll();
  }
}
