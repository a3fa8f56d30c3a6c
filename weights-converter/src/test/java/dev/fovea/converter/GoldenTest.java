package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Pass;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Comparison;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Verification;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Published folders, converted and run, against the reference implementation's float64 results.
class GoldenTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  @TempDir
  private Path folder;

  private Path convert(String golden, WeightFormat type) {
    var file = folder.resolve(golden + "." + type + ".safetensors");
    Converter.convert(FIXTURES.resolve(golden), file, Conversion.to(type).withTowers(true));
    return file;
  }

  private static JsonObject golden(String golden) {
    return golden(golden, "case.json");
  }

  private static JsonObject golden(String golden, String file) {
    try {
      return JsonParser.parseString(Files.readString(FIXTURES.resolve(golden).resolve(file))).getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The case itself, or the one that it is another published form of.
  private static String original(String golden) {
    return golden(golden).has("same_as") ? golden(golden).get("same_as").getAsString() : golden;
  }

  private static Path reference(String golden) {
    return FIXTURES.resolve(original(golden)).resolve("reference.safetensors");
  }

  private static List<Comparison> compare(Path model, String golden, KernelProvider provider, int threads) {
    return compare(model, reference(golden), provider, threads);
  }

  /// What a model's outputs are beside those in a file.
  static List<Comparison> compare(Path model, Path expected, KernelProvider provider, int threads) {
    try (var checkpoint = Checkpoint.open(model); var reference = Checkpoint.open(expected); var arena = Arena.ofShared();
        var kernels = provider.open(Workers.threads(threads))) {
      return new Verification(LoadedModel.of(checkpoint, arena).model(), reference).compare(kernels);
    }
  }

  /// Every case, and every other form of one that is as precise.
  private static List<String> cases() throws IOException {
    try (var folders = Files.list(FIXTURES)) {
      return folders.map(folder -> folder.getFileName().toString()).filter(name -> !name.matches(".*\\.(bf16|f16)")).sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyOutput(String golden) {
    requireGolden(convert(golden, WeightFormat.F32), golden);
  }

  /// A device records a pass and runs it as a whole: every case is that of its operations one by one.
  @ParameterizedTest
  @MethodSource("cases")
  void everyOutputOfAWholePass(String golden) {
    try (var checkpoint = Checkpoint.open(convert(golden, WeightFormat.F32)); var reference = Checkpoint.open(reference(golden));
        var arena = Arena.ofShared(); var kernels = new WholePassKernels()) {
      requireGolden(new Verification(LoadedModel.of(checkpoint, arena).model(), reference).compare(kernels), golden, "");
    }
  }

  /// Requires that a model gives all outputs of a case, within its tolerance.
  static void requireGolden(Path model, String golden) {
    var about = golden(original(golden));
    var names = about.getAsJsonObject("tensors").keySet().stream().filter(name -> name.startsWith("output.")).map(name -> name.substring(7)).toList();
    for (var provider : KernelProvider.values()) {
      var comparisons = compare(model, golden, provider, 1);
      assertThat(comparisons).extracting(Comparison::name).containsExactlyInAnyOrderElementsOf(names);
      requireGolden(comparisons, golden, "");
      var one = outputs(model, golden, provider, 1);
      outputs(model, golden, provider, 2).forEach((name, values) -> assertThat(values).as(provider + " " + name).isEqualTo(one.get(name)));
    }
  }

  /// Requires that outputs are within a case's tolerance.
  ///
  /// @param prefix of their names in the case
  static void requireGolden(List<Comparison> comparisons, String golden, String prefix) {
    var outputs = golden(original(golden)).getAsJsonObject("outputs");
    assertThat(comparisons).isNotEmpty();
    for (var c : comparisons) {
      var expected = outputs.getAsJsonObject(prefix + c.name());
      // Integers have no error in float32, and pixels may change their class where logits are nearly equal.
      double allowed = expected == null ? 1e-4 : 3e-6 * Math.max(1, expected.get("max_abs").getAsDouble()) + 4 * expected.get("reference_float32_error").getAsDouble();
      assertThat(c.maxError()).as(c.name()).isLessThanOrEqualTo(allowed);
    }
  }

  /// Weights in memory and in the mapped file give the same bits.
  @ParameterizedTest
  @MethodSource("cases")
  void loadedAndMapped(String golden) {
    var formats = golden.equals("vit-tiny") ? WeightFormat.values() : new WeightFormat[] {WeightFormat.F32};
    for (var format : formats) {
      var model = convert(golden, format);
      for (var provider : KernelProvider.values()) {
        var mapped = outputs(model, golden, provider, 2, Residency.MAPPED);
        outputs(model, golden, provider, 2, Residency.LOADED)
            .forEach((name, values) -> assertThat(values).as(format + " " + provider + " " + name).isEqualTo(mapped.get(name)));
      }
    }
  }

  /// The number of threads changes no bit, whatever the family.
  @ParameterizedTest
  @MethodSource("cases")
  void sameBitsForAnyNumberOfThreads(String golden) {
    var formats = golden.equals("vit-tiny") ? WeightFormat.values() : new WeightFormat[] {WeightFormat.F32};
    for (var format : formats) {
      var model = convert(golden, format);
      var one = outputs(model, golden, KernelProvider.VECTOR, 1);
      assertThat(one).isNotEmpty();
      for (int threads : new int[] {2, 3, 7, 16})
        outputs(model, golden, KernelProvider.VECTOR, threads)
            .forEach((name, values) -> assertThat(values).as(format + ", " + threads + " threads, " + name).isEqualTo(one.get(name)));
    }
  }

  private static Map<String, float[]> outputs(Path model, String golden, KernelProvider provider, int threads) {
    return outputs(model, golden, provider, threads, Residency.MAPPED);
  }

  /// A model's outputs for a case's inputs.
  static Map<String, float[]> outputs(Path model, String golden, KernelProvider provider, int threads, Residency residency) {
    try (var checkpoint = Checkpoint.open(model, residency); var reference = Checkpoint.open(reference(golden));
        var arena = Arena.ofShared(); var kernels = provider.open(Workers.threads(threads)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.of(checkpoint, arena);
      var outputs = new TreeMap<String, float[]>();
      run.run(workspace, new Verification(run.model(), reference).inputs(arena), Probe.all())
          .forEach((name, tensor) -> outputs.put(name, tensor.toArray()));
      return outputs;
    }
  }

  /// A pass is recorded without kernels and without memory, then run from the record alone: the same bits as the model's.
  @ParameterizedTest
  @MethodSource("cases")
  void replayedWithoutTheModel(String golden) {
    var model = convert(golden, WeightFormat.F32);
    for (var provider : KernelProvider.values()) {
      var expected = outputs(model, golden, provider, 1);
      replayed(model, golden, provider).forEach((name, values) -> assertThat(values).as(provider + " " + name).isEqualTo(expected.get(name)));
    }
  }

  private static Map<String, float[]> replayed(Path model, String golden, KernelProvider provider) {
    try (var checkpoint = Checkpoint.open(model); var reference = Checkpoint.open(reference(golden)); var arena = Arena.ofShared();
        var kernels = provider.open(Workers.threads(1))) {
      var run = LoadedModel.of(checkpoint, arena);
      var inputs = run.model().prepared(new Verification(run.model(), reference).inputs(arena));
      var shapes = new TreeMap<String, int[]>();
      inputs.forEach((name, input) -> shapes.put(name, input.shape()));
      var names = new ArrayList<String>();
      var tensors = new ArrayList<Tensor>();
      var recording = Workspace.dryRun(shapes, given -> {
        run.model().outputs(given, Probe.all()).forEach((name, tensor) -> {
          names.add(name);
          tensors.add(tensor);
        });
        return tensors;
      }, results -> results);
      try (var pass = Pass.of(recording, tensors, kernels, inputs, Progress.NONE)) {
        var results = pass.run();
        var outputs = new TreeMap<String, float[]>();
        for (int i = 0; i < results.size(); i++) outputs.put(names.get(i), results.get(i).toArray());
        assertThat(outputs).isNotEmpty();
        return outputs;
      }
    }
  }

  /// Every attention of every family hands out its map, with what its queries and keys are.
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {
      "vit-tiny; attentions.0 CLASS1+PATCH16->CLASS1+PATCH16",
      "dinov2-tiny-registers; attentions.1 CLASS1+REGISTER4+PATCH18->CLASS1+REGISTER4+PATCH18",
      "clip-tiny; text_model_output.attentions.0 TEXT7->TEXT7",
      "clip-tiny; vision_model_output.attentions.1 CLASS1+PATCH16->CLASS1+PATCH16",
      "siglip-tiny; vision_model_output.pooling.attentions QUERY1->PATCH16",
      "bert-tiny-classifier; attentions.0 TEXT8->TEXT8",
      "llama-tiny; attentions.1 TEXT13->TEXT13",
      "segformer-tiny; attentions.1 PATCH64->PATCH4",
      "grounding-dino-tiny; backbone.attentions.2 PATCH16->PATCH16 of 6x5",
      "grounding-dino-tiny; backbone.attentions.3 PATCH16->PATCH16 of 6x5",
      "grounding-dino-tiny; text.attentions.1 TEXT15->TEXT15",
      "grounding-dino-tiny; encoder.layers.0.vision_to_text PATCH120+PATCH30+PATCH9+PATCH4->TEXT15",
      "grounding-dino-tiny; encoder.layers.1.text_to_vision TEXT15->PATCH120+PATCH30+PATCH9+PATCH4",
      "grounding-dino-tiny; encoder.layers.1.text TEXT15->TEXT15",
      "grounding-dino-tiny; decoder.layers.0.self QUERY12->QUERY12",
      "grounding-dino-tiny; decoder.layers.1.text QUERY12->TEXT15",
      "sam-tiny; vision_attentions.0 PATCH9->PATCH9 of 8x8",
      "sam-tiny; vision_attentions.1 PATCH64->PATCH64",
      "sam-tiny; point.multi.mask_decoder.0.layers.0.token_to_image QUERY5+PROMPT2->PATCH64"})
  void everyAttentionHandsOutItsMap(String golden, String expected) {
    var model = convert(golden, WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(model); var reference = Checkpoint.open(reference(golden)); var arena = Arena.ofShared();
        var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.of(checkpoint, arena);
      var probe = Probe.all();
      run.run(workspace, new Verification(run.model(), reference).inputs(arena), probe);
      var lines = new ArrayList<String>();
      probe.attentions().forEach((name, map) -> {
        int[] shape = map.weights().shape();
        assertThat(shape[2]).as(name).isEqualTo(map.queries().count());
        assertThat(shape[3]).as(name).isEqualTo(map.keys().count());
        float[] weights = map.weights().toArray();
        for (int row = 0; row < weights.length; row += shape[3]) {
          double sum = 0;
          for (int key = 0; key < shape[3]; key++) sum += weights[row + key];
          assertThat(sum).as(name).isCloseTo(1, org.assertj.core.data.Offset.offset(1e-5));
        }
        lines.add(name + " " + words(map.queries()) + "->" + words(map.keys())
            + (map.windows() == null ? "" : " of " + map.windows().rows() + "x" + map.windows().cols()));
      });
      assertThat(lines).contains(expected);
    }
  }

  private static String words(Tokens tokens) {
    return String.join("+", tokens.runs().stream().map(run -> run.kind() + "" + run.count()).toList());
  }

  /// The checkpoints that were published in 16 bits are the float32 one rounded; so are our own 16-bit forms, and rounding twice
  /// the same way changes nothing.
  @ParameterizedTest
  @CsvSource({"vit-tiny.f16, F32, 4e-3", "vit-tiny.f16, F16, 4e-3", "vit-tiny, F16, 4e-3", "vit-tiny.bf16, F32, 4e-2",
      "vit-tiny.bf16, BF16, 4e-2", "vit-tiny, BF16, 4e-2"})
  void halfPrecision(String golden, WeightFormat type, double tolerance) {
    var comparisons = compare(convert(golden, type), golden, KernelProvider.VECTOR, 2);
    assertThat(comparisons).hasSize(8);
    for (var c : comparisons) assertThat(c.maxError()).as(c.name()).isLessThan(tolerance * Math.max(1, c.maxAbs()));
    // The largest error is not that of float32, for the elements were rounded.
    assertThat(comparisons).anyMatch(c -> c.maxError() > 1e-4);
  }

  /// A checkpoint that was published in 16 bits gives the same bits whether its weights stay in 16 bits or are widened to float32.
  @ParameterizedTest
  @CsvSource({"vit-tiny.f16, F16", "vit-tiny.bf16, BF16"})
  void halfPrecisionIsRoundedFloat32(String golden, WeightFormat type) throws IOException {
    Path widened = convert(golden, WeightFormat.F32), narrow = convert(golden, type);
    assertThat(Files.size(narrow)).isLessThan(Files.size(widened));
    for (var provider : KernelProvider.values()) {
      var expected = outputs(widened, golden, provider, 1);
      outputs(narrow, golden, provider, 1).forEach((name, values) -> assertThat(values).as(provider + " " + name).isEqualTo(expected.get(name)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"vit-tiny", "vit-tiny-rect-nobias", "segformer-tiny", "segformer-tiny-rect"})
  void preprocessedPictures(String golden) {
    try (var checkpoint = Checkpoint.open(convert(golden, WeightFormat.F32)); var reference = Checkpoint.open(reference(golden))) {
      var input = Preprocessing.of(ModelHeader.of(checkpoint).preprocessing()).apply(Picture.read(FIXTURES.resolve(golden).resolve("image.png")), 1);
      var expected = reference.tensor("input.pixel_values").toFloats();
      // Samples of one 255th are 2/255 apart after the normalisation to [-1, 1].
      for (int i = 0; i < input.values().length; i++) assertThat(input.values()[i]).as("value " + i).isBetween(expected[i] - 1e-5f, expected[i] + 1e-5f);
    }
  }

  @Test
  void deterministicBytes() throws IOException {
    var first = Files.readAllBytes(convert("vit-tiny", WeightFormat.F32));
    assertThat(Files.readAllBytes(convert("vit-tiny", WeightFormat.F32))).isEqualTo(first);
  }

  @Test
  void everyProblemInOneError() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), source.resolve("model.safetensors"));
    Files.writeString(source.resolve("config.json"), Files.readString(FIXTURES.resolve("vit-tiny/config.json"))
        .replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4").replace("\"intermediate_size\": 96", "\"intermediate_size\": 95"));
    var target = folder.resolve("out.safetensors");
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("vit.encoder.layer.3.layernorm_before.weight': missing")
        .hasMessageContaining("vit.encoder.layer.0.intermediate.dense.weight': expected mlp.fc1.weight".replace("mlp", "blocks.0.mlp"));
    assertThat(target).doesNotExist();
    Files.writeString(source.resolve("config.json"), Files.readString(FIXTURES.resolve("vit-tiny/config.json")).replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2"));
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).hasMessageContaining("16 tensors have no place in the model");
  }

  /// A source that is cut in two, and one whose rows and columns are exchanged, which has the right number of elements.
  @Test
  void misshapenParts() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("dinov2-tiny-swiglu/model.safetensors"), source.resolve("model.safetensors"));
    var config = Files.readString(FIXTURES.resolve("dinov2-tiny-swiglu/config.json"));
    Files.writeString(source.resolve("config.json"), config.replace("\"mlp_ratio\": 4", "\"mlp_ratio\": 8"));
    var target = folder.resolve("out.safetensors");
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'encoder.layer.0.mlp.weights_in.weight': expected to hold blocks.0.mlp.w1.weight [256, 48], got [256, 48]")
        .hasMessageContaining("'encoder.layer.1.mlp.weights_out.weight': expected blocks.1.mlp.w3.weight [48, 256], got [48, 128]");
    var exchanged = Files.readAllBytes(source.resolve("model.safetensors"));
    var header = new String(exchanged, StandardCharsets.ISO_8859_1).replaceAll("(weights_out.weight\":\\{[^}]*)\\[48,128]", "$1[128,48]");
    Files.write(source.resolve("model.safetensors"), header.getBytes(StandardCharsets.ISO_8859_1));
    Files.writeString(source.resolve("config.json"), config);
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32))
        .hasMessageContaining("'encoder.layer.0.mlp.weights_out.weight': expected blocks.0.mlp.w3.weight [48, 128], got [128, 48]");
    assertThat(target).doesNotExist();
  }

  /// A pickle that would call a function, and a shard that is missing: nothing is executed, and nothing written.
  @Test
  void hostileSources() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny/config.json"), source.resolve("config.json"));
    var target = folder.resolve("out.safetensors");
    Files.write(source.resolve("pytorch_model.bin"), "\u0080\2cos\nsystem\nX\4\0\0\0exit\u0085R.".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("pytorch_model.bin: ").hasMessageContaining("it uses 'os.system'");
    Files.writeString(source.resolve("model.safetensors.index.json"), "{\"weight_map\": {\"a\": \"model-00001.safetensors\"}}");
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("index.json: the shard 'model-00001.safetensors' is missing");
    Files.delete(source.resolve("model.safetensors.index.json"));
    var first = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},";
    for (var second : Map.of("\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
        "tensor 'b' overlaps the one before it",
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", "there are two tensors 'a'").entrySet()) {
      var header = first + second.getKey();
      Files.write(source.resolve("model.safetensors"), ((char) header.length() + "\0".repeat(7) + header + "\0".repeat(12))
          .getBytes(StandardCharsets.ISO_8859_1));
      assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
          .hasMessageContaining("model.safetensors: not a valid safetensors file").hasMessageContaining(second.getValue());
    }
    assertThat(target).doesNotExist();
    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(source);
    }
  }

  /// NaN and infinities stay what they are, and are counted; so is what float16 has no number for.
  @Test
  void nonFiniteWeights() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    for (var file : List.of("config.json", "model.safetensors")) Files.copy(FIXTURES.resolve("vit-tiny").resolve(file), source.resolve(file));
    var target = folder.resolve("out.safetensors");
    assertThat(Converter.convert(source, target, WeightFormat.F32).nonFinite()).isEmpty();
    try (var channel = FileChannel.open(source.resolve("model.safetensors"), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      var bytes = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN);
      var header = JsonParser.parseString(StandardCharsets.UTF_8.decode(bytes.slice(8, (int) bytes.getLong(0))).toString()).getAsJsonObject();
      int begin = 8 + (int) bytes.getLong(0);
      bytes.putFloat(begin + header.getAsJsonObject("classifier.bias").getAsJsonArray("data_offsets").get(0).getAsInt(), Float.NaN);
      int weight = begin + header.getAsJsonObject("classifier.weight").getAsJsonArray("data_offsets").get(0).getAsInt();
      bytes.putFloat(weight, Float.POSITIVE_INFINITY);
      bytes.putFloat(weight + 4, Float.NaN);
      bytes.putFloat(weight + 8, 1e6f);
    }
    var counted = Map.of("head.bias", 1L, "head.weight", 2L);
    assertThat(Converter.convert(source, target, WeightFormat.F16)).returns(counted, Report::nonFinite)
        .returns(Map.of("head.weight", 1L), Report::overflown);
    assertThat(Converter.convert(source, target, WeightFormat.BF16)).returns(counted, Report::nonFinite).returns(Map.of(),
        Report::overflown);
    assertThat(Converter.convert(source, target, WeightFormat.F32)).returns(counted, Report::nonFinite).returns(Map.of(),
        Report::overflown);
    try (var checkpoint = Checkpoint.open(target)) {
      assertThat(checkpoint.tensor("head.bias").floatAt(0)).isNaN();
    }
  }

  /// timm's config and the tensors tell the sizes; what is not known is asked for.
  @Test
  void timmConfigs() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny.timm/model.safetensors"), source.resolve("model.safetensors"));
    var target = folder.resolve("out.safetensors");
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tensors such as 'blocks.0.attn.qkv.weight' are a vit's but do not tell all sizes");
    var config = golden("vit-tiny.timm", "config.json");
    config.remove("model_args");
    Files.writeString(source.resolve("config.json"), config.toString());
    Converter.convert(source, target, WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(target)) {
      var header = ModelHeader.of(checkpoint);
      assertThat(header.config().json().toString()).isEqualTo("{\"image_size\":[32,32],\"patch_size\":8,\"num_channels\":3,\"hidden_size\":48,"
          + "\"num_hidden_layers\":3,\"num_attention_heads\":3,\"intermediate_size\":96,\"qkv_bias\":true,\"layer_norm_eps\":1.0E-6,"
          + "\"hidden_act\":\"gelu\",\"num_labels\":11}");
      var preprocessing = Preprocessing.of(header.preprocessing());
      assertThat(preprocessing.resize().shortestEdge()).isEqualTo(32);
      assertThat(preprocessing.crop()).containsExactly(32, 32);
    }
    config.getAsJsonObject("pretrained_cfg").addProperty("crop_pct", 0.9);
    Files.writeString(source.resolve("config.json"), config.toString());
    Converter.convert(source, target, WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(target)) {
      assertThat(Preprocessing.of(ModelHeader.of(checkpoint).preprocessing()).resize().shortestEdge()).isEqualTo(35);
    }
    config.addProperty("architecture", "eva02_tiny");
    Files.writeString(source.resolve("config.json"), config.toString());
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).hasMessageContaining("architecture 'eva02_tiny' is not known");
    config = golden("vit-tiny.timm", "config.json");
    config.getAsJsonObject("model_args").addProperty("qk_norm", true);
    Files.writeString(source.resolve("config.json"), config.toString());
    assertThatThrownBy(() -> Converter.convert(source, target, WeightFormat.F32)).hasMessageContaining("model_args: 'qk_norm' is not supported");
  }

  @Test
  void unknownFamilies() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), source.resolve("model.safetensors"));
    Files.writeString(source.resolve("config.json"), "{\"model_type\": \"vgg\"}");
    assertThatThrownBy(() -> Converter.convert(source, folder.resolve("out.safetensors"), WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("config.json: model_type 'vgg' is not supported; expected one of vit, dinov2, dinov2_with_registers, clip, "
            + "clip_vision_model, siglip, siglip_vision_model, bert, distilbert, roberta, xlm-roberta, segformer, sam, grounding-dino, mm-grounding-dino, llama, qwen2, deepseek_vl, llava, smolvlm, idefics3");
  }
}
