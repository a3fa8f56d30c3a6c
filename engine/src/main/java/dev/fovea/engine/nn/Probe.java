package dev.fovea.engine.nn;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.jetbrains.annotations.Nullable;

/// Collects requested intermediate tensors of a pass by name, such as `hidden_states.3` and `attentions.3`. It never changes a
/// result. Attention maps that are not requested are not computed.
///
/// A probe is for one pass, and for one thread, except for [#NONE], which any number of passes share. What it keeps belongs to the
/// pass's workspace, and is valid until the workspace's next pass.
public final class Probe {
  /// Keeps nothing and costs nothing.
  public static final Probe NONE = new Probe("", _ -> false, _ -> false, new LinkedHashMap<>(), new LinkedHashMap<>());

  private final String scope;
  private final Predicate<String> wanted, operands;
  private final Map<String, Tensor> tensors;
  private final Map<String, AttentionMap> attentions;

  private Probe(String scope, Predicate<String> wanted, Predicate<String> operands, Map<String, Tensor> tensors,
      Map<String, AttentionMap> attentions) {
    this.scope = scope;
    this.wanted = wanted;
    this.operands = operands;
    this.tensors = tensors;
    this.attentions = attentions;
  }

  /// A probe that keeps the tensors whose names match `wanted`.
  public static Probe of(Predicate<String> wanted) {
    return of(wanted, _ -> false);
  }

  /// A probe that also keeps what attention layers compute with, views `[B, heads, tokens, D]`: of the layers with maps in `wanted`
  /// whose names match `operands` too, the queries as `name.q`, the keys as `name.k` and the values as `name.v`. Windowed layers
  /// and those of few channels compute without them.
  public static Probe of(Predicate<String> wanted, Predicate<String> operands) {
    Objects.requireNonNull(wanted, "wanted");
    Objects.requireNonNull(operands, "operands");
    return new Probe("", wanted, operands, new LinkedHashMap<>(), new LinkedHashMap<>());
  }

  /// A probe that keeps every named tensor.
  public static Probe all() {
    return of(_ -> true);
  }

  /// The same probe for a part of the model, with `scope` as the prefix of names.
  public Probe at(String scope) {
    return this == NONE || scope.isEmpty() ? this : new Probe(this.scope + scope, wanted, operands, tensors, attentions);
  }

  /// [Tokens#of(Tokens.Kind, int)]; [Tokens#NONE] if this probe keeps nothing.
  public Tokens tokens(Tokens.Kind kind, int count) {
    Objects.requireNonNull(kind, "kind");
    return this == NONE ? Tokens.NONE : Tokens.of(kind, count);
  }

  /// [Tokens#grid(int, int)]; [Tokens#NONE] if this probe keeps nothing.
  public Tokens grid(int rows, int cols) {
    return this == NONE ? Tokens.NONE : Tokens.grid(rows, cols);
  }

  /// Keeps `tensor` as `name.index`, if requested.
  ///
  /// @return `tensor`
  public Tensor see(String name, int index, Tensor tensor) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(tensor, "tensor");
    if (this == NONE) return tensor;
    var full = scope + name + "." + index;
    if (wanted.test(full)) tensors.put(full, tensor);
    return tensor;
  }

  /// The site of attention layer `index`, named `attentions.index`.
  ///
  /// @param queries the query tokens
  /// @param keys the key tokens
  public Site attention(int index, Tokens queries, Tokens keys) {
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(keys, "keys");
    return this == NONE ? Site.NOWHERE : attention("attentions." + index, queries, keys);
  }

  /// The site of the attention layer called `name`.
  public Site attention(String name, Tokens queries, Tokens keys) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(keys, "keys");
    return this == NONE || !wanted.test(scope + name) ? Site.NOWHERE : new Site(this, scope + name, queries, keys, null);
  }

  /// The kept tensors by name, in the order of the pass, including attention maps `[B, heads, queries, keys]`.
  public Map<String, Tensor> tensors() {
    return this == NONE ? Map.of() : Collections.unmodifiableMap(tensors);
  }

  /// The kept attention maps with their geometry, by name.
  public Map<String, AttentionMap> attentions() {
    return this == NONE ? Map.of() : Collections.unmodifiableMap(attentions);
  }

  /// The destination of one attention layer's map.
  public record Site(@Nullable Probe probe, String name, @Nullable Tokens queries, @Nullable Tokens keys,
      AttentionMap.@Nullable Windows windows) {
    /// Keeps nothing.
    public static final Site NOWHERE = new Site(null, "", null, null, null);

    public Site {
      Objects.requireNonNull(name, "name");
    }

    /// The same site for attention in windows of `size` rows and columns, moved by `shift`, of a map.
    Site within(int rows, int cols, int size, int shift) {
      if (probe == null) return this;
      var cells = Tokens.grid(size, size);
      return new Site(probe, name, cells, cells, new AttentionMap.Windows(rows, cols, size, shift));
    }

    /// Whether the attention map is requested.
    boolean isWanted() {
      return probe != null;
    }

    /// Keeps a computed attention map, if requested.
    ///
    /// @param weights `[B, H, M, N]`
    void see(Tensor weights) {
      if (probe == null) return;
      probe.tensors.put(name, weights);
      probe.attentions.put(name, new AttentionMap(weights, queries, keys, windows));
    }

    /// Keeps what the map is computed with, and the values, if requested.
    void see(Tensor q, Tensor k, Tensor v) {
      if (probe == null || !probe.operands.test(name)) return;
      probe.tensors.put(name + ".q", q);
      probe.tensors.put(name + ".k", k);
      probe.tensors.put(name + ".v", v);
    }

    /// Computes and keeps the attention map, if requested.
    ///
    /// @param q `[B, H, M, D]`
    /// @param k `[B, H, N, D]`
    void see(Tensor q, Tensor k, AttentionMask mask, float scale) {
      var weights = keep(q, q.dim(0), q.dim(1), q.dim(2), k.dim(2));
      if (weights != null) q.run(new Operation.AttentionMaps(q.matrices(), k.matrices(), mask, weights.segment(), scale));
    }

    /// Keeps an attention map that the caller computes.
    ///
    /// @param x a tensor of the pass
    /// @return the map `[B, H, M, N]`, with undefined contents; null if it is not requested
    @Nullable Tensor keep(Tensor x, int batch, int heads, int queries, int keys) {
      if (probe == null) return null;
      var weights = x.allocate(batch, heads, queries, keys);
      see(weights);
      return weights;
    }
  }
}
