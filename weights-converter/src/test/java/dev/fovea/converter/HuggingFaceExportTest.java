package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// There and back: from Hugging Face's form to Fovea's to Hugging Face's to Fovea's.
class HuggingFaceExportTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final String MODEL = "model.safetensors";

  /// What a fixture's config says and an exported one does not: what training alone knows, what is true of every model that is
  /// read here, what follows from other fields, and what transformers does not use either.
  /// What only training reads of a Grounding DINO, what follows from other fields of its backbone, and the size that it was trained at.
  private static final Set<String> OF_TRAINING = Set.of("activation_dropout", "auxiliary_loss", "bbox_cost", "bbox_loss_coefficient", "class_cost",
      "disable_custom_kernels", "dropout", "focal_alpha", "fusion_dropout", "fusion_droppath", "giou_cost", "giou_loss_coefficient", "init_std",
      "is_encoder_decoder", "text_enhancer_dropout", "two_stage_bbox_embed_share", "backbone_config.drop_path_rate", "backbone_config.encoder_stride",
      "backbone_config.hidden_size", "backbone_config.image_size", "backbone_config.num_layers", "backbone_config.out_features",
      "backbone_config.stage_names", "backbone_config.use_absolute_embeddings");
  private static final Set<String> NOT_SAID = Set.of("attention_probs_dropout_prob", "hidden_dropout_prob", "attention_dropout",
      "classifier_dropout", "classifier_dropout_prob", "drop_path_rate", "initializer_range", "initializer_factor",
      "layerscale_value", "logit_scale_init_value", "semantic_loss_ignore_index", "encoder_stride", "pooler_act",
      "pooler_output_size", "transformers_version", "dtype", "apply_layernorm", "out_features", "out_indices", "stage_names", "reshape_hidden_states", "reshape_last_stage",
      "use_mask_token", "tie_word_embeddings", "add_cross_attention", "is_decoder", "use_cache", "bos_token_id", "iou_head_depth",
      "mlp_ratio", "scale", "use_abs_pos", "use_rel_pos", "pretraining_tp", "layer_types", "max_window_layers", "use_sliding_window",
      "image_seq_length");

  @TempDir
  private Path folder;

  private Path fovea(Path source, WeightFormat type) {
    var file = folder.resolve(source.getFileName() + "." + type + "." + System.nanoTime() + ".safetensors");
    Converter.convert(source, file, type);
    return file;
  }

  private Path published(Path model) {
    var out = folder.resolve(model.getFileName() + ".hf");
    HuggingFaceExport.write(model, out);
    return out;
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  /// A tensor's type, shape and bytes.
  private record Content(DType dtype, List<Long> shape, List<Byte> bytes) {
    static Content of(StoredTensor tensor) {
      var bytes = new ArrayList<Byte>();
      for (byte b : tensor.data().toArray(ValueLayout.JAVA_BYTE)) bytes.add(b);
      return new Content(tensor.dtype(), tensor.shape(), bytes);
    }
  }

  private static Map<String, Content> tensors(Path file) {
    try (var checkpoint = Checkpoint.open(file)) {
      return new TreeMap<>(checkpoint.tensors().values().stream().collect(Collectors.toMap(StoredTensor::name, Content::of)));
    }
  }

  private static Map<String, List<Long>> shapes(Map<String, Content> tensors) {
    var shapes = new TreeMap<String, List<Long>>();
    tensors.forEach((name, content) -> shapes.put(name, content.shape));
    return shapes;
  }

  /// A copy of a model file with other metadata and tensors.
  private Path changed(Path model, String name, UnaryOperator<String> config, Function<StoredTensor, StoredTensor> tensors) {
    return changed(model, name, (key, value) -> key.equals("config") ? config.apply(value) : value, tensors);
  }

  private Path changed(Path model, String name, BinaryOperator<String> metadata, Function<StoredTensor, StoredTensor> tensors) {
    var out = folder.resolve(name + ".safetensors");
    try (var checkpoint = Checkpoint.open(model)) {
      var writer = new CheckpointWriter();
      checkpoint.metadata().forEach((key, value) -> writer.metadata(key, metadata.apply(key, value)));
      for (var each : checkpoint.tensors().values()) {
        var tensor = tensors.apply(each);
        if (tensor != null)
          writer.tensor(tensor.name(), tensor.dtype(), tensor.shape().stream().mapToLong(d -> d).toArray(), tensor::data);
      }
      writer.write(out);
    }
    return out;
  }

  /// What is in a folder is in another one too, after a second round.
  private void requireFixedPoint(Path model, Path published, WeightFormat type) throws IOException {
    var again = fovea(published, type);
    assertThat(tensors(again)).isEqualTo(tensors(model));
    try (var first = Checkpoint.open(model); var second = Checkpoint.open(again)) {
      for (var key : List.of("fovea", "family", "config", "labels"))
        assertThat(second.metadata()).as(key).containsEntry(key, first.metadata().get(key));
      assertThat(second.metadata().get("palette")).isEqualTo(first.metadata().get("palette"));
      // It names the processor where the first one did not.
      var preprocessing = JsonParser.parseString(second.metadata().get("preprocessing")).getAsJsonObject();
      JsonParser.parseString(first.metadata().get("preprocessing")).getAsJsonObject().entrySet()
          .forEach(field -> assertThat(preprocessing.get(field.getKey())).as(field.getKey()).isEqualTo(field.getValue()));
    }
    var second = published(again);
    try (var files = Files.walk(published); var others = Files.walk(second)) {
      var names = files.filter(Files::isRegularFile).map(published::relativize).sorted().toList();
      assertThat(others.filter(Files::isRegularFile).map(second::relativize).sorted().toList()).isEqualTo(names);
      for (var name : names) assertThat(second.resolve(name)).hasSameBinaryContentAs(published.resolve(name));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"vit-tiny", "vit-tiny-rect-nobias", "dinov2-tiny", "dinov2-tiny-interpolated", "dinov2-tiny-swiglu",
      "dinov2-tiny-registers", "dinov2-tiny-classifier", "clip-tiny", "siglip-tiny", "bert-tiny-classifier", "segformer-tiny",
      "segformer-tiny-rect", "sam-tiny", "grounding-dino-tiny", "mm-grounding-dino-tiny", "llama-tiny", "llama-tiny-scaled", "qwen2-tiny",
      "deepseek-vl-tiny", "deepseek-vl-tiny-picture", "llava-tiny", "smolvlm-tiny"})
  void thereAndBack(String golden) throws IOException {
    var source = FIXTURES.resolve(golden);
    var model = fovea(source, WeightFormat.F32);
    var published = folder.resolve("published");
    var report = HuggingFaceExport.write(model, published);
    var before = tensors(source.resolve(MODEL));
    var after = tensors(published.resolve(MODEL));
    assertThat(shapes(after)).isEqualTo(shapes(before));
    // What is not in a model of Fovea's, and the batch norm that was folded.
    var made = new HashSet<>(report.added().keySet());
    if (golden.startsWith("segformer")) {
      assertThat(made).containsExactlyInAnyOrder("decode_head.batch_norm", "decode_head.batch_norm.num_batches_tracked");
      after.keySet().stream().filter(name -> name.startsWith("decode_head.batch_norm.")).forEach(made::add);
      made.add("decode_head.linear_fuse.weight");
    } else if (golden.startsWith("dinov2")) {
      assertThat(made).singleElement().asString().endsWith("embeddings.mask_token");
    } else if (golden.startsWith("llava")) {
      assertThat(made).hasSize(18).allMatch(name -> name.startsWith("vision_tower.encoder.layers.2.") || name.startsWith("vision_tower.post_layernorm."));
    } else if (golden.contains("grounding-dino")) {
      assertThat(made).hasSize(golden.startsWith("mm") ? 3 : 2)
          .allMatch(name -> name.startsWith("model.backbone.conv_encoder.model.swin.layernorm.") || name.equals("model.encoder_output_class_embed.bias"));
    } else {
      assertThat(made).isEmpty();
    }
    before.forEach((name, content) -> {
      if (!made.contains(name)) assertThat(after.get(name)).as(name).isEqualTo(content);
    });
    try (var checkpoint = Checkpoint.open(published.resolve(MODEL))) {
      assertThat(checkpoint.metadata()).containsExactly(Map.entry("format", "pt"));
    }
    requireSaid("", json(source.resolve("config.json")), json(published.resolve("config.json")));
    for (var file : List.of("preprocessor_config.json", "tokenizer.json"))
      if (Files.exists(source.resolve(file))) assertThat(json(published.resolve(file))).isEqualTo(json(source.resolve(file)));
    requireFixedPoint(model, published, WeightFormat.F32);
  }

  /// Every field of a fixture's config says the same in the exported one.
  private static void requireSaid(String path, JsonObject before, JsonObject after) {
    before.entrySet().forEach(field -> {
      var name = path + field.getKey();
      JsonElement value = field.getValue(), now = after.get(field.getKey());
      if (value instanceof JsonObject inner && now != null) requireSaid(name + ".", inner, now.getAsJsonObject());
      else if (now == null) assertThat(value.isJsonNull() || known(name, field.getKey(), value)).as(name).isTrue();
      // The config of CLIP's towers says what is not so in this model.
      else if (!name.matches("(vision|text)_config.projection_dim")) assertThat(normal(now)).as(name).isEqualTo(normal(value));
    });
  }

  /// SegFormer's norms have PyTorch's epsilon whatever the config says; the rest is what transformers has where nothing is said.
  private static boolean known(String name, String field, JsonElement value) {
    // A decoder reads one text at a time, which needs no padding, and a BERT's is 0.
    return NOT_SAID.contains(field) || OF_TRAINING.contains(name) || name.matches("(text_config.)?pad_token_id") && (value.getAsInt() == 2 || value.getAsInt() == 0)
        || name.equals("vision_config.projection_dim") || Map.of("layer_norm_eps", "1e-06", "text_config.pad_token_id", "1",
        "text_config.eos_token_id", "1", "pad_token_id", "0", "mask_decoder_config.model_type", "", "prompt_encoder_config.model_type", "")
        .getOrDefault(name, "said").equals(value.getAsString());
  }

  private static Object normal(JsonElement value) {
    return value.isJsonPrimitive() && value.getAsJsonPrimitive().isNumber() ? (Object) value.getAsFloat() : value;
  }

  /// Elements keep their type and bits: matrices are those that were published.
  @ParameterizedTest
  @CsvSource({"vit-tiny.f16, F16, float16", "vit-tiny.bf16, BF16, bfloat16"})
  void halfPrecision(String golden, WeightFormat type, String torch) throws IOException {
    var model = fovea(FIXTURES.resolve(golden), type);
    var published = published(model);
    var before = tensors(FIXTURES.resolve(golden).resolve(MODEL));
    var after = tensors(published.resolve(MODEL));
    assertThat(shapes(after)).isEqualTo(shapes(before));
    var widened = after.keySet().stream().filter(name -> !after.get(name).equals(before.get(name))).toList();
    assertThat(widened).noneMatch(name -> name.endsWith(".weight") && !name.contains("layernorm"));
    assertThat(widened).allMatch(name -> after.get(name).dtype == DType.F32);
    assertThat(json(published.resolve("config.json")).get("torch_dtype").getAsString()).isEqualTo(torch);
    requireFixedPoint(model, published, type);
  }

  /// In under other names, out under Hugging Face's.
  @ParameterizedTest
  @CsvSource({"vit-tiny.timm, vit-tiny", "vit-tiny.sharded, vit-tiny", "dinov2-tiny.facebook, dinov2-tiny",
      "dinov2-tiny-swiglu.facebook, dinov2-tiny-swiglu", "sam-tiny.facebook, sam-tiny"})
  void otherNames(String golden, String same) {
    var after = tensors(published(fovea(FIXTURES.resolve(golden), WeightFormat.F32)).resolve(MODEL));
    var before = tensors(FIXTURES.resolve(same).resolve(MODEL));
    for (var tensors : List.of(before, after)) tensors.remove("embeddings.mask_token");
    assertThat(after).isEqualTo(before);
  }

  private Path source(Renamed tensors, JsonObject config) {
    return tensors.write(folder.resolve("source"), "config.json", config.toString()).getParent();
  }

  /// There and back with all tensors.
  private JsonObject requireSame(Path source, String architecture) throws IOException {
    var model = fovea(source, WeightFormat.F32);
    var published = published(model);
    assertThat(tensors(published.resolve(MODEL))).isEqualTo(tensors(source.resolve(MODEL)));
    var said = json(published.resolve("config.json"));
    assertThat(said.get("architectures").toString()).isEqualTo("[\"" + architecture + "\"]");
    requireSaid("", json(source.resolve("config.json")), said);
    requireFixedPoint(model, published, WeightFormat.F32);
    return said;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void siglipsEncoderOfPicturesAlone(boolean pooling) throws IOException {
    var tensors = Renamed.ofGolden("siglip-tiny").drop("text.*|logit_.*");
    var config = json(FIXTURES.resolve("siglip-tiny/config.json")).getAsJsonObject("vision_config");
    var said = requireSame(source(pooling ? tensors : tensors.drop("vision_model\\.head\\..*"), config), "SiglipVisionModel");
    assertThat(said.has("vision_use_head")).isEqualTo(!pooling);
  }

  @Test
  void clipsEncoderOfPicturesAlone() throws IOException {
    var both = json(FIXTURES.resolve("clip-tiny/config.json"));
    var config = both.getAsJsonObject("vision_config");
    config.add("projection_dim", both.get("projection_dim"));
    requireSame(source(Renamed.ofGolden("clip-tiny").drop("text.*|logit_scale"), config), "CLIPVisionModelWithProjection");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void bertWithoutAClassifier(boolean pooler) throws IOException {
    var tensors = Renamed.ofGolden("bert-tiny-classifier").drop("classifier.*").rename("^bert\\.", "");
    var config = json(FIXTURES.resolve("bert-tiny-classifier/config.json"));
    for (var labels : List.of("id2label", "label2id", "architectures")) config.remove(labels);
    requireSame(source(pooler ? tensors : tensors.drop("pooler.*"), config), "BertModel");
  }

  /// Only the kind with registers resamples positions with antialiasing, and it may have none.
  @Test
  void dinov2WithAntialiasingAndWithoutRegisters() throws IOException {
    var model = changed(fovea(FIXTURES.resolve("dinov2-tiny"), WeightFormat.F32), "antialias",
        config -> config.replace("\"interpolate_antialias\":false", "\"interpolate_antialias\":true"), tensor -> tensor);
    var published = published(model);
    assertThat(json(published.resolve("config.json")).get("model_type").getAsString()).isEqualTo("dinov2_with_registers");
    assertThat(tensors(published.resolve(MODEL)).get("embeddings.register_tokens").shape).containsExactly(1L, 0L, 48L);
    requireFixedPoint(model, published, WeightFormat.F32);
  }

  /// Matrices that are stored row by row are read as well.
  @Test
  void rows() {
    var head = tensors(FIXTURES.resolve("vit-tiny").resolve(MODEL)).get("classifier.weight");
    try (var source = Checkpoint.open(FIXTURES.resolve("vit-tiny").resolve(MODEL))) {
      var stored = source.tensor("classifier.weight");
      var rows = new StoredTensor("head.weight", DType.F32, stored.shape(), stored.data());
      var model = changed(fovea(FIXTURES.resolve("vit-tiny"), WeightFormat.F32), "rows", config -> config,
          tensor -> tensor.name().equals("head.weight") ? rows : tensor);
      assertThat(tensors(published(model).resolve(MODEL)).get("classifier.weight")).isEqualTo(head);
    }
  }

  @Test
  void preprocessingThatWasNotPublishedNamesWhatDoesIt() throws IOException {
    var types = new HashMap<String, String>();
    for (var golden : List.of("dinov2-tiny", "sam-tiny", "siglip-tiny")) {
      var preprocessing = json(published(fovea(FIXTURES.resolve(golden), WeightFormat.F32)).resolve("preprocessor_config.json"));
      types.put(golden, preprocessing.get("image_processor_type").getAsString());
      assertThat(preprocessing.get("do_center_crop").getAsBoolean()).isFalse();
    }
    assertThat(types).isEqualTo(
        Map.of("dinov2-tiny", "ViTImageProcessor", "sam-tiny", "SamImageProcessor", "siglip-tiny", "ViTImageProcessor"));
    assertThat(json(published(fovea(FIXTURES.resolve("vit-tiny.timm"), WeightFormat.F32)).resolve("preprocessor_config.json"))
        .get("image_processor_type").getAsString()).isEqualTo("CLIPImageProcessor");
    assertThat(published(fovea(FIXTURES.resolve("bert-tiny-classifier"), WeightFormat.F32)).resolve("preprocessor_config.json"))
        .doesNotExist();
  }

  /// What the form has no place for is an error, and nothing is left of the folder.
  @Test
  void whatCannotBeSaid() throws IOException {
    var segformer = fovea(FIXTURES.resolve("segformer-tiny"), WeightFormat.F32);
    requireRefused(changed(segformer, "eps", config -> config.replace("1.0E-5", "1.0E-6"), tensor -> tensor),
        "eps.safetensors: Hugging Face's form has no place for 'layer_norm_eps' 1.0E-6, which would be read as 1.0E-5");
    requireRefused(changed(segformer, "unknown", (key, value) -> key.equals("family") ? "vgg" : value, tensor -> tensor),
        "unknown.safetensors: family 'vgg' is not supported");
    var bias = "head.linear_pred.bias";
    requireRefused(changed(segformer, "missing", config -> config, tensor -> tensor.name().equals(bias) ? null : tensor),
        "missing.safetensors: weight 'head.linear_pred.bias': missing, expected [9]");
    requireRefused(changed(segformer, "more", config -> config, tensor -> tensor.name().equals(bias)
        ? new StoredTensor("extra", tensor.dtype(), tensor.shape(), tensor.data()) : tensor), "'extra': not used by the model");
    requireRefused(changed(fovea(FIXTURES.resolve("vit-tiny"), WeightFormat.F32), "norm",
        config -> config.replace("\"qkv_bias\":true", "\"qkv_bias\":true,\"pre_norm\":true"), tensor -> tensor.name().equals("norm.weight")
            ? new StoredTensor("norm_pre.weight", tensor.dtype(), tensor.shape(), tensor.data()) : tensor),
        "'norm_pre.weight': has no place in the published form");
    requireRefused(FIXTURES.resolve("vit-tiny").resolve(MODEL), "not a Fovea model");
    requireRefused(FIXTURES.resolve("vit-tiny"), "expected a safetensors file, got a directory");
  }

  private void requireRefused(Path model, String message) throws IOException {
    List<Path> before;
    try (var files = Files.list(folder)) {
      before = files.toList();
    }
    assertThatThrownBy(() -> HuggingFaceExport.write(model, folder.resolve("refused"))).isInstanceOf(CheckpointException.class)
        .hasMessageContaining(message);
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrderElementsOf(before);
    }
  }

  @Test
  void folders() throws IOException {
    var model = fovea(FIXTURES.resolve("vit-tiny"), WeightFormat.F32);
    var full = Files.createDirectory(folder.resolve("full"));
    Files.writeString(full.resolve("mine.txt"), "mine");
    assertThatThrownBy(() -> HuggingFaceExport.write(model, full)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("full: expected a new or an empty folder, got one with mine.txt in it");
    assertThat(full.resolve("mine.txt")).hasContent("mine");
    assertThatThrownBy(() -> HuggingFaceExport.write(model, full.resolve("mine.txt")))
        .hasMessageEndingWith("mine.txt: expected a folder to write, got a file");
    assertThatThrownBy(() -> HuggingFaceExport.write(model, folder.resolve("no/such")))
        .hasMessageContaining("there is no folder");
    var empty = Files.createDirectory(folder.resolve("empty"));
    HuggingFaceExport.write(model, empty);
    try (var files = Files.list(empty)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("config.json", MODEL, "preprocessor_config.json");
    }
    assertThatThrownBy(() -> HuggingFaceExport.write(model, empty)).hasMessageContaining("expected a new or an empty folder");
  }
}
