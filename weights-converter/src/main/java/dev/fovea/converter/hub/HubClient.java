package dev.fovea.converter.hub;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import javax.net.ssl.SSLHandshakeException;
import org.jetbrains.annotations.Nullable;

/// Requests to a hub: follows redirects, sends the token to the hub alone, and retries after temporary failures.
final class HubClient implements AutoCloseable {
  private static final int OK = 200, PARTIAL = 206, OUT_OF_RANGE = 416;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Set<Integer> BUSY = Set.of(408, 429, 500, 502, 503, 504);
  private static final int MAX_REDIRECTS = 10;
  private static final int MAX_TEXT = 64 << 20;
  /// Bytes that an interrupted attempt must have received to count as progress.
  private static final long SOME_BYTES = 1 << 20;

  private final HubSettings settings;
  private final Patience patience;
  private final HttpClient http;
  private volatile boolean reached;

  HubClient(HubSettings settings, Patience patience) {
    this.settings = settings;
    this.patience = patience;
    // HTTP/1.1, so that each shard has its own connection.
    http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER)
        .connectTimeout(patience.connect()).build();
  }

  /// One attempt at a request.
  @FunctionalInterface
  interface Attempt<T> {
    /// @throws IOException if another attempt may succeed
    T make() throws IOException, InterruptedException;
  }

  /// A response that asks to retry later.
  private static final class BusyException extends IOException {
    private static final long serialVersionUID = 1;
    private final @Nullable Duration wait;

    BusyException(String message, @Nullable Duration wait) {
      super(message);
      this.wait = wait;
    }
  }

  /// A response, with the headers of the redirects that led to it.
  record Answer(HttpResponse<Body> last, List<HttpHeaders> all) implements AutoCloseable {
    int status() {
      return last.statusCode();
    }

    /// Whether it is the whole content, not a part or a redirect.
    boolean isWhole() {
      return status() == OK;
    }

    boolean isPart() {
      return status() == PARTIAL;
    }

    /// The header in the first response that has it.
    Optional<String> header(String name) {
      return all.stream().flatMap(headers -> headers.firstValue(name).stream()).findFirst();
    }

    @Override
    public void close() {
      last.body().close();
    }
  }

  /// The hub's response to a request, as text.
  String text(Repository repository, URI address) {
    return patiently(repository.toString(), () -> 0, () -> {
      try (var answer = get(repository, address, 0, "")) {
        if (!answer.isWhole()) throw new CheckpointException(address + ": expected an answer, got " + answer.status());
        var text = new ByteArrayOutputStream();
        for (var some = next(answer); some != null; some = next(answer))
          for (var buffer : some) {
            var bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            text.write(bytes);
            if (text.size() > MAX_TEXT)
              throw new CheckpointException(repository + ": expected at most " + MAX_TEXT + " bytes of " + address);
          }
        return text.toString(StandardCharsets.UTF_8);
      }
    });
  }

  /// The next bytes of a response, or null after the last.
  @Nullable List<ByteBuffer> next(Answer answer) throws IOException, InterruptedException {
    return answer.last.body().next(patience.silence());
  }

  /// A file's headers from the hub, not from the server that stores it.
  Answer head(Repository repository, URI address, String file) throws IOException, InterruptedException {
    return checked(repository, send("HEAD", address, 0), file);
  }

  /// A file from byte `from` on.
  Answer get(Repository repository, URI address, long from, String file) throws IOException, InterruptedException {
    return checked(repository, send("GET", address, from), file);
  }

  private Answer send(String method, URI address, long from) throws IOException, InterruptedException {
    var headers = new ArrayList<HttpHeaders>();
    var at = address;
    for (int i = 0; i <= MAX_REDIRECTS; i++) {
      var request = HttpRequest.newBuilder(at).method(method, HttpRequest.BodyPublishers.noBody()).timeout(patience.silence())
          .setHeader("User-Agent", "fovea").setHeader("Accept-Encoding", "identity");
      if (from > 0) request.setHeader("Range", "bytes=" + from + "-");
      if (settings.token() != null && isHub(at)) request.setHeader("Authorization", "Bearer " + settings.token());
      var response = http.send(request.build(), _ -> new Body());
      reached = true;
      headers.add(response.headers());
      boolean moved = REDIRECTS.contains(response.statusCode());
      if (moved) response.body().close();
      var next = moved ? target(at, response.headers().firstValue("Location").orElse("")) : null;
      if (next == null || method.equals("HEAD") && !isHub(next)) return new Answer(response, headers);
      at = next;
    }
    throw new CheckpointException(address + ": expected at most " + MAX_REDIRECTS + " redirections");
  }

  /// The target of a redirect: http or https only, and never from https to http.
  ///
  /// @throws CheckpointException if it leads elsewhere
  static URI target(URI from, String location) {
    try {
      var to = from.resolve(location);
      boolean safe = isScheme("https", to) || isScheme("http", to) && isScheme("http", from);
      if (safe && to.getHost() != null && !location.isBlank()) return to;
    } catch (IllegalArgumentException _) {
      // Reported below.
    }
    throw new CheckpointException(from + ": redirects to '" + Names.shown(location) + "', expected an address of "
        + (isScheme("https", from) ? "https" : "http or https"));
  }

  private static boolean isScheme(String scheme, URI address) {
    return scheme.equalsIgnoreCase(address.getScheme());
  }

  /// Whether an address is the hub's own: the same scheme, host and port.
  private boolean isHub(URI address) {
    var hub = settings.endpoint();
    return isScheme(hub.getScheme(), address) && hub.getHost().equalsIgnoreCase(address.getHost())
        && port(hub) == port(address);
  }

  private static int port(URI address) {
    return address.getPort() >= 0 ? address.getPort() : isScheme("https", address) ? 443 : 80;
  }

  /// @throws BusyException if a later attempt may succeed
  /// @throws CheckpointException if none will
  private Answer checked(Repository repository, Answer answer, String file) throws BusyException {
    int status = answer.status();
    if (status == OK || status == PARTIAL || status == OUT_OF_RANGE || REDIRECTS.contains(status)) return answer;
    answer.close();
    if (BUSY.contains(status))
      throw new BusyException(answer.last.uri().getHost() + " answered " + status, retryAfter(answer.last.headers()));
    throw new CheckpointException(refusal(repository, answer, file));
  }

  private static @Nullable Duration retryAfter(HttpHeaders headers) {
    var text = headers.firstValue("Retry-After").orElse("").strip();
    if (text.matches("\\d{1,9}")) return Duration.ofSeconds(Long.parseLong(text));
    try {
      var wait = Duration.between(Instant.now(), ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
      return wait.isNegative() ? Duration.ZERO : wait;
    } catch (DateTimeException _) {
      return null;
    }
  }

  /// The meaning of a refusal and its remedy (ref: huggingface_hub, `hf_raise_for_status`).
  private String refusal(Repository repository, Answer answer, String file) {
    int status = answer.status();
    var hub = settings.endpoint();
    var what = repository + (file.isEmpty() ? "" : ": " + file);
    var why = Names.shown(answer.header("X-Error-Message").orElse(""));
    var plainly = what + ": " + answer.last.uri().getHost() + " answered " + status + (why.isEmpty() ? "" : ": " + why);
    if (!isHub(answer.last.uri())) return plainly;
    var code = answer.header("X-Error-Code").orElse("");
    if (code.equals("GatedRepo"))
      return what + ": gated: accept its terms at " + hub + "/" + repository.id()
          + " and set HF_TOKEN to a token of that account";
    if (code.equals("RevisionNotFound"))
      return repository.id() + ": there is no branch, tag or commit '" + repository.revision() + "'";
    if (status == 404 && !file.isEmpty()) return what + ": the hub lists this file, but does not have it (404)";
    var told = settings.token() == null ? "private ones need HF_TOKEN" : "HF_TOKEN may lack access to it";
    if (status == 404 || code.equals("RepoNotFound") || status == 401 && settings.token() == null)
      return repository + ": not found at " + hub + " (" + status + "): check the spelling; " + told;
    if (status == 401) return what + ": " + hub + " does not accept the token in HF_TOKEN or in the token file (401)";
    return status == 403 ? plainly + ": check what the token in HF_TOKEN may read" : plainly;
  }

  /// Makes attempts until one succeeds. An attempt that makes progress resets the count of failures.
  ///
  /// @param what its name in messages
  /// @param soFar bytes received so far
  /// @throws CheckpointException if too many in a row have failed, or the thread is interrupted
  <T> T patiently(String what, LongSupplier soFar, Attempt<T> attempt) {
    int failures = 0;
    long before = soFar.getAsLong();
    while (true) {
      try {
        try {
          return attempt.make();
        } catch (IOException e) {
          long now = soFar.getAsLong();
          failures = now - before >= SOME_BYTES ? 1 : failures + 1;
          before = now;
          patience.sleep().sleep(pause(what, e, failures, now > 0));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CheckpointException(what + ": interrupted; what has come is kept for the next call", e);
      }
    }
  }

  /// How long to wait after this failure.
  ///
  /// @param begun whether bytes were received
  private Duration pause(String what, IOException e, int failures, boolean begun) {
    boolean hopeless = !reached && (e instanceof ConnectException || e instanceof SSLHandshakeException);
    if (hopeless || failures >= patience.attempts())
      throw new CheckpointException(what + ": " + (reached ? "" : settings.endpoint() + " cannot be reached: ") + reason(e)
          + (failures > 1 ? ", " + failures + " times in a row" : "")
          + (begun ? "; what has come is kept for the next call" : "")
          + (reached ? "" : "; --offline uses what the cache holds"), e);
    var asked = e instanceof BusyException busy ? busy.wait : null;
    if (asked != null && asked.compareTo(patience.longestPause()) > 0)
      throw new CheckpointException(
          what + ": " + e.getMessage() + " and asks to come again in " + asked.toSeconds() + " s", e);
    return asked != null ? asked : patience.pauseAfter(failures);
  }

  private static String reason(IOException e) {
    if (e instanceof ConnectException) return "no connection";
    return Names.shown(e.getMessage() == null ? e.toString() : e.getMessage());
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
