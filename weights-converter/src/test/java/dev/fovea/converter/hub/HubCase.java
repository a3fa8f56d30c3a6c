package dev.fovea.converter.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A hub on this machine, a folder for its cache, and what tests of pulling from it ask.
abstract class HubCase {
  static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  static final String WEIGHTS = "model.safetensors", FILE = TestHub.ID + ": " + WEIGHTS + ": ";

  @TempDir
  Path folder;
  TestHub server;
  final List<Duration> slept = Collections.synchronizedList(new ArrayList<>());
  Duration silence = Duration.ofSeconds(20);
  HubCache.Linker linker = (from, to) -> Files.createSymbolicLink(from, to);

  @BeforeEach
  void start() throws IOException {
    serve("vit-tiny", "case.json", "config.json", "image.png", "model.safetensors", "preprocessor_config.json",
        "reference.safetensors");
  }

  void serve(String fixture, String... names) throws IOException {
    if (server != null) server.close();
    server = new TestHub(FIXTURES.resolve(fixture), names);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  Path cache() {
    return folder.resolve("hub");
  }

  Path repository() {
    return cache().resolve("models--golden--vit");
  }

  Path snapshot() {
    return repository().resolve("snapshots").resolve(TestHub.COMMIT);
  }

  Path incomplete(String name) {
    return repository().resolve("blobs").resolve(server.hash(name) + ".incomplete");
  }

  HubSettings settings(String token) {
    return new HubSettings(server.endpoint(), token, cache(), false);
  }

  Hub.Snapshot pull(HubSettings settings, String repository, String file) {
    var patience = new Patience(Duration.ofSeconds(5), silence, Duration.ofSeconds(1), Duration.ofMinutes(1), 4, slept::add);
    return new Hub(settings, patience, linker).pull(Repository.parse(repository), file,
        (done, total) -> assertThat(done).isLessThanOrEqualTo(total));
  }

  Hub.Snapshot pull() {
    return pull(settings(null), TestHub.ID, "");
  }

  AbstractThrowableAssert<?, ? extends Throwable> refused(HubSettings settings, String repository) {
    return assertThatThrownBy(() -> pull(settings, repository, "")).isInstanceOf(CheckpointException.class)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  AbstractThrowableAssert<?, ? extends Throwable> refused() {
    return refused(settings(null), TestHub.ID);
  }

  void assertIsWhole() throws IOException {
    assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(server.files.get(WEIGHTS));
    assertNothingIsIncomplete();
  }

  void assertNothingIsIncomplete() throws IOException {
    try (var files = Files.walk(cache())) {
      assertThat(files).noneMatch(file -> file.toString().endsWith(".incomplete") || file.toString().endsWith(".tmp"));
    }
  }
}
