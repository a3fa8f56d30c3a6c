package dev.fovea.engine.tensor;

import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// The memory of a model's forward passes, allocated once and reused.
///
/// The first pass of a kind runs twice: first on tensors without memory, to record the tensors' lifetimes, then with each tensor at
/// its place in the [Plan]. Later passes allocate no native memory. Model code does not depend on this.
///
/// The tensors that a pass returns are valid until the next pass or until [#close()]. During a pass, [Progress] is notified of
/// every operation, and interrupting the thread ends the pass before the next operation with a [CancelledException]. A pass that
/// ends by an exception, of the model or of the listener too, leaves the workspace usable.
///
/// Not thread-safe: one thread uses a workspace at a time; different threads may use it one after the other. The kernels belong to
/// the caller: they stay open, and must not be closed before the last pass.
public final class Workspace implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  /// Number of cached plans; the least recently used are evicted.
  private static final int PLANS = 64;

  private final @Nullable Kernels kernels;
  private final Constants constants;
  private final Arenas arenas;
  private final Cache<List<Object>, Plan> plans = CacheBuilder.newBuilder().concurrencyLevel(1).maximumSize(PLANS).build();
  private Progress progress;
  /// Owns the memory; null if there is none.
  private @Nullable Arena arena;
  private MemorySegment memory = MemorySegment.NULL;
  private boolean closed;
  /// The programs of kernels that run whole passes; null for others.
  private final @Nullable WholePasses wholePasses;

  /// State of the running pass: the recorder while recording, the plan while computing.
  private @Nullable Recorder recorder;
  private @Nullable Plan plan;
  /// The pass that a program has computed, while the model describes its results.
  private @Nullable WholePasses.Pass ran;
  private int nextBuffer;
  private long doneMacs;
  private long largestPassBytes;

  /// A workspace without memory, which the first pass allocates.
  ///
  /// @param progress called on the thread of a pass
  /// @param constants shared by the model's workspaces
  public Workspace(Kernels kernels, Progress progress, Constants constants) {
    this(kernels, progress, constants, Arenas.SYSTEM);
  }

  Workspace(Kernels kernels, Progress progress, Constants constants, Arenas arenas) {
    this.kernels = Objects.requireNonNull(kernels, "kernels");
    this.progress = Objects.requireNonNull(progress, "progress");
    this.constants = Objects.requireNonNull(constants, "constants");
    this.arenas = arenas;
    wholePasses = kernels.runsWholePasses() ? new WholePasses(kernels, PLANS) : null;
  }

  /// A workspace with constants of its own, up to [Constants#DEFAULT_BYTES].
  public Workspace(Kernels kernels, Progress progress) {
    this(kernels, progress, new Constants(Constants.DEFAULT_BYTES));
  }

  /// A workspace with constants of its own and no listener.
  public Workspace(Kernels kernels) {
    this(kernels, Progress.NONE);
  }

  /// A workspace that only records.
  private Workspace() {
    kernels = null;
    progress = Progress.NONE;
    constants = new Constants(0);
    arenas = Arenas.SYSTEM;
    wholePasses = null;
  }

  /// Runs a forward pass.
  ///
  /// @param kind identifies the pass together with the inputs' layouts: passes of one kind perform the same operations
  /// @param inputs by name; not copied, and not kept beyond a result that is a view of one
  /// @param forward computes the result from the inputs by tensor operations only; it may not read tensor contents; called twice in
  ///   the first pass of a kind and layouts
  /// @param outputs the tensors of the result that must stay valid after the pass
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the workspace is closed or a pass is running
  /// @throws OutOfMemoryError if there is no memory for the pass; a later pass may have more luck
  public <R> R run(Object kind, Map<String, Tensor> inputs, Function<Map<String, Tensor>, R> forward,
      Function<R, ? extends Collection<Tensor>> outputs) {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(inputs, "inputs");
    requireIdle();
    List<Object> key = List.of(kind, mapped(inputs, Tensor::layout));
    if (wholePasses != null) return runWhole(wholePasses, key, inputs, forward, outputs);
    var known = plans.getIfPresent(key);
    if (known == null) {
      var recording = record(inputs, forward, outputs).recording();
      kernels.expect(recording);
      plans.put(key, known = recording.plan());
    }
    begin(known);
    try {
      return forward.apply(mapped(inputs, input -> input.in(this)));
    } finally {
      plan = null;
    }
  }

  /// Runs a pass as a program, and then lets the model say where its results belong: its operations are not performed again.
  private <R> R runWhole(WholePasses passes, List<Object> key, Map<String, Tensor> inputs, Function<Map<String, Tensor>, R> forward,
      Function<R, ? extends Collection<Tensor>> outputs) {
    var pass = passes.pass(key, inputs, () -> record(inputs, forward, outputs));
    begin(pass.plan());
    try {
      pass.run(inputs, this::before);
      ran = pass;
      var result = forward.apply(mapped(inputs, input -> input.in(this)));
      pass.copyTo(outputs.apply(result));
      return result;
    } finally {
      plan = null;
      ran = null;
    }
  }

  private void begin(Plan known) {
    reserve(known.bytes());
    plan = known;
    nextBuffer = 0;
    doneMacs = 0;
    largestPassBytes = Math.max(largestPassBytes, known.bytes());
  }

  /// Runs a forward pass of one input.
  ///
  /// @see #run(Object, Map, Function, Function)
  public <R> R run(Object kind, Tensor input, Function<Tensor, R> forward, Function<R, ? extends Collection<Tensor>> outputs) {
    Objects.requireNonNull(input, "input");
    return run(kind, Map.of("x", input), inputs -> forward.apply(inputs.get("x")), outputs);
  }

  /// Records a forward pass for many runs on inputs of the same shapes, such as a decoding step of a language model; a run neither
  /// plans nor records nor allocates.
  ///
  /// @param inputs shapes of the inputs that change from run to run, by name
  /// @param state tensors that the pass reads and writes and that outlive it, by name; the caller owns their memory
  /// @param forward computes from inputs and state; called once, here
  /// @return a pass with memory of its own, which the caller closes, and which this workspace's later passes and closing leave
  ///   alone
  /// @throws IllegalStateException if the workspace is closed or a pass is running
  public Pass prepare(Map<String, int[]> inputs, Map<String, Tensor> state, Function<Map<String, Tensor>, List<Tensor>> forward) {
    Objects.requireNonNull(inputs, "inputs");
    Objects.requireNonNull(state, "state");
    requireIdle();
    var all = mapped(inputs, Tensor::shapeOnly);
    all.putAll(state);
    var results = new ArrayList<Tensor>();
    var recording = record(all, forward.andThen(tensors -> {
      results.addAll(tensors);
      return tensors;
    }), tensors -> tensors).recording();
    return Pass.of(recording, results, kernels, state, progress);
  }

  /// A tensor of the running pass that depends only on weights and sizes. It is computed on first use and cached in the model's
  /// [Constants].
  ///
  /// @param key cache key: identifies the computation and all it depends on besides `weight`
  /// @param weight input of `compute`
  /// @param compute computes the tensor from `weight`, in a separate pass; what it throws is thrown, and nothing is cached
  /// @return not to be written: other workspaces share it
  public Tensor constant(Object key, Tensor weight, UnaryOperator<Tensor> compute) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(compute, "compute");
    if (ran != null) return ran.constant(key).in(this);
    if (recorder != null && (kernels == null || wholePasses != null))
      return recorder.constant(key, () -> compute.apply(weight.in(this)));
    return constants.get(key, () -> {
      try (var once = new Workspace(kernels, Progress.NONE, constants, arenas)) {
        return once.run("constant", weight, compute::apply, List::of).copy(arenas.automatic().get());
      }
    }).in(this);
  }

  /// Records a forward pass on inputs of these shapes, without computing it and without native memory. It costs milliseconds, and
  /// throws what the model throws for such shapes.
  public static <R> Recording dryRun(Map<String, int[]> inputShapes, Function<Map<String, Tensor>, R> forward,
      Function<R, ? extends Collection<Tensor>> outputs) {
    Objects.requireNonNull(inputShapes, "inputShapes");
    try (var workspace = new Workspace()) {
      return workspace.record(mapped(inputShapes, Tensor::shapeOnly), forward, outputs).recording();
    }
  }

  /// Records a forward pass of one input.
  ///
  /// @see #dryRun(Map, Function, Function)
  public static <R> Recording dryRun(Function<Tensor, R> forward, Function<R, ? extends Collection<Tensor>> outputs,
      int... inputShape) {
    Objects.requireNonNull(inputShape, "inputShape");
    return dryRun(Map.of("x", inputShape), inputs -> forward.apply(inputs.get("x")), outputs);
  }

  private void requireIdle() {
    if (closed) throw new IllegalStateException("the workspace is closed");
    if (recorder != null || plan != null) throw new IllegalStateException("a pass is running in this workspace already");
  }

  private <R> WholePasses.Described record(Map<String, Tensor> inputs, Function<Map<String, Tensor>, R> forward,
      Function<R, ? extends Collection<Tensor>> outputs) {
    recorder = new Recorder(this);
    try {
      var recorded = new HashMap<String, Tensor>();
      inputs.forEach((name, given) -> recorded.put(name, recorder.input(name, given)));
      return new WholePasses.Described(recorder.recording(outputs.apply(forward.apply(recorded))), recorder.constants());
    } finally {
      recorder = null;
    }
  }

  private static <A, B> HashMap<String, B> mapped(Map<String, A> values, Function<A, B> function) {
    var mapped = new HashMap<String, B>();
    values.forEach((name, value) -> mapped.put(name, function.apply(value)));
    return mapped;
  }

  /// Replaces the progress listener.
  public void listen(Progress progress) {
    Objects.requireNonNull(progress, "progress");
    this.progress = progress;
  }

  /// Size of the workspace's memory in bytes.
  public long bytes() {
    return memory.byteSize();
  }

  /// Bytes that the largest pass has needed since this was last asked; 0 if there was none.
  public long takeLargestPassBytes() {
    long largest = largestPassBytes;
    largestPassBytes = 0;
    return largest;
  }

  /// Performs an operation of the running pass, or records it.
  ///
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if no pass is running
  void run(Operation operation) {
    if (recorder != null) {
      recorder.add(operation);
      return;
    }
    if (ran != null) return;
    before(operation);
    kernels.run(operation);
  }

  private void before(Operation operation) {
    if (Thread.currentThread().isInterrupted()) throw new CancelledException();
    requireRunning();
    doneMacs += operation.macs();
    progress.advanced(doneMacs, plan.macs());
  }

  /// A tensor of the running pass, with undefined contents.
  ///
  /// @throws IllegalStateException if no pass is running
  public Tensor allocate(int... shape) {
    Objects.requireNonNull(shape, "shape");
    if (recorder != null) return recorder.allocate(shape);
    requireRunning();
    var place = plan.place(nextBuffer++, Float.BYTES * Tensor.shapeOnly(shape).size());
    return Tensor.dense(this, memory.asSlice(place.offset(), place.bytes()), shape);
  }

  private void requireRunning() {
    if (plan == null) throw new IllegalStateException("a tensor can be computed in a pass only, see Workspace.run");
  }

  /// The old memory is freed first, so that both are never there at once, and forgotten first, in case there is no new one.
  private void reserve(long bytes) {
    if (memory.byteSize() >= bytes) return;
    free();
    var fresh = arenas.shared().get();
    try {
      memory = fresh.allocate(bytes, ALIGNMENT);
    } catch (Throwable e) {
      fresh.close();
      throw e;
    }
    arena = fresh;
  }

  private void free() {
    var old = arena;
    arena = null;
    memory = MemorySegment.NULL;
    if (old != null) old.close();
  }

  /// Frees the memory; closing twice is harmless.
  @Override
  public void close() {
    if (closed) return;
    closed = true;
    if (wholePasses != null) wholePasses.close();
    free();
  }
}
