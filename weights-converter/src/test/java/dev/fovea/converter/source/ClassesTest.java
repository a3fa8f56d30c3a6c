package dev.fovea.converter.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The classes that OpenMMLab's trainings note beside the tensors.
class ClassesTest {
  @TempDir
  private Path folder;

  /// A checkpoint of one tensor whose `meta` the steps put on the stack.
  private Classes classes(Pickler meta) throws IOException {
    var pickle = new Pickler().op('}').text("meta").ascii(steps(meta)).op('s').text("state_dict").op('}').text("a").tensor("0", 1, 1).op('s', 's');
    var file = Files.write(folder.resolve("a.pth"), Pickler.torchZip(pickle.end(), Map.of("0", Pickler.floats(1))));
    try (var source = Source.open(file)) {
      assertThat(source.tensors()).containsOnlyKeys("a");
      return source.classes();
    }
  }

  /// The steps after the protocol.
  private static String steps(Pickler pickle) {
    return new String(pickle.bytes(), 2, pickle.bytes().length - 2, StandardCharsets.ISO_8859_1);
  }

  private static Pickler meta() {
    return new Pickler().op('}');
  }

  private static Pickler colour(Pickler pickle, long... samples) {
    return pickle.tuple(samples).op('a');
  }

  @Test
  void ofBothVersions() throws IOException {
    var two = meta().text("CLASSES").op('(').text("sky").text("tree").op('t', 's').text("PALETTE").op(']');
    var old = colour(colour(two, 1, 2, 3), 255, 0, 16).op('s');
    assertThat(classes(old).names()).containsExactly("sky", "tree");
    assertThat(classes(old).colours()).containsExactly(0x010203, 0xff0010);
    var inner = colour(meta().text("classes").op(']').text("sky").op('a', 's').text("palette").op(']'), 1, 2, 3).op('s');
    var later = meta().text("dataset_meta").ascii(steps(inner)).op('s');
    assertThat(classes(later).names()).containsExactly("sky");
    assertThat(classes(later).colours()).containsExactly(0x010203);
  }

  /// Notes of another form tell nothing, and are no error: they are not the model.
  @Test
  void ofAnotherForm() throws IOException {
    assertThat(classes(meta())).isEqualTo(Classes.NONE);
    assertThat(classes(new Pickler().text("a text"))).isEqualTo(Classes.NONE);
    assertThat(classes(meta().text("CLASSES").text("sky").op('s'))).isEqualTo(Classes.NONE);
    assertThat(classes(meta().text("CLASSES").op(']').text("sky").op('a').integer(7).op('a', 's')).names()).isEmpty();
    for (var samples : new long[][] {{1, 2}, {1, 2, 3, 4}, {1, 2, 256}, {-1, 2, 3}}) {
      var colours = colour(meta().text("CLASSES").op(']').text("sky").op('a', 's').text("PALETTE").op(']'), samples).op('s');
      assertThat(classes(colours).names()).containsExactly("sky");
      assertThat(classes(colours).colours()).as("colour of " + samples.length).isEmpty();
    }
  }

  /// A name that could mislead whoever reads it on a terminal.
  @Test
  void controlCharacters() throws IOException {
    assertThat(classes(meta().text("CLASSES").op(']').text("sky\u001b[2J\n").op('a', 's')).names()).containsExactly("sky?[2J?");
  }
}
