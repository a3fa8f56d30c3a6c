package dev.fovea.models;

import com.google.common.base.Throwables;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.Workers;
import dev.fovea.models.argument.Arguments;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// An open model file, ready for forward passes: the basis of the task classes, and of callers' own ones.
///
/// | | |
/// |---|---|
/// | threads | any number may use a model at a time, except for its sessions, see [ModelSession] |
/// | memory | each call borrows a workspace; the idle ones are bounded, see below |
/// | workers | models that are opened without workers of the caller's share those of the process, see [OpenOptions] |
/// | failing | a call that is interrupted, finds no memory or gets an exception of a callback leaves the model usable |
/// | closing | new calls are refused, running ones end normally, and the last one's end frees all memory, see [#close()] |
/// | after closing | what describes the model, such as [#header()] and [#parameters()], can still be asked |
///
/// Between calls a model keeps at most one workspace per processor. It closes one that has been unused for a minute, and one that
/// is more than twice as large as its calls of the last minute needed. [#trim()] closes all idle ones at once.
///
/// A call that a callback makes on its own thread, such as [Progress], is part of the running call. A call for whose pass there is
/// no memory ends with an [OutOfMemoryError].
///
/// A null argument is refused with a [NullPointerException] that names the parameter.
public final class OpenModel implements AutoCloseable {
  /// Time after which unused memory is freed.
  private static final Duration KEEP = Duration.ofSeconds(60);
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private final Checkpoint checkpoint;
  private final Arena arena;
  private final Kernels kernels;
  private final boolean ownsKernels;
  private final ModelHeader header;
  private final LoadedModel loaded;
  private final Constants constants = new Constants(Constants.DEFAULT_BYTES);
  private final IdleWorkspaces workspaces;
  private final Set<ModelSession> sessions = ConcurrentHashMap.newKeySet();
  private final Calls calls;

  /// An input of a pass. NaN and infinities propagate through the pass as IEEE 754 prescribes; padding masks need `-∞`. Two are
  /// equal if their shapes and all values are.
  ///
  /// @param values not copied; must not be modified during a pass
  /// @param shape its product equals the number of values; not copied, must not be modified
  public record Input(float[] values, int... shape) {
    /// @throws IllegalArgumentException if the number of values does not match the shape
    public Input {
      Objects.requireNonNull(values, "values");
      Objects.requireNonNull(shape, "shape");
      if (Arrays.stream(shape).anyMatch(side -> side < 0)
          || Arrays.stream(shape).asDoubleStream().reduce(1, (a, b) -> a * b) != values.length)
        throw new IllegalArgumentException("input " + Arrays.toString(shape) + ": expected the product of these as the number of "
            + "values, got " + values.length);
    }

    /// One preprocessed picture, `[1, 3, H, W]`.
    static Input of(Preprocessing.Pixels pixels) {
      return new Input(pixels.values(), 1, 3, pixels.height(), pixels.width());
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Input i && Arrays.equals(values, i.values) && Arrays.equals(shape, i.shape);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(shape) + Arrays.hashCode(values);
    }

    @Override
    public String toString() {
      return "input " + Arrays.toString(shape);
    }
  }

  private OpenModel(Checkpoint checkpoint, Kernels kernels, boolean ownsKernels, Duration keep) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.ownsKernels = ownsKernels;
    arena = Arena.ofShared();
    workspaces = new IdleWorkspaces(Runtime.getRuntime().availableProcessors(), keep,
        () -> new Workspace(kernels, Progress.NONE, constants));
    calls = new Calls(checkpoint.name(), this::free);
    try {
      header = ModelHeader.of(checkpoint);
      loaded = checkpoint.reading(() -> LoadedModel.of(checkpoint, header, arena));
    } catch (RuntimeException | Error e) {
      free();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, it is not a model of a known family, or it does not fit in memory
  /// @see #open(Path, OpenOptions)
  public static OpenModel open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here. If they are the slow ones, a warning in the log tells the
  /// reason and the remedy, once per process. Loading takes as long as reading the file; mapped, it takes milliseconds.
  ///
  /// @throws CheckpointException if there is no such file, it is not a model of a known family, or it does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static OpenModel open(Path file, OpenOptions options) {
    return open(file, options, KEEP);
  }

  /// @param keep time after which unused memory is freed
  static OpenModel open(Path file, OpenOptions options, Duration keep) {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(options, "options");
    // First of all: compiling the kernels takes longer than the work done meanwhile.
    if (options.warmUp()) WarmUp.start();
    var checkpoint = Checkpoint.open(file, options.residency());
    Kernels kernels = null;
    try {
      kernels = kernels(options.workers());
      return new OpenModel(checkpoint, kernels, true, keep);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      if (kernels != null) kernels.close();
      throw e;
    }
  }

