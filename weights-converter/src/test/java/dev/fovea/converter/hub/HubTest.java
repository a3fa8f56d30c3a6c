package dev.fovea.converter.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.converter.Conversion;
import dev.fovea.converter.Converter;
import dev.fovea.converter.hub.TestHub.Answer;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.kernels.WeightFormat;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pulls from a hub on this machine.
class HubTest extends HubCase {
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "vit-tiny             | config.json model.safetensors preprocessor_config.json",
      "vit-tiny.sharded     | config.json model-00001-of-00003.safetensors model-00002-of-00003.safetensors "
          + "model-00003-of-00003.safetensors model.safetensors.index.json",
      "vit-tiny.pytorch_bin | config.json pytorch_model.bin",
      "vit-tiny.legacy_pth  | config.json checkpoint.pth"})
  void bytesOfTheLocalFolder(String fixture, String names) throws IOException {
    serve(fixture, names.split(" "));
    for (var other : List.of("README.md", "flax_model.msgpack", "onnx/model.onnx", "training/model.safetensors"))
      server.files.put(other, new byte[9]);
    var snapshot = pull();
    assertThat(snapshot.commit()).isEqualTo(TestHub.COMMIT);
    assertThat(snapshot.weights().getParent()).isEqualTo(snapshot());
    try (var files = Files.list(snapshot())) {
      assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder(names.split(" "));
    }
    Path pulled = folder.resolve("pulled.safetensors"), local = folder.resolve("local.safetensors");
    Converter.convert(snapshot.weights(), pulled, Conversion.to(WeightFormat.F16));
    Converter.convert(FIXTURES.resolve(fixture), local, Conversion.to(WeightFormat.F16));
    assertThat(pulled).hasSameBinaryContentAs(local);
  }

  /// As other programs expect it.
  @Test
  void layoutOfTheCache() throws IOException {
    pull();
    for (var name : List.of("config.json", WEIGHTS, "preprocessor_config.json")) {
      assertThat(Files.readSymbolicLink(snapshot().resolve(name))).isEqualTo(Path.of("../../blobs", server.hash(name)));
      assertThat(repository().resolve("blobs").resolve(server.hash(name))).isRegularFile()
          .hasBinaryContent(server.files.get(name));
    }
    assertThat(repository().resolve("refs/main")).hasContent(TestHub.COMMIT);
    assertThat(cache().resolve(".locks/models--golden--vit")).isDirectory();
    try (var blobs = Files.list(repository().resolve("blobs"))) {
      assertThat(blobs).hasSize(3);
    }
  }

  @Test
  void whatIsInTheCacheIsNotFetched() throws IOException {
    pull();
    server.requests.clear();
    pull();
    assertThat(server.asked()).containsExactly("hub GET main");
    // Contents that another commit brought need only a name.
    try (var names = Files.list(snapshot())) {
      for (var name : names.toList()) Files.delete(name);
    }
    server.requests.clear();
    pull();
    assertThat(server.fetched()).isEmpty();
    assertThat(server.asked()).contains("hub HEAD model.safetensors").doesNotContain("store HEAD model.safetensors");
    assertIsWhole();
  }

  @Test
  void tokenIsForTheHubAlone() {
    pull(settings("hf_secret"), TestHub.ID, "");
    assertThat(server.requests).filteredOn(TestHub.Request::hub)
        .isNotEmpty().allSatisfy(request -> assertThat(request.headers()).containsEntry("authorization", "Bearer hf_secret"));
    assertThat(server.requests).filteredOn(request -> !request.hub())
        .isNotEmpty().allSatisfy(request -> assertThat(request.headers()).doesNotContainKey("authorization"));
    assertThat(settings("hf_secret").toString()).doesNotContain("secret");
  }

  @Test
  void cutDownloadsGoOn() throws IOException {
    server.fault("store GET model.safetensors", TestHub.cut(100_000), TestHub.reset(50_000));
    pull();
    assertThat(server.fetched()).contains("store GET model.safetensors")
        .contains("store GET model.safetensors bytes=100000-");
    assertThat(server.fetched().getLast()).matches("store GET model.safetensors bytes=1[0-9]{5}-");
    assertIsWhole();
  }

  @Test
  void silentDownloadsGoOn() throws IOException {
    silence = Duration.ofMillis(400);
    server.fault("store GET model.safetensors", server.stall(70_000), server.stall(0));
    pull();
    assertThat(server.fetched()).contains("store GET model.safetensors bytes=70000-");
    assertIsWhole();
  }

  @Test
  void downloadsOfAnEarlierCallGoOn() throws IOException {
    Files.createDirectories(incomplete(WEIGHTS).getParent());
    Files.write(incomplete(WEIGHTS), Arrays.copyOf(server.files.get(WEIGHTS), 123_456));
    pull();
    assertThat(server.fetched()).contains("store GET model.safetensors bytes=123456-")
        .doesNotContain("store GET model.safetensors");
    assertIsWhole();
  }

  @ParameterizedTest
  @ValueSource(ints = {276_564, 300_000})
  void leftoversThatAreLongEnough(int bytes) throws IOException {
    Files.createDirectories(incomplete(WEIGHTS).getParent());
    Files.write(incomplete(WEIGHTS), Arrays.copyOf(server.files.get(WEIGHTS), bytes));
    pull();
    assertThat(server.fetched().contains("store GET model.safetensors")).isEqualTo(bytes != server.files.get(WEIGHTS).length);
    assertIsWhole();
  }

  /// What was left over is of another content: its hash tells, and all is fetched anew.
  @Test
  void leftoversOfAnother() throws IOException {
    Files.createDirectories(incomplete(WEIGHTS).getParent());
    Files.write(incomplete(WEIGHTS), new byte[1000]);
    pull();
    assertThat(server.fetched()).contains("store GET model.safetensors bytes=1000-", "store GET model.safetensors");
    assertIsWhole();
  }

  @Test
  void serversThatKnowNoRanges() throws IOException {
    Files.createDirectories(incomplete(WEIGHTS).getParent());
    Files.write(incomplete(WEIGHTS), Arrays.copyOf(server.files.get(WEIGHTS), 1000));
    server.fault("store GET model.safetensors", TestHub.says(Answer.of(200, server.files.get(WEIGHTS))));
    pull();
    assertIsWhole();
    assertThat(server.fetched()).filteredOn(each -> each.startsWith("store"))
        .containsExactly("store GET model.safetensors bytes=1000-");
  }

  @Test
  void serversThatSendAnotherRange() throws IOException {
    Files.createDirectories(incomplete(WEIGHTS).getParent());
    Files.write(incomplete(WEIGHTS), Arrays.copyOf(server.files.get(WEIGHTS), 1000));
    server.fault("store GET model.safetensors", TestHub.says(Answer.of(206, new byte[9], "Content-Range",
        "bytes 0-8/276564")),
        TestHub.says(Answer.of(416)));
    pull();
    assertIsWhole();
    assertThat(server.fetched()).filteredOn(each -> each.startsWith("store"))
        .containsExactly("store GET model.safetensors bytes=1000-",
        "store GET model.safetensors", "store GET model.safetensors");
  }

  @Test
  void busyServersAreAskedAgain() throws IOException {
    server.fault("hub GET main", TestHub.says(Answer.of(429, "Retry-After", "7")), TestHub.says(Answer.of(500)),
        TestHub.says(Answer.of(503)));
    pull();
    assertThat(slept).containsExactly(Duration.ofSeconds(7), Duration.ofSeconds(2), Duration.ofSeconds(4));
    assertIsWhole();
  }

  @Test
  void busyServersMayNameATime() {
    var time = ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(40).format(DateTimeFormatter.RFC_1123_DATE_TIME);
    server.fault("store GET model.safetensors", TestHub.says(Answer.of(503, "Retry-After", time)));
    pull();
    assertThat(slept).hasSize(1);
    assertThat(slept.getFirst()).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(40));
  }

  @Test
  void patienceEnds() throws IOException {
    var busy = TestHub.says(Answer.of(502));
    server.fault("hub GET main", busy, busy, busy, busy);
    refused().hasMessage(TestHub.ID + ": 127.0.0.1 answered 502, 4 times in a row");
    assertThat(cache()).doesNotExist();
    server.fault("hub GET main", TestHub.says(Answer.of(429, "Retry-After", "3600")));
    refused().hasMessage(TestHub.ID + ": 127.0.0.1 answered 429 and asks to come again in 3600 s");
    var cut = TestHub.cut(10);
    server.fault("store GET model.safetensors", cut, cut, cut, cut);
    refused().hasMessageStartingWith(FILE)
        .hasMessageEndingWith(", 4 times in a row; what has come is kept for the next call");
    assertThat(incomplete(WEIGHTS)).hasSize(40);
    pull();
    assertIsWhole();
  }

  @Test
  void nobodyIsThere() throws IOException {
    var settings = settings(null);
    server.close();
    refused(settings, TestHub.ID)
        .hasMessage(TestHub.ID + ": " + settings.endpoint()
            + " cannot be reached: no connection; --offline uses what the cache holds");
    assertThat(cache()).doesNotExist();
  }

  @Test
  void refusals() {
    refused(settings(null), "golden/vti").hasMessage(
        "golden/vti: not found at " + server.endpoint() + " (401): check the spelling; private ones need HF_TOKEN");
    refused(settings("t"), "golden/vti").hasMessageEndingWith("check the spelling; HF_TOKEN may lack access to it");
    refused(settings(null), TestHub.ID + "@v9").hasMessage(TestHub.ID + ": there is no branch, tag or commit 'v9'");
    server.fault("hub GET main", TestHub.says(Answer.of(401)), TestHub.says(Answer.of(401)), TestHub.says(Answer.of(404)),
        TestHub.says(Answer.of(403, "X-Error-Message", "Repository\u0085is disabled")));
    refused(settings("t"), TestHub.ID)
        .hasMessage(TestHub.ID + ": " + server.endpoint()
            + " does not accept the token in HF_TOKEN or in the token file (401)");
    refused().hasMessageContaining("not found at");
    refused().hasMessageContaining("not found at");
    refused().hasMessage(TestHub.ID
        + ": 127.0.0.1 answered 403: Repository?is disabled: check what the token in HF_TOKEN may read");
    server.fault("store GET model.safetensors", TestHub.says(Answer.of(403)));
    refused().hasMessage(FILE + "127.0.0.1 answered 403");
    server.fault("hub HEAD model.safetensors", TestHub.says(Answer.of(403, "X-Error-Code", "GatedRepo")),
        TestHub.says(Answer.of(401, "X-Error-Code", "GatedRepo")), TestHub.says(Answer.of(404, "X-Error-Code",
            "EntryNotFound")));
    for (int i = 0; i < 2; i++)
      refused().hasMessage(FILE + "gated: accept its terms at " + server.endpoint() + "/" + TestHub.ID
          + " and set HF_TOKEN to a token of that account");
    refused().hasMessage(FILE + "the hub lists this file, but does not have it (404)");
    assertThat(slept).isEmpty();
  }

  @Test
  void offline() throws IOException {
    var offline = settings(null).withoutNetwork();
    refused(offline, TestHub.ID).hasMessage(TestHub.ID + ": not in the cache " + cache()
        + ", and offline nothing is downloaded");
    assertThat(cache()).doesNotExist();
    var online = pull();
    server.requests.clear();
    server.close();
    assertThat(pull(offline, TestHub.ID, "")).isEqualTo(online);
    assertThat(pull(offline, TestHub.ID + "@" + TestHub.COMMIT, "")).isEqualTo(online);
    refused(offline, TestHub.ID + "@v2").hasMessageContaining("golden/vit@v2: not in the cache");
    assertThat(server.requests).isEmpty();
    Files.writeString(repository().resolve("refs/main"), "../../elsewhere");
    refused(offline, TestHub.ID).hasMessageEndingWith("refs/main: expected a commit of 40 hexadecimal digits");
  }

  @Test
  void offlineWithAShardLess() throws IOException {
    serve("vit-tiny.sharded", "config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors");
    pull();
    Files.delete(snapshot().resolve("model-00002-of-00003.safetensors"));
    refused(settings(null).withoutNetwork(), TestHub.ID).hasMessage(TestHub.ID
        + ": model.safetensors.index.json names the shard 'model-00002-of-00003.safetensors', which is not in the cache");
  }

  @Test
  void revisions() {
    var main = pull();
    assertThat(pull(settings(null), TestHub.ID + "@refs/pr/1", "")).isEqualTo(main);
    assertThat(repository().resolve("refs/refs/pr/1")).hasContent(TestHub.COMMIT);
    assertThat(pull(settings(null), TestHub.ID + "@" + TestHub.COMMIT, "")).isEqualTo(main);
    assertThat(repository().resolve("refs").resolve(TestHub.COMMIT)).doesNotExist();
    server.requests.clear();
    assertThat(pull(settings(null), TestHub.ID + "@refs/pr/1", "")).isEqualTo(main);
    assertThat(server.requests).extracting(TestHub.Request::path)
        .containsExactly("/api/models/golden/vit/revision/refs%2Fpr%2F1");
  }

  @Test
  void oneOfSeveralFiles() throws IOException {
    serve("vit-tiny.legacy_pth", "config.json", "checkpoint.pth");
    server.files.put("eval checkpoint.pth", server.files.get("checkpoint.pth"));
    refused().hasMessageContaining("got checkpoint.pth, eval checkpoint.pth; say which");
    assertThat(pull(settings(null), TestHub.ID, "eval checkpoint.pth").weights()).hasFileName("eval checkpoint.pth").exists();
    assertThatThrownBy(() -> pull(settings(null), TestHub.ID, "last.pth")).hasMessage(TestHub.ID
        + ": there is no file 'last.pth'");
  }

  @Test
  void filesThatAConversionMayRead() throws IOException {
    var read = List.of("open_clip_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json",
        "tokenizer.json", "special_tokens_map.json", "processor_config.json", "generation_config.json");
    for (var name : List.of("model.onnx", "tf_model.h5", "pytorch_model.bin", "README.md"))
      server.files.put(name, new byte[9]);
    for (var name : read) server.files.put(name, name.getBytes(StandardCharsets.UTF_8));
    pull();
    try (var files = Files.list(snapshot())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(
              Stream.concat(read.stream(), Stream.of("config.json", "preprocessor_config.json", WEIGHTS)).toList());
    }
  }

  @Test
  void modelsThatCannotBeConverted() {
    server.files.put("config.json", "{\"model_type\": \"gpt2\"}".getBytes(StandardCharsets.UTF_8));
    refused().hasMessageContaining("config.json: model_type 'gpt2' is not supported; expected one of vit, dinov2");
    assertThat(server.asked()).noneMatch(each -> each.contains(WEIGHTS));
  }

  @Test
  void withoutLinks() throws IOException {
    linker = (_, _) -> {
      throw new FileSystemException("no links here");
    };
    pull();
    assertThat(snapshot().resolve(WEIGHTS)).isRegularFile().satisfies(file -> assertThat(Files.isSymbolicLink(file))
        .isFalse());
    assertIsWhole();
    server.requests.clear();
    pull();
    assertThat(server.fetched()).isEmpty();
  }

  /// A link that leads nowhere, as when somebody has deleted contents to make room.
  @Test
  void contentsThatAreGone() throws IOException {
    pull();
    Files.delete(repository().resolve("blobs").resolve(server.hash(WEIGHTS)));
    pull();
    assertIsWhole();
  }

  @Test
  void sameContentUnderTwoNames() {
    server.files.put("preprocessor_config.json", server.files.get("config.json"));
    pull();
    assertThat(snapshot().resolve("preprocessor_config.json")).hasBinaryContent(server.files.get("config.json"));
    assertThat(server.fetched()).filteredOn(each -> each.endsWith("config.json")).hasSize(2);
  }

  @Test
  void callsAtTheSameTime() throws IOException {
    var calls = new ArrayList<CompletableFuture<Hub.Snapshot>>();
    for (int i = 0; i < 4; i++) calls.add(CompletableFuture.supplyAsync(this::pull));
    assertThat(calls).extracting(CompletableFuture::join).containsOnly(pull());
    assertThat(server.fetched()).filteredOn("store GET model.safetensors"::equals).hasSize(1);
    assertIsWhole();
  }

  /// What has come stays, and the next call goes on there.
  @Test
  void interruptedCalls() throws Exception {
    server.fault("store GET model.safetensors", server.stall(90_000));
    var failure = new CompletableFuture<Throwable>();
    var thread = Thread.ofPlatform().start(() -> {
      try {
        pull();
        failure.complete(null);
      } catch (CheckpointException e) {
        failure.complete(e);
      }
    });
    while (!Files.exists(incomplete(WEIGHTS)) || Files.size(incomplete(WEIGHTS)) < 90_000) Thread.sleep(5);
    thread.interrupt();
    assertThat(failure.get()).hasMessageContaining("interrupted");
    assertThat(incomplete(WEIGHTS)).hasSize(90_000);
    pull();
    assertThat(server.fetched()).contains("store GET model.safetensors bytes=90000-");
    assertIsWhole();
  }

  @Test
  void cacheThatCannotBeMade() throws IOException {
    Files.writeString(cache(), "a file");
    refused().hasMessageContaining(cache().toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a/b/c", "a/", "/b", "a/..", "../b", "a--b", "a/b@", "a/b@../c", "a b", "a/b@x\ny",
      "https://hub/a/b", "a/b@/c",
      "a/b\\c", "-a/b", "a/b@a\\b"})
  void namesOfNoRepository(String text) {
    assertThatThrownBy(() -> Repository.parse(text)).isInstanceOf(CheckpointException.class).message().contains("expected")
        .doesNotContain("\n");
  }

  @Test
  void namesOfRepositories() {
    assertThat(Repository.parse("google/vit-base_patch16.v1@refs/pr/3")).returns("google/vit-base_patch16.v1", Repository::id)
        .returns("refs/pr/3", Repository::revision).returns("vit-base_patch16.v1", Repository::name);
    assertThat(Repository.parse("bert-base-uncased")).returns("main", Repository::revision).returns("bert-base-uncased",
        Repository::name)
        .hasToString("bert-base-uncased");
    assertThat(new HubCache(Path.of("c"), Repository.parse("gpt2"), linker).snapshot("x"))
        .isEqualTo(Path.of("c/models--gpt2/snapshots/x"));
    assertThat(URI.create("http://h/" + Names.encoded("a b/+ü#?%.bin"))).hasPath("/a b/+ü#?%.bin");
  }
}
