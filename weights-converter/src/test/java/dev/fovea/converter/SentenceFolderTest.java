package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.converter.Foreign.Array;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.Truncation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import dev.fovea.models.TextClassifier;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.TextPooling;
import dev.fovea.models.TextSettings;
import dev.fovea.models.bert.Bert;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// From sentence-transformers' folders and plain texts to vectors.
class SentenceFolderTest {
  private static final String MEAN = "sentence-bert-mean", POOLING = "1_Pooling/config.json", MODULES = "modules.json";
  private static final List<String> TEXTS = List.of("a photo of a cat", "two dogs run across the green field.", "E = mc^2",
      "I love you all, the giraffe on the left is taller than the tree");

  @TempDir
  private Path folder;

  private Path convert(Path source) {
    var file = folder.resolve(source.getFileName() + "." + System.nanoTime() + ".safetensors");
    Converter.convert(source, file, WeightFormat.F32);
    return file;
  }

  private Path convert(PublishedFolder published) {
    return convert(published.path());
  }

  private PublishedFolder published(String golden) {
    return PublishedFolder.of(golden, folder);
  }

  private static float[] reference(String golden) {
    try (var reference = Checkpoint.open(Renamed.FIXTURES.resolve(golden).resolve("reference.safetensors"))) {
      return reference.tensor("output.sentence_embedding").toFloats();
    }
  }

