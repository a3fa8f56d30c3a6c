package dev.fovea.models.explain;

import dev.fovea.engine.feature.AttentionRollout;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.Classification;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// What the tensors of an encoder's blocks say of its residual stream.
final class ChainMaker {
  private static final Pattern FIRST = Pattern.compile("(.*)attentions\\.0");
  /// Tokens of a rollout, whose time grows with their cube.
  private static final int MAX_TOKENS = 800;
  /// Weights of the maps for each of the rollouts.
  private static final int SHARE = 8;

  private final String prefix;
  private final Probe probe;
  private final ExplainSettings settings;

  ChainMaker(String prefix, Probe probe, ExplainSettings settings) {
    this.prefix = prefix;
    this.probe = probe;
    this.settings = settings;
  }

  /// The prefixes of encoders whose layers all have the same tokens, with a hidden state before and after each.
  static List<String> prefixes(Probe probe) {
    var found = new ArrayList<String>();
    for (var name : probe.attentions().keySet()) {
      var first = FIRST.matcher(name);
      if (first.matches() && isChain(first.group(1), probe)) found.add(first.group(1));
    }
    return found;
  }

  private static boolean isChain(String prefix, Probe probe) {
    var first = probe.attentions().get(prefix + "attentions.0");
    int layers = 0;
    for (; probe.attentions().containsKey(prefix + "attentions." + layers); layers++) {
      var map = probe.attentions().get(prefix + "attentions." + layers);
      if (map.windows() != null || !map.queries().equals(first.queries()) || !map.keys().equals(first.queries())) return false;
    }
    for (int i = 0; i <= layers; i++) {
      var state = probe.tensors().get(prefix + "hidden_states." + i);
      if (state == null || state.rank() != 3 || state.dim(1) != first.queries().count()) return false;
    }
    return true;
  }

  /// @param fused one map of the heads of each layer, by name
  Chain chain(Map<String, float[]> fused, List<List<Classification>> early) {
    var tokens = probe.attentions().get(prefix + "attentions.0").queries();
    int count = tokens.count(), layers = 0;
    while (probe.attentions().containsKey(prefix + "attentions." + layers)) layers++;
    long most = Math.min((long) layers * MAX_TOKENS * MAX_TOKENS, Math.max(1, settings.maxWeights() / SHARE));
    int block = 1;
    while (layers * square(Blocks.of(tokens, block).count()) > most && block < Blocks.side(tokens)) block++;
    var blocks = Blocks.of(tokens, block);
    var rollout = new AttentionRollout(blocks.count(), settings.fusion(), settings.discard());
    var names = new ArrayList<String>();
    var rollouts = new ArrayList<float[]>();
    var states = new ArrayList<float[]>();
    for (int i = 0; i < layers; i++) {
      var name = prefix + "attentions." + i;
      names.add(name);
      rollout.addFused(block == 1 ? fused.get(name) : Blocks.coarser(fused.get(name), blocks, blocks));
      rollouts.add(rollout.rows());
    }
    for (int i = 0; i <= layers; i++)
      states.add(probe.tensors().get(prefix + "hidden_states." + i).select(0, 0).toArray());  // [N, C]
    var norms = states.stream().map(state -> norms(state, count)).toList();
    double[] turns = new double[layers], nearness = new double[layers + 1];
    for (int i = 0; i < layers; i++) turns[i] = cosine(states.get(i), states.get(i + 1), count);
    for (int i = 0; i <= layers; i++) nearness[i] = cosine(states.get(i), states.getLast(), count);
    return new Chain(prefix, names, tokens, block, rollouts, norms, turns, nearness, early);
  }

  private static long square(long count) {
    return count * count;
  }

  private static float[] norms(float[] state, int count) {
    var norms = new float[count];
    int channels = state.length / count;
    for (int i = 0; i < count; i++) norms[i] = (float) Math.sqrt(dot(state, state, i * channels, channels));
    return norms;
  }

  /// The mean cosine of the tokens' vectors.
  private static double cosine(float[] a, float[] b, int count) {
    int channels = a.length / count;
    double sum = 0;
    for (int i = 0, at = 0; i < count; i++, at += channels) {
      double lengths = Math.sqrt(dot(a, a, at, channels) * dot(b, b, at, channels));
      sum += lengths == 0 ? 0 : dot(a, b, at, channels) / lengths;
    }
    return sum / count;
  }

  private static double dot(float[] a, float[] b, int from, int count) {
    double sum = 0;
    for (int i = from; i < from + count; i++) sum += (double) a[i] * b[i];
    return sum;
  }
}
