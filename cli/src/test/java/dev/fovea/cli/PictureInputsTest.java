package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Folders with what cannot be read, in every command that takes them; and where a command's results may not go.
@DisabledOnOs(OS.WINDOWS)
class PictureInputsTest {
  private static final Path FIXTURES = Path.of("../weights-converter/src/test/resources/fixtures");

  @TempDir
  private Path folder;
  private Path pictures;

  @BeforeEach
  void fill() throws IOException {
    pictures = Files.createDirectories(folder.resolve("pictures"));
    Files.copy(FIXTURES.resolve("vit-tiny/image.png"), pictures.resolve("b.png"));
    var below = Files.createDirectory(pictures.resolve("below"));
    Files.copy(FIXTURES.resolve("vit-tiny/image.png"), below.resolve("a.PNG"));
    Files.writeString(pictures.resolve("notes.txt"), "not looked at");
  }

  private void spoil() throws IOException {
    Files.createSymbolicLink(pictures.resolve("back"), pictures);
    Files.createSymbolicLink(pictures.resolve("gone.png"), Path.of("no-such.png"));
    Files.writeString(pictures.resolve("text.png"), "no picture");
    Files.createSymbolicLink(pictures.resolve("loop"), Path.of("loop"));
  }

  private String model(String fixture) {
    var file = folder.resolve(fixture + ".safetensors").toString();
    assertThat(CommandsTest.fovea("convert", FIXTURES.resolve(fixture).toString(), "-o", file).status()).isZero();
    return file;
  }