  /// Texts of all lengths that the model takes, many of them of one length.
  private static List<String> manyTexts(int count) {
    var random = new Random(8);
    var words = List.of("a", "photo", "cat", "dogs", "giraffe", "tree", "taller", "E", "zebra", "field", "green", ".");
    return IntStream.range(0, count).mapToObj(_ -> String.join(" ", random.ints(random.nextInt(40), 0, words.size())
        .mapToObj(words::get).toList())).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {MEAN, "sentence-bert-cls", "sentence-distilbert-mean"})
  void aTextHasThePublishedVector(String golden) {
    var expected = reference(golden);
    try (var embedder = TextEmbedder.open(convert(Renamed.FIXTURES.resolve(golden)))) {
      assertThat(embedder.hasPublishedSettings()).isTrue();
      assertThat(embedder.maxTokens()).isEqualTo(32);
      var vectors = embedder.embed(TEXTS);
      for (int t = 0; t < TEXTS.size(); t++) {
        assertThat(vectors.get(t)).hasSize(embedder.dimension());
        assertThat(embedder.embed(TEXTS.get(t))).isEqualTo(vectors.get(t));
        for (int i = 0; i < embedder.dimension(); i++)
          assertThat(vectors.get(t)[i]).isCloseTo(expected[t * embedder.dimension() + i], within(5e-6f));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(TextPooling.class)
  void aBatchHasTheBitsOfSingleTexts(TextPooling pooling) {
    var texts = manyTexts(300);
    var file = convert(Renamed.FIXTURES.resolve(MEAN));
    for (var provider : KernelProvider.values()) {
      if (provider.reasonAgainst().isPresent()) continue;
      try (var kernels = provider.open(Workers.threads(2)); var embedder = TextEmbedder.of(Checkpoint.open(file), kernels)) {
        for (boolean normalized : new boolean[] {false, true}) {
          var settings = new TextSettings(pooling, normalized, "");
          var done = new AtomicLong();
          var vectors = embedder.embed(texts, settings, (now, total) -> {
            assertThat(now).isBetween(done.get(), total);
            done.set(now);
          });
          for (int i = 0; i < texts.size(); i += 7)
            assertThat(embedder.embed(List.of(texts.get(i)), settings, Progress.NONE).getFirst()).isEqualTo(vectors.get(i));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(TextPooling.class)
  void poolingsAreWhatTheirNamesSay(TextPooling pooling) {
    var file = convert(Renamed.FIXTURES.resolve("sentence-bert-cls"));
    try (var model = OpenModel.open(file); var embedder = TextEmbedder.open(file)) {
      for (var text : TEXTS) {
        var ids = model.tokenizer().encode(text).ids();
        int n = ids.length, channels = embedder.dimension();
        var input = new float[n];
        for (int i = 0; i < n; i++) input[i] = ids[i];
        var x = model.run("features", Map.of(Model.INPUT_IDS, new OpenModel.Input(input, 1, n), Model.ATTENTION_MASK,
            new OpenModel.Input(new float[n], 1, n), Model.TOKEN_TYPE_IDS, new OpenModel.Input(new float[n], 1, n)),
            in -> List.of(((Bert) model.model()).forward(in.get(Model.INPUT_IDS), in.get(Model.ATTENTION_MASK),
                in.get(Model.TOKEN_TYPE_IDS), Probe.NONE).lastHiddenState()), Progress.NONE).getFirst();
        var vector = embedder.embed(List.of(text), new TextSettings(pooling, false, ""), Progress.NONE).getFirst();
        for (int c = 0; c < channels; c++) {
          int channel = c;
          var column = IntStream.range(0, n).mapToDouble(i -> x[i * channels + channel]).toArray();
          double sum = IntStream.range(0, n).mapToDouble(i -> column[i]).sum();
          double expected = switch (pooling) {
            case MEAN -> sum / n;
            case CLASS_TOKEN -> column[0];
            case MAX -> IntStream.range(0, n).mapToDouble(i -> column[i]).max().orElseThrow();
            case MEAN_SQRT_LENGTH -> sum / Math.sqrt(n);
          };
          assertThat((double) vector[c]).isCloseTo(expected, within(1e-5));
        }
      }
    }
  }

  /// The outputs of padded texts, against the vectors of the texts alone.
  @ParameterizedTest
  @CsvSource({"mean_tokens, MEAN", "cls_token, CLASS_TOKEN", "max_tokens, MAX", "mean_sqrt_len_tokens, MEAN_SQRT_LENGTH"})
  void verificationPoolsPaddedTextsAlike(String name, TextPooling pooling) {
    var changed = published("sentence-bert-cls").with(POOLING, "pooling_mode_cls_token", "false")
        .with(POOLING, "pooling_mode_" + name, "true");
    var file = convert(changed);
    try (var model = OpenModel.open(file); var embedder = TextEmbedder.open(file)) {
      assertThat(embedder.settings()).isEqualTo(new TextSettings(pooling, false, ""));
      int n = 17;
      var encodings = TEXTS.stream().map(text -> model.tokenizer().encode(text).ids()).toList();
      float[] ids = new float[TEXTS.size() * n], mask = new float[ids.length];
      for (int t = 0; t < TEXTS.size(); t++)
        for (int i = 0; i < n; i++) {
          boolean counts = i < encodings.get(t).length;
          ids[t * n + i] = counts ? encodings.get(t)[i] : 0;
          mask[t * n + i] = counts ? 0 : Float.NEGATIVE_INFINITY;
        }
      int texts = TEXTS.size();
      var found = model.run("outputs", Map.of(Model.INPUT_IDS, new OpenModel.Input(ids, texts, n), Model.ATTENTION_MASK,
          new OpenModel.Input(mask, texts, n), Model.TOKEN_TYPE_IDS, new OpenModel.Input(new float[ids.length], texts, n)),
          in -> List.of(model.model().outputs(in, Probe.NONE).get("sentence_embedding")), Progress.NONE).getFirst();
      var vectors = embedder.embed(TEXTS);
      for (int t = 0; t < texts; t++)
        for (int c = 0; c < embedder.dimension(); c++)
          assertThat(found[t * embedder.dimension() + c]).isCloseTo(vectors.get(t)[c], within(1e-5f));
    }
  }

  @Test
  void longTextsAreTruncatedAsPublished() {
    try (var embedder = TextEmbedder.open(convert(published(MEAN).with("sentence_bert_config.json", "max_seq_length", "6")))) {
      var text = "a photo of a cat , two dogs";
      assertThat(embedder.maxTokens()).isEqualTo(6);
      assertThat(embedder.countTokens(text)).isGreaterThan(6);
      var six = Truncation.to(6);
      assertThat(embedder.embed(text)).isEqualTo(embedder.embed(text + " run across the field"))
          .isNotEqualTo(embedder.embed("a photo"));
      assertThat(six.maxLength()).isEqualTo(embedder.maxTokens());
    }
  }

  @Test
  void promptsPrecedeTexts() {
    var prompts = published(MEAN).put("config_sentence_transformers.json",
        "{'prompts': {'query': 'two dogs ', 'document': ''}, 'default_prompt_name': 'query', 'similarity_fn_name': 'cosine'}");
    try (var embedder = TextEmbedder.open(convert(prompts))) {
      assertThat(embedder.prompts()).isEqualTo(Map.of("query", "two dogs "));
      assertThat(embedder.settings().prompt()).isEqualTo("two dogs ");
      var bare = embedder.settings().withPrompt("");
      assertThat(embedder.embed("run")).isEqualTo(embedder.embed(List.of("two dogs run"), bare, Progress.NONE).getFirst())
          .isNotEqualTo(embedder.embed(List.of("run"), bare, Progress.NONE).getFirst());
    }
  }

  @Test
  void aBareEncoderHasSentenceTransformersDefaults() {
    try (var embedder = TextEmbedder.open(convert(published(MEAN).delete(MODULES)))) {
      assertThat(embedder.hasPublishedSettings()).isFalse();
      assertThat(embedder.settings()).isEqualTo(new TextSettings(TextPooling.MEAN, false, ""));
      assertThat(embedder.maxTokens()).isEqualTo(48);
    }
  }

  /// RoBERTa's positions begin after its padding token, and its classifier with BERT's pooler.
  @ParameterizedTest
  @ValueSource(strings = {"roberta", "xlm-roberta"})
  void aRobertaIsABertWithOtherNames(String type) {
    var bert = published(MEAN);
    var expected = vectors(convert(bert));
    var positions = "embeddings.position_embeddings.weight";
    var renamed = Renamed.of(bert.path().resolve("model.safetensors")).drop("pooler.*")
        .change(positions, positions, table -> Array.concat(Array.zeros(2, 48), table));
    renamed.write(bert.path().resolve("model.safetensors"));
    bert.with("config.json", "model_type", "'" + type + "'").with("config.json", "max_position_embeddings", "50")
        .with("config.json", "pad_token_id", "1");
    assertThat(vectors(convert(bert))).usingRecursiveComparison().isEqualTo(expected);
  }

  private static List<float[]> vectors(Path file) {
    try (var embedder = TextEmbedder.open(file)) {
      return embedder.embed(TEXTS);
    }
  }

  @Test
  void aRobertaClassifies() {
    var bert = published("bert-tiny-classifier");
    var file = convert(bert);
    var positions = "bert.embeddings.position_embeddings.weight";
    Renamed.of(bert.path().resolve("model.safetensors"))
        .change(positions, positions, table -> Array.concat(Array.zeros(2, table.shape()[1]), table))
        .rename("^bert\\.pooler\\.dense", "classifier.dense", "^classifier\\.(weight|bias)$", "classifier.out_proj.$1",
            "^bert\\.", "roberta.")
        .write(bert.path().resolve("model.safetensors"));
    int most = bert.json("config.json").get("max_position_embeddings").getAsInt();
    bert.with("config.json", "model_type", "'roberta'").with("config.json", "pad_token_id", "1")
        .with("config.json", "max_position_embeddings", Integer.toString(most + 2));
    try (var one = TextClassifier.open(file); var other = TextClassifier.open(convert(bert))) {
      for (var text : TEXTS) assertThat(other.classify(text)).isEqualTo(one.classify(text));
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
      modules.json                   | [{'type': 'x.Transformer', 'path': ''}, {'type': 'x.Dense', 'path': '2_Dense'}] | modules.json: expected the modules Transformer, Pooling and possibly Normalize, got Transformer, Dense
      modules.json                   | {'a': 1}                                                                        | modules.json: expected a JSON array of modules
      modules.json                   | [1]                                                                             | modules.json: expected a JSON array of modules
      modules.json                   | [{'type': 'x.Transformer', 'path': '../elsewhere'}]                             | 'path': expected a folder inside, got ../elsewhere
      modules.json                   | [{'type': 'x.Pooling', 'path': ''}, {'type': 'x.Pooling', 'path': ''}]          | expected each module once, got x.Pooling twice
      1_Pooling/config.json          | {'pooling_mode_mean_tokens': true, 'pooling_mode_cls_token': true}              | expected one pooling, mean, cls, max or mean_sqrt_len_tokens, got pooling_mode_mean_tokens, pooling_mode_cls_token
      1_Pooling/config.json          | {'pooling_mode_lasttoken': true}                                                | expected one pooling, mean, cls, max or mean_sqrt_len_tokens, got pooling_mode_lasttoken
      1_Pooling/config.json          | {'pooling_mode': 'weightedmean'}                                                | expected one pooling, mean, cls, max or mean_sqrt_len_tokens, got weightedmean
      sentence_bert_config.json      | {'max_seq_length': 32, 'do_lower_case': true}                                   | do_lower_case: true is not supported
      sentence_bert_config.json      | {'max_seq_length': 0}                                                           | max_seq_length
      """)
  void whatIsNotSupportedIsRefused(String file, String json, String message) {
    var changed = published(MEAN).put(file, json);
    assertThatThrownBy(() -> Converter.plan(changed.path(), Conversion.to(WeightFormat.F32)))
        .isInstanceOf(CheckpointException.class).hasMessageContaining(message).hasMessageStartingWith(folder.toString());
  }

  @Test
  void aMissingPoolingIsNamed() {
    var changed = published(MEAN).delete(POOLING);
    assertThatThrownBy(() -> Converter.plan(changed.path(), Conversion.to(WeightFormat.F32)))
        .isInstanceOf(CheckpointException.class).hasMessage(changed.path().resolve(POOLING) + ": no such file");
  }

  @Test
  void newerWordsOfPoolings() {
    var changed = published(MEAN).put(POOLING, "{'embedding_dimension': 48, 'pooling_mode': 'cls', 'include_prompt': true}")
        .put("sentence_bert_config.json", "{'max_seq_length': null}")
        .put("tokenizer_config.json", "{'model_max_length': 1000000000000000019884624838656}");
    try (var embedder = TextEmbedder.open(convert(changed))) {
      assertThat(embedder.settings()).isEqualTo(new TextSettings(TextPooling.CLASS_TOKEN, true, ""));
      assertThat(embedder.maxTokens()).isEqualTo(48);
    }
  }

  /// A text's vector does not depend on what a batch held before.
  @Test
  void manyBatchesInTheOrderGiven() {
    var texts = new ArrayList<>(manyTexts(1000));
    try (var embedder = TextEmbedder.open(convert(Renamed.FIXTURES.resolve(MEAN)))) {
      var vectors = embedder.embed(texts);
      assertThat(vectors).hasSize(1000);
      assertThat(embedder.embed(texts.reversed())).usingRecursiveComparison().isEqualTo(vectors.reversed());
      assertThat(embedder.embed(List.of())).isEmpty();
    }
  }
}
