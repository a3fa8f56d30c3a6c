package dev.fovea.models.explain;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.Classification;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// The surest of the boxes that a detector has found.
///
/// @param queries their indices, the surest first
/// @param answers their words and scores
/// @param boxes `[queries, 4]`: centre, width and height as shares of the picture
record Found(int[] queries, List<Classification> answers, float[] boxes) {
  private static final int MOST = 8;
  private static final float LEAST = 0.2f;
  private static final Pattern POINTS = Pattern.compile("decoder\\.sampling_points\\.(\\d+)");

  /// @param words of the text
  static Found of(Map<String, Tensor> outputs, List<String> words) {
    var logits = outputs.get("logits").select(0, 0);                                  // [Q, T]
    int count = logits.dim(0), tokens = logits.dim(1);
    var scores = Scores.of(logits.toArray(), true);
    var all = new ArrayList<Classification>();
    for (int q = 0; q < count; q++) {
      int best = q * tokens;
      for (int t = q * tokens; t < (q + 1) * tokens; t++) if (scores[t] > scores[best]) best = t;
      int word = best - q * tokens;
      all.add(new Classification(q, word < words.size() ? words.get(word) : "token " + word, scores[best]));
    }
    all.sort(Comparator.comparingDouble(Classification::score).reversed());
    var kept = all.subList(0, Math.min(MOST, all.size())).stream().filter(each -> each.score() > LEAST).toList();
    if (kept.isEmpty()) kept = all.subList(0, Math.min(1, all.size()));
    var boxes = new float[4 * kept.size()];
    for (int i = 0; i < kept.size(); i++)
      System.arraycopy(outputs.get("pred_boxes").select(0, 0).select(0, kept.get(i).index()).toArray(), 0, boxes, 4 * i, 4);
    return new Found(kept.stream().mapToInt(Classification::index).toArray(), List.copyOf(kept), boxes);
  }

  String name(int i) {
    return String.format(Locale.ROOT, "%d: %s %.2f", i + 1, answers.get(i).label(), answers.get(i).score());
  }

  List<String> names() {
    return IntStream.range(0, queries.length).mapToObj(this::name).toList();
  }

  /// The attention of the decoder: from the boxes alone.
  Looks cut(Looks looks) {
    return new Looks(looks.weights(), Tokens.of(Tokens.Kind.QUERY, queries.length), looks.keys(), null, queries);
  }

  /// The points at which the decoder's layers sampled the picture for each box.
  List<Explanation.Samples> samples(Probe probe) {
    var samples = new ArrayList<Explanation.Samples>();
    probe.tensors().forEach((name, points) -> {
      var layer = POINTS.matcher(name);
      if (!layer.matches()) return;
      var weights = probe.tensors().get("decoder.sampling_weights." + layer.group(1));
      for (int i = 0; i < queries.length; i++) {
        float x = boxes[4 * i], y = boxes[4 * i + 1], w = boxes[4 * i + 2], h = boxes[4 * i + 3];
        samples.add(new Explanation.Samples("decoder layer " + layer.group(1), name(i),
            new float[] {x - w / 2, y - h / 2, x + w / 2, y + h / 2}, points.select(0, 0).select(0, queries[i]).toArray(),
            weights.select(0, 0).select(0, queries[i]).toArray()));
      }
    });
    return samples;
  }
}
