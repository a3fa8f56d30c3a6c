package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Picture;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `embed` on the pictures that came with the embedded ViT. What wrong use prints is in `.ci/wrong-use`.
@Timeout(180)
class EmbedCommandTest {
  private static final Path SINGLES = Path.of("src/test/resources/singles");
  private static final int DIM = 128;

  @TempDir
  private Path folder;
  private String model, pictures;

  @BeforeEach
  void copy() throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/vit.safetensors")) {
      Files.copy(in, folder.resolve("demo.safetensors"));
    }
    model = folder.resolve("demo.safetensors").toString();
    var below = Files.createDirectories(folder.resolve("pictures/below"));
    pictures = folder.resolve("pictures").toString();
    for (var name : new String[] {"00", "01", "02"}) Files.copy(SINGLES.resolve("single-" + name + ".png"), below.resolveSibling(name + ".png"));
    Files.copy(SINGLES.resolve("single-03.png"), below.resolve("03.png"));
  }

  private String picture(String name) {
    return folder.resolve("pictures").resolve(name).toString();
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private static JsonArray array(Run run) {
    assertThat(run).returns(0, Run::status).returns("", Run::err);
    return JsonParser.parseString(run.out()).getAsJsonArray();
  }

  private static float[] vector(JsonArray answers, int i) {
    var numbers = answers.get(i).getAsJsonObject().getAsJsonArray("embedding");
    var vector = new float[numbers.size()];
    for (int k = 0; k < vector.length; k++) vector[k] = numbers.get(k).getAsFloat();
    return vector;
  }

  private static double length(float[] vector) {
    double sum = 0;
    for (float x : vector) sum += (double) x * x;
    return Math.sqrt(sum);
  }

  @Test
  void json() throws IOException {
    var all = array(fovea("embed", model, pictures, "--json"));
    assertThat(all).extracting(a -> a.getAsJsonObject().get("image").getAsString())
        .containsExactly(picture("00.png"), picture("01.png"), picture("02.png"), picture("below/03.png"));
    assertThat(vector(all, 0)).hasSize(DIM);
    assertThat(length(vector(all, 0))).isCloseTo(1, within(1e-6));
    assertThat(array(fovea("embed", model, pictures, "--json", "--batch", "3"))).isEqualTo(all);
    var both = vector(array(fovea("embed", model, picture("00.png"), "--pool", "both", "--no-normalize", "--json")), 0);
    assertThat(both).hasSize(2 * DIM);
    var cls = Arrays.copyOf(both, DIM);
    for (int i = 0; i < DIM; i++) assertThat(cls[i] / length(cls)).isCloseTo(vector(all, 0)[i], within(1e-6));
    var mean = vector(array(fovea("embed", model, picture("00.png"), "--pool", "mean", "--no-normalize", "--json")), 0);
    assertThat(mean).isEqualTo(Arrays.copyOfRange(both, DIM, 2 * DIM));
    assertThat(vector(array(fovea("embed", model, picture("00.png"), "--size", "64", "--json")), 0)).isNotEqualTo(vector(all, 0));
    assertThat(fovea("embed", model, pictures).out()).contains(picture("below/03.png")).contains("128 numbers: ");
    var input = System.in;
    System.setIn(new ByteArrayInputStream(Files.readAllBytes(SINGLES.resolve("single-00.png"))));
    try {
      assertThat(vector(array(fovea("embed", model, "-", "--json", "--pca", file("pca.png"))), 0)).isEqualTo(vector(all, 0));
      assertThat(folder.resolve("pca.png")).exists();
    } finally {
      System.setIn(input);
    }
  }

  @Test
  void files() throws IOException {
    var expected = array(fovea("embed", model, pictures, "--json"));
    for (var name : new String[] {"x.json", "x.npy", "x.safetensors"})
      assertThat(fovea("embed", model, pictures, "-o", file(name))).as(name).isEqualTo(new Run(0, "", ""));
    assertThat(JsonParser.parseString(Files.readString(folder.resolve("x.json")))).isEqualTo(expected);
    var names = expected.asList().stream().map(a -> a.getAsJsonObject().get("image").getAsString()).toList();
    var npy = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("x.npy"))).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(new String(npy.array(), 0, 128, StandardCharsets.ISO_8859_1)).contains("'shape': (4, 128)");
    var row = new float[DIM];
    npy.position(128 + 4 * 2 * DIM).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(row);
    assertThat(row).isEqualTo(vector(expected, 2));
    assertThat(JsonFields.strings("names", Files.readString(folder.resolve("x.npy.names.json")))).isEqualTo(names);
    try (var checkpoint = Checkpoint.open(folder.resolve("x.safetensors"))) {
      assertThat(checkpoint.tensor("embeddings").shape()).containsExactly(4L, (long) DIM);
      assertThat(Arrays.copyOfRange(checkpoint.tensor("embeddings").toFloats(), 3 * DIM, 4 * DIM)).isEqualTo(vector(expected, 3));
      assertThat(JsonFields.strings("names", checkpoint.metadata().get("images"))).isEqualTo(names);
      assertThat(checkpoint.metadata()).containsEntry("pooling", "class").containsEntry("normalized", "true");
    }
    assertThat(leftOver()).isEmpty();
  }

  private List<Path> leftOver() throws IOException {
    try (var files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith(".partial") || f.toString().endsWith(".tmp")).toList();
    }
  }

  /// The query is not among its own answers, by whichever path it is named.
  @Test
  void similar() {
    var query = folder.resolve("pictures/below/../00.png").toString();
    var ranking = array(fovea("embed", model, pictures, "--similar", query, picture("below/03.png"), "--json"));
    assertThat(ranking).hasSize(2);
    var first = ranking.get(0).getAsJsonObject();
    assertThat(first.get("query").getAsString()).isEqualTo(query);
    var similar = first.getAsJsonArray("similar");
    assertThat(similar).extracting(s -> s.getAsJsonObject().get("image").getAsString())
        .containsExactly(picture("below/03.png"), picture("01.png"), picture("02.png"));
    var all = array(fovea("embed", model, pictures, "--json"));
    double cosine = 0;
    for (int i = 0; i < DIM; i++) cosine += (double) vector(all, 0)[i] * vector(all, 3)[i];
    assertThat(similar.get(0).getAsJsonObject().get("cosine").getAsDouble()).isCloseTo(cosine, within(1e-6));
    assertThat(fovea("embed", model, pictures, "--similar", query).out().lines().toList()).hasSize(4).last().asString().endsWith(picture("02.png"));
  }

  @Test
  void principalComponents() throws IOException {
    assertThat(fovea("embed", model, picture("00.png"), picture("01.png"), "--pca", file("pca.png"))).isEqualTo(new Run(0, "", ""));
    var drawn = Picture.read(folder.resolve("pca.png"));
    assertThat(drawn).returns(256, Picture::width).returns(128, Picture::height);
    long black = black(drawn);
    assertThat(black).isBetween(1L, 256 * 128 - 1L);
    assertThat(fovea("embed", model, picture("00.png"), picture("01.png"), "--pca", file("other.png"), "--background").status()).isZero();
    // The two sides of the cut are each other's complement, but that a colour of the foreground may be black.
    assertThat(black(Picture.read(folder.resolve("other.png")))).isCloseTo(256 * 128 - black, within(5 * 64L));
  }

  private static long black(Picture picture) {
    long black = 0;
    for (int i = 0; i < picture.rgb().length; i += 3) if ((picture.rgb()[i] | picture.rgb()[i + 1] | picture.rgb()[i + 2]) == 0) black++;
    return black;
  }

  @Test
  void aBrokenPictureIsToldAndTheOthersGoOn() throws IOException {
    var broken = Files.writeString(folder.resolve("pictures/01.png"), "this is no picture");
    var run = fovea("embed", model, pictures, picture("no-such.png"), "--json", "--batch", "2");
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(2).first().asString().startsWith("fovea: " + broken + ": not a picture");
    assertThat(run.err()).contains("no-such.png: no such file");
    assertThat(JsonParser.parseString(run.out()).getAsJsonArray()).hasSize(3);
    assertThat(fovea("embed", model, pictures, "--pca", file("pca.png")).status()).isEqualTo(2);
    assertThat(folder.resolve("pca.png")).exists();
    var alone = fovea("embed", model, broken.toString(), "-o", file("x.json"));
    assertThat(alone).returns(2, Run::status).returns("", Run::out);
    assertThat(folder.resolve("x.json")).doesNotExist();
    assertThat(leftOver()).isEmpty();
  }

  /// What was computed is taken from the journal, where a mark stands in place of each vector; what changed is computed.
  @Test
  void resumeTakesOverWhatStillHolds() throws IOException {
    var clean = array(fovea("embed", model, pictures, "--json"));
    var good = Files.readAllBytes(folder.resolve("pictures/02.png"));
    Files.writeString(folder.resolve("pictures/02.png"), "this is no picture");
    assertThat(fovea("embed", model, pictures, "-o", file("x.json")).status()).isEqualTo(2);
    var journal = folder.resolve("x.json.partial");
    var lines = Files.readAllLines(journal);
    assertThat(lines).hasSize(4);
    var mark = new float[DIM];
    mark[0] = 1;
    var bytes = ByteBuffer.allocate(4 * DIM).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(mark);
    var marked = Base64.getEncoder().encodeToString(bytes.array());
    lines.replaceAll(line -> line.replaceAll("\"embedding\":\".*?\"", "\"embedding\":\"" + marked + "\""));
    var last = lines.removeLast();
    var kept = String.join("\n", lines) + "\n" + last.substring(0, last.length() - 100);
    Files.writeString(journal, kept);
    Files.write(folder.resolve("pictures/02.png"), good);
    // Another picture under a known name, of another size.
    Files.copy(SINGLES.resolve("single-04.png"), folder.resolve("pictures/01.png"), java.nio.file.StandardCopyOption.REPLACE_EXISTING);

    assertThat(fovea("embed", model, pictures, "-o", file("x.json"), "--resume")).isEqualTo(new Run(0, "", ""));
    var resumed = JsonParser.parseString(Files.readString(folder.resolve("x.json"))).getAsJsonArray();
    assertThat(resumed).hasSize(4);
    assertThat(vector(resumed, 0)).as("unchanged").isEqualTo(mark);
    assertThat(vector(resumed, 1)).as("changed").isEqualTo(vector(array(fovea("embed", model, picture("01.png"), "--json")), 0));
    assertThat(vector(resumed, 2)).as("was broken").isEqualTo(vector(clean, 2));
    assertThat(vector(resumed, 3)).as("cut off").isEqualTo(vector(clean, 3));
    assertThat(leftOver()).isEmpty();

    var anew = array(fovea("embed", model, pictures, "--pool", "mean", "--json"));
    Files.writeString(journal, kept);
    var other = fovea("embed", model, pictures, "-o", file("x.json"), "--resume", "--pool", "mean");
    assertThat(other.err()).isEqualTo("fovea: " + journal + ": is of another model or other options: everything is computed anew\n");
    assertThat(JsonParser.parseString(Files.readString(folder.resolve("x.json")))).isEqualTo(anew);
    Files.writeString(journal, kept);
    assertThat(fovea("embed", model, pictures, "-o", file("x.json")).err()).contains("which --resume would take over");
    assertThat(vector(JsonParser.parseString(Files.readString(folder.resolve("x.json"))).getAsJsonArray(), 0)).isEqualTo(vector(clean, 0));
  }

  /// A journal of nothing, of no JSON, and with vectors cut short is no danger.
  @Test
  void aBrokenJournalIsStartedAnew() throws IOException {
    var clean = array(fovea("embed", model, pictures, "--json"));
    for (var text : new String[] {"", "\0\0\0\0", "[1]\n{}\n", "null\n", "{\"settings\":3}\n", "\n\n\n"}) {
      Files.writeString(folder.resolve("x.json.partial"), text);
      assertThat(fovea("embed", model, pictures, "-o", file("x.json"), "--resume").status()).as(text).isZero();
      assertThat(JsonParser.parseString(Files.readString(folder.resolve("x.json")))).as(text).isEqualTo(clean);
    }
  }

  @Test
  void oneRunAtATime() {
    var output = folder.resolve("x.json");
    try (var journal = new EmbedJournal(output, "settings", false)) {
      assertThat(fovea("embed", model, pictures, "-o", output.toString()))
          .isEqualTo(new Run(2, "", "fovea: " + output + ".partial: another run is writing to " + output + "\n"));
      assertThat(journal.known(picture("00.png"))).isNull();
    }
    assertThat(fovea("embed", model, pictures, "-o", output.toString()).status()).isZero();
  }

  /// As data sets have them: a folder of links, and a link to that.
  @Test
  void linkedFolders() throws IOException {
    var linked = Files.createSymbolicLink(folder.resolve("linked"), folder.resolve("pictures"));
    assertThat(array(fovea("embed", model, linked.toString(), "--json"))).hasSize(4);
    Files.createSymbolicLink(folder.resolve("pictures/below/loop"), folder.resolve("pictures"));
    var spoilt = fovea("embed", model, linked.toString(), "--json");
    assertThat(spoilt).returns(2, Run::status)
        .returns("fovea: " + linked.resolve("below/loop")
            + ": cannot be read: a link that leads back to a folder above it\n", Run::err);
    assertThat(JsonParser.parseString(spoilt.out()).getAsJsonArray()).hasSize(4);
  }

  @Test
  void killedAndResumed() throws IOException, InterruptedException {
    var many = Files.createDirectory(folder.resolve("many"));
    for (int i = 0; i < 120; i++) Files.copy(SINGLES.resolve("single-%02d.png".formatted(i % 12)), many.resolve("%03d.png".formatted(i)));
    var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules=jdk.incubator.vector",
        "-cp", SlowJavaTest.classPath(), "dev.fovea.cli.Fovea", "embed", model, many.toString(), "-o", file("x.npy")));
    var process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile()).start();
    var journal = folder.resolve("x.npy.partial");
    try {
      while (process.isAlive() && (!Files.exists(journal) || Files.size(journal) < 4_000)) Thread.sleep(5);
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(folder.resolve("log"))).isNotZero();
    assertThat(folder.resolve("x.npy")).doesNotExist();
    int before = Files.readAllLines(journal).size();
    assertThat(before).isBetween(3, 120);
    assertThat(fovea("embed", model, many.toString(), "-o", file("x.npy"), "--resume")).isEqualTo(new Run(0, "", ""));
    assertThat(fovea("embed", model, many.toString(), "-o", file("y.npy"))).isEqualTo(new Run(0, "", ""));
    assertThat(folder.resolve("x.npy")).hasSameBinaryContentAs(folder.resolve("y.npy"));
    assertThat(leftOver()).isEmpty();
  }
}
