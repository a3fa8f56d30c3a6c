package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jetbrains.annotations.Nullable;

/// Keeps tensors of a pass by their names, such as `hidden_states.3` and `attentions.3`, as far as somebody asks for them. It never
/// changes a result. What nobody asks for is not computed.
///
/// A probe serves one pass.
public final class Probe {
  /// Keeps nothing and costs nothing.
  public static final Probe NONE = new Probe("", _ -> false, new LinkedHashMap<>(), new LinkedHashMap<>());

  private final String scope;
  private final Predicate<String> wanted;
  private final Map<String, Tensor> tensors;
  private final Map<String, AttentionMap> attentions;

  private Probe(String scope, Predicate<String> wanted, Map<String, Tensor> tensors, Map<String, AttentionMap> attentions) {
    this.scope = scope;
    this.wanted = wanted;
    this.tensors = tensors;
    this.attentions = attentions;
  }

  /// A probe that keeps what has a name that `wanted` takes.
  public static Probe of(Predicate<String> wanted) {
    return new Probe("", wanted, new LinkedHashMap<>(), new LinkedHashMap<>());
  }

  /// A probe that keeps all that a model names.
  public static Probe all() {
    return of(_ -> true);
  }

  /// The same probe for a part of the model, whose names begin with `scope`.
  public Probe at(String scope) {
    return this == NONE || scope.isEmpty() ? this : new Probe(this.scope + scope, wanted, tensors, attentions);
  }

  /// Keeps `name.index`.
  ///
  /// @return the tensor
  public Tensor see(String name, int index, Tensor tensor) {
    if (this == NONE) return tensor;
    var full = scope + name + "." + index;
    if (wanted.test(full)) tensors.put(full, tensor);
    return tensor;
  }

  /// The place of attention `index`: `attentions.index`.
  ///
  /// @param queries what the tokens are that ask
  /// @param keys what the tokens are that answer
  public Site attention(int index, Tokens queries, Tokens keys) {
    return this == NONE ? Site.NOWHERE : attention("attentions." + index, queries, keys);
  }

  /// The place of the attention of this name.
  public Site attention(String name, Tokens queries, Tokens keys) {
    return this == NONE || !wanted.test(scope + name) ? Site.NOWHERE : new Site(this, scope + name, queries, keys, null);
  }

  /// What was kept, by name, in the order of the pass; attention maps included, as `[B, heads, queries, keys]`.
  public Map<String, Tensor> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /// The attention maps among them, with their geometry.
  public Map<String, AttentionMap> attentions() {
    return Collections.unmodifiableMap(attentions);
  }

  /// Where an attention may hand out its map.
  public record Site(@Nullable Probe probe, String name, @Nullable Tokens queries, @Nullable Tokens keys,
      AttentionMap.@Nullable Windows windows) {
    /// Nobody asks here.
    public static final Site NOWHERE = new Site(null, "", null, null, null);

    /// The same site where attention works within windows.
    Site within(AttentionMap.Windows windows) {
      var cells = Tokens.grid(windows.size(), windows.size());
      return probe == null ? this : new Site(probe, name, cells, cells, windows);
    }

    /// Computes and keeps the map of an attention.
    ///
    /// @param q `[B, H, M, D]`
    /// @param k `[B, H, N, D]`
    void see(Tensor q, Tensor k, AttentionMask mask, float scale) {
      if (probe == null) return;
      var weights = q.allocate(q.dim(0), q.dim(1), q.dim(2), k.dim(2));
      q.run(new Operation.AttentionMaps(q.matrices(), k.matrices(), mask, weights.segment(), scale));
      probe.tensors.put(name, weights);
      probe.attentions.put(name, new AttentionMap(weights, queries, keys, windows));
    }
  }
}
