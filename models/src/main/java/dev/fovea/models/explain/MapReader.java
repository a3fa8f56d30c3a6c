package dev.fovea.models.explain;

import dev.fovea.engine.feature.AttentionRollout;
import dev.fovea.engine.feature.AttentionRollout.Fusion;
import dev.fovea.engine.feature.AttentionStatistics;
import dev.fovea.engine.feature.AttentionStatistics.Cells;
import dev.fovea.engine.nn.Tokens;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Copies an attention map out of a pass, one head at a time.
record MapReader(String name, Looks map, ShownInputs shown, @Nullable Found found, MapSizes.Kept kept) {
  /// @return null if nothing of it is kept
  @Nullable HeadMaps maps() {
    if (kept.block() == 0) return null;
    int inputs = map.inputs(), heads = map.heads(), all = map.keys().count();
    Blocks queries = Blocks.of(map.queries(), kept.block()), keys = Blocks.of(map.keys(), kept.block());
    int size = queries.count() * keys.count(), per = kept.mean() ? 1 : heads;
    var weights = new float[Math.multiplyExact(Math.multiplyExact(inputs, per), size)];
    boolean hasClass = kept.block() > 1 && isFirst(Tokens.Kind.CLASS, map.queries());
    var classRow = hasClass ? new float[inputs * per * all] : null;
    var entropies = new double[heads];
    var distances = distances() == null ? null : new double[heads];
    for (int i = 0; i < inputs; i++)
      for (int h = 0; h < heads; h++) {
        var head = map.head(i, h);                                                    // [M, N]
        entropies[h] += AttentionStatistics.entropy(head, all) / inputs;
        if (distances != null) distances[h] += distances().of(head) / inputs;
        int to = i * per + (kept.mean() ? 0 : h);
        float share = kept.mean() ? 1f / heads : 1;
        var coarse = kept.block() == 1 ? head : Blocks.coarser(head, queries, keys);
        for (int w = 0; w < size; w++) weights[to * size + w] += coarse[w] * share;
        for (int k = 0; k < all && hasClass; k++) classRow[to * all + k] += head[k] * share;
      }
    return new HeadMaps(name, inputs, per, kept.mean() ? heads : 1, map.queries(), map.keys(), map.windows(), kept.block(), weights,
        classRow, names(map.queries(), true), names(map.keys(), false), entropies, distances);
  }

  /// The first input's heads as one map, `[M, N]`.
  float[] fused(Fusion fusion) {
    var weights = map.weights().select(0, 0);
    return AttentionRollout.fused(weights.toArray(), map.heads(), map.queries().count(), map.keys().count(), fusion);
  }

  private interface Distance {
    double of(float[] head);
  }

  /// Null if the queries or the keys are not one grid of patches.
  private @Nullable Distance distances() {
    Cells queries = cells(map.queries()), keys = cells(map.keys());
    if (queries == null || keys == null || shown.view() == null) return null;
    var windows = map.windows();
    double height = shown.view().height(), width = shown.view().width();
    double high = windows == null ? height : height * windows.size() / windows.rows();
    double wide = windows == null ? width : width * windows.size() / windows.cols();
    return head -> AttentionStatistics.distance(head, map.keys().count(), queries, keys, high, wide);
  }

  private static @Nullable Cells cells(Tokens tokens) {
    Cells found = null;
    int from = 0;
    for (var run : tokens.runs()) {
      if (run.kind() == Tokens.Kind.PATCH && found != null) return null;
      if (run.kind() == Tokens.Kind.PATCH) found = new Cells(from, run.rows(), run.cols());
      from += run.count();
    }
    return found;
  }

  private static boolean isFirst(Tokens.Kind kind, Tokens tokens) {
    return !tokens.runs().isEmpty() && tokens.runs().getFirst().kind() == kind;
  }

  /// What the tokens are that are no patches, for each input.
  private List<List<String>> names(Tokens tokens, boolean ofQueries) {
    if (map.rows() != null && ofQueries) return List.of(found != null ? found.names() : shown.answered().answer());
    if (map.rows() != null && shown.answered() != null) return List.of(shown.answered().wordsOfTexts());
    if (tokens.runs().stream().allMatch(run -> run.kind() == Tokens.Kind.PATCH)) return List.of();
    boolean hasTexts = tokens.runs().stream().anyMatch(run -> run.kind() == Tokens.Kind.TEXT);
    var all = new ArrayList<List<String>>();
    for (int i = 0; i < (hasTexts ? Math.max(1, shown.words().size()) : 1); i++)
      all.add(names(name, tokens, shown.words().isEmpty() ? List.of() : shown.words().get(i)));
    return all;
  }

  private static String query(String layer, int i) {
    return !layer.contains("mask_decoder") ? "query " + (i + 1) : i == 0 ? "score token" : "mask token " + i;
  }

  private static List<String> names(String layer, Tokens tokens, List<String> words) {
    var names = new ArrayList<String>();
    int text = 0, query = 0, prompt = 0;
    for (var run : tokens.runs())
      for (int i = 0; i < run.count(); i++)
        switch (run.kind()) {
          case CLASS -> names.add("class token");
          case REGISTER -> names.add("register " + (i + 1));
          case TEXT -> {
            names.add(text < words.size() ? words.get(text) : "token " + text);
            text++;
          }
          case QUERY -> {
            names.add(query(layer, query));
            query++;
          }
          case PROMPT -> {
            names.add(prompt < words.size() ? words.get(prompt) : "padding of the prompt");
            prompt++;
          }
          case PATCH -> {
            // It has a place instead of a name.
          }
        }
    return names;
  }
}