  @Test
  void theOthersGoOn() throws IOException {
    spoil();
    var results = Files.createDirectory(folder.resolve("results")).toString();
    List<String[]> calls = List.of(new String[] {"classify", model("vit-tiny"), pictures.toString()},
        new String[] {"zero-shot", model("clip-tiny"), pictures.toString(), "--labels", "cat,dog"},
        new String[] {"embed", model("dinov2-tiny"), pictures.toString()},
        new String[] {"segment", model("segformer-tiny"), pictures.toString(), "-o", results});
    for (var call : calls) {
      var run = CommandsTest.fovea(call);
      assertThat(run.status()).as(call[0]).isEqualTo(2);
      assertThat(run.err().lines()).as(call[0]).containsExactlyInAnyOrder(
          "fovea: " + pictures.resolve("back") + ": cannot be read: a link that leads back to a folder above it",
          "fovea: " + pictures.resolve("gone.png") + ": no such file",
          "fovea: " + pictures.resolve("text.png") + ": not a picture: expected PNG, JPEG, WebP, BMP or GIF");
      assertThat(run.out().lines().filter(line -> line.startsWith(pictures.toString()))).as(call[0]).hasSize(2)
          .first().asString().startsWith(pictures.resolve("b.png").toString().replace("b.png", "b"));
    }
    try (var made = Files.list(Path.of(results))) {
      assertThat(made.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("a.png", "b.png");
    }
  }

  @Test
  void nothingThatCanBeRead() throws IOException {
    var empty = Files.createDirectory(folder.resolve("empty"));
    assertThatThrownBy(() -> PictureInputs.of(List.of(empty.toString()))).isInstanceOf(ImageException.class)
        .hasMessage(empty + ": there is no picture in this folder");
    var both = PictureInputs.of(List.of(empty.toString(), pictures.toString()));
    assertThat(both.passedOver()).isTrue();
    assertThat(both.names()).containsExactly(pictures.resolve("b.png").toString(), pictures.resolve("below/a.PNG").toString());
    assertThat(PictureInputs.of(List.of(pictures.toString())).passedOver()).isFalse();
    assertThat(CommandsTest.fovea("classify", model("vit-tiny"), folder.resolve("none.png").toString(), "--json", "-o",
        folder.resolve("none.json").toString())).returns(2, CommandsTest.Run::status).returns("", CommandsTest.Run::out)
        .returns("fovea: " + folder.resolve("none.png") + ": no such file\n", CommandsTest.Run::err);
    assertThat(folder.resolve("none.json")).doesNotExist();
  }

  /// By way of a link, or new: what lies among pictures would be read as one of them next time.
  @Test
  void resultsAmongTheInputs() throws IOException {
    var link = Files.createSymbolicLink(folder.resolve("link"), pictures);
    var inputs = PictureInputs.of(List.of(pictures.toString()));
    for (var file : List.of(pictures.resolve("new.png"), pictures.resolve("below/new.webp"), link.resolve("new.png")))
      assertThatThrownBy(() -> Outputs.of(file).reading(inputs).require()).isInstanceOf(Fovea.UsageException.class)
          .hasMessageStartingWith(file + ": expected a place outside the folder ");
    for (var file : List.of(pictures.resolve("b.png"), link.resolve("below/a.PNG")))
      assertThatThrownBy(() -> Outputs.of(file).reading(inputs).require()).hasMessageStartingWith(file + ": would overwrite the input");
    Outputs.of(pictures.resolve("vectors.npy"), folder.resolve("new.png")).reading(inputs).require();
    assertThatThrownBy(() -> Outputs.of(folder.resolve("new.png"), folder.resolve("./new.png")).require())
        .hasMessageEndingWith("expected two files to write, got the same twice");
  }

  /// The folder of a checkpoint, what its links lead to, and what lies beside its weights.
  @Test
  void resultsAmongACheckpoint() throws IOException {
    var checkpoint = Files.createDirectory(folder.resolve("checkpoint"));
    var blob = Files.copy(FIXTURES.resolve("vit-tiny/model.safetensors"), folder.resolve("blob"));
    Files.createSymbolicLink(checkpoint.resolve("model.safetensors"), blob);
    var config = Files.copy(FIXTURES.resolve("vit-tiny/config.json"), checkpoint.resolve("config.json"));
    var before = Files.readAllBytes(blob);
    for (var source : List.of(checkpoint, checkpoint.resolve("model.safetensors"))) {
      assertThat(CommandsTest.fovea("convert", source.toString(), "-o", blob.toString()).err())
          .startsWith("fovea: " + blob + ": would overwrite the input " + checkpoint);
      assertThatThrownBy(() -> Outputs.of(blob).readingModel(source).require()).hasMessageStartingWith(blob + ": would overwrite the input");
      assertThatThrownBy(() -> Outputs.of(config).readingModel(source).require()).hasMessageStartingWith(config.toString());
    }
    assertThatThrownBy(() -> Outputs.of(checkpoint.resolve("new")).readingModel(checkpoint).require())
        .hasMessageEndingWith(": expected a place outside the folder " + checkpoint + ", whose files are read");
    assertThat(Files.readAllBytes(blob)).isEqualTo(before);
    // Beside a model file, other files are nobody's inputs.
    Outputs.of(Files.writeString(folder.resolve("config.json"), "{}")).readingModel(Path.of(model("vit-tiny"))).require();
  }

  @Test
  void numberedMasks() throws IOException {
    var numbered = new NumberedFiles(folder.resolve("out.b.png"));
    for (var name : List.of("out.b-2.png", "out.b-17.png", "out.b-x.png", "out.b.png", "out.b-3.jpg")) Files.createFile(folder.resolve(name));
    assertThat(numbered.known()).containsExactlyInAnyOrder(folder.resolve("out.b-1.png"), folder.resolve("out.b-2.png"),
        folder.resolve("out.b-17.png"));
    assertThat(numbered.number(4)).isEqualTo(folder.resolve("out.b-4.png"));
  }

  /// An embedding knows its picture; that of an earlier version does not, and that is told.
  @Test
  void theEmbeddingOfAnotherPicture() throws IOException {
    var sam = model("sam-tiny");
    var picture = pictures.resolve("b.png").toString();
    Path embedding = folder.resolve("embedding"), old = folder.resolve("old");
    var input = System.in;
    System.setIn(new ByteArrayInputStream(Files.readAllBytes(pictures.resolve("b.png"))));
    try {
      assertThat(CommandsTest.fovea("mask", sam, "-", "--point", "20,20", "--embedding", embedding.toString()).status()).isZero();
    } finally {
      System.setIn(input);
    }
    var again = CommandsTest.fovea("mask", sam, picture, "--point", "20,20", "--embedding", embedding.toString());
    assertThat(again).returns(0, CommandsTest.Run::status).returns("", CommandsTest.Run::err);

    var original = Picture.read(pictures.resolve("b.png"));
    var rgb = original.rgb().clone();
    rgb[100]++;
    var other = folder.resolve("other.png");
    Files.write(other, PictureWriter.png(new Picture("other", original.width(), original.height(), rgb)));
    assertThat(CommandsTest.fovea("mask", sam, other.toString(), "--point", "20,20", "--embedding", embedding.toString()))
        .isEqualTo(new CommandsTest.Run(2, "", "fovea: " + embedding + ": the embedding is of another picture than " + other + "\n"));

    try (var saved = Checkpoint.open(embedding)) {
      var writer = new CheckpointWriter();
      saved.metadata().forEach((key, value) -> {
        if (!key.equals("picture_sha256")) writer.metadata(key, value);
      });
      var map = saved.tensor("image_embedding");
      writer.tensor("image_embedding", DType.F32, map.shape().stream().mapToLong(Long::longValue).toArray(), map::data).write(old);
    }
    assertThat(CommandsTest.fovea("mask", sam, picture, "--point", "20,20", "--embedding", old.toString()))
        .returns(0, CommandsTest.Run::status).returns(again.out(), CommandsTest.Run::out)
        .returns("fovea: " + old + ": does not tell of which picture it is, for it is of an earlier version; taken for that of "
            + picture + "\n", CommandsTest.Run::err);
  }
}
