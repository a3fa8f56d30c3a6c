package dev.fovea.kernels.tornado;

import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.enums.ProfilerMode;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/// A recorded pass on a device.
///
/// Its operations are tasks of several graphs in one plan. Parameters are copied to the device once, by the graph that needs them;
/// all intermediate results stay there. A run copies one array of inputs to the device and one of results back.
///
/// TornadoVM hands arrays from a graph to the one that runs next, and only those that it names. So every graph names all arrays
/// that more than one graph needs, and each graph that may have run before it.
///
/// States stay on the device, too. If another program used a state last, that program hands it over by way of the host, once.
final class DeviceProgram implements Program {
  /// Tasks of a graph, of which TornadoVM takes a limited number.
  private static final int TASKS = 16;
  /// Floats of a parameter that graphs share.
  private static final int LARGE = 1 << 20;
  private static final AtomicInteger COUNT = new AtomicInteger();

  /// The tasks of a graph, and the operations that end in it.
  private record Group(List<Step> steps, List<Operation> operations) {}

  private final TornadoKernels kernels;
  private final ProgramMemory memory;
  private final String name = "fovea" + COUNT.incrementAndGet();
  private final List<Group> groups;
  private final List<TaskGraph> graphs = new ArrayList<>();
  private final GridScheduler grids = new GridScheduler();
  /// The arrays that more than one graph needs, but for the inputs.
  private final List<FloatArray> shared;
  private final TornadoExecutionPlan plan;
  /// Numbers of graphs: those of the groups, and those that bring the states and take them back. Constants lie between.
  private final int load = 0, first, last, save;
  private final long bytes;
  private long copiedIn, copiedOut;
  private boolean hasRun, closed;

  /// @param given memory of inputs by name, with that of all states
  /// @throws UnsupportedOperationException if the device has too little memory
  DeviceProgram(TornadoKernels kernels, Recording recording, Map<String, MemorySegment> given, HostArrays weights) {
    this.kernels = kernels;
    memory = new ProgramMemory(recording, given, weights);
    var constants = groups(recording.constants().operations(), List.of());
    groups = groups(recording.operations(), recording.outputs());
    shared = shared(Stream.concat(constants.stream(), groups.stream()).toList());
    bytes = bytes(Stream.concat(constants.stream(), groups.stream()).toList());
    first = 1 + constants.size();
    last = first + groups.size() - 1;
    save = last + 1;
    addLoad();
    for (var group : constants) add(group.steps);
    for (var group : groups) add(group.steps);
    addSave();
    plan = plan();
    try {
      plan.withDevice(kernels.device().device());
      plan.withGridScheduler(grids);
      if (kernels.countsCopies()) plan.withProfiler(ProfilerMode.SILENT);
      requireDevice();
      for (int i = load; i < first; i++) execute(i);
    } catch (RuntimeException | Error e) {
      free();
      throw e;
    }
  }

  /// With several back ends TornadoVM has been seen to take another device.
  private void requireDevice() {
    for (int i = load; i <= save; i++) {
      var actual = plan.getDevice(i);
      if (!actual.equals(kernels.device().device()))
        throw new UnsupportedOperationException("kernels 'tornado': expected graphs on device " + kernels.device().about().id()
            + ", " + kernels.device().about().name() + ", got " + actual.getPhysicalDevice().getDeviceName());
    }
  }

  private TornadoExecutionPlan plan() {
    kernels.take(bytes);
    try {
      return new TornadoExecutionPlan(graphs.stream().map(TaskGraph::snapshot).toArray(ImmutableTaskGraph[]::new));
    } catch (RuntimeException | Error e) {
      kernels.leave(bytes);
      throw e;
    }
  }

  /// The steps of operations in groups of [#TASKS], those of an operation together; then the copies of the results.
  private List<Group> groups(List<Operation> operations, List<Recording.Buffer> outputs) {
    var groups = new ArrayList<Group>();
    for (var operation : operations) {
      memory.nextOperation();
      var steps = Lowering.steps(operation, memory, kernels.isTuned(), kernels.cublas());
      roomFor(steps.size(), groups).operations.add(operation);
      groups.getLast().steps.addAll(steps);
    }
    for (var output : outputs) if (output.bytes() > 0) roomFor(1, groups).steps.add(move(output));
    // Operations without results have no steps.
    groups.removeIf(group -> group.steps.isEmpty());
    return groups;
  }

