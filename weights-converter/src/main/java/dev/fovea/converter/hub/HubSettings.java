package dev.fovea.converter.hub;

import dev.fovea.converter.UserHome;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// The hub's address, the account and the cache (ref: huggingface_hub, `constants.py`).
///
/// @param endpoint the hub's address, without a slash at its end
/// @param token of the account; null for anonymous requests
/// @param cache the folder with one folder `models--ORG--NAME` per repository
/// @param offline whether only cached files may be used
public record HubSettings(URI endpoint, @Nullable String token, Path cache, boolean offline) {
  public HubSettings {
    Objects.requireNonNull(endpoint, "endpoint");
    Objects.requireNonNull(cache, "cache");
  }

  private static final String PUBLIC_HUB = "https://huggingface.co";

  /// The settings in environment variables:
  ///
  /// | variable | meaning |
  /// |---|---|
  /// | `HF_ENDPOINT` | the hub's address (default: `https://huggingface.co`) |
  /// | `HF_TOKEN` | the token (default: the content of `HF_TOKEN_PATH`, or of `token` in `HF_HOME`) |
  /// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | 1: the token's file is not read |
  /// | `HF_HUB_CACHE` | the cache (default: `hub` in `HF_HOME`) |
  /// | `HF_HOME` | default: `huggingface` in `XDG_CACHE_HOME`, or in `~/.cache` |
  /// | `HF_HUB_OFFLINE` | 1: nothing is downloaded |
  /// | `HOME` | what `~` means; see [UserHome] |
  ///
  /// @throws CheckpointException if one is invalid, or none determines the cache
  public static HubSettings of(Map<String, String> environment) {
    var variables = new Variables(environment);
    var caches = variables.path("XDG_CACHE_HOME", inside(variables.home(), ".cache"));
    var home = variables.path("HF_HOME", inside(caches, "huggingface"));
    var token = variables.text("HF_TOKEN", variables.text("HUGGING_FACE_HUB_TOKEN", ""));
    var from = "HF_TOKEN";
    if (token.isEmpty() && !variables.isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      var file = variables.path("HF_TOKEN_PATH", inside(home, "token"));
      token = file == null ? "" : read(file);
      from = String.valueOf(file);
    }
    if (!token.matches("[!-~]*"))
      throw new CheckpointException(from + ": expected a token of printable characters without spaces");
    var cache = variables.path("HF_HUB_CACHE", variables.path("HUGGINGFACE_HUB_CACHE", inside(home, "hub")));
    if (cache == null) throw new CheckpointException("HF_HUB_CACHE: expected a folder, for this user has no home folder");
    return new HubSettings(endpoint(variables.text("HF_ENDPOINT", PUBLIC_HUB)), token.isEmpty() ? null : token, cache,
        variables.isTrue("HF_HUB_OFFLINE") || variables.isTrue("TRANSFORMERS_OFFLINE"));
  }

  private static @Nullable Path inside(@Nullable Path folder, String name) {
    return folder == null ? null : folder.resolve(name);
  }

  /// The same without a network.
  public HubSettings withoutNetwork() {
    return new HubSettings(endpoint, token, cache, true);
  }

  /// An environment; an empty variable counts as none.
  private record Variables(Map<String, String> all) {
    String text(String name, String otherwise) {
      var value = all.getOrDefault(name, "").strip();
      return value.isEmpty() ? otherwise : value;
    }

    @Nullable Path home() {
      return UserHome.of(all);
    }

    @Nullable Path path(String name, @Nullable Path otherwise) {
      var value = text(name, "");
      if (value.isEmpty()) return otherwise;
      if (!value.equals("~") && !value.startsWith("~/")) return Path.of(value);
      if (home() == null)
        throw new CheckpointException(name + ": expected a folder without ~, for this user has no home folder, got " + value);
      return Path.of(home() + value.substring(1));
    }

    boolean isTrue(String name) {
      return Set.of("1", "ON", "YES", "TRUE").contains(text(name, "").toUpperCase(Locale.ROOT));
    }
  }

  private static String read(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file).strip() : "";
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static URI endpoint(String text) {
    try {
      var address = new URI(text.replaceAll("/+$", ""));
      boolean web = address.getScheme() != null && address.getScheme().matches("(?i)https?");
      if (web && address.getHost() != null && address.getRawUserInfo() == null && address.getRawQuery() == null
          && address.getRawFragment() == null)
        return address;
    } catch (URISyntaxException _) {
      // Reported below.
    }
    throw new CheckpointException(
        "HF_ENDPOINT: expected an address such as " + PUBLIC_HUB + ", got '" + Names.shown(text) + "'");
  }

  /// The token stays out of messages.
  @Override
  public String toString() {
    return endpoint + (token == null ? "" : " with a token") + ", " + cache + (offline ? ", offline" : "");
  }
}
