import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.fovea.converter.Converter;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.OpenOptions;
import dev.fovea.models.TextEmbedder;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.onnx.AbstractInProcessEmbeddingModel;
import dev.langchain4j.model.embedding.onnx.OnnxBertBiEncoder;
import dev.langchain4j.model.embedding.onnx.PoolingMode;
import dev.langchain4j.model.embedding.onnx.allminilml6v2.AllMiniLmL6V2EmbeddingModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;

/// The published all-MiniLM-L6-v2, from the artifact that LangChain4j's users have: its ONNX file converted, and 200 texts embedded
/// by Fovea and by the artifact itself, which runs ONNX Runtime. Each vector must be the same within 1e-5 of its length.
///
/// With a number of seconds as its argument it also measures texts a second of both, in turn, on one thread and on two.
final class MiniLm {
  private static final int DIM = 384;
  private static final double MOST_DIFFERENCE = 1e-5;
  private MiniLm() {}

  public static void main(String[] args) throws IOException {
    Locale.setDefault(Locale.ROOT);
    var folder = Files.createTempDirectory("minilm");
    try {
      var model = convert(folder);
      compare(model);
      double seconds = Double.parseDouble(args[0]);
      if (seconds > 0) for (int threads : new int[] {1, 2}) measure(model, threads, seconds);
    } finally {
      try (var files = Files.walk(folder)) {
        for (var file : files.sorted((a, b) -> b.compareTo(a)).toList()) Files.delete(file);
      }
    }
  }

  /// The artifact has the graph and the tokenizer; the rest is what the model's authors publish beside them.
  private static Path convert(Path folder) throws IOException {
    for (var file : new String[][] {{"all-minilm-l6-v2.onnx", "model.onnx"}, {"all-minilm-l6-v2-tokenizer.json", "tokenizer.json"}})
      try (var in = AllMiniLmL6V2EmbeddingModel.class.getResourceAsStream("/" + file[0])) {
        Files.copy(in, folder.resolve(file[1]));
      }
    Files.writeString(folder.resolve("config.json"), """
        {"model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
         "hidden_act": "gelu", "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12}
        """);
    Files.writeString(folder.resolve("modules.json"), """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
         {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
        """);
    Files.createDirectory(folder.resolve("1_Pooling"));
    Files.writeString(folder.resolve("1_Pooling/config.json"), "{\"pooling_mode_mean_tokens\": true}");
    // The artifact truncates to what its tokenizer.json says.
    Files.writeString(folder.resolve("sentence_bert_config.json"), "{\"max_seq_length\": 128, \"do_lower_case\": false}");
    var target = Files.createDirectory(folder.resolve("fovea")).resolve("minilm.safetensors");
    Converter.convert(folder.resolve("model.onnx"), target, WeightFormat.F32);
    return target;
  }

  private static void compare(Path file) {
    var texts = texts();
    var peer = new AllMiniLmL6V2EmbeddingModel();
    try (var embedder = TextEmbedder.open(file)) {
      var vectors = embedder.embed(texts);
      double most = 0;
      for (int i = 0; i < texts.size(); i++) {
        var text = texts.get(i);
        if (text.isBlank()) continue;   // The artifact refuses it.
        most = Math.max(most, distance(text, vectors.get(i), peer.embed(text).content().vector()));
      }
      System.out.printf("%d texts, all vectors are those of ONNX Runtime within %.1e of their length%n", texts.size(), most);
    }
  }

  private static double distance(String text, float[] found, float[] expected) {
    double sum = 0;
    for (int i = 0; i < DIM; i++) sum += Math.pow(found[i] - (double) expected[i], 2);
    if (!(Math.sqrt(sum) <= MOST_DIFFERENCE))
      throw new IllegalStateException("'" + text.substring(0, Math.min(40, text.length())) + "': the vectors differ by "
          + Math.sqrt(sum));
    return Math.sqrt(sum);
  }

