package dev.fovea.converter.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Environments, and what they mean.
class HubSettingsTest {
  @TempDir
  private Path folder;

  /// Without a token file of whoever runs this.
  private static HubSettings of(String... namesAndValues) {
    var all = new java.util.TreeMap<>(Map.of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"));
    for (int i = 0; i < namesAndValues.length; i += 2) all.put(namesAndValues[i], namesAndValues[i + 1]);
    return HubSettings.of(all);
  }

  @Test
  void nothingSaid() {
    var home = Path.of(System.getProperty("user.home"));
    assertThat(of()).isEqualTo(new HubSettings(URI.create("https://huggingface.co"), null,
        home.resolve(".cache/huggingface/hub"), false));
    assertThat(of("HF_HOME", "", "HF_TOKEN", " ", "HF_HUB_OFFLINE", "0")).isEqualTo(of());
  }

  /// The variable comes first, in every place where a home is meant.
  @Test
  void theHomeFolder() throws IOException {
    assertThat(of("HOME", "/h").cache()).isEqualTo(Path.of("/h/.cache/huggingface/hub"));
    assertThat(of("HOME", "/h", "HF_HOME", "~/own").cache()).isEqualTo(Path.of("/h/own/hub"));
    for (var none : List.of("", "relative")) assertThat(of("HOME", none)).isEqualTo(of());
    Files.writeString(Files.createDirectories(folder.resolve(".cache/huggingface")).resolve("token"), "hf_home\n");
    assertThat(HubSettings.of(Map.of("HOME", folder.toString())).token()).isEqualTo("hf_home");
  }

  @Test
  void noHomeFolder() {
    var listed = System.setProperty("user.home", "?");
    try {
      assertThat(of("HF_HUB_CACHE", "/c").cache()).isEqualTo(Path.of("/c"));
      assertThat(HubSettings.of(Map.of("HF_HUB_CACHE", "/c")).token()).isNull();
      assertThatThrownBy(HubSettingsTest::of).isInstanceOf(CheckpointException.class)
          .hasMessage("HF_HUB_CACHE: expected a folder, for this user has no home folder");
      assertThatThrownBy(() -> of("HF_HOME", "~/h")).isInstanceOf(CheckpointException.class)
          .hasMessage("HF_HOME: expected a folder without ~, for this user has no home folder, got ~/h");
    } finally {
      System.setProperty("user.home", listed);
    }
  }

  @Test
  void caches() {
    var home = Path.of(System.getProperty("user.home"));
    assertThat(of("XDG_CACHE_HOME", "/x").cache()).isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(of("XDG_CACHE_HOME", "/x", "HF_HOME", "~/h").cache()).isEqualTo(home.resolve("h/hub"));
    assertThat(of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/c").cache()).isEqualTo(Path.of("/c"));
    assertThat(of("HF_HUB_CACHE", "/d", "HUGGINGFACE_HUB_CACHE", "/c").cache()).isEqualTo(Path.of("/d"));
  }

  @Test
  void tokens() throws IOException {
    var file = Files.writeString(folder.resolve("token"), "hf_file\n");
    assertThat(HubSettings.of(Map.of("HF_HOME", folder.toString())).token()).isEqualTo("hf_file");
    assertThat(of("HF_HOME", folder.toString()).token()).isNull();
    assertThat(HubSettings.of(Map.of("HF_TOKEN_PATH", file.toString())).token()).isEqualTo("hf_file");
    assertThat(HubSettings.of(Map.of("HF_HOME", folder.toString(), "HF_TOKEN", "hf_variable\n")).token())
        .isEqualTo("hf_variable");
    assertThatThrownBy(() -> of("HF_TOKEN", "two words")).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("HF_TOKEN: expected")
        .hasMessageNotContaining("words ");
    Files.writeString(file, "a\nb");
    assertThatThrownBy(() -> HubSettings.of(Map.of("HF_HOME", folder.toString()))).hasMessageStartingWith(file
        + ": expected a token");
  }

  @Test
  void offline() {
    assertThat(of("HF_HUB_OFFLINE", "1").offline()).isTrue();
    assertThat(of("TRANSFORMERS_OFFLINE", "yes").offline()).isTrue();
    assertThat(of().withoutNetwork().offline()).isTrue();
  }

  @Test
  void endpoints() {
    assertThat(of("HF_ENDPOINT", "http://localhost:8080/hub//").endpoint())
        .isEqualTo(URI.create("http://localhost:8080/hub"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost", "ftp://h", "https://", "https://h?q", "https://user@h", "https://h#f", "ht tp://h",
      "file:///x"})
  void addressesOfNoHub(String text) {
    assertThatThrownBy(() -> of("HF_ENDPOINT", text)).isInstanceOf(CheckpointException.class)
        .hasMessage("HF_ENDPOINT: expected an address such as https://huggingface.co, got '" + text + "'");
  }
}
