package dev.fovea.models;

import dev.fovea.engine.nn.CrossAttention;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.AttentionMask;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a stack of transformer blocks computes on the way, as far as a [Keep] asks for it.
///
/// Shapes: B batch, N tokens, C channels, H heads.
public final class Trace {
  private final Keep keep;
  private final List<Tensor> hiddenStates = new ArrayList<>();
  private final List<Tensor> attentions = new ArrayList<>();

  public Trace(Keep keep) {
    this.keep = keep;
  }

  /// Notes a hidden state `[B, N, C]`, and gives it back.
  public Tensor hidden(Tensor x) {
    if (keep.hiddenStates()) hiddenStates.add(x);
    return x;
  }

  /// Performs self-attention on `x` `[B, N, C]`, with its maps where they are to be kept.
  public Tensor attend(MultiHeadAttention attn, Tensor x) {
    return attend(attn, x, AttentionMask.NONE);
  }

  /// Performs self-attention on `x` `[B, N, C]`, with its maps where they are to be kept; `mask` says which tokens a token sees.
  public Tensor attend(MultiHeadAttention attn, Tensor x, AttentionMask mask) {
    return keep.attentions() ? attn.forward(x, mask, attentions::add) : attn.forward(x, mask);
  }

  /// Performs attention of tokens `x` `[B, N, C]` to others, `context` `[B, M, C]`, with its maps where they are to be kept.
  public Tensor attend(CrossAttention attn, Tensor x, Tensor context) {
    return keep.attentions() ? attn.forward(x, context, attentions::add) : attn.forward(x, context);
  }

  /// The embedding, then each block's result, `[B, N, C]` each; empty unless kept.
  public List<Tensor> hiddenStates() {
    return Collections.unmodifiableList(hiddenStates);
  }

  /// Each block's maps `[B, H, N, N]`; empty unless kept.
  public List<Tensor> attentions() {
    return Collections.unmodifiableList(attentions);
  }

  /// `hidden_states.0 …` and `attentions.0 …`, as reference implementations number them.
  public Map<String, Tensor> named() {
    return named("");
  }

  /// The same with `prefix` before each name, for one of several stacks.
  public Map<String, Tensor> named(String prefix) {
    var named = new LinkedHashMap<String, Tensor>();
    for (int i = 0; i < hiddenStates.size(); i++) named.put(prefix + "hidden_states." + i, hiddenStates.get(i));
    for (int i = 0; i < attentions.size(); i++) named.put(prefix + "attentions." + i, attentions.get(i));
    return named;
  }
}
