package dev.fovea.engine.checkpoint;

import dev.fovea.engine.nn.Conv2d;
import dev.fovea.engine.nn.ConvTranspose2d;
import dev.fovea.engine.nn.DepthwiseConv;
import dev.fovea.engine.nn.Embedding;
import dev.fovea.engine.nn.GroupNorm;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.LayerScale;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.RmsNorm;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/// A model's parameters below a name: `weights.at("blocks").at(3).linear("attn.qkv", in, out)` reads `blocks.3.attn.qkv.weight` and
/// `.bias`.
///
/// Each request states the expected shape. A missing parameter or a wrong shape does not end the loading: [#bind] reports all of
/// them at once, together with unused parameters.
///
/// What it gives is in the memory of its source, which must stay open while the model is in use. Not thread-safe; only for the
/// function that [#bind] calls.
public final class Weights {
  /// Number of problems listed in a message; further ones are counted.
  private static final int SHOWN = 12;

  private final Ledger ledger;
  private final String scope;

  /// The requests so far.
  private static final class Ledger {
    private final WeightSource source;
    private final Set<String> used = new HashSet<>();
    private final List<String> problems = new ArrayList<>();
    private long parameters;

    private Ledger(WeightSource source) {
      this.source = source;
    }
  }

  /// A completely loaded model.
  ///
  /// @param parameters number of its parameters, counted before batch norms are folded
  public record Bound<M>(M model, long parameters) {}

  private Weights(Ledger ledger, String scope) {
    this.ledger = ledger;
    this.scope = scope;
  }

  /// Loads a model.
  ///
  /// @throws CheckpointException if parameters are missing, misshapen or unused; the message lists them
  public static <M> Bound<M> bind(WeightSource source, Function<Weights, M> load) {
    var ledger = new Ledger(source);
    var model = load.apply(new Weights(ledger, ""));
    var unused = new TreeSet<>(source.names());
    unused.removeAll(ledger.used);
    unused.forEach(name -> ledger.problems.add("'" + name + "': not used by the model"));
    if (!ledger.problems.isEmpty()) throw new CheckpointException(source.description() + ": " + list(ledger.problems));
    return new Bound<>(model, ledger.parameters);
  }

  private static String list(List<String> problems) {
    var shown = String.join("; ", problems.subList(0, Math.min(SHOWN, problems.size())));
    int more = problems.size() - SHOWN;
    return (problems.size() == 1 ? "weight " : problems.size() + " weights do not fit: ") + shown
        + (more > 0 ? "; and " + more + " more" : "");
  }

  /// The parameters below `name`.
  public Weights at(String name) {
    Objects.requireNonNull(name, "name");
    return new Weights(ledger, scope + name + ".");
  }

  /// The parameters below `index`.
  public Weights at(int index) {
    return at(Integer.toString(index));
  }

