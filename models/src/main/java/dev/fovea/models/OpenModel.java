package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/// A model file ready to run: the one way from a file to passes, on which the task classes are built, and others can be.
///
/// It may be shared by any number of threads; each call borrows a workspace, of which there are as many as there were ever
/// calls at once. They share the constants of the model. Close it when no call is running.
public final class OpenModel implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Arena arena;
  private final Kernels kernels;
  private final boolean ownsKernels;
  private final ModelHeader header;
  private final LoadedModel loaded;
  private final Constants constants = new Constants(Constants.DEFAULT_BYTES);
  private final ArrayDeque<Workspace> idle = new ArrayDeque<>();
  private boolean closed;

  /// Numbers for a model.
  ///
  /// @param shape as many elements as there are values
  public record Input(float[] values, int... shape) {}

  private OpenModel(Checkpoint checkpoint, Kernels kernels, boolean ownsKernels) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.ownsKernels = ownsKernels;
    arena = Arena.ofShared();
    try {
      header = ModelHeader.of(checkpoint);
      loaded = LoadedModel.of(checkpoint, header, arena);
    } catch (RuntimeException e) {
      arena.close();
      checkpoint.close();
      if (ownsKernels) kernels.close();
      throw e;
    }
  }

  /// Opens a model file with the fastest kernels and a thread a processor.
  ///
  /// @throws CheckpointException if there is no such file, it is no model that is known, or it does not fit in memory
  public static OpenModel open(Path file, Residency residency) {
    var checkpoint = Checkpoint.open(file, residency);
    return new OpenModel(checkpoint, KernelProvider.auto(Workers.all()), true);
  }

  /// A model over an open checkpoint, which it closes, also where it throws, and kernels, which it leaves open.
  ///
  /// @throws CheckpointException if it is no model that is known
  public static OpenModel of(Checkpoint checkpoint, Kernels kernels) {
    return new OpenModel(checkpoint, kernels, false);
  }

  /// What error messages call the model.
  public String name() {
    return checkpoint.name();
  }

  /// The file, which is closed with the model.
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  public Kernels kernels() {
    return kernels;
  }

  public ModelHeader header() {
    return header;
  }

  /// The model's tokenizer; it neither cuts nor fills texts, which is the tasks' affair.
  ///
  /// @throws CheckpointException if the file holds none, or it is one that is not known
  public Tokenizer tokenizer() {
    return Tokenizer.of(checkpoint).withTruncation(null).withPadding(null);
  }

  public Model model() {
    return loaded.model();
  }

  /// The model as one of a kind.
  ///
  /// @param expected names the kind in the message, such as "a model that segments pictures"
  /// @throws CheckpointException if it is of another kind
  public <T> T model(Class<T> kind, String expected) {
    if (kind.isInstance(model())) return kind.cast(model());
    throw new CheckpointException(name() + ": expected " + expected + ", got family " + header.family());
  }

  /// How many numbers the model has.
  public long parameters() {
    return loaded.parameters();
  }

  /// Runs a forward pass.
  ///
  /// @param kind with the inputs' shapes, names the pass: the same kind performs the same operations
  /// @param inputs by name
  /// @param forward computes from the inputs what is wanted
  /// @return copies of what `forward` computed
  /// @throws InputException if an input has a shape that the model cannot take
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated meanwhile
  /// @throws IllegalStateException if the model is closed
  public List<float[]> run(Object kind, Map<String, Input> inputs, Function<Map<String, Tensor>, List<Tensor>> forward,
      Progress progress) {
    return run(kind, inputs, forward, results -> results.stream().map(Tensor::toArray).toList(), progress);
  }

  /// Runs a forward pass, and makes something of its results before they are overwritten.
  ///
  /// @see #run(Object, Map, Function, Progress)
  public <R> R run(Object kind, Map<String, Input> inputs, Function<Map<String, Tensor>, List<Tensor>> forward,
      Function<List<Tensor>, R> use, Progress progress) {
    var workspace = borrow();
    try (var inputArena = Arena.ofShared()) {
      var tensors = new HashMap<String, Tensor>();
      inputs.forEach((name, input) -> tensors.put(name, Tensor.of(inputArena, input.values, input.shape)));
      workspace.listen(progress);
      return checkpoint.reading(() -> use.apply(workspace.run(kind, tensors, forward, Function.identity())));
    } finally {
      giveBack(workspace);
    }
  }

  /// Runs a forward pass from one input to one result.
  ///
  /// @see #run(Object, Map, Function, Progress)
  public float[] run(Object kind, Input input, UnaryOperator<Tensor> forward, Progress progress) {
    return run(kind, Map.of("x", input), inputs -> List.of(forward.apply(inputs.get("x"))), progress).getFirst();
  }

  /// A workspace for a caller that keeps something from one pass to the next. The caller closes it, before the model.
  ///
  /// @throws IllegalStateException if the model is closed
  public Workspace workspace() {
    synchronized (idle) {
      if (closed) throw new IllegalStateException(name() + ": the model is closed");
      return new Workspace(kernels, Progress.NONE, constants);
    }
  }

  private Workspace borrow() {
    synchronized (idle) {
      return closed || idle.isEmpty() ? workspace() : idle.removeLast();
    }
  }

  private void giveBack(Workspace workspace) {
    workspace.listen(Progress.NONE);
    synchronized (idle) {
      if (closed) workspace.close();
      else idle.addLast(workspace);
    }
  }

  /// Closes the model file; closing twice is harmless.
  @Override
  public void close() {
    List<Workspace> toClose;
    synchronized (idle) {
      if (closed) return;
      closed = true;
      toClose = new ArrayList<>(idle);
    }
    toClose.forEach(Workspace::close);
    checkpoint.close();
    arena.close();
    if (ownsKernels) kernels.close();
  }
}
