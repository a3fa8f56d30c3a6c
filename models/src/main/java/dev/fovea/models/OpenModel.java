package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
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
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// An open model file, ready for forward passes: the basis of the task classes, and of callers' own ones.
///
/// It is thread-safe: each call borrows a workspace, so there are as many workspaces as there were ever concurrent calls. They
/// share the constants of the model. Close it when no call is running.
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

  /// An input of a pass. NaN and infinities propagate through the pass as IEEE 754 prescribes; padding masks need `-∞`. Two are
  /// equal if their shapes and all values are.
  ///
  /// @param values must not be modified during a pass
  /// @param shape its product equals the number of values
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

  /// Opens a model file with the fastest kernels and one thread per processor.
  ///
  /// @throws CheckpointException if there is no such file, it is not a model of a known family, or it does not fit in memory
  public static OpenModel open(Path file, Residency residency) {
    var checkpoint = Checkpoint.open(file, residency);
    return new OpenModel(checkpoint, KernelProvider.auto(Workers.all()), true);
  }

  /// Creates a model from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open.
  ///
  /// @throws CheckpointException if the checkpoint is not a model of a known family
  public static OpenModel of(Checkpoint checkpoint, Kernels kernels) {
    return new OpenModel(checkpoint, kernels, false);
  }

  /// The name of the model in error messages.
  public String name() {
    return checkpoint.name();
  }

  /// The file, which [#close()] closes.
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  public Kernels kernels() {
    return kernels;
  }

  public ModelHeader header() {
    return header;
  }

  /// The model's tokenizer, without truncation and padding, which are up to the task.
  ///
  /// @throws CheckpointException if the file has no tokenizer, or one of an unknown kind
  public Tokenizer tokenizer() {
    return Tokenizer.of(checkpoint).withTruncation(null).withPadding(null);
  }

  public Model model() {
    return loaded.model();
  }

  /// The model as an instance of `kind`.
  ///
  /// @param expected the kind in the error message, such as "a model that segments pictures"
  /// @throws CheckpointException if the model is of another kind
  public <T> T model(Class<T> kind, String expected) {
    if (kind.isInstance(model())) return kind.cast(model());
    throw new CheckpointException(name() + ": expected " + expected + ", got family " + header.family());
  }

  /// The number of parameters of the model.
  public long parameters() {
    return loaded.parameters();
  }

  /// Runs a forward pass.
  ///
  /// @param kind identifies the pass together with the inputs' shapes: the same kind and shapes perform the same operations
  /// @param inputs inputs by name
  /// @param forward computes the results from the inputs
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

  /// Runs a forward pass with one input and one result.
  ///
  /// @see #run(Object, Map, Function, Progress)
  public float[] run(Object kind, Input input, UnaryOperator<Tensor> forward, Progress progress) {
    return run(kind, Map.of("x", input), inputs -> List.of(forward.apply(inputs.get("x"))), progress).getFirst();
  }

  /// A workspace for a caller with state between passes. The caller closes it before the model.
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
