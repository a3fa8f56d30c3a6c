package dev.fovea.converter.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.converter.hub.TestHub.Answer;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pulls from a hub on this machine that is broken, or means no good.
class HostileHubTest extends HubCase {
  @Test
  void damagedContentsAreFetchedOnceMore() throws IOException {
    server.fault("store GET model.safetensors", TestHub.damage(200_000));
    pull();
    assertIsWhole();
    assertThat(server.fetched()).filteredOn("store GET model.safetensors"::equals).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.safetensors", "config.json"})
  void wrongContents(String name) throws IOException {
    var request = (TestHub.isLarge(name) ? "store GET " : "hub GET ") + name;
    // A small file is found by way of another address of the hub's.
    if (TestHub.isLarge(name)) server.fault(request, TestHub.damage(9), TestHub.damage(9));
    else server.fault(request, TestHub.none(), TestHub.damage(9), TestHub.none(), TestHub.damage(9));
    var damaged = server.files.get(name).clone();
    damaged[9] ^= 1;
    refused().hasMessage(TestHub.ID + ": " + name + ": expected the hash " + server.hash(name) + ", got " + TestHub
        .hash(name, damaged) + ", twice");
    assertThat(snapshot().resolve(name)).doesNotExist();
    assertThat(repository().resolve("refs")).doesNotExist();
    assertThat(incomplete(name)).doesNotExist();
  }

  @Test
  void moreThanWasAnnounced() {
    var more = TestHub.says(Answer.of(200, new byte[300_000]));
    server.fault("store GET model.safetensors", more, more);
    refused().hasMessage(FILE + "expected the hash " + server.hash(WEIGHTS) + ", got more than 276564 bytes, twice");
    assertThat(incomplete(WEIGHTS)).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"../evil.safetensors", "/etc/passwd", "a/../../evil.bin", "..", "a//b", "", "./a", "a\\\\..\\\\b",
      "a\\nb", "a\\u007fb"})
  void hostileNames(String name) throws IOException {
    server.listed.add(name);
    refused().hasMessageContaining("expected names of files in the repository, got '");
    assertThat(cache()).doesNotExist();
    assertThat(folder).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {"C:evil.bin", "nib\u202e.pth", "a\u2028.pt"})
  void misleadingNames(String name) {
    server.files.remove(WEIGHTS);
    server.files.remove("reference.safetensors");
    server.listed.add(name);
    refused().hasMessageStartingWith(TestHub.ID + ": expected a plain name of a file, got '");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "../../evil | /model.safetensors.index.json: expected names of shards in its own folder, got '../../evil'",
      "evil       | golden/vit: model.safetensors.index.json names the shard 'evil', which is not in the repository"})
  void hostileShards(String shard, String message) throws IOException {
    serve("vit-tiny.sharded", "config.json", "model.safetensors.index.json");
    server.files.put("model.safetensors.index.json", ("{\"weight_map\": {\"a\": \"" + shard + "\"}}")
        .getBytes(StandardCharsets.UTF_8));
    refused().hasMessageEndingWith(message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "X-Linked-Etag   | ../../../evil | expected its SHA-256 or git's id as ETag, got '../../../evil'; is ",
      "X-Linked-Etag   | d41d8cd98f00b204e9800998ecf8427e | expected its SHA-256 or git's id as ETag, got 'd41d8",
      "X-Linked-Size   | -1 | expected its size, got '-1'",
      "X-Linked-Size   | 99999999999999999999 | expected its size, got '99999999999999999999'",
      "X-Linked-Size   | 999999999999999999 | expected room for 999999999999",
      "X-Repo-Commit   | 1123456789abcdef | expected the file of commit 0123456789abcdef0123456789abcdef01234567, got that of 1",
      "Location        | file:///etc/passwd | redirects to 'file:///etc/passwd', expected an address of http or https",
      "Location        | //[ | redirects to '//[', expected",
      "Location        | '' | redirects to '', expected"})
  void hostileAnswers(String header, String value, String message) {
    server.fault("hub HEAD model.safetensors", (_, right, socket) -> {
      var headers = new java.util.LinkedHashMap<>(right.headers());
      headers.put(header, value);
      TestHub.says(new Answer(right.status(), headers, new byte[0])).answer(null, null, socket);
    });
    refused().hasMessageContaining(message);
    assertThat(snapshot().resolve(WEIGHTS)).doesNotExist();
  }

  @Test
  void hostileListings() {
    for (var json : List.of("[]", "<html>", "{}", "{\"sha\": \"main\", \"siblings\": []}", "{\"sha\": \"" + TestHub.COMMIT
        + "\"}",
        "{\"sha\": \"" + TestHub.COMMIT + "\", \"siblings\": [1]}", "{\"sha\": \"" + TestHub.COMMIT + "\", \"siblings\": []}",
        "[".repeat(100_000))) {
      server.fault("hub GET main", TestHub.says(Answer.of(200, json.getBytes(StandardCharsets.UTF_8))));
      refused();
    }
    assertThat(cache()).doesNotExist();
  }

  @Test
  void redirectsStayEncrypted() {
    var hub = URI.create("https://hub/a/b");
    assertThat(HubClient.target(hub, "/c?d=e")).isEqualTo(URI.create("https://hub/c?d=e"));
    assertThat(HubClient.target(hub, "HTTPS://store/c")).isEqualTo(URI.create("HTTPS://store/c"));
    assertThat(HubClient.target(URI.create("http://hub/a"), "http://store/c")).isEqualTo(URI.create("http://store/c"));
    assertThatThrownBy(() -> HubClient.target(hub, "http://store/c")).isInstanceOf(CheckpointException.class)
        .hasMessage("https://hub/a/b: redirects to 'http://store/c', expected an address of https");
  }

  @Test
  void endlessRedirects() {
    for (int i = 0; i < 20; i++) server.fault("hub GET main", TestHub.says(Answer.of(307, "Location", "/api/models/"
        + TestHub.ID + "/revision/main")));
    refused().hasMessageEndingWith("expected at most 10 redirections");
    assertThat(server.requests).hasSize(11);
  }
}