  /// The last group, or a new one if so many steps do not fit into it.
  private static Group roomFor(int steps, List<Group> groups) {
    int used = groups.isEmpty() ? 0 : groups.getLast().steps.size();
    if (groups.isEmpty() || used > 0 && used + steps > TASKS) groups.add(new Group(new ArrayList<>(), new ArrayList<>()));
    return groups.getLast();
  }

  private Step move(Recording.Buffer output) {
    Place from = memory.of(MemorySegment.ofAddress(output.address())), to = memory.result(output);
    int count = Ints.of("an output", output.bytes() / Float.BYTES);
    return Step.of("result", Step.iterations(count), Formulas::move, from.array(), to.array(),
        memory.ints(count, from.at(), to.at()));
  }

  /// Writes an element of an array to itself: a graph needs a task, and copies only what a task reads and writes.
  private Step touch(FloatArray array) {
    return Step.of("touch", Step.iterations(1), Formulas::move, array, array, memory.ints(1, 0, 0));
  }

  /// The arrays of the pass, and the large parameters that several graphs need. Each graph has its own copy of small ones, for a
  /// graph has room for some hundred arrays.
  private List<FloatArray> shared(List<Group> groups) {
    var shared = new ArrayList<>(memory.ownArrays());
    var once = Collections.newSetFromMap(new IdentityHashMap<>());
    for (var group : groups)
      for (var array : arrays(group.steps))
        if (!once.add(array) && array instanceof FloatArray floats && floats.getSize() >= LARGE && memory.isLoaded(array)
            && !isIn(shared, array)) shared.add(floats);
    return shared;
  }

  private static boolean isIn(List<FloatArray> arrays, Object array) {
    return arrays.stream().anyMatch(known -> known == array);
  }

  private static Set<Object> arrays(List<Step> steps) {
    var arrays = Collections.newSetFromMap(new IdentityHashMap<>());
    for (var step : steps) arrays.addAll(step.arrays());
    return arrays;
  }

  private String graphName(int graph) {
    return name + (graph == load ? "load" : graph == save ? "save" : "g" + graph);
  }

  /// The graphs that may have run before one.
  private Set<Integer> before(int graph) {
    if (graph != first && graph != save) return Set.of(graph - 1);
    return Stream.of(load, first - 1, last, save).filter(other -> other != graph).collect(Collectors.toSet());
  }

  /// The graph that runs first: it brings what several graphs need to the device, and later, if it runs again, the states.
  private void addLoad() {
    var graph = new TaskGraph(graphName(load));
    for (var array : shared) {
      boolean isState = memory.states().containsValue(array);
      graph.transferToDevice(isState ? DataTransferMode.EVERY_EXECUTION : DataTransferMode.FIRST_EXECUTION, array);
    }
    addTasks(graph, shared.stream().map(this::touch).toList());
    graph.persistOnDevice(shared.toArray());
    graphs.add(graph);
  }

