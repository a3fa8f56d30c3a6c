package dev.fovea.converter.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Indexes that tell the truth, and others.
class ShardsTest {
  @TempDir
  private Path folder;

  @BeforeEach
  void twoShards() throws IOException {
    Files.write(folder.resolve("1.safetensors"), safetensors("a", 1));
    Files.write(folder.resolve("2.safetensors"), safetensors("b", 2));
  }

  private static byte[] safetensors(String name, float value) {
    var header = ("{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}").getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(12 + header.length).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header)
        .putFloat(value).array();
  }

  private Path index(String json) throws IOException {
    return Files.writeString(folder.resolve("model.safetensors.index.json"), json);
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(String weightMap) throws IOException {
    var index = index("{\"weight_map\": " + weightMap + "}");
    return assertThatThrownBy(() -> Source.open(folder).close()).isInstanceOf(CheckpointException.class)
        .satisfies(e -> assertThat(e.getMessage()).startsWith(folder.toString()).doesNotContain("\n"))
        .satisfies(_ -> assertThat(index).exists());
  }

  @Test
  void bothShards() throws IOException {
    index("{\"metadata\": {\"total_size\": 8}, \"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}");
    try (var source = Source.open(folder)) {
      assertThat(source.tensors()).containsOnlyKeys("a", "b");
      assertThat(source.tensors().get("b").floatAt(0)).isEqualTo(2);
    }
  }

  /// Shards of `torch.save`, as `pytorch_model.bin.index.json` names them.
  @Test
  void shardsOfPickles() throws IOException {
    for (var name : new String[] {"a", "b"})
      Files.write(folder.resolve(name + ".bin"), Pickler.torchZip(new Pickler().op('}').text(name).tensor("0", 1,
          1).op('s').end(),
          Map.of("0", Pickler.floats(5))));
    Files.writeString(folder.resolve("pytorch_model.bin.index.json"), "{\"weight_map\": {\"a\": \"a.bin\", \"b\": \"b.bin\"}}");
    try (var source = Source.open(folder)) {
      assertThat(source.tensors()).containsOnlyKeys("a", "b");
    }
  }

  @Test
  void shardsElsewhere() throws IOException {
    for (var name : new String[] {"../1.safetensors", "/etc/passwd", "..", ".", "", "a/1.safetensors", "..\\\\1.safetensors",
        "C:1", "1\\n2"})
      refused("{\"a\": \"" + name + "\"}").hasMessageContaining("expected names of shards in its own folder, got '");
  }

  @Test
  void indexesThatLie() throws IOException {
    refused("{\"a\": \"1.safetensors\", \"b\": \"3.safetensors\"}")
        .hasMessageEndingWith("index.json: the shard '3.safetensors' is missing");
    refused("{\"a\": \"1.safetensors\", \"c\": \"2.safetensors\"}")
        .hasMessageEndingWith("tensor 'c' should be in '2.safetensors', but is missing");
    refused("{\"a\": \"2.safetensors\", \"b\": \"1.safetensors\"}")
        .hasMessageContaining("tensor 'a' should be in '2.safetensors', but is in ");
    refused("{\"a\": 1}").hasMessageContaining("'a': expected a file's name");
    refused("[]").hasMessageContaining("'weight_map': expected an object");
    Files.write(folder.resolve("2.safetensors"), safetensors("a", 2));
    refused("{\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}").hasMessageContaining("tensor 'a' is also in ");
    index("{".repeat(100_000));
    assertThatThrownBy(() -> Source.open(folder)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("expected a JSON object");
    index("{\"weight_map\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}");
    assertThatThrownBy(() -> Source.open(folder)).isInstanceOf(CheckpointException.class);
  }

  @Test
  void otherFiles() throws IOException {
    var file = Files.writeString(folder.resolve("pytorch_model.bin"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    assertThatThrownBy(() -> Source.open(folder))
        .hasMessageEndingWith("pytorch_model.bin: holds no weights but Git LFS's note where they are; "
        + "fetch the file itself");
    Files.write(file, new byte[100]);
    assertThatThrownBy(() -> Source.open(folder)).hasMessageEndingWith("it begins like none of them");
    Files.write(file, new byte[0]);
    assertThatThrownBy(() -> Source.open(folder)).hasMessageEndingWith("it begins like none of them");
    Files.write(file, safetensors("a", 4));
    try (var source = Source.open(file)) {
      assertThat(source.tensors().get("a").floatAt(0)).isEqualTo(4);
    }
    var control = new String(safetensors("aXb", 4), StandardCharsets.ISO_8859_1).replace("aXb",
        "a\u007fb").getBytes(StandardCharsets.ISO_8859_1);
    Files.write(file, control);
    assertThatThrownBy(() -> Source.open(file)).hasMessageEndingWith("expected names without control characters, got 'a?b'");
  }

  @Test
  void foldersWithoutOne() throws IOException {
    assertThatThrownBy(() -> Source.open(folder)).hasMessageContaining("expected model.safetensors, ")
        .hasMessageEndingWith("got 1.safetensors, 2.safetensors; say which");
    Files.delete(folder.resolve("2.safetensors"));
    try (var source = Source.open(folder)) {
      assertThat(source.tensors()).containsOnlyKeys("a");
    }
    Files.delete(folder.resolve("1.safetensors"));
    assertThatThrownBy(() -> Source.open(folder)).hasMessageContaining("; got none");
  }
}
