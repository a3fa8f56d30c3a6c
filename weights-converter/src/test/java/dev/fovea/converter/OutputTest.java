package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// A conversion leaves its source as it is, and follows links to where its result belongs.
@DisabledOnOs(OS.WINDOWS)
class OutputTest {
  private static final Path FIXTURE = Path.of("src/test/resources/fixtures/vit-tiny");

  @TempDir
  private Path folder;
  private Path source;

  @BeforeEach
  void copy() throws IOException {
    source = Files.createDirectory(folder.resolve("source"));
    for (var name : List.of("config.json", "model.safetensors")) Files.copy(FIXTURE.resolve(name), source.resolve(name));
  }

  @Test
  void theSourceStays() throws IOException {
    Path weights = source.resolve("model.safetensors"), config = source.resolve("config.json");
    var before = List.of(Files.readAllBytes(weights), Files.readAllBytes(config));
    var hard = Files.createLink(folder.resolve("hard"), weights);
    for (var from : List.of(source, weights))
      for (var target : List.of(weights, config, hard))
        assertThatThrownBy(() -> Converter.convert(from, target, Weight.Type.F32)).isInstanceOf(CheckpointException.class)
            .hasMessageStartingWith(target + ": would overwrite the input");
    assertThatThrownBy(() -> Converter.convert(source, source.resolve("new.safetensors"), Weight.Type.F32))
        .isInstanceOf(CheckpointException.class).hasMessageEndingWith("expected a place outside the folder " + source + ", whose files are read");
    var other = Files.copy(config, folder.resolve("other.json"));
    assertThatThrownBy(() -> Converter.convert(source, other, Conversion.to(Weight.Type.F32).withConfig(other)))
        .hasMessageStartingWith(other + ": would overwrite the input");
    assertThat(List.of(Files.readAllBytes(weights), Files.readAllBytes(config))).usingRecursiveComparison().isEqualTo(before);
    try (var files = Files.list(source)) {
      assertThat(files).containsExactlyInAnyOrder(weights, config);
    }
  }

  @Test
  void foldersBehindLinks() throws IOException {
    var model = folder.resolve("model.safetensors");
    Converter.convert(source, model, Weight.Type.F32);
    var link = Files.createSymbolicLink(folder.resolve("link"), Path.of("target"));
    HuggingFaceExport.write(model, link);
    assertThat(link).isSymbolicLink();
    assertThat(folder.resolve("target/config.json")).isRegularFile();
    var plain = Files.createDirectory(folder.resolve("plain"));
    assertThat(Files.getPosixFilePermissions(folder.resolve("target"))).isEqualTo(Files.getPosixFilePermissions(plain));
    Files.setPosixFilePermissions(plain, PosixFilePermissions.fromString("rwx------"));
    HuggingFaceExport.write(model, plain);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(plain))).isEqualTo("rwx------");
  }
}