  private void add(List<Step> steps) {
    int number = graphs.size();
    var graph = new TaskGraph(graphName(number));
    for (var other : before(number)) graph.consumeFromDevice(graphName(other), shared.toArray());
    // The inputs travel with the groups, from the first of them on.
    if (number == first) graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, memory.inputs());
    if (number > first) graph.consumeFromDevice(graphName(number - 1), memory.inputs());
    for (var array : arrays(steps))
      if (memory.isLoaded(array) && !isIn(shared, array)) graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, array);
    addTasks(graph, steps);
    if (number == last) graph.transferToHost(DataTransferMode.EVERY_EXECUTION, memory.results());
    for (var array : shared) if (number != last || array != memory.results()) graph.persistOnDevice(array);
    if (number >= first) graph.persistOnDevice(memory.inputs());
    graphs.add(graph);
  }

  /// The graph that copies the states to the host.
  private void addSave() {
    var graph = new TaskGraph(graphName(save));
    for (var other : before(save)) graph.consumeFromDevice(graphName(other), shared.toArray());
    addTasks(graph, shared.stream().map(this::touch).toList());
    for (var array : shared)
      if (memory.states().containsValue(array)) graph.transferToHost(DataTransferMode.EVERY_EXECUTION, array);
      else graph.persistOnDevice(array);
    graphs.add(graph);
  }

  private void addTasks(TaskGraph graph, List<Step> steps) {
    for (int i = 0; i < steps.size(); i++) {
      var step = steps.get(i);
      var id = "t" + i + step.name();
      step.addTo(graph, id);
      if (step.grid() != null) grids.addWorkerGrid(graph.getTaskGraphName() + "." + id, step.grid());
    }
  }

  private long bytes(List<Group> groups) {
    var all = Collections.newSetFromMap(new IdentityHashMap<>());
    all.addAll(shared);
    for (var group : groups) all.addAll(arrays(group.steps));
    return all.stream().mapToLong(array -> ((TornadoNativeArray) array).getNumBytesOfSegment()).sum();
  }

  private void execute(int graph) {
    var result = plan.withGraph(graph).execute();
    if (!kernels.countsCopies()) return;
    copiedIn += result.getProfilerResult().getTotalBytesCopyIn();
    copiedOut += result.getProfilerResult().getTotalBytesCopyOut();
  }

  /// Bytes that all runs have copied to the device so far, if they are counted.
  long copiedIn() {
    return copiedIn;
  }

  /// Bytes that all runs have copied from the device so far, if they are counted.
  long copiedOut() {
    return copiedOut;
  }

  /// Bytes of the device's memory that TornadoVM counts as used.
  long memoryInUse() {
    return plan.getCurrentDeviceMemoryUsage();
  }

  @Override
  public void run(Consumer<Operation> before) {
    kernels.alone(() -> {
      if (closed) throw new IllegalStateException("the program is closed");
      takeStates();
      memory.takeInputs();
      for (int i = 0; i < groups.size(); i++) {
        groups.get(i).operations.forEach(before);
        execute(first + i);
      }
      requireResults();
    });
  }

  /// A graph that is too large for TornadoVM leaves out tasks and says nothing.
  private void requireResults() {
    if (hasRun) return;
    if (!memory.hasResults())
      throw new UnsupportedOperationException("kernels 'tornado': results of the pass are missing; TornadoVM has left out tasks of "
          + "a graph");
    hasRun = true;
  }

  @Override
  public boolean give(Map<String, MemorySegment> given) {
    kernels.alone(() -> {
      if (!memory.states().isEmpty()) giveStates();
      memory.give(given);
    });
    return true;
  }

  /// Makes this program the one that has the states.
  private void takeStates() {
    if (memory.states().isEmpty()) return;
    boolean hasAll = true;
    for (var state : memory.states().keySet()) hasAll &= kernels.states().owner(memory.given(state)) == this;
    if (hasAll) return;
    // All first: one that this program has itself would come back with the others.
    for (var state : memory.states().keySet()) {
      var owner = kernels.states().owner(memory.given(state));
      if (owner != null) owner.giveStates();
    }
    memory.states().forEach((state, array) -> {
      var segment = memory.given(state);
      array.getSegment().asSlice(0, segment.byteSize()).copyFrom(segment);
    });
    execute(load);
    for (var state : memory.states().keySet()) kernels.states().take(memory.given(state), this);
  }

  /// Copies the states to the memory of their owner.
  private void giveStates() {
    boolean isOwner = memory.states().keySet().stream().anyMatch(state -> kernels.states().owner(memory.given(state)) == this);
    if (!isOwner) return;
    execute(save);
    memory.states().forEach((state, array) -> {
      var segment = memory.given(state);
      if (kernels.states().owner(segment) != this) return;
      kernels.states().leave(segment);
      // Whoever frees a state's memory does not need it any more.
      if (segment.scope().isAlive()) segment.copyFrom(array.getSegment().asSlice(0, segment.byteSize()));
    });
  }

  @Override
  public MemorySegment memory(MemorySegment recorded, long bytes) {
    return memory.host(recorded, bytes);
  }

  @Override
  public void close() {
    kernels.alone(() -> {
      if (closed) return;
      closed = true;
      try {
        if (!memory.states().isEmpty()) giveStates();
      } finally {
        free();
      }
    });
  }

  private void free() {
    kernels.leave(bytes);
    plan.freeDeviceMemory();
    try {
      plan.close();
    } catch (TornadoExecutionPlanException e) {
      throw new IllegalStateException("kernels 'tornado': " + e.getMessage(), e);
    }
  }
}
