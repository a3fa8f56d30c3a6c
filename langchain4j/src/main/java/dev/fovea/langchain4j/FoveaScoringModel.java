package dev.fovea.langchain4j;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.OpenModel;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.TextClassifier;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.output.Response;
import dev.langchain4j.model.scoring.ScoringModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// How well texts answer a query, by a cross-encoder: a BERT with a classification head that reads the query and a text as a pair.
///
/// A model of one class scores with the sigmoid of its logit, in `[0, 1]`, or with the logit itself
/// ([Builder#normalized(boolean)]), as sentence-transformers' `CrossEncoder` does; the order of texts is the same. Of a model of
/// several classes, the score is the probability of the class that [Builder#label(String)] names.
///
/// ```java
/// try (var model = FoveaScoringModel.builder().file(Path.of("ms-marco-minilm.safetensors")).build()) {
///   System.out.println(model.score("Berlin has 3.5 million inhabitants.", "How many people live in Berlin?").content());
/// }
/// ```
///
/// Of a pair with more tokens than the model has positions the longer text is cut, as `CrossEncoder` does. It is thread-safe and
/// may be closed at any time, as [OpenModel] says.
public final class FoveaScoringModel implements ScoringModel, AutoCloseable {
  private final TextClassifier classifier;
  private final boolean normalized;
  private final int batchSize;
  /// The class whose probability is the score.
  private final int index;

  private FoveaScoringModel(Builder builder, TextClassifier classifier) {
    this.classifier = classifier;
    normalized = builder.normalized;
    batchSize = builder.batchSize;
    var labels = classifier.labels();
    if (builder.label == null && labels.size() > 1)
      throw new IllegalArgumentException("label: expected one of " + labels + ", whose probability is the score, got none");
    index = builder.label == null ? 0 : labels.indexOf(builder.label);
    if (index < 0) throw new IllegalArgumentException("label: expected one of " + labels + ", got " + builder.label);
    if (!normalized && labels.size() > 1)
      throw new IllegalArgumentException("normalized: expected true for a model of several classes, got false");
  }

  /// What a model is made of.
  public static Builder builder() {
    return new Builder();
  }

  /// The score of each text for a query, in their order.
  ///
  /// @throws IllegalArgumentException if a text or the query is a picture in base64
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the model is closed
  @Override
  public Response<List<Double>> scoreAll(List<TextSegment> segments, String query) {
    Objects.requireNonNull(segments, "segments");
    Objects.requireNonNull(query, "query");
    Images.requireWords(query, "query");
    var pairs = new ArrayList<TextClassifier.Text>();
    for (var segment : segments)
      pairs.add(new TextClassifier.Text(query, Images.requireWords(segment.text(), "text " + (pairs.size() + 1))));
    var scores = new ArrayList<Double>();
    for (int from = 0; from < pairs.size(); from += batchSize)
      for (var logits : classifier.logits(pairs.subList(from, Math.min(from + batchSize, pairs.size())), true, Progress.NONE))
        scores.add(score(logits));
    return Response.from(scores);
  }

  /// @param logits of the classes
  private double score(float[] logits) {
    if (logits.length == 1) return normalized ? 1 / (1 + Math.exp(-logits[0])) : logits[0];
    double sum = 0;
    for (float logit : logits) sum += Math.exp((double) logit - logits[index]);
    return 1 / sum;
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "FoveaScoringModel: " + classifier;
  }

  /// Closes the model, also one that was given open: new calls are refused, running ones end normally. Closing twice is harmless.
  @Override
  public void close() {
    classifier.close();
  }

  /// What a model is made of: a file, or an open classifier, and how it scores.
  public static final class Builder {
    private @Nullable Path file;
    private @Nullable TextClassifier classifier;
    private OpenOptions options = OpenOptions.DEFAULT;
    private @Nullable String label;
    private boolean normalized = true;
    private int batchSize = 32;

    private Builder() {}

    /// The model file.
    public Builder file(Path file) {
      this.file = Objects.requireNonNull(file, "file");
      return this;
    }

    /// An open classifier, in place of a file; the model closes it.
    public Builder classifier(TextClassifier classifier) {
      this.classifier = Objects.requireNonNull(classifier, "classifier");
      return this;
    }

    /// How to open the file: workers, residency, warm-up. By default [OpenOptions#DEFAULT].
    public Builder options(OpenOptions options) {
      this.options = Objects.requireNonNull(options, "options");
      return this;
    }

    /// The class whose probability is the score, for a model of several classes, such as `entailment`.
    public Builder label(String label) {
      this.label = Objects.requireNonNull(label, "label");
      return this;
    }

    /// Whether the score of a model of one class is the sigmoid of its logit, as by default, or the logit itself, as the files of
    /// ms-marco ask sentence-transformers for.
    public Builder normalized(boolean normalized) {
      this.normalized = normalized;
      return this;
    }

    /// Most pairs of a pass, by default 32: more take more memory.
    ///
    /// @throws IllegalArgumentException if it is not positive
    public Builder batchSize(int batchSize) {
      if (batchSize < 1) throw new IllegalArgumentException("batchSize: expected at least 1, got " + batchSize);
      this.batchSize = batchSize;
      return this;
    }

    /// Opens the model.
    ///
    /// @throws CheckpointException if there is no such file, its model does not classify texts, or it has no tokenizer or does not
    ///     fit in memory
    /// @throws IllegalArgumentException if there is not exactly one of a file and an open classifier, the model has several classes
    ///     and the label is none of them, or it has several and scores shall be logits
    /// @throws CancelledException if the thread is interrupted
    public FoveaScoringModel build() {
      Names.requireOne("file, classifier", file, classifier);
      var opened = classifier != null ? classifier : TextClassifier.open(file, options);
      try {
        return new FoveaScoringModel(this, opened);
      } catch (RuntimeException | Error e) {
        opened.close();
        throw e;
      }
    }
  }
}
