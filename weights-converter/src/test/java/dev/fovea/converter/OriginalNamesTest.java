package dev.fovea.converter;

import static dev.fovea.converter.Renamed.FIXTURES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import dev.fovea.converter.Foreign.Array;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.engine.nn.Probe;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Verification;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Golden cases put into the forms of the original repositories, converted and run.
class OriginalNamesTest {
  private static final String[] CLASSES = {"wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "window"};
  private static final int STAGES = 4;

  @TempDir
  private Path folder;

  private Path target() {
    return folder.resolve("model.safetensors");
  }

  /// A folder of these weights and the side files of a golden case.
  private Path source(String file, byte[] weights, String golden, String... besides) throws IOException {
    var source = folder.resolve("source");
    Files.createDirectories(source);
    Files.write(source.resolve(file), weights);
    for (var each : besides) Files.copy(FIXTURES.resolve(golden).resolve(each), source.resolve(each));
    return source;
  }

  private static Map<String, Array> google(String prefix) {
    var golden = Foreign.tensors(FIXTURES.resolve("vit-tiny"));
    var npz = new LinkedHashMap<String, Array>();
    int dim = 48, heads = 3;
    npz.put("cls", golden.get("vit.embeddings.cls_token"));
    var patches = golden.get("vit.embeddings.patch_embeddings.projection.weight");                // [48, 3, 8, 8]
    npz.put("embedding/kernel", inputsBeforeOutputs(patches));
    npz.put("embedding/bias", golden.get("vit.embeddings.patch_embeddings.projection.bias"));
    npz.put("Transformer/posembed_input/pos_embedding", golden.get("vit.embeddings.position_embeddings"));
    for (int i = 0; i < 3; i++) {
      String from = "vit.encoder.layer." + i + ".", to = "Transformer/encoderblock_" + i + "/";
      norm(npz, to + "LayerNorm_0", golden, from + "layernorm_before");
      norm(npz, to + "LayerNorm_2", golden, from + "layernorm_after");
      for (var part : new String[] {"query", "key", "value"}) {
        npz.put(to + "MultiHeadDotProductAttention_1/" + part + "/kernel",
            golden.get(from + "attention.attention." + part + ".weight").transposed().reshaped(dim, heads, dim / heads));
        npz.put(to + "MultiHeadDotProductAttention_1/" + part + "/bias",
            golden.get(from + "attention.attention." + part + ".bias").reshaped(heads, dim / heads));
      }
      npz.put(to + "MultiHeadDotProductAttention_1/out/kernel",
          golden.get(from + "attention.output.dense.weight").transposed().reshaped(heads, dim / heads, dim));
      npz.put(to + "MultiHeadDotProductAttention_1/out/bias", golden.get(from + "attention.output.dense.bias"));
      dense(npz, to + "MlpBlock_3/Dense_0", golden, from + "intermediate.dense");
      dense(npz, to + "MlpBlock_3/Dense_1", golden, from + "output.dense");
    }
    norm(npz, "Transformer/encoder_norm", golden, "vit.layernorm");
    dense(npz, "head", golden, "classifier");
    var prefixed = new LinkedHashMap<String, Array>();
    npz.forEach((name, array) -> prefixed.put(prefix + name, array));
    return prefixed;
  }

  /// `[out, in, rows, cols]` → `[rows, cols, in, out]`.
  private static Array inputsBeforeOutputs(Array kernel) {
    int out = kernel.shape()[0], in = kernel.shape()[1], rows = kernel.shape()[2], cols = kernel.shape()[3];
    var other = Array.zeros(rows, cols, in, out);
    for (int o = 0; o < out; o++)
      for (int i = 0; i < in; i++)
        for (int r = 0; r < rows; r++)
          for (int c = 0; c < cols; c++)
            other.values()[((r * cols + c) * in + i) * out + o] = kernel.values()[((o * in + i) * rows + r) * cols + c];
    return other;
  }

  private static void norm(Map<String, Array> npz, String to, Map<String, Array> golden, String from) {
    npz.put(to + "/scale", golden.get(from + ".weight"));
    npz.put(to + "/bias", golden.get(from + ".bias"));
  }

  private static void dense(Map<String, Array> npz, String to, Map<String, Array> golden, String from) {
    npz.put(to + "/kernel", golden.get(from + ".weight").transposed());
    npz.put(to + "/bias", golden.get(from + ".bias"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "opt/target/"})
  void googlesViT(String prefix) throws IOException {
    var npz = google(prefix);
    if (!prefix.isEmpty()) npz.put("opt/state/step", Array.of(new int[] {1}, 7));
    var source = source("ViT-Ti_8.npz", Foreign.npz(npz), "vit-tiny", "config.json");
    var report = Converter.convert(source, target(), WeightFormat.F32);
    assertThat(report.configFrom()).endsWith("config.json");
    assertThat(report.dropped()).isEqualTo(prefix.isEmpty() ? Map.of() : Map.of("opt/state/step", "used in training only"));
    GoldenTest.requireGolden(target(), "vit-tiny");
  }

  /// The shapes tell all sizes; the epsilon and the GELU are the code's.
  @Test
  void googlesViTWithoutAConfig() throws IOException {
    var source = source("ViT-Ti_8.npz", Foreign.npz(google("")), "vit-tiny");
    var report = Converter.convert(source, target(), WeightFormat.F32);
    assertThat(report.configFrom()).isEqualTo("the tensors' names and shapes");
    assertThat(report.config().toString()).isEqualTo("{\"image_size\":[32,32],\"patch_size\":8,\"num_channels\":3,\"hidden_size\":48,"
        + "\"num_hidden_layers\":3,\"num_attention_heads\":3,\"intermediate_size\":96,\"qkv_bias\":true,\"layer_norm_eps\":1.0E-6,"
        + "\"hidden_act\":\"gelu_pytorch_tanh\",\"num_labels\":11}");
    // Both GELUs differ by less than a thousandth.
    for (var c : GoldenTest.compare(target(), FIXTURES.resolve("vit-tiny/reference.safetensors"), KernelProvider.VECTOR, 1))
      assertThat(c.maxError()).as(c.name()).isLessThan(2e-3);
  }

  /// The layer before the head of the first release for ImageNet-21k: `tanh(2 · x)` of the first features, then the head.
  @Test
  void representationLayer() throws IOException {
    var npz = google("");
    int dim = 48, features = 16;
    var twice = Array.zeros(dim, features);
    for (int i = 0; i < features; i++) twice.values()[i * features + i] = 2;
    npz.put("pre_logits/kernel", twice);
    npz.put("pre_logits/bias", Array.zeros(features));
    var head = Array.zeros(features, features);
    for (int i = 0; i < features; i++) head.values()[i * features + i] = 1;
    npz.put("head/kernel", head);
    npz.put("head/bias", Array.zeros(features));
    var report = Converter.convert(source("b.npz", Foreign.npz(npz), "vit-tiny"), target(), WeightFormat.F32);
    assertThat(report.config().get("representation_size").getAsInt()).isEqualTo(features);
    var logits = logits("vit-tiny", KernelProvider.VECTOR);
    // The same model with a head that only picks features.
    npz.remove("pre_logits/kernel");
    npz.remove("pre_logits/bias");
    var pick = Array.zeros(dim, features);
    for (int i = 0; i < features; i++) pick.values()[i * features + i] = 1;
    npz.put("head/kernel", pick);
    Files.delete(folder.resolve("source/b.npz"));
    Converter.convert(source("c.npz", Foreign.npz(npz), "vit-tiny"), target(), WeightFormat.F32);
    var picked = logits("vit-tiny", KernelProvider.VECTOR);
    assertThat(logits).hasSize(picked.length).hasSizeGreaterThan(0);
    for (int i = 0; i < logits.length; i++) assertThat(logits[i]).isCloseTo((float) Math.tanh(2 * picked[i]), within(1e-5f));
  }

  /// The logits of the golden case's pictures.
  private float[] logits(String golden, KernelProvider provider) {
    var inputs = FIXTURES.resolve(golden).resolve("reference.safetensors");
    try (var checkpoint = Checkpoint.open(target()); var reference = Checkpoint.open(inputs);
        var arena = Arena.ofShared(); var kernels = provider.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var run = LoadedModel.of(checkpoint, arena);
      return run.run(workspace, new Verification(run.model(), reference).inputs(arena), Probe.NONE).get("logits").toArray();
    }
  }

  @Test
  void whatGoogleReleasedBesides() throws IOException {
    var npz = google("");
    npz.put("conv_root/kernel", Array.zeros(7, 7, 3, 64));
    var hybrid = source("R50.npz", Foreign.npz(npz), "vit-tiny");
    assertThatThrownBy(() -> Converter.convert(hybrid, target(), WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("R50.npz: a hybrid, whose patches a ResNet makes ('conv_root/kernel'), is not supported; expected a "
            + "ViT on plain patches");
    npz.remove("conv_root/kernel");
    var kernel = npz.remove("head/kernel");
    Files.write(hybrid.resolve("R50.npz"), Foreign.npz(npz));
    assertThatThrownBy(() -> Converter.convert(hybrid, target(), WeightFormat.F32)).hasMessageEndingWith(
        "there is no 'head/kernel': only ViTs that classify by their class token are supported");
    npz.put("head/kernel", kernel);
    npz.put("Transformer/posembed_input/pos_embedding", Array.zeros(1, 16, 48));
    Files.write(hybrid.resolve("R50.npz"), Foreign.npz(npz));
    assertThatThrownBy(() -> Converter.convert(hybrid, target(), WeightFormat.F32)).hasMessageContaining(
        "16 positions are not a class token's and a square's");
    Files.writeString(hybrid.resolve("config.json"), Files.readString(FIXTURES.resolve("vit-tiny/config.json")).replace(
        "\"num_attention_heads\": 3", "\"num_attention_heads\": 4"));
    assertThatThrownBy(() -> Converter.convert(hybrid, target(), WeightFormat.F32)).hasMessageContaining(
        "config.json: 'num_attention_heads': expected 3, as ");
    assertThat(target()).doesNotExist();
  }

  /// A name with each second of these in the place of the one before it.
  private static String replaced(String name, String... pairs) {
    for (int i = 0; i < pairs.length; i += 2) name = name.replace(pairs[i], pairs[i + 1]);
    return name;
  }

  /// `segformer-tiny` under the original repository's names.
  private static Map<String, Array> nvlabs() {
    var golden = Foreign.tensors(FIXTURES.resolve("segformer-tiny"));
    var renamed = new LinkedHashMap<String, Array>();
    golden.forEach((name, array) -> {
      var other = replaced(name, "decode_head.classifier", "decode_head.linear_pred", "decode_head.batch_norm",
          "decode_head.linear_fuse.bn", "linear_fuse.weight", "linear_fuse.conv.weight", "segformer.encoder.", "backbone.",
          "attention.output.dense", "attn.proj", "attention.self.query", "attn.q", "attention.self.", "attn.", "layer_norm_", "norm",
          "dense1", "fc1", "dense2", "fc2", "patch_embeddings", "patch_embed", "backbone.layer_norm", "backbone.norm");
      for (int i = STAGES; i > 0; i--)
        for (var numbered : new String[] {"patch_embed", "backbone.block", "backbone.norm", "linear_c"})
          other = other.replace(numbered + "." + (i - 1) + ".", numbered + i + ".");
      renamed.put(other.replace("layer_norm.", "norm."), array);
    });
    for (var key : renamed.keySet().stream().filter(name -> name.contains(".attn.key.")).toList())
      renamed.put(key.replace("key", "kv"), Array.concat(renamed.remove(key), renamed.remove(key.replace("key", "value"))));
    renamed.put("decode_head.conv_seg.weight", Array.zeros(9, 32, 1, 1));
    renamed.put("decode_head.conv_seg.bias", Array.zeros(9));
    return renamed;
  }

  private static int[][] palette(int count) {
    return IntStream.range(0, count).mapToObj(i -> new int[] {i, 2 * i, 255 - i}).toArray(int[][]::new);
  }

  @Test
  void theOriginalSegformer() throws IOException {
    var tensors = nvlabs();
    assertThat(tensors).containsKeys("backbone.patch_embed1.proj.weight", "backbone.block2.1.attn.kv.bias",
        "backbone.block1.0.mlp.dwconv.dwconv.weight", "backbone.block1.0.attn.norm.weight", "backbone.norm4.bias",
        "backbone.patch_embed4.norm.weight", "decode_head.linear_c1.proj.weight", "decode_head.linear_fuse.bn.running_var");
    var weights = Foreign.openMmlab(tensors, CLASSES, palette(9));
    var source = source("segformer.pth", weights, "segformer-tiny", "preprocessor_config.json");
    var config = JsonParser.parseString(Files.readString(FIXTURES.resolve("segformer-tiny/config.json"))).getAsJsonObject();
    config.remove("id2label");
    Files.writeString(folder.resolve("sizes.json"), config.toString());
    var report = Converter.convert(source, target(), Conversion.to(WeightFormat.F32).withConfig(folder.resolve("sizes.json")));
    assertThat(report.configFrom()).isEqualTo(folder.resolve("sizes.json").toString());
    assertThat(report.dropped()).containsOnlyKeys("decode_head.conv_seg.weight", "decode_head.conv_seg.bias",
        "decode_head.linear_fuse.bn.num_batches_tracked");
    GoldenTest.requireGolden(target(), "segformer-tiny");
    try (var checkpoint = Checkpoint.open(target())) {
      assertThat(ModelHeader.of(checkpoint).labels()).containsExactly(CLASSES);
      assertThat(ModelHeader.of(checkpoint).palette()).startsWith(0x0000ff, 0x0102fe).hasSize(9);
    }
  }

  /// Names in `config.json` go before those in the checkpoint, and must be as many as the head has classes.
  @Test
  void labelsOfTheCheckpoint() throws IOException {
    var source = source("segformer.pth", Foreign.openMmlab(nvlabs(), CLASSES, palette(3)), "segformer-tiny", "config.json");
    Converter.convert(source, target(), WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(target())) {
      assertThat(ModelHeader.of(checkpoint).labels()).startsWith("LABEL_0", "LABEL_1");
    }
    var config = JsonParser.parseString(Files.readString(source.resolve("config.json"))).getAsJsonObject();
    config.remove("id2label");
    Files.writeString(source.resolve("config.json"), config.toString());
    Converter.convert(source, target(), WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(target())) {
      assertThat(ModelHeader.of(checkpoint).labels()).containsExactly(CLASSES);
      assertThat(ModelHeader.of(checkpoint).palette()).as("a palette of other classes").isEqualTo(Palette.of(List.of(CLASSES)));
    }
    Files.write(source.resolve("segformer.pth"), Foreign.openMmlab(nvlabs(), new String[] {"one", "two"}));
    assertThatThrownBy(() -> Converter.convert(source, target(), WeightFormat.F32)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("segformer.pth: expected names of 9 classes, as its head has, got 2; give --config FILE with an "
            + "id2label");
  }

  private static Map<String, Array> mmsegmentation(Random random) {
    var from = nvlabs();
    var mmseg = new LinkedHashMap<String, Array>();
    from.forEach((name, array) -> {
      if (!name.startsWith("backbone.")) return;
      var other = name;
      for (int i = 1; i <= STAGES; i++) {
        var stage = "backbone.layers." + (i - 1);
        other = replaced(other, "backbone.patch_embed" + i + ".proj", stage + ".0.projection", "backbone.patch_embed" + i, stage + ".0",
            "backbone.block" + i, stage + ".1", "backbone.norm" + i, stage + ".2");
      }
      other = replaced(other, "mlp.fc1", "ffn.layers.0", "mlp.dwconv.dwconv", "ffn.layers.1", "mlp.fc2", "ffn.layers.4",
          "attn.proj", "attn.attn.out_proj");
      if (other.endsWith(".attn.kv.weight") || other.endsWith(".attn.kv.bias")) return;
      if (other.contains(".attn.q.")) {
        var keysAndValues = from.get(name.replace("attn.q.", "attn.kv."));
        mmseg.put(other.replace("attn.q.", "attn.attn.in_proj_"), Array.concat(array, keysAndValues));
      } else if (other.matches(".*ffn.layers.[04].weight")) {
        mmseg.put(other, array.reshaped(array.shape()[0], array.shape()[1], 1, 1));
      } else {
        mmseg.put(other, array);
      }
    });
    for (int i = 0; i < STAGES; i++) {
      var linear = from.get("decode_head.linear_c" + (i + 1) + ".proj.weight");
      mmseg.put("decode_head.convs." + i + ".conv.weight", linear.reshaped(linear.shape()[0], linear.shape()[1], 1, 1));
      for (var part : new String[] {"weight", "bias", "running_mean"})
        mmseg.put("decode_head.convs." + i + ".bn." + part, Array.of(new int[] {32}, random.doubles(32, -1, 1).toArray()));
      mmseg.put("decode_head.convs." + i + ".bn.running_var", Array.of(new int[] {32}, random.doubles(32, 0.2, 2).toArray()));
      mmseg.put("decode_head.convs." + i + ".bn.num_batches_tracked", Array.zeros());
    }
    from.forEach((name, array) -> {
      if (name.startsWith("decode_head.linear_fuse.")) mmseg.put(name.replace("linear_fuse", "fusion_conv"), array);
      if (name.startsWith("decode_head.linear_pred.")) mmseg.put(name.replace("linear_pred", "conv_seg"), array);
    });
    return mmseg;
  }

  /// mmsegmentation's head by plain loops in double, on the reference's maps: convolution, batch norm, ReLU, resize, all side by
  /// side from the finest on, convolution, batch norm, ReLU, convolution.
  private static double[] headOfMmsegmentation(Map<String, Array> tensors, double[][] maps, int[][] shapes) {
    int batch = shapes[0][0], rows = shapes[0][2], cols = shapes[0][3], dim = 32;
    var beside = new double[batch * rows * cols][STAGES * dim];
    for (int s = 0; s < STAGES; s++) {
      int channels = shapes[s][1], h = shapes[s][2], w = shapes[s][3];
      var conv = tensors.get("decode_head.convs." + s + ".conv.weight").values();
      for (int b = 0; b < batch; b++)
        for (int d = 0; d < dim; d++) {
          var plane = new double[h * w];
          for (int p = 0; p < h * w; p++) {
            double sum = 0;
            for (int c = 0; c < channels; c++) sum += conv[d * channels + c] * maps[s][(b * channels + c) * h * w + p];
            plane[p] = Math.max(0, normed(tensors, "decode_head.convs." + s + ".bn.", d, sum));
          }
          for (int p = 0; p < rows * cols; p++) {
            double y = (p / cols + 0.5) * h / rows - 0.5, x = (p % cols + 0.5) * w / cols - 0.5;
            beside[b * rows * cols + p][s * dim + d] = blended(plane, h, w, y, x);
          }
        }
    }
    int classes = 9;
    var logits = new double[batch * classes * rows * cols];
    for (int at = 0; at < beside.length; at++) {
      var fused = new double[dim];
      for (int d = 0; d < dim; d++) {
        for (int c = 0; c < STAGES * dim; c++)
          fused[d] += tensors.get("decode_head.fusion_conv.conv.weight").values()[d * STAGES * dim + c] * beside[at][c];
        fused[d] = Math.max(0, normed(tensors, "decode_head.fusion_conv.bn.", d, fused[d]));
      }
      for (int k = 0; k < classes; k++) {
        double sum = tensors.get("decode_head.conv_seg.bias").values()[k];
        for (int d = 0; d < dim; d++) sum += tensors.get("decode_head.conv_seg.weight").values()[k * dim + d] * fused[d];
        logits[(at / (rows * cols) * classes + k) * rows * cols + at % (rows * cols)] = sum;
      }
    }
    return logits;
  }

  private static double normed(Map<String, Array> tensors, String norm, int channel, double x) {
    double mean = tensors.get(norm + "running_mean").values()[channel], variance = tensors.get(norm + "running_var").values()[channel];
    double weight = tensors.get(norm + "weight").values()[channel], bias = tensors.get(norm + "bias").values()[channel];
    return (x - mean) / Math.sqrt(variance + 1e-5) * weight + bias;
  }

  private static double blended(double[] plane, int rows, int cols, double y, double x) {
    y = Math.max(0, y);
    x = Math.max(0, x);
    int y0 = (int) y, x0 = (int) x, y1 = Math.min(y0 + 1, rows - 1), x1 = Math.min(x0 + 1, cols - 1);
    double dy = y - y0, dx = x - x0;
    return (1 - dy) * ((1 - dx) * plane[y0 * cols + x0] + dx * plane[y0 * cols + x1])
        + dy * ((1 - dx) * plane[y1 * cols + x0] + dx * plane[y1 * cols + x1]);
  }

  @ParameterizedTest
  @EnumSource
  void mmsegmentationsSegformer(KernelProvider provider) throws IOException {
    var tensors = mmsegmentation(new Random(6));
    var weights = Foreign.openMmlab(tensors, CLASSES, palette(9));
    var source = source("mmseg.pth", weights, "segformer-tiny", "config.json", "preprocessor_config.json");
    var report = Converter.convert(source, target(), WeightFormat.F32);
    assertThat(report.config().get("mmseg_head").getAsBoolean()).isTrue();
    assertThat(report.dropped()).hasSize(5);
    var maps = new double[STAGES][];
    var shapes = new int[STAGES][];
    try (var reference = Checkpoint.open(FIXTURES.resolve("segformer-tiny/reference.safetensors"))) {
      for (int s = 0; s < STAGES; s++) {
        var map = reference.tensor("output.hidden_states." + s);
        shapes[s] = map.shape().stream().mapToInt(Long::intValue).toArray();
        var floats = map.toFloats();
        maps[s] = IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray();
      }
    }
    var expected = headOfMmsegmentation(tensors, maps, shapes);
    var logits = logits("segformer-tiny", provider);
    assertThat(logits).hasSize(expected.length);
    for (int i = 0; i < logits.length; i++)
      assertThat((double) logits[i]).as("logit " + i).isBetween(expected[i] - 2e-5, expected[i] + 2e-5);
  }
}