  /// A tensor of this shape.
  public Tensor tensor(String name, int... shape) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
    return tensor(name, WeightSource.Initial.RANDOM, shape);
  }

  private Tensor tensor(String name, WeightSource.Initial initial, int... shape) {
    ledger.used.add(scope + name);
    long size = 1;
    for (int d : shape) size *= d;
    ledger.parameters += size;
    try {
      return ledger.source.tensor(scope + name, initial, shape);
    } catch (WeightSource.MismatchException e) {
      ledger.problems.add(e.getMessage());
      return Tensor.shapeOnly(shape);
    }
  }

  /// The matrix `[n, k]` called `name`.
  public Weight matrix(String name, int n, int k) {
    Objects.requireNonNull(name, "name");
    return weight(name, n, k, ledger.source::matrix);
  }

  /// Gets a weight from the source.
  @FunctionalInterface
  private interface Request {
    Weight of(String name, int n, int k);
  }

  private Weight weight(String name, int n, int k, Request request) {
    ledger.used.add(scope + name);
    ledger.parameters += (long) n * k;
    try {
      return request.of(scope + name, n, k);
    } catch (WeightSource.MismatchException e) {
      ledger.problems.add(e.getMessage());
      return new Weight(MemorySegment.NULL, WeightFormat.F32, Weight.Layout.PANELS, n, k);
    }
  }

  /// A linear layer with bias.
  public Linear linear(String name, int in, int out) {
    return linear(name, in, out, true);
  }

  /// A linear layer: `name.weight` `[out, in]`, and `name.bias` `[out]` if it has one.
  public Linear linear(String name, int in, int out, boolean bias) {
    Objects.requireNonNull(name, "name");
    return new Linear(matrix(name + ".weight", out, in), bias ? tensor(name + ".bias", out) : null);
  }

  /// A tensor with one row per output, into which the following batch norm is folded. The norm's scale, one per row, still counts
  /// as a parameter, as in the published model; its shift is now a bias.
  public Tensor normedTensor(String name, int... shape) {
    Objects.requireNonNull(name, "name");
    ledger.parameters += shape[0];
    return tensor(name, shape);
  }

  /// A convolution with bias over maps `[B, H, W, in]`.
  public Conv2d conv2d(String name, int in, int out, Window window) {
    return conv2d(name, in, out, window, true);
  }

  /// A convolution over maps `[B, H, W, in]`: `name.weight` `[out, window height · window width · in]`, whose columns are in
  /// the order (row, column, channel), and `name.bias` `[out]` if it has one.
  public Conv2d conv2d(String name, int in, int out, Window window, boolean bias) {
    return conv2d(name, in, out, window, 1, Convolution.Layout.CHANNELS_LAST, bias);
  }

  /// A grouped convolution over maps of `layout`: `name.weight` `[out, window height · window width · in / groups]` with its
  /// columns in the layout's order, and `name.bias` `[out]` if it has one.
  public Conv2d conv2d(String name, int in, int out, Window window, int groups, Convolution.Layout layout, boolean bias) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(layout, "layout");
    return new Conv2d(matrix(name + ".weight", out, window.size() * (in / groups)), bias ? tensor(name + ".bias", out) : null,
        in, window, groups, layout);
  }

  /// A convolution with bias over pictures `[B, in, H, W]`: `name.weight` `[out, in · window height · window width]`.
  public Conv2d pictureConv2d(String name, int in, int out, Window window) {
    return conv2d(name, in, out, window, 1, Convolution.Layout.PLANES, true);
  }

  /// A depthwise convolution: `name.weight` `[window height, window width, channels]` and `name.bias` `[channels]`.
  public DepthwiseConv depthwiseConv(String name, int channels, Window window) {
    Objects.requireNonNull(name, "name");
    return new DepthwiseConv(tensor(name + ".weight", window.height(), window.width(), channels), tensor(name + ".bias", channels),
        window);
  }

  /// A transposed convolution whose stride equals its kernel size: `name.weight` `[kernel · kernel · out, in]`, whose rows are in
  /// the order (row, column, channel), and `name.bias` `[out]`.
  public ConvTranspose2d convTranspose2d(String name, int in, int out, int kernel) {
    Objects.requireNonNull(name, "name");
    return new ConvTranspose2d(matrix(name + ".weight", kernel * kernel * out, in), tensor(name + ".bias", out), kernel);
  }

  /// An embedding of `count` tokens: `name.weight` `[count, dim]`. One whose table is also a layer's weight is a [#matrix].
  public Embedding embedding(String name, int count, int dim) {
    Objects.requireNonNull(name, "name");
    return new Embedding(weight(name + ".weight", count, dim, ledger.source::table));
  }

  /// A scalar parameter, `[1]`; 0 if parameters have no memory.
  public float scalar(String name) {
    var tensor = tensor(name, 1);
    return tensor.isShapeOnly() ? 0 : tensor.get(0);
  }

  /// A layer norm: `name.weight` and `name.bias`, both `[dim]`.
  public LayerNorm layerNorm(String name, int dim, float eps) {
    Objects.requireNonNull(name, "name");
    return new LayerNorm(tensor(name + ".weight", WeightSource.Initial.ONES, dim), tensor(name + ".bias", dim), eps);
  }

  /// A group norm: `name.weight` and `name.bias`, both `[dim]`.
  public GroupNorm groupNorm(String name, int dim, int groups, float eps) {
    Objects.requireNonNull(name, "name");
    return new GroupNorm(tensor(name + ".weight", WeightSource.Initial.ONES, dim), tensor(name + ".bias", dim), groups, eps);
  }

  /// An RMS norm: `name.weight` `[dim]`.
  public RmsNorm rmsNorm(String name, int dim, float eps) {
    Objects.requireNonNull(name, "name");
    return new RmsNorm(tensor(name + ".weight", WeightSource.Initial.ONES, dim), eps);
  }

  /// A layer scale: `name.gamma`, `[dim]`.
  public LayerScale layerScale(String name, int dim) {
    Objects.requireNonNull(name, "name");
    return new LayerScale(tensor(name + ".gamma", WeightSource.Initial.ONES, dim));
  }
}
