package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.hash.Hashing;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.Sha256;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// How a conversion writes: in bounded memory, the same bytes each time, all or nothing.
class StreamingTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  /// Its two largest tensors have 24 MiB each, several times what the virtual machine may use.
  private static final int HIDDEN = 64, WIDE = 98304;
  /// Far less than a tensor, on the heap and off it.
  private static final List<String> SMALL = List.of("-XX:+UseSerialGC", "-Xmx20m", "-XX:MaxDirectMemorySize=6m");

  @TempDir
  private Path folder;

  /// The tensors of a ViT of one wide block under Hugging Face's names.
  private static Map<String, int[]> wideViT() {
    var shapes = new LinkedHashMap<String, int[]>();
    var layer = "vit.encoder.layer.0.";
    shapes.put("vit.embeddings.cls_token", new int[] {1, 1, HIDDEN});
    shapes.put("vit.embeddings.position_embeddings", new int[] {1, 5, HIDDEN});
    shapes.put("vit.embeddings.patch_embeddings.projection.weight", new int[] {HIDDEN, 3, 8, 8});
    shapes.put("vit.embeddings.patch_embeddings.projection.bias", new int[] {HIDDEN});
    for (var norm : List.of(layer + "layernorm_before", layer + "layernorm_after", "vit.layernorm"))
      for (var ending : List.of(".weight", ".bias")) shapes.put(norm + ending, new int[] {HIDDEN});
    for (var each : List.of("attention.attention.query", "attention.attention.key", "attention.attention.value",
        "attention.output.dense")) {
      shapes.put(layer + each + ".weight", new int[] {HIDDEN, HIDDEN});
      shapes.put(layer + each + ".bias", new int[] {HIDDEN});
    }
    shapes.put(layer + "intermediate.dense.weight", new int[] {WIDE, HIDDEN});
    shapes.put(layer + "intermediate.dense.bias", new int[] {WIDE});
    shapes.put(layer + "output.dense.weight", new int[] {HIDDEN, WIDE});
    shapes.put(layer + "output.dense.bias", new int[] {HIDDEN});
    shapes.put("classifier.weight", new int[] {2, HIDDEN});
    shapes.put("classifier.bias", new int[] {2});
    return shapes;
  }

  private Path wideFolder() throws IOException {
    var source = Files.createDirectory(folder.resolve("wide"));
    Files.writeString(source.resolve("config.json"), "{\"model_type\": \"vit\", \"hidden_size\": 64, \"num_hidden_layers\": 1, "
        + "\"num_attention_heads\": 1, \"intermediate_size\": " + WIDE
            + ", \"image_size\": 16, \"patch_size\": 8, \"num_channels\": 3, "
        + "\"hidden_act\": \"gelu\", \"layer_norm_eps\": 1e-12, \"qkv_bias\": true}");
    return source;
  }

  private static long bytes(int[] shape) {
    return 4L * Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  /// Zeros, as a file that takes no room.
  private Path wideSafetensors() throws IOException {
    var header = new JsonObject();
    long at = 0;
    for (var tensor : wideViT().entrySet()) {
      var entry = JsonParser.parseString("{\"dtype\": \"F32\", \"shape\": " + Arrays.toString(tensor.getValue())
          + ", \"data_offsets\": [" + at + ", " + (at += bytes(tensor.getValue())) + "]}");
      header.add(tensor.getKey(), entry);
    }
    var json = header.toString().getBytes(StandardCharsets.UTF_8);
    var source = wideFolder();
    try (var channel = FileChannel.open(source.resolve("model.safetensors"), StandardOpenOption.CREATE_NEW,
        StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).flip());
      channel.write(ByteBuffer.wrap(json));
      channel.write(ByteBuffer.allocate(1), 8 + json.length + at - 1);
    }
    return source;
  }

  /// The same zeros in deflated entries, which have to be unpacked.
  private Path wideNpz() throws IOException {
    var source = wideFolder();
    try (OutputStream file = Files.newOutputStream(source.resolve("model.npz")); var zip = new ZipOutputStream(file)) {
      for (var tensor : wideViT().entrySet()) {
        zip.putNextEntry(new ZipEntry(tensor.getKey() + ".npy"));
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': ("
            + Arrays.toString(tensor.getValue()).replaceAll("[\\[\\]]", "") + ",)}\n";
        zip.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) header.length(), 0});
        zip.write(header.getBytes(StandardCharsets.US_ASCII));
        var zeros = new byte[1 << 16];
        for (long left = bytes(tensor.getValue()); left > 0; left -= zeros.length)
          zip.write(zeros, 0, (int) Math.min(left, zeros.length));
      }
    }
    return source;
  }

  private static String ended(Process process, int status) throws IOException, InterruptedException {
    var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ends").isTrue();
    assertThat(process.exitValue()).as(said).isEqualTo(status);
    return said;
  }

  private static List<String> names(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aTensorIsNeverInMemory() throws IOException, InterruptedException {
    var target = folder.resolve("model.safetensors");
    assertThat(ended(ConvertAlone.start(SMALL, wideSafetensors(), target, "F32"), 0)).contains(sha256(target));
  }

  @Test
  void aTensorThatWasUnpackedIsNotEither() throws IOException, InterruptedException {
    var target = folder.resolve("model.safetensors");
    assertThat(ended(ConvertAlone.start(SMALL, wideNpz(), target, "BF16"), 0)).contains(sha256(target));
  }

  /// What a killed program leaves has another name, does not disturb the next run and is gone after it; what another one is still
  /// writing is not touched. A program that is asked to end leaves nothing.
  @Test
  void killedInTheMiddle() throws IOException, InterruptedException {
    Path source = FIXTURES.resolve("vit-tiny"), target = folder.resolve("model.safetensors");
    Process killed = halfway(source, target), working = halfway(source, target), asked = halfway(source, target);
    assertThat(target).doesNotExist();
    assertThat(names(folder)).hasSize(3).allMatch(name -> name.matches("\\.model\\.safetensors\\.\\d+\\.tmp"));
    killed.destroyForcibly().waitFor();
    asked.destroy();
    asked.waitFor();
    assertThat(names(folder)).hasSize(2);

    var sha256 = Converter.convert(source, target, WeightFormat.F32).sha256();
    assertThat(names(folder)).hasSize(2).contains("model.safetensors");
    assertThat(sha256(target)).isEqualTo(sha256);
    try (var answer = working.getOutputStream()) {
      answer.write('\n');
    }
    assertThat(ended(working, 0)).contains(sha256);
    assertThat(names(folder)).containsExactly("model.safetensors");
  }

  private static Process halfway(Path source, Path target) throws IOException {
    var process = ConvertAlone.start(List.of("-XX:+UseSerialGC"), source, target, "F32", "pause");
    var line = process.inputReader();
    for (var said = line.readLine(); !"halfway".equals(said); said = line.readLine())
      assertThat(said).as("what it says").isNotNull();
    return process;
  }

  private static String sha256(Path model) throws IOException {
    try (var channel = FileChannel.open(model)) {
      var length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      channel.read(length, 0);
      var bytes = Files.readAllBytes(model);
      int from = (int) (8 + length.getLong(0));
      return Hashing.sha256().hashBytes(bytes, from, bytes.length - from).toString();
    }
  }

  /// The metadata tell what was read and what came out; where the same tensors are in another order or format, what came out is
  /// the same.
  @Test
  void hashes() throws IOException {
    var metadata = new TreeMap<String, Map<String, String>>();
    for (var golden : List.of("vit-tiny", "vit-tiny.sharded", "vit-tiny.legacy_pth", "vit-tiny.pytorch_bin")) {
      var target = folder.resolve(golden);
      var report = Converter.convert(FIXTURES.resolve(golden), target, WeightFormat.F16);
      assertThat(Files.size(target)).isEqualTo(report.bytes());
      assertThat(report.sha256()).isEqualTo(sha256(target));
      try (var checkpoint = Checkpoint.open(target)) {
        var all = new TreeMap<>(checkpoint.metadata());
        var source = JsonParser.parseString(all.remove("source")).getAsJsonObject();
        assertThat(all).containsEntry("sha256", report.sha256());
        assertThat(report.sources()).hasSameSizeAs(source.keySet());
        for (var file : source.keySet()) {
          assertThat(source.get(file).getAsString()).isEqualTo(Sha256.of(FIXTURES.resolve(golden).resolve(file)));
          assertThat(report.sources()).containsEntry(file, source.get(file).getAsString());
        }
        metadata.put(golden, all);
      }
    }
    // vit-tiny itself says more about its pictures.
    assertThat(metadata.get("vit-tiny").get("sha256")).isEqualTo(metadata.get("vit-tiny.sharded").get("sha256"));
    assertThat(metadata.get("vit-tiny.legacy_pth")).isEqualTo(metadata.get("vit-tiny.sharded"));
    assertThat(metadata.get("vit-tiny.pytorch_bin")).isEqualTo(metadata.get("vit-tiny.sharded"));
    assertThat(Converter.plan(FIXTURES.resolve("vit-tiny.sharded"), Conversion.to(WeightFormat.F32)).sources()).isEmpty();
    try (var checkpoint = Checkpoint.open(folder.resolve("vit-tiny.sharded"))) {
      assertThat(JsonParser.parseString(checkpoint.metadata().get("source")).getAsJsonObject().keySet())
          .containsExactly("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
              "model-00003-of-00003.safetensors", "model.safetensors.index.json");
    }
  }

  /// A plan reads names and shapes, a rehearsal the elements as well; both know what is written, and neither writes.
  @Test
  void withoutWriting() throws IOException {
    var source = FIXTURES.resolve("vit-tiny");
    var conversion = Conversion.to(WeightFormat.BF16);
    var report = Converter.convert(source, folder.resolve("model.safetensors"), conversion);
    assertThat(Converter.rehearse(source, conversion)).isEqualTo(report);
    var plan = Converter.plan(source, conversion);
    assertThat(plan).isEqualTo(new Report(report.family(), report.config(), report.configFrom(), report.assumed(),
        report.parameters(),
        report.bytes(), report.mapped(), report.dropped(), Map.of(), Map.of(), Map.of(), ""));
    assertThat(names(folder)).containsExactly("model.safetensors");
  }

  @Test
  void everyBlockIsHeard() {
    var heard = new long[3];
    Converter.convert(FIXTURES.resolve("vit-tiny"), folder.resolve("model.safetensors"), Conversion.to(WeightFormat.F32)
        .withProgress(
        (tensor, done, total) -> {
          assertThat(tensor).isNotEmpty();
          assertThat(done).isGreaterThan(heard[1]).isLessThanOrEqualTo(total);
          heard[0]++;
          heard[1] = done;
          heard[2] = total;
        }));
    assertThat(heard[0]).isGreaterThan(40);
    assertThat(heard[1]).isEqualTo(heard[2]);
  }

  /// Whoever listens may end it: nothing is left.
  @Test
  void endedByTheListener() throws IOException {
    var conversion = Conversion.to(WeightFormat.F32).withProgress((_, _, _) -> {
      throw new IllegalStateException("enough");
    });
    assertThatThrownBy(() -> Converter.convert(FIXTURES.resolve("vit-tiny"), folder.resolve("model.safetensors"), conversion))
        .isInstanceOf(IllegalStateException.class).hasMessage("enough");
    assertThat(names(folder)).isEmpty();
  }
}