  private static Kernels kernels(@Nullable Workers given) {
    var reason = KernelProvider.VECTOR.reasonAgainst();
    if (reason.isPresent() && WARNED.compareAndSet(false, true))
      System.getLogger(OpenModel.class.getName()).log(System.Logger.Level.WARNING, "kernels run slowly: " + reason.get());
    var workers = given == null ? Workers.shared() : given.lent();
    try {
      return (reason.isEmpty() ? KernelProvider.VECTOR : KernelProvider.REFERENCE).open(workers);
    } catch (RuntimeException | Error e) {
      workers.close();
      throw e;
    }
  }

  /// Creates a model from an open checkpoint, which it closes, also on an exception except for a null, and from kernels, which it
  /// leaves open and which must not be closed before it. Several models may share the kernels. It costs the binding of the weights,
  /// some milliseconds.
  ///
  /// @throws CheckpointException if the checkpoint is not a model of a known family
  public static OpenModel of(Checkpoint checkpoint, Kernels kernels) {
    Objects.requireNonNull(kernels, "kernels");
    try {
      return new OpenModel(checkpoint, kernels, false, KEEP);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  /// The name of the model in error messages.
  public String name() {
    return checkpoint.name();
  }

  /// The file, which [#close()] closes: use it inside [#call].
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /// The kernels that compute the passes. If the model has opened them, [#close()] closes them.
  public Kernels kernels() {
    return kernels;
  }

  /// The description of the model in its file, in Java's heap.
  public ModelHeader header() {
    return header;
  }

  /// The model's tokenizer, without truncation and padding, which are up to the task. Each call reads it from the file again, which
  /// takes long for a large vocabulary: keep it. It stays usable after the model is closed.
  ///
  /// @throws CheckpointException if the file has no tokenizer, or one of an unknown kind
  /// @throws IllegalStateException if the model is closed
  public Tokenizer tokenizer() {
    return call(() -> Tokenizer.of(checkpoint).withTruncation(null).withPadding(null));
  }

  /// The model, whose weights [#close()] frees: use it inside [#call], as in the functions that [#run] calls.
  public Model model() {
    return loaded.model();
  }

  /// [#model()] as an instance of `kind`.
  ///
  /// @param expected the kind in the error message, such as "a model that segments pictures"
  /// @throws CheckpointException if the model is of another kind
  public <T> T model(Class<T> kind, String expected) {
    Objects.requireNonNull(expected, "expected");
    if (kind.isInstance(model())) return kind.cast(model());
    throw new CheckpointException(name() + ": expected " + expected + ", got family " + header.family());
  }

  /// The number of parameters of the model.
  public long parameters() {
    return loaded.parameters();
  }

  /// Runs a forward pass. The first one of a kind and shapes in a workspace also plans its memory there.
  ///
  /// @param kind identifies the pass together with the inputs' shapes: the same kind and shapes perform the same operations
  /// @param inputs inputs by name, copied to native memory and completed by [Model#prepared]
  /// @param forward computes the results from the inputs by tensor operations, as [Workspace#run(Object, Map, Function, Function)]
  ///   says; called twice in the first pass of a kind and shapes in a workspace
  /// @param progress called on the calling thread before each operation
  /// @return copies of the results of `forward`
  /// @throws InputException if the model does not accept the shape of an input
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the model is closed
  public List<float[]> run(Object kind, Map<String, Input> inputs, Function<Map<String, Tensor>, List<Tensor>> forward,
      Progress progress) {
    return run(kind, inputs, forward, results -> results.stream().map(Tensor::toArray).toList(), progress);
  }

  /// Runs a forward pass and applies `use` to its results before they are overwritten.
  ///
  /// @param use called on the calling thread; the tensors are valid until it returns
  /// @return what `use` returns
  /// @see #run(Object, Map, Function, Progress)
  public <R> R run(Object kind, Map<String, Input> inputs, Function<Map<String, Tensor>, List<Tensor>> forward,
      Function<List<Tensor>, R> use, Progress progress) {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(inputs, "inputs");
    Objects.requireNonNull(forward, "forward");
    Objects.requireNonNull(use, "use");
    Objects.requireNonNull(progress, "progress");
    return call(() -> {
      try (var lent = borrow(); var inputArena = Arena.ofShared()) {
        var workspace = lent.workspace();
        var tensors = new HashMap<String, Tensor>();
        inputs.forEach((name, input) -> tensors.put(name, Tensor.of(inputArena, input.values, input.shape)));
        var prepared = model().prepared(tensors);
        workspace.listen(ManyCalls.watched(progress));
        return checkpoint.reading(() -> use.apply(workspace.run(kind, prepared, forward, Function.identity())));
      }
    });
  }

  /// Runs a forward pass with one input and one result.
  ///
  /// @return a copy of the result of `forward`
  /// @see #run(Object, Map, Function, Progress)
  public float[] run(Object kind, Input input, UnaryOperator<Tensor> forward, Progress progress) {
    Objects.requireNonNull(input, "input");
    Objects.requireNonNull(forward, "forward");
    return run(kind, Map.of("x", input), inputs -> List.of(forward.apply(inputs.get("x"))), progress).getFirst();
  }

  /// Runs `work` on the calling thread as one call: the model stays open until it has returned, so that several passes, or reads of
  /// the file, end normally while [#close()] waits. What `work` throws is thrown.
  ///
  /// @throws IllegalStateException if the model is closed
  public <R> R call(Supplier<R> work) {
    Objects.requireNonNull(work, "work");
    return calls.call(work);
  }

  /// Makes a call for each input, as many at once as it is fast, and uses the results on this thread, in the order of the inputs.
  /// Results are those of calls one after the other, bit for bit.
  ///
  /// As many calls run at once as the kernels have threads, and each computes on its own thread: that takes less time than one at a
  /// time on all threads. One at a time are the first call of a model, passes that need more than 256 MiB, the last inputs if they
  /// are for at most half of the threads, and all if there is no memory for several. While some calls compute, other threads
  /// prepare the next inputs, but none that is more than twice the number of threads after the one whose result is used next.
  ///
  /// @param prepare makes the input of a call, such as a decoded picture; called on any thread
  /// @param compute makes the call; called on any thread
  /// @param use called on this thread with an input and its result
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the model is closed
  /// @throws RuntimeException what a function throws, that for the first input if several do; the results of the inputs before it
  ///   have been used
  public <T, P, R> void each(List<T> inputs, Function<? super T, ? extends P> prepare, Function<? super P, ? extends R> compute,
      BiConsumer<? super T, ? super R> use) {
    var all = Arguments.elements(inputs, "inputs");
    Objects.requireNonNull(prepare, "prepare");
    Objects.requireNonNull(compute, "compute");
    Objects.requireNonNull(use, "use");
    call(() -> {
      new ManyCalls<T, P, R>(name(), kernels, workspaces::largest, all, prepare, compute, use).run();
      return null;
    });
  }

  /// A session for a caller with state between passes. The caller closes it; closing the model closes those that are open. A new
  /// session holds no native memory.
  ///
  /// @throws IllegalStateException if the model is closed
  public ModelSession session() {
    return call(() -> {
      var session = new ModelSession(this);
      sessions.add(session);
      return session;
    });
  }

  void forget(ModelSession session) {
    sessions.remove(session);
  }

  boolean runsWholePasses() {
    return kernels.runsWholePasses();
  }

  IdleWorkspaces.Lent borrow() {
    return workspaces.borrow();
  }

  /// The memory held now; of a closed model none. It costs a few microseconds, and neither waits for calls nor delays them.
  public MemoryUse memory() {
    var held = workspaces.held();
    var open = List.copyOf(sessions);
    return new MemoryUse(isFree() ? 0 : checkpoint.size(), held.bytes(), held.idle(), held.busy(), constants.bytes(),
        open.stream().mapToLong(ModelSession::bytes).sum(), open.size());
  }

  /// Frees what the next calls can do without: idle workspaces, and the cached constants, which the garbage collector frees.
  /// Results do not change; the next calls plan their memory and compute the constants again. Running calls and sessions go on.
  public void trim() {
    workspaces.trim();
    constants.clear();
  }

  /// Closes the model: new calls are refused with an [IllegalStateException], running ones end normally, and this method returns
  /// when they have ended and all memory is free, that of open sessions too. An interrupt does not end the wait and stays set.
  ///
  /// Inside a call of any model, such as in a callback, it returns without waiting, and the last call frees the memory. A callback
  /// must not wait for another thread that closes the model. Closing twice is harmless, also at once.
  @Override
  public void close() {
    calls.close();
  }

  private boolean isFree() {
    return !arena.scope().isAlive();
  }

  /// Takes each step, whatever another one throws: what a session keeps is of the caller's making, and may refuse to be closed.
  private void free() {
    var steps = new ArrayList<Runnable>(List.of(workspaces::close));
    sessions.forEach(session -> steps.add(session::free));
    steps.addAll(List.of(constants::clear, checkpoint::close, arena::close));
    if (ownsKernels) steps.add(kernels::close);
    Throwable failure = null;
    for (var step : steps) {
      try {
        step.run();
      } catch (RuntimeException | Error e) {
        if (failure == null) failure = e;
        else failure.addSuppressed(e);
      }
    }
    if (failure != null) Throwables.throwIfUnchecked(failure);
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%s of %,d parameters, %s, kernels %s on %d threads%s", header.family(), parameters(), name(),
        kernels.name(), kernels.threads(), calls.isClosed() ? ", closed" : "");
  }
}