  /// English, accents, Han, Korean, emoji, digits, punctuation, nothing, and 10,000 characters.
  private static List<String> texts() {
    var parts = List.of("the", "river", "café", "naïve", "Straße", "crème brûlée", "東京", "漢字", "한국어", "안녕하세요", "🙂", "👩‍👩‍👧",
        "E = mc^2", "3.14159", "don't", "(see below)", "https://example.org/a?b=c", "ANTIDISESTABLISHMENTARIANISM", "слово",
        "λόγος", "a\tb", "--", "quick brown fox", "vector", "\"quoted\"", "zzyzx");
    var random = new Random(3);
    var texts = new ArrayList<>(List.of("", " ", "a", "Hello, world!", "The capital of France is Paris.",
        "¿Dónde está la biblioteca?", "我喜欢读书。", "나는 책을 좋아한다.", "🙂🙃", "word ".repeat(2000).strip()));
    while (texts.size() < 200)
      texts.add(String.join(" ", random.ints(1 + random.nextInt(60), 0, parts.size()).mapToObj(parts::get).toList()));
    return texts;
  }

  /// Sentences as people search for them: 4 to 24 words.
  private static List<String> sentences(int count) {
    var words = "a the of to in is was for on with as by at from it an be are this that time river house garden bright small water"
        .split(" ");
    var random = new Random(5);
    var sentences = new ArrayList<String>();
    for (int i = 0; i < count; i++)
      sentences.add(String.join(" ", random.ints(4 + random.nextInt(21), 0, words.length).mapToObj(j -> words[j]).toList()));
    return sentences;
  }

  private static void measure(Path file, int threads, double seconds) {
    WarmUp.start();
    try (var workers = Workers.threads(threads);
        var embedder = TextEmbedder.open(file, OpenOptions.DEFAULT.withResidency(Residency.LOADED).withWorkers(workers))) {
      WarmUp.await();
      for (int batch : new int[] {1, 32}) {
        var sentences = sentences(batch == 1 ? 64 : 256);
        double ours = 0, theirs = 0;
        for (int turn = 0; turn < 3; turn++) {
          ours = Math.max(ours, rate(sentences, batch, seconds, embedder::embed));
          // Its threads work on one text, or each on its own.
          theirs = Math.max(theirs, peerRate(threads, 1, sentences, batch, seconds));
          if (threads > 1) theirs = Math.max(theirs, peerRate(1, threads, sentences, batch, seconds));
        }
        System.out.printf("%d thread%s, batch %d: Fovea %.0f texts/s, the artifact's ONNX Runtime %.0f, ratio %.2f%n", threads,
            threads == 1 ? "" : "s", batch, ours, theirs, ours / theirs);
      }
    }
  }

  private interface Embedding {
    Object of(List<String> texts);
  }

  /// The artifact's model, but with a number of threads: its own takes all processors.
  private static final class Peer extends AbstractInProcessEmbeddingModel {
    private final OnnxBertBiEncoder encoder;

    Peer(OnnxBertBiEncoder encoder, Executor executor) {
      super(executor);
      this.encoder = encoder;
    }

    @Override
    protected OnnxBertBiEncoder model() {
      return encoder;
    }
  }

  private static double peerRate(int threadsOfAText, int texts, List<String> sentences, int batch, double seconds) {
    var environment = OrtEnvironment.getEnvironment();
    try (var executor = Executors.newFixedThreadPool(texts); var options = new OrtSession.SessionOptions();
        var graph = AllMiniLmL6V2EmbeddingModel.class.getResourceAsStream("/all-minilm-l6-v2.onnx");
        var tokenizer = AllMiniLmL6V2EmbeddingModel.class.getResourceAsStream("/all-minilm-l6-v2-tokenizer.json")) {
      options.setIntraOpNumThreads(threadsOfAText);
      try (var session = environment.createSession(graph.readAllBytes(), options)) {
        var peer = new Peer(new OnnxBertBiEncoder(environment, session, tokenizer, PoolingMode.MEAN), executor);
        return rate(sentences, batch, seconds, each -> peer.embedAll(each.stream().map(TextSegment::from).toList()));
      }
    } catch (OrtException | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static double rate(List<String> sentences, int batch, double seconds, Embedding embedding) {
    double best = 0;
    long start = System.nanoTime();
    while (System.nanoTime() - start < 1e9 * seconds) {
      long begin = System.nanoTime();
      for (int i = 0; i < sentences.size(); i += batch) embedding.of(sentences.subList(i, i + batch));
      best = Math.max(best, 1e9 * sentences.size() / (System.nanoTime() - begin));
    }
    return best;
  }
}
