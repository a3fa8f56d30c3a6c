package dev.fovea.cli;

import static dev.fovea.cli.CommandsTest.fovea;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import dev.fovea.cli.CommandsTest.Run;
import dev.fovea.engine.image.Picture;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `ask`: questions on the command line and from stdin, with the embedded model.
class AskCommandTest {
  private static final String MODEL = "src/main/resources/dev/fovea/cli/demo/vlm.safetensors";
  private static final String SCENE = "src/test/resources/scenes/00.png", OTHER = "src/test/resources/scenes/01.png";

  @TempDir
  private Path folder;

  private static Run talk(String lines, String... arguments) {
    var realIn = System.in;
    System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
    try {
      return fovea(arguments);
    } finally {
      System.setIn(realIn);
    }
  }

  /// About colour, place and number, and with both providers.
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"What colour is the star? | purple. | vector", "What is at the top? | the orange triangle. | vector",
      "How many shapes are there? | four. | reference"})
  void answers(String question, String answer, String kernels) {
    assertThat(fovea("ask", MODEL, SCENE, question, "--kernels", kernels)).isEqualTo(new Run(0, answer + "\n", ""));
  }

  @Test
  void boxesAndJson() throws IOException {
    var drawn = folder.resolve("boxes.png");
    var run = fovea("ask", MODEL, SCENE, "Find the orange square.", "--boxes", drawn.toString());
    assertThat(run).isEqualTo(new Run(0, """
        <ref> orange square </ref> <det> 50 50 80 80 </det>
          orange square 65,65 103,103
        """, ""));
    Picture before = Picture.read(Path.of(SCENE)), after = Picture.read(drawn);
    assertThat(after.width()).isEqualTo(before.width());
    assertThat(after.rgb()).isNotEqualTo(before.rgb());
    var json = fovea("ask", MODEL, SCENE, "Find the orange square.", "--json").json();
    assertThat(json.keySet()).containsExactly("answer", "ids", "boxes", "prompt_tokens", "tokens_per_second");
    var box = json.getAsJsonArray("boxes").get(0).getAsJsonObject();
    assertThat(box.get("label").getAsString()).isEqualTo("orange square");
    assertThat(box.getAsJsonArray("box").get(2).getAsFloat()).isBetween(103f, 104f);
    assertThat(json.get("prompt_tokens").getAsInt()).isGreaterThan(256);
    var file = folder.resolve("answer.txt");
    assertThat(fovea("ask", MODEL, SCENE, "How many shapes are there?", "-o", file.toString())).isEqualTo(new Run(0, "", ""));
    assertThat(file).hasContent("four.\n");
  }

  @Test
  void trace() {
    var run = fovea("ask", MODEL, SCENE, "How many shapes are there?", "--trace");
    assertThat(run.out().lines().map(line -> line.replaceAll(" +", " ")).toList()).satisfiesExactly(
        line -> assertThat(line).isEqualTo("picture [3, 128, 128] prepared from 128x128 pixels"),
        line -> assertThat(line).matches("tokens \\[256, \\d+] a patch each, from the picture tower"),
        line -> assertThat(line).matches("adapter \\[256, \\d+] the same in the decoder's space"),
        line -> assertThat(line).matches("prompt \\[2\\d\\d, \\d+] the text's tokens, and 256 of the question's pictures in their places"),
        line -> assertThat(line).isEqualTo("logits [494] one for each token that may come next"),
        line -> assertThat(line).isEqualTo("four."));
    assertThat(fovea("ask", MODEL, "How many?", "--trace", "--json", "--max-tokens", "1").json().getAsJsonArray("trace")).hasSize(2);
  }

  /// Models with random weights: of texts alone, and of pictures in tiles.
  @Test
  void otherFamilies() {
    var fixtures = Path.of("../weights-converter/src/test/resources/fixtures");
    var llama = folder.resolve("llama.safetensors").toString();
    assertThat(fovea("convert", fixtures.resolve("llama-tiny").toString(), "-o", llama).status()).isZero();
    assertThat(fovea("ask", llama, "hello").err()).startsWith("fovea: " + llama + ": has no chat template: name one of deepseek-vl, ")
        .endsWith(", with --template\n");
    var text = fovea("ask", llama, "hello", "--template", "plain", "--max-tokens", "5", "--json").json();
    assertThat(text.getAsJsonArray("ids").size()).isBetween(1, 5);
    assertThat(fovea("ask", llama, SCENE, "hello", "--template", "plain")).isEqualTo(
        new Run(2, "", "fovea: " + llama + ": expected a model that reads pictures, got family llama\n"));
    var tiles = folder.resolve("smolvlm.safetensors").toString();
    assertThat(fovea("convert", fixtures.resolve("smolvlm-tiny").toString(), "-o", tiles).status()).isZero();
    assertThat(fovea("ask", tiles, SCENE, "hello", "--template", "smolvlm", "--max-tokens", "5", "--trace").out())
        .contains("picture  [5, 3, 32, 32]     prepared from 128x128 pixels, 2x2 tiles and the whole")
        .contains("adapter  [5, 4, 64]");
  }

  @Test
  void samplingAndLimits() {
    var one = fovea("ask", MODEL, SCENE, "Describe the picture.", "--temperature", "3", "--seed", "4", "--max-tokens", "12", "--threads", "1");
    var same = fovea("ask", MODEL, SCENE, "Describe the picture.", "--temperature", "3", "--seed", "4", "--max-tokens", "12", "--threads", "2");
    var other = fovea("ask", MODEL, SCENE, "Describe the picture.", "--temperature", "3", "--seed", "5", "--max-tokens", "12");
    assertThat(one).isEqualTo(same).isNotEqualTo(other);
    assertThat(fovea("ask", MODEL, SCENE, "Describe the picture.", "--stop", "le, a purple")).isEqualTo(
        new Run(0, "a picture of a yellow circ\n", ""));
    assertThat(fovea("ask", MODEL, SCENE, "Describe the picture.", "--max-tokens", "4").err()).isEmpty();
  }

  /// A line on stderr for each line that is no good; the others go on.
  @Test
  void questionsFromStdin() {
    var run = talk("""
        How many shapes are there?

        /picture %s
        /picture no-such.png
        How many shapes are there?
        /turn
        /reset
        /picture %s
        What colour is the star?
        /exit
        What is at the top?
        """.formatted(OTHER, SCENE), "ask", MODEL, SCENE);
    assertThat(run.out().lines()).hasSize(3).startsWith("four.").endsWith("purple.");
    assertThat(run.err().lines()).containsExactly("fovea: no-such.png: no such file",
        "fovea: /turn: expected a question, /picture FILE, /reset or /exit");
    assertThat(run.status()).isEqualTo(2);
    assertThat(talk("", "ask", MODEL)).isEqualTo(new Run(0, "", ""));
    var json = talk("How many shapes are there?\nDescribe the picture.", "ask", MODEL, SCENE, "--json");
    assertThat(json.status()).isZero();
    assertThat(json.out().lines().map(line -> JsonParser.parseString(line).getAsJsonObject().keySet().size())).containsExactly(5, 5);
    var full = talk("Describe the picture.\n/reset\nHow many shapes?\n", "ask", MODEL, SCENE, "--context", "100", "--max-tokens", "1");
    assertThat(full.err().lines()).singleElement().asString().endsWith("; /reset begins anew");
    assertThat(full.out().lines()).hasSize(1);
  }

  @Test
  void aPictureFromStdin() throws IOException {
    var realIn = System.in;
    try (var in = Files.newInputStream(Path.of(SCENE))) {
      System.setIn(in);
      assertThat(fovea("ask", MODEL, "-", "How many shapes are there?")).isEqualTo(new Run(0, "four.\n", ""));
    } finally {
      System.setIn(realIn);
    }
  }

  /// Nobody waits for an answer that nobody reads.
  @Test
  void aReaderThatHasHadEnough() {
    var realOut = System.out;
    int[] written = {0};
    System.setOut(new Stdout(new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        if (written[0] > 5) throw new IOException("Broken pipe");
        written[0]++;
      }
    }));
    try {
      assertThat(Fovea.run("ask", MODEL, SCENE, "Describe the picture.")).isZero();
      assertThat(written[0]).isEqualTo(6);
    } finally {
      System.setOut(realOut);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "--temperature -1 | --temperature: expected 0 or more, got -1.0",
      "--temperature 1 --top-p 0 | --top-p: expected more than 0 and at most 1, got 0.0",
      "--repetition-penalty 0 | --repetition-penalty: expected more than 0, got 0.0",
      "--top-k 5 | --top-k: expected --temperature beside it, without which nothing is drawn",
      "--max-tokens 0 | --max-tokens: expected at least 1, got 0",
      "--context 9 | --context: expected no question beside it, whose length decides",
      "--template chat | --template: chat template 'chat': expected one of deepseek-vl, ",
      "--template chatml | vlm.safetensors: pictures: the chat template chatml has no place for pictures, got 1",
      "--boxes out.jpg | --boxes: expected a file name that ends in .png, got out.jpg"})
  void refused(String options, String expected) {
    var arguments = new ArrayList<>(List.of("ask", MODEL, SCENE, "How many shapes are there?"));
    arguments.addAll(List.of(options.split(" ")));
    var run = fovea(arguments.toArray(String[]::new));
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err().lines()).singleElement().asString().contains(expected);
  }

  @Test
  void refusedPictures() {
    assertThat(fovea("ask", MODEL, "no-such.png").err()).isEqualTo("fovea: no-such.png: no such file\n");
    assertThat(fovea("ask", MODEL, "two words", "What?").err()).isEqualTo("fovea: two words: no such file\n");
    assertThat(fovea("ask", MODEL, "-").err()).isEqualTo("fovea: -: expected a question beside a picture on stdin\n");
    assertThat(fovea("ask", MODEL, "What?", "--boxes", "out.png").err()).isEqualTo("fovea: --boxes: expected a picture to draw on\n");
    assertThat(fovea("ask", MODEL, SCENE, "--boxes", "out.png").err()).isEqualTo("fovea: --boxes: expected a question beside it\n");
    var vit = "src/main/resources/dev/fovea/cli/demo/vit.safetensors";
    assertThat(fovea("ask", vit, SCENE, "What?")).isEqualTo(
        new Run(2, "", "fovea: " + vit + ": expected a model that continues texts, got family vit\n"));
  }
}
