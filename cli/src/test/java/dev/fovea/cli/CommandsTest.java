package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.RunLengths;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The command line's contract: options, JSON fields, exit codes. What wrong use prints is in `.ci/wrong-use`.
class CommandsTest {
  private static final Path FIXTURE = Path.of("../weights-converter/src/test/resources/fixtures/vit-tiny");
  private static final String PICTURE = FIXTURE.resolve("image.png").toString();

  @TempDir
  private Path folder;
  private String model;

  record Run(int status, String out, String err) {
    JsonObject json() {
      return JsonParser.parseString(out).getAsJsonObject();
    }
  }

  /// Runs the program in this virtual machine.
  static Run fovea(String... arguments) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    PrintStream realOut = System.out, realErr = System.err;
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      int status = Fovea.run(arguments);
      return new Run(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(realOut);
      System.setErr(realErr);
    }
  }

  @BeforeEach
  void convert() {
    model = folder.resolve("model.safetensors").toString();
    assertThat(fovea("convert", FIXTURE.toString(), "-o", model)).returns(0, Run::status).returns("", Run::err);
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "vector"})
  void verify(String kernels) {
    var reference = FIXTURE.resolve("reference.safetensors").toString();
    var one = fovea("verify", model, "--against", reference, "--kernels", kernels, "--threads", "1", "--json").json();
    assertThat(one.keySet()).containsExactly("family", "kernels", "threads", "outputs", "passed");
    assertThat(one.get("passed").getAsBoolean()).isTrue();
    assertThat(one.getAsJsonArray("outputs")).hasSize(8);
    assertThat(one.getAsJsonArray("outputs").get(0).getAsJsonObject().keySet()).containsExactly("name", "shape", "max_abs", "max_error");
    var two = fovea("verify", model, "--against", reference, "--kernels", kernels, "--threads", "2", "--json").json();
    assertThat(two.get("outputs")).isEqualTo(one.get("outputs"));
    assertThat(fovea("verify", model, "--against", reference, "--kernels", kernels, "--tolerance", "1e-12").status).isEqualTo(1);
  }

  @Test
  void inspect() {
    var report = fovea("inspect", model, "--json").json();
    assertThat(report.get("family").getAsString()).isEqualTo("vit");
    assertThat(report.get("parameters").getAsLong()).isEqualTo(67_643);
    assertThat(report.get("macs").getAsLong()).isPositive();
    assertThat(fovea("inspect", model).out).contains("blocks.2.mlp.fc2.weight").contains("67,643");
  }

  /// A summary, or all of it; a dry run says the same and writes nothing.
  @Test
  void convertReports() throws IOException {
    var target = folder.resolve("report.safetensors");
    var summary = fovea("convert", FIXTURE.toString(), "-o", target.toString(), "--dtype", "bf16");
    assertThat(summary.out.lines()).hasSize(4);
    assertThat(summary.out).contains("vit, 67,643 parameters").contains("6 fused, 0 folded, 14 cast, 0 reordered")
        .doesNotContain("NaN").contains("config.json");
    var verbose = fovea("convert", FIXTURE.toString(), "-o", target.toString(), "--dtype", "bf16", "--verbose");
    assertThat(verbose.out).contains("blocks.0.attn.qkv.weight").contains("BF16 [144, 48] <- "
        + "vit.encoder.layer.0.attention.attention.query.weight F32 [48, 48] + "
        + "vit.encoder.layer.0.attention.attention.key.weight F32");
    Files.delete(target);
    var json = fovea("convert", FIXTURE.toString(), "--dry-run", "--dtype", "bf16", "--json").json();
    assertThat(json.keySet()).containsExactly("family", "config", "config_from", "assumed", "parameters", "bytes", "mapped",
        "dropped",
        "non_finite", "overflown", "sources", "sha256");
    assertThat(summary.out).contains(json.get("sha256").getAsString());
    assertThat(target).doesNotExist();
    assertThat(fovea("convert", FIXTURE.resolveSibling("dinov2-tiny").toString(), "--dry-run").out)
        .contains("left out: embeddings.mask_token: used in pre-training only").contains(", not written");
  }

  /// Many pictures give the same answers with one thread and with several passes at once, and their errors in the same order.
  @Test
  void manyPictures() throws IOException {
    var pictures = Files.createDirectory(folder.resolve("pictures"));
    var demo = Path.of("src/main/resources/dev/fovea/cli/demo");
    for (int i = 0; i < 15; i++) {
      var file = pictures.resolve(String.format("%02d.png", i));
      if (i % 5 == 3) Files.writeString(file, "no picture");
      else Files.copy(i % 2 == 0 ? Path.of(PICTURE) : demo.resolve("yellow-ring.png"), file);
    }
    for (var command : List.of(List.of("classify", model), List.of("embed", model), List.of("embed", model, "--batch", "4"),
        List.of("segment", demo.resolve("segformer.safetensors").toString()))) {
      var arguments = new ArrayList<>(command);
      arguments.addAll(List.of(pictures.toString(), "--json", "--threads", "1"));
      var one = fovea(arguments.toArray(String[]::new));
      assertThat(one.status).isEqualTo(2);
      assertThat(one.err.lines().map(line -> line.replaceFirst(".*pictures/(..).png: .*", "$1"))).containsExactly("03", "08", "13");
      for (var threads : List.of("2", "3", "7")) {
        arguments.set(arguments.size() - 1, threads);
        assertThat(fovea(arguments.toArray(String[]::new))).as(arguments.toString()).isEqualTo(one);
      }
    }
  }

  /// Matrices in 8 bits, there and back.
  @Test
  void convertToQ8() {
    Path target = folder.resolve("q8.safetensors"), back = folder.resolve("q8-hf");
    var refused = fovea("convert", FIXTURE.toString(), "-o", target.toString(), "--dtype", "q8");
    assertThat(refused.status).isEqualTo(2);
    assertThat(refused.err.lines()).singleElement().asString().contains("a vit has none; --towers");
    refused = fovea("convert", FIXTURE.toString(), "-o", target.toString(), "--towers");
    assertThat(refused.status).isEqualTo(2);
    assertThat(refused.err).contains("--towers: expected --dtype q8 beside it");
    assertThat(fovea("convert", FIXTURE.toString(), "-o", target.toString(), "--dtype", "q8", "--towers").out).contains("14 cast");
    assertThat(fovea("inspect", target.toString()).out.lines()).anyMatch(line -> line.matches("blocks.2.mlp.fc2.weight +Q8 +\\[3, 3, 544]"));
    assertThat(fovea("verify", target.toString(), "--against", FIXTURE.resolve("reference.safetensors").toString(), "--tolerance", "0.03").status)
        .isEqualTo(0);
    assertThat(fovea("convert", target.toString(), "--to", "hf", "-o", back.toString()).out)
        .contains("decoded: 14 matrices in 8 bits, now float32");
  }

  /// Lines of their own for what a user should know: NaN in the source, and numbers that float16 does not have.
  @Test
  void convertTellsOfNaN() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    Files.copy(FIXTURE.resolve("config.json"), source.resolve("config.json"));
    var writer = new CheckpointWriter();
    try (var checkpoint = Checkpoint.open(FIXTURE.resolve("model.safetensors"))) {
      for (var tensor : checkpoint.tensors().values()) {
        var values = tensor.toFloats();
        if (tensor.name().equals("classifier.bias")) values[3] = Float.NaN;
        if (tensor.name().equals("classifier.weight")) values[7] = -1e5f;
        writer.tensor(tensor.name(), DType.F32, tensor.shape().stream().mapToLong(Long::longValue).toArray(),
            () -> Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values));
      }
    }
    writer.write(source.resolve("model.safetensors"));
    var target = folder.resolve("out.safetensors").toString();
    assertThat(fovea("convert", source.toString(), "-o", target, "--dtype", "f16").out)
        .contains("NaN or infinite, kept as they are: 1, in head.bias 1")
        .contains("too large for f16, now infinite: 1, in head.weight 1");
    assertThat(fovea("convert", source.toString(), "-o", target).out).contains("NaN or infinite").doesNotContain("too large");
  }

  @Test
  void bench() {
    var report = fovea("bench", "--preset", "vit-tiny-patch16-224", "--runs", "2", "--threads", "1", "--json").json();
    assertThat(report.keySet()).containsExactly("model", "kernels", "threads", "batch", "median_ms", "min_ms", "gflops", "peak_gflops",
        "share_of_peak", "peak_rss_mib");
    assertThat(report.get("model").getAsString()).isEqualTo("vit-tiny-patch16-224");
    assertThat(fovea("bench", model, "--runs", "1", "--batch", "3").status).isZero();
  }

  @ParameterizedTest
  @CsvSource({"llama-tiny, 0, 4", "deepseek-vl-tiny, 16, 3"})
  void benchOfATextThatIsContinued(String golden, int ofPicture, int ofText) {
    var file = folder.resolve(golden + ".safetensors").toString();
    assertThat(fovea("convert", FIXTURE.resolveSibling(golden).toString(), "-o", file, "--dtype", "q8")).returns(0, Run::status);
    var report = fovea("bench", file, "--runs", "1", "--threads", "1", "--prompt", "" + ofText, "--json").json();
    assertThat(report.keySet()).contains("model", "kernels", "threads", "batch", "median_ms", "min_ms", "gflops", "peak_gflops",
        "share_of_peak", "peak_rss_mib", "prefill_tokens_per_s", "decode_tokens_per_s", "first_token_ms", "share_of_read_bandwidth");
    assertThat(report.get("picture_tokens").getAsInt()).isEqualTo(ofPicture);
    assertThat(report.get("prompt_tokens").getAsInt()).isEqualTo(ofPicture + ofText);
    assertThat(report.get("first_token_ms").getAsDouble()).isGreaterThan(report.get("min_ms").getAsDouble());
    assertThat(report.getAsJsonArray("tokens").get(0).getAsJsonObject().get("bytes_read").getAsLong()).isPositive();
    assertThat(fovea("bench", file, "--prompt", "100000")).returns(2, Run::status).returns("", Run::out)
        .extracting(Run::err).asString().startsWith("fovea: --prompt: expected a prompt of less than ");
  }

  @Test
  void mask() throws IOException {
    var sam = folder.resolve("sam.safetensors").toString();
    assertThat(fovea("convert", FIXTURE.resolveSibling("sam-tiny").toString(), "-o", sam).status).isZero();
    Path picture = folder.resolve("mask.png"), embedding = folder.resolve("embedding");
    var all = fovea("mask", sam, PICTURE, "--point", "20,20", "--not", "3,4.5", "--box", "0,0,53,41", "--all", "--json", "-o",
        picture.toString(),
        "--embedding", embedding.toString()).json();
    assertThat(all.keySet()).containsExactly("image", "width", "height", "masks");
    assertThat(all.getAsJsonArray("masks")).hasSize(3);
    var first = all.getAsJsonArray("masks").get(0).getAsJsonObject();
    assertThat(first.keySet()).containsExactly("predicted_iou", "area", "bbox", "segmentation", "polygons");
    var runs = first.getAsJsonObject("segmentation");
    assertThat(runs.getAsJsonArray("size").toString()).isEqualTo("[41,53]");
    assertThat(RunLengths.ofCompressed(53, 41, runs.get("counts").getAsString()).area()).isEqualTo(first.get("area").getAsLong());
    assertThat(Picture.read(picture).width()).isEqualTo(53);
    // The picture is not seen again.
    var same = fovea("mask", sam, PICTURE, "--point", "20,20", "--not", "3,4.5", "--box", "0,0,53,41", "--all", "--json",
        "--embedding", embedding.toString());
    assertThat(same.json()).isEqualTo(all);
    assertThat(fovea("mask", sam, PICTURE, "--point", "20,20").out).startsWith("predicted IoU ");
    assertThat(fovea("mask", sam, PICTURE, "--mask", PICTURE, "--form", "binary", "-o", picture.toString()).status).isZero();
  }

  /// What pycocotools' `COCO` reads: pictures, categories and annotations that refer to them.
  @Test
  void maskEverything() {
    var sam = folder.resolve("sam.safetensors").toString();
    fovea("convert", FIXTURE.resolveSibling("sam-tiny").toString(), "-o", sam);
    var coco = fovea("mask", sam, PICTURE, "--everything", "--points-per-side", "4", "--min-iou", "-9", "--min-stability", "0",
        "--json").json();
    assertThat(coco.keySet()).containsExactly("images", "categories", "annotations");
    assertThat(coco.getAsJsonArray("annotations")).isNotEmpty();
    for (var element : coco.getAsJsonArray("annotations")) {
      var annotation = element.getAsJsonObject();
      assertThat(annotation.keySet()).contains("id", "image_id", "category_id", "iscrowd", "segmentation", "area", "bbox",
          "predicted_iou",
          "stability_score", "point_coords", "crop_box");
      var runs = RunLengths.ofCompressed(53, 41, annotation.getAsJsonObject("segmentation").get("counts").getAsString());
      assertThat(runs.area()).isEqualTo(annotation.get("area").getAsLong());
    }
  }

  @Test
  void classify() throws IOException {
    var answers = JsonParser.parseString(fovea("classify", model, PICTURE, FIXTURE.toString(), "--top", "2", "--json").out).getAsJsonArray();
    assertThat(answers).hasSize(2);
    assertThat(answers.get(0).getAsJsonObject().getAsJsonArray("classes")).hasSize(2);
    var file = folder.resolve("answers.txt");
    var input = System.in;
    System.setIn(new ByteArrayInputStream(Files.readAllBytes(Path.of(PICTURE))));
    try {
      assertThat(fovea("classify", model, "-", "--top", "1", "-o", file.toString())).returns(0, Run::status).returns("", Run::out);
    } finally {
      System.setIn(input);
    }
    assertThat(Files.readString(file)).startsWith("-").contains("LABEL_");
  }

  private String dinov2(String golden) {
    var file = folder.resolve(golden + ".safetensors").toString();
    assertThat(fovea("convert", FIXTURE.resolveSibling(golden).toString(), "-o", file)).returns(0, Run::status).returns("", Run::err);
    return file;
  }

  @Test
  void dinov2() {
    var features = dinov2("dinov2-tiny-registers");
    var reference = FIXTURE.resolveSibling("dinov2-tiny-registers").resolve("reference.safetensors").toString();
    assertThat(fovea("verify", features, "--against", reference, "--json").json().get("passed").getAsBoolean()).isTrue();
    assertThat(fovea("inspect", features, "--json").json().get("parameters").getAsLong()).isEqualTo(86_160);
    assertThat(fovea("bench", features, "--runs", "1").status).isZero();
    assertThat(fovea("classify", features, PICTURE)).returns(2, Run::status).returns("", Run::out)
        .returns("fovea: " + features + ": expected a model that classifies pictures, got family dinov2 without a classification head\n", Run::err);
    assertThat(fovea("verify", features, "--against", FIXTURE.resolve("reference.safetensors").toString()).err)
        .contains("vit-tiny").endsWith("reference.safetensors: expected pictures whose height and width are multiples of the patch size 14, got 32x32\n");
    assertThat(fovea("classify", dinov2("dinov2-tiny-classifier"), PICTURE, "--top", "7").out).contains("LABEL_6");
  }

  private String segformer() {
    var file = folder.resolve("segformer.safetensors").toString();
    assertThat(fovea("convert", FIXTURE.resolveSibling("segformer-tiny").toString(), "-o", file)).returns(0, Run::status).returns("", Run::err);
    return file;
  }

  @Test
  void segment() throws IOException {
    var model = segformer();
    var reference = FIXTURE.resolveSibling("segformer-tiny").resolve("reference.safetensors").toString();
    assertThat(fovea("verify", model, "--against", reference, "--json").json().get("passed").getAsBoolean()).isTrue();
    var picture = FIXTURE.resolveSibling("segformer-tiny").resolve("image.png").toString();
    Path overlay = folder.resolve("overlay.png"), plain = folder.resolve("plain.png"), map = folder.resolve("map.png");
    assertThat(fovea("segment", model, picture, "-o", overlay.toString())).returns(0, Run::status).returns("", Run::err);
    var answer = JsonParser.parseString(fovea("segment", model, picture, "-o", map.toString(), "--map", "--json").out).getAsJsonArray().get(0).getAsJsonObject();
    assertThat(answer.keySet()).containsExactly("image", "width", "height", "classes", "output");
    assertThat(answer.getAsJsonArray("classes").get(0).getAsJsonObject().keySet()).containsExactly("index", "label", "pixels", "share");
    fovea("segment", model, picture, "-o", plain.toString(), "--no-legend", "--opacity", "0");

    var classes = ImageIO.read(map.toFile());
    assertThat(classes).returns(90, BufferedImage::getWidth).returns(61, BufferedImage::getHeight).returns(BufferedImage.TYPE_BYTE_INDEXED, BufferedImage::getType);
    assertThat(differencesFromReference(classes, reference)).isEmpty();
    assertThat(ImageIO.read(overlay.toFile()).getWidth()).isGreaterThan(90);
    var same = ImageIO.read(plain.toFile());
    var original = Picture.read(Path.of(picture));
    for (int y = 0; y < 61; y++)
      for (int x = 0; x < 90; x++)
        for (int c = 0; c < 3; c++) assertThat(same.getRaster().getSample(x, y, c)).isEqualTo(original.rgb()[3 * (90 * y + x) + c] & 0xff);
    assertThat(fovea("segment", model, picture, picture.replace("segformer-tiny", "vit-tiny")).out).contains("LABEL_");
    try (var left = Files.list(folder)) {
      assertThat(left.map(f -> f.getFileName().toString())).containsExactlyInAnyOrder("model.safetensors", "segformer.safetensors", "overlay.png", "plain.png", "map.png");
    }
  }

  /// Pixels whose class is another than that of the reference's logits for the first picture, although these tell the two apart.
  private static List<String> differencesFromReference(BufferedImage map, String reference) {
    var differences = new ArrayList<String>();
    try (var checkpoint = Checkpoint.open(Path.of(reference))) {
      var logits = checkpoint.tensor("output.logits");
      for (int y = 0; y < map.getHeight(); y++)
        for (int x = 0; x < map.getWidth(); x++) {
          var scores = new double[logits.shape().get(1).intValue()];
          for (int c = 0; c < scores.length; c++) scores[c] = blended(logits, c, (y + 0.5) / map.getHeight(), (x + 0.5) / map.getWidth());
          int ours = map.getRaster().getSample(x, y, 0);
          if (Arrays.stream(scores).max().orElseThrow() - scores[ours] > 1e-4) differences.add("(" + x + ", " + y + "): " + ours + " of " + Arrays.toString(scores));
        }
    }
    return differences;
  }

  /// A logit between the samples, at shares of the picture's height and width.
  private static double blended(StoredTensor logits, int c, double down, double across) {
    int height = logits.shape().get(2).intValue(), width = logits.shape().get(3).intValue();
    double y = Math.max(0, down * height - 0.5), x = Math.max(0, across * width - 0.5), sum = 0;
    for (int dy = 0; dy < 2; dy++)
      for (int dx = 0; dx < 2; dx++) {
        int row = Math.min((int) y + dy, height - 1), col = Math.min((int) x + dx, width - 1);
        sum += (1 - Math.abs((int) y + dy - y)) * (1 - Math.abs((int) x + dx - x)) * logits.floatAt((long) (c * height + row) * width + col);
      }
    return sum;
  }

  @Test
  void preprocessingThatDoesNotFitThePatches() throws IOException {
    var source = Files.createDirectory(folder.resolve("source"));
    for (var file : new String[] {"config.json", "model.safetensors"})
      Files.copy(FIXTURE.resolveSibling("dinov2-tiny-classifier").resolve(file), source.resolve(file));
    Files.writeString(source.resolve("preprocessor_config.json"),
        "{\"do_center_crop\": false, \"size\": {\"height\": 42, \"width\": 50}, \"image_mean\": [0, 0, 0], \"image_std\": [1, 1, "
            + "1]}");
    var odd = folder.resolve("odd.safetensors").toString();
    assertThat(fovea("convert", source.toString(), "-o", odd).status).isZero();
    assertThat(fovea("classify", odd, PICTURE)).returns(2, Run::status)
        .returns("fovea: " + PICTURE + ": after preprocessing: expected pictures whose height and width are multiples of the patch size 14, got 42x50\n", Run::err);
  }

  @Test
  void tokenize() throws IOException {
    var fixture = Path.of("../engine/src/test/resources/fixtures/tokenizer-wordpiece");
    var file = fixture.resolve("tokenizer.json").toString();
    assertThat(fovea("tokenize", file, "--", "-dogs").out).contains("ids      2 1 332 3");
    var json = JsonParser.parseString(fovea("tokenize", "--json", file, "a photo of a cat", "").out).getAsJsonArray();
    assertThat(json).hasSize(2);
    var first = json.get(0).getAsJsonObject();
    assertThat(first.keySet()).containsExactly("text", "ids", "tokens", "decoded");
    assertThat(first.getAsJsonArray("ids").toString()).isEqualTo("[2,27,352,171,27,313,3]");
    assertThat(first.get("decoded").getAsString()).isEqualTo("a photo of a cat");
    assertThat(fovea("tokenize", file, "a cat").out.lines())
        .containsExactly("text     \"a cat\"", "ids      2 27 313 3", "tokens   \"[CLS]\" \"a\" \"cat\" \"[SEP]\"", "decoded  \"a cat\"");
  }

  @Test
  void tokenizerInAModelFile() throws IOException {
    var bytes = Files.readAllBytes(Path.of("../engine/src/test/resources/fixtures/tokenizer-clip/tokenizer.json"));
    var file = folder.resolve("text.safetensors");
    new CheckpointWriter().tensor("tokenizer.json", DType.U8, new long[] {bytes.length}, () -> MemorySegment.ofArray(bytes)).write(file);
    assertThat(fovea("tokenize", file.toString(), "a photo of a cat").out).contains("ids      0 280 545 339 280 385 1");
    assertThat(fovea("tokenize", model, "a cat")).returns(2, Run::status).returns("", Run::out)
        .returns("fovea: " + model + ": holds no tokenizer: there is no tensor 'tokenizer.json'\n", Run::err);
  }

  @Test
  void doctorAndDemoAndCompletion() {
    assertThat(fovea("doctor", "--json").json().get("verdict").getAsString()).isEqualTo("good");
    assertThat(fovea("demo").out).contains("yellow ring").contains("background").contains("star")
        .contains("How many shapes are there?  four.").contains("Find the orange square.  orange square 65,65 103,103");
    assertThat(fovea("demo", "--output-dir", folder.toString())).returns(0, Run::status).returns("", Run::err);
    for (var name : List.of("segmentation.png", "mask.png", "boxes.png")) assertThat(folder.resolve(name)).isNotEmptyFile();
    assertThat(fovea("generate-completion").out).contains("complete -F");
  }

  @ParameterizedTest
  @ValueSource(strings = {"convert", "inspect", "verify", "bench", "trace", "doctor", "classify", "embed", "zero-shot", "segment", "mask", "detect", "ask", "tokenize",
      "demo"})
  void help(String command) {
    assertThat(fovea(command, "--help")).returns(0, Run::status).returns("", Run::err);
    assertThat(fovea(command, "--help").out).contains("Usage: fovea " + command);
  }

  @Test
  void debugShowsTheStackTrace() {
    assertThat(fovea("inspect", "no-such-file", "--debug").err).contains("at dev.fovea").contains("fovea: no-such-file: no such file or folder");
    assertThat(fovea("inspect", "no-such-file").err.lines()).containsExactly("fovea: no-such-file: no such file or folder");
  }
}
