package dev.fovea.models;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.BiFunction;

/// Small model files whose parameters are random, always the same, and large enough that answers differ.
///
/// @param preprocessing how a picture becomes the model's input
/// @param readsText whether the file holds the tokenizer of [#WORDS]
/// @param labels names of the classes
record SmallModel(ModelConfig config, JsonObject preprocessing, boolean readsText, List<String> labels) {
  /// The numbers of the tokens that are no words.
  static final int PAD = 0, CLS = 2, SEP = 3, MASK = 4;
  /// All tokens, of BERT's kind; a text is `[CLS]`, its words, `[SEP]`.
  static final List<String> WORDS = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "across", "all", "cat", "dog",
      "dogs", "field", "giraffe", "i", "left", "love", "of", "on", "photo", "run", "the", "two", "you");
  private static final int MAX_TOKENS = 48;

  static final SmallModel BERT = bert(2);
  static final SmallModel VIT = new SmallModel(new ViTConfig(32, 32, 8, 3, 48, 3, 3, 96, true, false, 1e-6f, Activation.GELU, 0, 5),
      Preprocessing.standard(32, 32), false, List.of("one", "two", "three", "four", "five"));
  static final SmallModel DINOV2 = dinov2(42, 0);
  static final SmallModel CLIP = clip(SEP);
  static final SmallModel SIGLIP = new SmallModel(new SiglipConfig(tower(), text(16), true, PAD, 48),
      Preprocessing.standardBicubic(32, 32), true, List.of());

  /// @param classes of the head; 0 for none
  static SmallModel bert(int classes) {
    return new SmallModel(new BertConfig(text(MAX_TOKENS), 2, true, classes), new JsonObject(), true,
        List.of("negative", "positive").subList(0, classes));
  }

  static SmallModel dinov2(int imageSize, int registers) {
    return new SmallModel(new Dinov2Config(imageSize, imageSize, 14, 3, 48, 2, 3, 4, false, true, registers, false, 1e-6f,
        Activation.GELU, 0), Preprocessing.imageNet(imageSize, imageSize), false, List.of());
  }

  /// @param end the token that ends a text
  static SmallModel clip(int end) {
    return new SmallModel(new ClipConfig(tower(), text(40), end, 24), Preprocessing.centreOfShortestEdge(32, 32), true, List.of());
  }

  private static PictureTowerConfig tower() {
    return new PictureTowerConfig(32, 32, 8, 3, 2, new EncoderBlock.Sizes(48, 3, 96, true, Activation.GELU, 1e-5f));
  }

  private static TextTowerConfig text(int maxTokens) {
    return new TextTowerConfig(WORDS.size(), maxTokens, 2, new EncoderBlock.Sizes(48, 4, 96, true, Activation.GELU, 1e-5f));
  }

  SmallModel withoutTokenizer() {
    return new SmallModel(config, preprocessing, false, labels);
  }

  SmallModel withLabels(String... others) {
    return new SmallModel(config, preprocessing, readsText, List.of(others));
  }

  /// Writes the model.
  Path write(Path file) {
    var writer = new CheckpointWriter();
    new ModelHeader(config.family().id(), new JsonFields("config", config.toJson()), new JsonFields("preprocessing", preprocessing),
        labels).addTo(writer);
    var random = new Random(1);
    parameters().forEach((name, parameter) -> {
      var values = parameter.values(random);
      writer.tensor(name, DType.F32, parameter.shape, () -> Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values));
    });
    if (readsText) {
      var json = tokenizer(file.resolveSibling("words")).getBytes(StandardCharsets.UTF_8);
      writer.tensor(Tokenizer.TENSOR, DType.U8, new long[] {json.length}, () -> MemorySegment.ofArray(json));
    }
    writer.write(file);
    return file;
  }

  /// It asks to cut texts and to fill them, as published ones do, and no task does that.
  private static String tokenizer(Path folder) {
    try {
      var json = JsonParser.parseString(Tokenizer.jsonOf(Files.write(Files.createDirectories(folder).resolve("vocab.txt"), WORDS)))
          .getAsJsonObject();
      json.add("truncation",
          JsonParser.parseString("{'direction': 'Right', 'max_length': 4, 'strategy': 'LongestFirst', 'stride': 0}"));
      json.add("padding", JsonParser.parseString("{'strategy': {'Fixed': 9}, 'direction': 'Right', 'pad_to_multiple_of': null, "
          + "'pad_id': 0, 'pad_type_id': 0, 'pad_token': '[PAD]'}"));
      return json.toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The tokens of a text whose words are all known.
  static float[] tokens(String text) {
    var words = text.isEmpty() ? new String[0] : text.split(" ");
    var ids = new float[words.length + 2];
    ids[0] = CLS;
    for (int i = 0; i < words.length; i++) ids[i + 1] = WORDS.indexOf(words[i]);
    ids[ids.length - 1] = SEP;
    return ids;
  }

  /// What the model of a file computes by itself, without a task.
  static float[] compute(Path file, Map<String, OpenModel.Input> inputs, BiFunction<Model, Map<String, Tensor>, Tensor> forward) {
    try (var checkpoint = Checkpoint.open(file); var arena = Arena.ofShared();
        var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var model = LoadedModel.of(checkpoint, arena).model();
      var tensors = new HashMap<String, Tensor>();
      inputs.forEach((name, input) -> tensors.put(name, Tensor.of(arena, input.values(), input.shape())));
      return workspace.run("by itself", tensors, given -> forward.apply(model, given), List::of).toArray();
    }
  }

  static double[] softmax(float... logits) {
    double sum = 0;
    var scores = new double[logits.length];
    for (int i = 0; i < scores.length; i++) sum += scores[i] = Math.exp(logits[i]);
    for (int i = 0; i < scores.length; i++) scores[i] /= sum;
    return scores;
  }

  /// What a model asks for.
  ///
  /// @param mean of its numbers
  /// @param deviation of its numbers
  private record Parameter(long[] shape, float mean, double deviation) {
    float[] values(Random random) {
      long size = 1;
      for (long d : shape) size *= d;
      var values = new float[(int) size];
      for (int i = 0; i < values.length; i++) values[i] = mean + (float) (deviation * random.nextGaussian());
      return values;
    }
  }

  /// The parameters by name. A matrix keeps the size of what it maps.
  private Map<String, Parameter> parameters() {
    var asked = new LinkedHashMap<String, Parameter>();
    var shapes = WeightSource.shapesOnly();
    Weights.bind(new WeightSource() {
      @Override
      public Set<String> names() {
        return Set.of();
      }

      @Override
      public String description() {
        return shapes.description();
      }

      @Override
      public Tensor tensor(String name, Initial initial, int... shape) {
        var sizes = new long[shape.length];
        for (int i = 0; i < shape.length; i++) sizes[i] = shape[i];
        asked.put(name, new Parameter(sizes, initial == Initial.ONES ? 1 : 0, 0.2));
        return shapes.tensor(name, initial, shape);
      }

      @Override
      public Weight matrix(String name, int n, int k) {
        asked.put(name, new Parameter(new long[] {n, k}, 0, 1 / Math.sqrt(k)));
        return shapes.matrix(name, n, k);
      }
    }, config::load);
    return asked;
  }
}
