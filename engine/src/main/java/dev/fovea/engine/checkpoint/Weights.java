package dev.fovea.engine.checkpoint;

import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.LayerScale;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/// A model's parameters under a name: `weights.at("blocks").at(3).linear("attn.qkv", in, out)` reads
/// `blocks.3.attn.qkv.weight` and `.bias`.
///
/// Shapes are stated where a parameter is asked for. A parameter that is missing or has another shape does not end the
/// loading: [#bind] reports all of them at once, with those that nobody asked for.
public final class Weights {
  /// Problems that one message lists; the rest is counted.
  private static final int SHOWN = 12;

  private final Ledger ledger;
  private final String scope;

  /// What has been asked for so far.
  private static final class Ledger {
    private final WeightSource source;
    private final Set<String> used = new HashSet<>();
    private final List<String> problems = new ArrayList<>();
    private long parameters;

    private Ledger(WeightSource source) {
      this.source = source;
    }
  }

  /// A model whose parameters are all there.
  ///
  /// @param parameters how many numbers it has
  public record Bound<M>(M model, long parameters) {}

  private Weights(Ledger ledger, String scope) {
    this.ledger = ledger;
    this.scope = scope;
  }

  /// Loads a model.
  ///
  /// @throws CheckpointException that lists every missing, misshapen and unused parameter
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
    return (problems.size() == 1 ? "weight " : problems.size() + " weights do not fit: ") + shown + (more > 0 ? "; and " + more + " more" : "");
  }

  /// The parameters under `name`.
  public Weights at(String name) {
    return new Weights(ledger, scope + name + ".");
  }

  /// The parameters of number `index`.
  public Weights at(int index) {
    return at(Integer.toString(index));
  }

  /// A tensor of this shape.
  public Tensor tensor(String name, int... shape) {
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
    ledger.used.add(scope + name);
    ledger.parameters += (long) n * k;
    try {
      return ledger.source.matrix(scope + name, n, k);
    } catch (WeightSource.MismatchException e) {
      ledger.problems.add(e.getMessage());
      return new Weight(MemorySegment.NULL, Weight.Type.F32, Weight.Layout.PANELS, n, k);
    }
  }

  /// A linear map with bias.
  public Linear linear(String name, int in, int out) {
    return linear(name, in, out, true);
  }

  /// A linear map: `name.weight` `[out, in]`, and `name.bias` `[out]` if it has one.
  public Linear linear(String name, int in, int out, boolean bias) {
    return new Linear(matrix(name + ".weight", out, in), bias ? tensor(name + ".bias", out) : null);
  }

  /// A layer norm: `name.weight` and `name.bias`, both `[dim]`.
  public LayerNorm layerNorm(String name, int dim, float eps) {
    return new LayerNorm(tensor(name + ".weight", WeightSource.Initial.ONES, dim), tensor(name + ".bias", dim), eps);
  }

  /// A layer scale: `name.gamma`, `[dim]`.
  public LayerScale layerScale(String name, int dim) {
    return new LayerScale(tensor(name + ".gamma", WeightSource.Initial.ONES, dim));
  }
}
