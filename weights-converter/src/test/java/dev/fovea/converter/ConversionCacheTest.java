package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.hash.Hashing;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Sha256;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConversionCacheTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final Conversion F32 = Conversion.to(WeightFormat.F32);

  @TempDir
  private Path folder;
  private Path place;
  private ConversionCache cache;
  private final List<Path> conversions = Collections.synchronizedList(new ArrayList<>());

  @BeforeEach
  void open() {
    place = folder.resolve("cache");
    cache = new ConversionCache(place);
  }

  private Path resolve(Path model) {
    return cache.resolve(model, F32, conversions::add);
  }

  /// A copy of a golden case whose files are `age` old.
  private Path copy(String golden, Duration age) {
    var copy = folder.resolve("copy of " + golden);
    var original = FIXTURES.resolve(golden);
    try (var files = Files.walk(original)) {
      for (var file : files.filter(Files::isRegularFile).toList()) {
        var to = copy.resolve(original.relativize(file));
        Files.createDirectories(to.getParent());
        Files.copy(file, to);
        Files.setLastModifiedTime(to, FileTime.from(Instant.now().minus(age)));
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Another number in the last tensor, and nothing else to see.
  private static void changeUnseen(Path weights) throws IOException {
    var time = Files.getLastModifiedTime(weights);
    var bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 2] ^= 1;
    Files.write(weights, bytes);
    Files.setLastModifiedTime(weights, time);
  }

  private List<String> kept() throws IOException {
    try (var files = Files.list(place.resolve("models"))) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  static Stream<String> everyFixture() throws IOException {
    try (var folders = Files.list(FIXTURES)) {
      return folders.map(f -> f.getFileName().toString()).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("everyFixture")
  void aFolderIsConvertedOnce(String golden) throws IOException {
    var source = copy(golden, Duration.ofHours(1));
    var expected = folder.resolve("expected.safetensors");
    Converter.convert(source, expected, F32);
    var model = resolve(source);
    assertThat(model).hasSameBinaryContentAs(expected);
    assertThat(conversions).containsExactly(model);
    assertThat(kept()).containsExactly(model.getFileName().toString());

    var before = Files.readAttributes(model, "lastModifiedTime,fileKey");
    assertThat(resolve(source)).isEqualTo(model);
    assertThat(Files.readAttributes(model, "lastModifiedTime,fileKey")).isEqualTo(before);
    assertThat(conversions).hasSize(1);
  }

  @Test
  void theWeightsStandForTheirFolder() {
    var model = resolve(FIXTURES.resolve("vit-tiny"));
    assertThat(resolve(FIXTURES.resolve("vit-tiny/model.safetensors"))).isEqualTo(model);
    var shards = resolve(FIXTURES.resolve("vit-tiny.sharded"));
    assertThat(resolve(FIXTURES.resolve("vit-tiny.sharded/model.safetensors.index.json"))).isEqualTo(shards).isNotEqualTo(model);
    assertThat(conversions).containsExactly(model, shards);
  }

  @Test
  void equalCheckpointsShareAnEntry() {
    assertThat(resolve(copy("vit-tiny", Duration.ZERO))).isEqualTo(resolve(FIXTURES.resolve("vit-tiny")));
    assertThat(conversions).hasSize(1);
  }

  @Test
  void aModelStandsForItself() throws IOException {
    var model = folder.resolve("no ending");
    Converter.convert(FIXTURES.resolve("vit-tiny"), model, F32);
    assertThat(resolve(model)).isEqualTo(model);
    assertThat(ConversionCache.refusing("a test").resolve(model)).isEqualTo(model);
    assertThat(place).doesNotExist();
  }

  @Test
  void elementTypesHaveTheirEntries() {
    var source = FIXTURES.resolve("vit-tiny");
    var half = cache.resolve(source, Conversion.to(WeightFormat.F16), conversions::add);
    assertThat(resolve(source)).isNotEqualTo(half);
    assertThat(half.toFile().length()).isLessThan(resolve(source).toFile().length());
    assertThat(conversions).hasSize(2);
  }

  /// A file that a conversion reads and the hash leaves out would leave an old result in use.
  @ParameterizedTest
  @ValueSource(strings = {"vit-tiny", "clip-tiny", "segformer-tiny", "bert-tiny-classifier", "vit-tiny.sharded", "vit-tiny.timm",
      "sam-tiny.facebook"})
  void everyFileThatIsReadCounts(String golden) throws IOException {
    var source = copy(golden, Duration.ofHours(1));
    var seen = new HashSet<Path>();
    seen.add(resolve(source));
    for (var name : files(source)) {
      var file = source.resolve(name);
      var bytes = Files.readAllBytes(file);
      // After JSON a space means nothing; the last bytes of a safetensors file are of a number.
      if (name.endsWith(".json")) Files.writeString(file, " ", StandardOpenOption.APPEND);
      else if (name.endsWith(".safetensors")) changeUnseen(file);
      else continue;
      Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
      boolean isRead = !name.equals("case.json") && !name.equals("reference.safetensors");
      if (isRead) assertThat(seen.add(resolve(source))).as(name).isTrue();
      else assertThat(seen).as(name).contains(resolve(source));
      Files.write(file, bytes);
      assertThat(seen).contains(resolve(source));
    }
    assertThat(conversions).hasSameSizeAs(seen);
  }

  private static List<String> files(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /// Where this fails, conversions give other bytes than they did: count [Converter#VERSION] up, or caches keep the former
  /// ones, and put the hash here that came.
  @Test
  void theVersionCounts() {
    var hashes = Stream.of("vit-tiny", "segformer-tiny", "clip-tiny", "sam-tiny.facebook", "dinov2-tiny-swiglu.facebook")
        .map(golden -> Sha256.of(resolve(FIXTURES.resolve(golden)))).collect(Collectors.joining(" "));
    assertThat(Converter.VERSION + " " + Hashing.sha256().hashString(hashes, StandardCharsets.UTF_8))
        .isEqualTo("3 a6d5186e41c4b4bccfacaf0d828d05ddb8e7bed73ba27b1ff1ed37f839626bbc");
  }

  @Test
  void whatLooksUnchangedIsNotReadAgain() throws IOException {
    var source = copy("vit-tiny", Duration.ofHours(1));
    var model = resolve(source);
    changeUnseen(source.resolve("model.safetensors"));
    assertThat(resolve(source)).isEqualTo(model);
    Files.setLastModifiedTime(source.resolve("model.safetensors"), FileTime.from(Instant.now().minusSeconds(60)));
    assertThat(resolve(source)).isNotEqualTo(model);
  }

  /// Within a tick of the file system's clock, a change cannot be seen.
  @Test
  void aFileThatIsVeryYoungIsReadAgain() throws IOException {
    var source = copy("vit-tiny", Duration.ZERO);
    var model = resolve(source);
    changeUnseen(source.resolve("model.safetensors"));
    assertThat(resolve(source)).isNotEqualTo(model);
  }

  @Test
  void aBrokenNoteCountsForNothing() throws IOException {
    var source = copy("vit-tiny", Duration.ofHours(1));
    var model = resolve(source);
    Path note;
    try (var notes = Files.list(place.resolve("sources"))) {
      note = notes.toList().getFirst();
    }
    for (var text : new String[] {"", "a text", "0\nyesterday\n", Files.readString(note).replaceFirst("\n.*\n", "\n"),
        "\n\n\n"}) {
      Files.writeString(note, text);
      assertThat(resolve(source)).isEqualTo(model);
    }
    assertThat(conversions).hasSize(1);
  }

  @Test
  void aBrokenEntryIsReplaced() throws IOException {
    var source = FIXTURES.resolve("vit-tiny");
    var model = resolve(source);
    var good = Files.readAllBytes(model);
    for (var broken : List.of(new byte[0], new byte[100], Arrays.copyOf(good, good.length - 1),
        Arrays.copyOf(good, good.length + 1),
        Files.readAllBytes(source.resolve("model.safetensors")))) {
      Files.write(model, broken);
      assertThat(resolve(source)).isEqualTo(model).hasBinaryContent(good);
    }
    Files.delete(model);
    assertThat(resolve(source)).hasBinaryContent(good);
    assertThat(conversions).hasSize(7);
    assertThat(kept()).hasSize(1);
  }

  @Test
  void severalThreadsConvertOnce() throws Exception {
    Callable<Path> call = () -> resolve(FIXTURES.resolve("segformer-tiny"));
    try (var threads = Executors.newFixedThreadPool(8)) {
      var models = new HashSet<Path>();
      for (var result : threads.invokeAll(Collections.nCopies(8, call))) models.add(result.get());
      assertThat(conversions).hasSize(1).containsExactlyElementsOf(models);
    }
    assertThat(kept()).hasSize(1);
  }

  @Test
  void aCheckpointThatChangesMeanwhile() throws IOException {
    var source = copy("vit-tiny", Duration.ofHours(1));
    assertThatThrownBy(() -> cache.resolve(source, F32, _ -> {
      try {
        changeUnseen(source.resolve("model.safetensors"));
        Files.setLastModifiedTime(source.resolve("model.safetensors"), FileTime.from(Instant.now()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    })).isInstanceOf(CheckpointException.class).hasMessage(source + ": was changed while it was being converted");
    assertThat(kept()).isEmpty();
    assertThat(resolve(source)).exists();
  }

  @Test
  void noPlace() throws IOException {
    var file = Files.writeString(folder.resolve("file"), "");
    for (var place : List.of(file, file.resolve("folder")))
      assertThatThrownBy(() -> new ConversionCache(place).resolve(FIXTURES.resolve("vit-tiny")))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(place.resolve("models") + ": converted models cannot be kept there: ")
          .hasMessageEndingWith("; FOVEA_CACHE names another folder, and 'fovea convert' needs none");
    assertThat(file).isEmptyFile();
    Files.writeString(Files.createDirectory(place).resolve("models"), "");
    assertThatThrownBy(() -> resolve(FIXTURES.resolve("vit-tiny")))
        .hasMessageContaining("models: converted models cannot be kept there: a file is in the way; ");
  }

  @Test
  void whatCannotBeConverted() throws IOException {
    assertThatThrownBy(() -> resolve(folder.resolve("nothing")))
        .hasMessage(folder.resolve("nothing") + ": no such file or folder");
    var empty = Files.createDirectory(folder.resolve("empty"));
    assertThatThrownBy(() -> resolve(empty)).isInstanceOf(CheckpointException.class)
        .hasMessageContaining("empty: expected model.safetensors");
    var text = Files.writeString(folder.resolve("text"), "this is a text");
    assertThatThrownBy(() -> resolve(text)).hasMessageContaining("it begins like none of them");
    var unknown = copy("vit-tiny", Duration.ZERO);
    Files.writeString(unknown.resolve("config.json"), "{\"model_type\": \"t5\"}");
    assertThatThrownBy(() -> resolve(unknown)).hasMessageContaining("model_type 't5' is not supported");
    assertThatThrownBy(() -> ConversionCache.refusing("--no-cache").resolve(unknown))
        .hasMessageContaining("model_type 't5' is not supported");
    assertThat(conversions).isEmpty();
  }

  @Test
  void aCacheThatRefuses() {
    var source = FIXTURES.resolve("vit-tiny");
    assertThatThrownBy(() -> ConversionCache.refusing("--no-cache").resolve(source)).isInstanceOf(CheckpointException.class)
        .hasMessage(source + ": is not converted, which --no-cache leaves to you: fovea convert " + source
            + " -o model.safetensors");
    var before = System.setProperty("fovea.cache", "off");
    try {
      assertThatThrownBy(() -> ConversionCache.ofUser().resolve(source)).hasMessageContaining("FOVEA_CACHE=off");
      System.setProperty("fovea.cache", place.toString());
      assertThat(ConversionCache.ofUser().resolve(source)).startsWith(place.resolve("models"));
    } finally {
      if (before == null) System.clearProperty("fovea.cache");
      else System.setProperty("fovea.cache", before);
    }
  }

  @Test
  void theUsualPlaces() {
    Path me = Path.of("/home/me"), user = Path.of("/Users/me");
    assertThat(ConversionCache.usual("Linux", me, _ -> null)).isEqualTo(Path.of("/home/me/.cache/fovea"));
    assertThat(ConversionCache.usual("Linux", me, name -> name.equals("XDG_CACHE_HOME") ? "/fast" : null))
        .isEqualTo(Path.of("/fast/fovea"));
    for (var relative : List.of("", "relative"))
      assertThat(ConversionCache.usual("Linux", me, _ -> relative)).isEqualTo(Path.of("/home/me/.cache/fovea"));
    assertThat(ConversionCache.usual("Mac OS X", user, _ -> "/fast")).isEqualTo(Path.of("/Users/me/Library/Caches/fovea"));
    assertThat(ConversionCache.usual("Windows 11", user, name -> name.equals("LOCALAPPDATA") ? "/local" : null))
        .isEqualTo(Path.of("/local/fovea"));
    assertThat(ConversionCache.usual("Windows 11", user, _ -> null)).isEqualTo(Path.of("/Users/me/AppData/Local/fovea"));
  }

  @Test
  void aUserWithoutAHomeFolder() {
    for (var system : List.of("Linux", "Mac OS X", "Windows 11"))
      assertThat(ConversionCache.usual(system, null, _ -> null)).isNull();
    assertThat(ConversionCache.usual("Linux", null, _ -> "/fast")).isEqualTo(Path.of("/fast/fovea"));
  }
}
