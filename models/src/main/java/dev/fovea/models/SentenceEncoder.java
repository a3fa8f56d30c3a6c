package dev.fovea.models;

import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.engine.text.Truncation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Vectors of texts, pooled from the features of their tokens.
///
/// Texts are sorted by length and computed in batches without padding: a batch is one matrix with the tokens of all its texts, and
/// only attention and pooling look at the texts, those of one length together.
final class SentenceEncoder {
  /// Tokens of a batch, beyond which larger matrices are no faster, and texts of a batch, each of which costs operations.
  private static final int MOST_TOKENS = 2048, MOST_TEXTS = 128;

  /// Steps of a token's progress.
  private static final long STEPS = 1000;

  private final OpenModel opened;
  private final EncodesText model;
  private final Tokenizer whole, truncating;
  private final int maxTokens;

  SentenceEncoder(OpenModel opened, EncodesText model) {
    this.opened = opened;
    this.model = model;
    var published = model.sentence();
    maxTokens = published == null ? model.maxTokens() : published.maxTokens();
    whole = opened.tokenizer();
    truncating = whole.withTruncation(Truncation.to(maxTokens));
  }

  /// The published settings; sentence-transformers' defaults for a model without them.
  TextSettings settings() {
    var published = model.sentence();
    return published == null ? new TextSettings(TextPooling.MEAN, false, "")
        : new TextSettings(published.pooling(), published.normalized(), prompts().getOrDefault(published.defaultPrompt(), ""));
  }

  Map<String, String> prompts() {
    var published = model.sentence();
    return published == null ? Map.of() : published.prompts();
  }

  int maxTokens() {
    return maxTokens;
  }

  int channels() {
    return model.channels();
  }

  int countTokens(String text) {
    return whole.encode(text).length();
  }

  List<float[]> vectors(List<String> texts, TextSettings settings, Progress progress) {
    var pooling = Objects.requireNonNull(settings.pooling(), "settings: pooling");
    var encodings = texts.stream().map(text -> encode(settings.prompt() + text)).toList();
    var vectors = new float[texts.size()][];
    var byLength = IntStream.range(0, vectors.length).boxed()
        .sorted(Comparator.comparing(i -> encodings.get(i).length())).toList();
    long all = tokens(byLength, encodings);
    opened.call(() -> {
      long before = 0;
      for (var batch : batches(byLength, encodings)) {
        long first = before, here = tokens(batch, encodings);
        run(batch, encodings, settings, pooling, (done, total) ->
            progress.advanced(STEPS * first + STEPS * here * done / total, STEPS * all), vectors);
        before += here;
      }
      return null;
    });
    return List.of(vectors);
  }

  private static long tokens(List<Integer> texts, List<Encoding> encodings) {
    return texts.stream().mapToLong(i -> encodings.get(i).length()).sum();
  }

  private Encoding encode(String text) {
    return TokenBatch.check(text, truncating.encode(text), model.maxTokens(), model.vocabSize());
  }

  private static List<List<Integer>> batches(List<Integer> byLength, List<Encoding> encodings) {
    var batches = new ArrayList<List<Integer>>();
    int tokens = MOST_TOKENS;
    for (int i : byLength) {
      int length = encodings.get(i).length();
      if (tokens + length > MOST_TOKENS || batches.getLast().size() == MOST_TEXTS) {
        batches.add(new ArrayList<>());
        tokens = 0;
      }
      batches.getLast().add(i);
      tokens += length;
    }
    return batches;
  }

  private void run(List<Integer> batch, List<Encoding> encodings, TextSettings settings, TextPooling pooling, Progress progress,
      float[][] vectors) {
    var groups = batch.stream().collect(Collectors.groupingBy(i -> encodings.get(i).length(), LinkedHashMap::new,
        Collectors.toList()));
    var inputs = new LinkedHashMap<String, OpenModel.Input>();
    groups.forEach((length, texts) -> inputs.put(name(inputs.size()), new OpenModel.Input(ids(texts, encodings, length),
        texts.size(), length)));
    var kind = List.of("texts", pooling, settings.normalized());
    var results = opened.run(kind, inputs, tensors -> pooled(tensors, pooling, settings.normalized()), progress).iterator();
    groups.forEach((length, texts) -> {
      var rows = rows(results.next(), texts.size(), length, pooling, settings.normalized());
      for (int i = 0; i < texts.size(); i++) vectors[texts.get(i)] = rows.apply(i);
    });
  }

  private static String name(int group) {
    return Model.INPUT_IDS + "." + group;
  }

  private static float[] ids(List<Integer> texts, List<Encoding> encodings, int length) {
    var ids = new float[texts.size() * length];
    for (int t = 0; t < texts.size(); t++)
      for (int i = 0; i < length; i++) ids[t * length + i] = encodings.get(texts.get(t)).ids()[i];
    return ids;
  }

  /// One result a group: `[B, C]`, or the features `[B, N, C]` for the maximum, of which there is no operation.
  private List<Tensor> pooled(Map<String, Tensor> inputs, TextPooling pooling, boolean normalized) {
    var ids = IntStream.range(0, inputs.size()).mapToObj(i -> inputs.get(name(i))).toList();
    return model.features(ids).stream().map(x -> {
      if (pooling == TextPooling.MAX) return x.contiguous();
      var vector = switch (pooling) {
        case CLASS_TOKEN -> x.select(1, 0).contiguous();
        case MEAN_SQRT_LENGTH -> x.mean(1).times((float) Math.sqrt(x.dim(1)));
        default -> x.mean(1);
      };
      return normalized ? vector.normalized() : vector;
    }).toList();
  }

  private static IntFunction<float[]> rows(float[] values, int texts, int length, TextPooling pooling, boolean normalized) {
    int channels = values.length / texts / (pooling == TextPooling.MAX ? length : 1);
    if (pooling != TextPooling.MAX) return i -> Arrays.copyOfRange(values, i * channels, (i + 1) * channels);
    return i -> {
      var most = Arrays.copyOfRange(values, i * length * channels, (i * length + 1) * channels);
      for (int at = 1; at < length; at++)
        for (int c = 0; c < channels; c++) most[c] = Math.max(most[c], values[(i * length + at) * channels + c]);
      return normalized ? normalized(most) : most;
    };
  }

  private static float[] normalized(float[] vector) {
    double sum = 0;
    for (float x : vector) sum += (double) x * x;
    double length = Math.sqrt(sum);
    if (length > 0) for (int i = 0; i < vector.length; i++) vector[i] = (float) (vector[i] / length);
    return vector;
  }
}
