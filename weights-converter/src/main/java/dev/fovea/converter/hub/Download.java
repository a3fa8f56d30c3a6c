package dev.fovea.converter.hub;

import com.google.common.base.Throwables;
import com.google.common.math.LongMath;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.regex.Pattern;

/// Fetches files of one commit of a repository.
final class Download {
  private static final int CONNECTIONS = 4;
  /// Bytes between two calls of the progress listener.
  private static final long STEP = 1 << 18;
  /// The hub's ids of contents: SHA-256 of a large file, git's id of others.
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}|[0-9a-f]{40}");

  private final Repository repository;
  private final URI endpoint;
  private final HubClient client;
  private final HubCache cache;
  private final Hub.Progress progress;
  private final String commit;
  private final Set<String> names;
  private long done, told, total;

  /// Requests the revision's commit and its files from the hub.
  Download(Repository repository, URI endpoint, HubClient client, HubCache cache, Hub.Progress progress) {
    this.repository = repository;
    this.endpoint = endpoint;
    this.client = client;
    this.cache = cache;
    this.progress = progress;
    var revision = Names.encoded(repository.revision());
    var address = URI.create(endpoint + "/api/models/" + repository.id() + "/revision/" + revision);
    var listing = JsonFields.parse(address.toString(), client.text(repository, address));
    commit = listing.string("sha");
    if (!Repository.isCommit(commit) || repository.isCommit() && !commit.equals(repository.revision()))
      throw new CheckpointException(listing.where() + ": 'sha': expected "
          + (repository.isCommit() ? repository.revision() : "a commit of 40 hexadecimal digits")
          + ", got '" + Names.shown(commit) + "'");
    names = names(listing);
  }

  /// Names that lead elsewhere are an attack: nothing else from such a hub is trusted.
  private static Set<String> names(JsonFields listing) {
    var names = new TreeSet<String>();
    if (!(listing.json().get("siblings") instanceof JsonArray files))
      throw new CheckpointException(listing.where() + ": expected an array of files as 'siblings'");
    for (var file : files) {
      var name = file instanceof JsonObject o && o.get("rfilename") instanceof JsonPrimitive p && p.isString()
          ? p.getAsString() : "";
      if (!Names.isInside(name))
        throw new CheckpointException(listing.where() + ": expected names of files in the repository, got '"
            + Names.shown(name) + "'");
      if (!name.contains("/")) names.add(name);
    }
    return names;
  }

  String commit() {
    return commit;
  }

  /// The names of the commit's top-level files, which include the model's.
  Set<String> names() {
    return names;
  }

  /// A file as the hub describes it.
  ///
  /// @param hash its SHA-256 or git id
  private record Content(String name, String hash, long size) {}

  /// Fetches the files that the cache does not have yet.
  void fetch(List<String> files) {
    var missing = files.stream().filter(file -> !Files.isRegularFile(cache.snapshot(commit).resolve(file))).toList();
    var contents = inParallel(missing, this::describe);
    requireRoom(contents);
    done = told = 0;
    total = contents.stream().mapToLong(Content::size).sum();
    inParallel(contents, this::fetch);
  }

  private URI address(String file) {
    return URI.create(endpoint + "/" + repository.id() + "/resolve/" + commit + "/" + Names.encoded(file));
  }

  private Content describe(String file) {
    var what = repository + ": " + file;
    try (var answer = client.patiently(what, () -> 0, () -> client.head(repository, address(file), file))) {
      var from = answer.header("X-Repo-Commit").orElse(commit);
      if (!from.equals(commit))
        throw new CheckpointException(what + ": expected the file of commit " + commit
            + ", got that of " + Names.shown(from));
      var hash = answer.header("X-Linked-Etag").or(() -> answer.last().headers().firstValue("ETag")).orElse("")
          .replaceFirst("^W/", "").replace("\"", "");
      if (!HASH.matcher(hash).matches())
        throw new CheckpointException(what + ": expected its SHA-256 or git's id as ETag, got '" + Names.shown(hash)
            + "'; is " + endpoint + " a hub of models?");
      var size = answer.header("X-Linked-Size")
          .or(() -> answer.last().headers().firstValue("Content-Length").filter(_ -> answer.isWhole())).orElse("");
      if (!size.matches("\\d{1,18}"))
        throw new CheckpointException(what + ": expected its size, got '" + Names.shown(size) + "'");
      return new Content(file, hash, Long.parseLong(size));
    }
  }

  private void requireRoom(List<Content> contents) {
    var needed = new HashMap<String, Long>();
    for (var content : contents)
      if (!Files.exists(cache.blob(content.hash))) needed.put(content.hash, content.size - begun(content));
    long bytes = needed.values().stream().mapToLong(size -> size).reduce(0, LongMath::saturatedAdd), free = cache.freeBytes();
    if (bytes > free)
      throw new CheckpointException(cache.snapshot(commit) + ": expected room for " + bytes + " bytes of " + repository
          + ", got " + free);
  }

  private long begun(Content content) {
    try {
      var begun = cache.incomplete(content.hash);
      return Files.exists(begun) ? Math.min(Files.size(begun), content.size) : 0;
    } catch (IOException e) {
      return 0;
    }
  }

  private Void fetch(Content content) {
    try (var _ = cache.lock(content.hash)) {
      if (Files.exists(cache.blob(content.hash))) moved(content.size);
      else fetchAnew(content);
      cache.link(commit, content.name, content.hash);
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CheckpointException(repository + ": interrupted", e);
    } catch (IOException e) {
      throw HubCache.failed(cache.blob(content.hash), "unlocked", e);
    }
  }

  /// A content with a wrong hash is fetched once more, because it may have been damaged in transit.
  private void fetchAnew(Content content) {
    var what = repository + ": " + content.name;
    try (var partial = new Partial(cache.incomplete(content.hash), content.hash, content.size, this::moved)) {
      boolean again = false;
      while (true) {
        var got = client.patiently(what, partial::size, () -> receive(content, partial));
        if (got.equals(content.hash)) break;
        partial.restart();
        if (again) {
          cache.discard(content.hash);
          throw new CheckpointException(what + ": expected the hash " + content.hash + ", got " + got + ", twice");
        }
        again = true;
      }
      partial.force();
    }
    cache.complete(content.hash);
  }

  /// Receives the rest of a content. Returns the hash of the whole, or the reason why it has none.
  private String receive(Content content, Partial partial) throws IOException, InterruptedException {
    if (partial.size() == content.size) return partial.hash();
    try (var answer = client.get(repository, address(content.name), partial.size(), content.name)) {
      var range = answer.last().headers().firstValue("Content-Range").orElse("");
      boolean goesOn = answer.isPart() && range.startsWith("bytes " + partial.size() + "-");
      if (!goesOn) partial.restart();
      if (!goesOn && !answer.isWhole()) throw new IOException("answered " + answer.status() + " to a request for a range of bytes");
      for (var some = client.next(answer); some != null; some = client.next(answer))
        for (var buffer : some) {
          if (buffer.remaining() > content.size - partial.size()) return "more than " + content.size + " bytes";
          partial.append(buffer);
        }
    }
    if (partial.size() < content.size)
      throw new IOException("ended after " + partial.size() + " of " + content.size + " bytes");
    return partial.hash();
  }

  private synchronized void moved(long bytes) {
    done += bytes;
    if (Math.abs(done - told) < STEP && done != total) return;
    told = done;
    progress.advanced(done, total);
  }

  /// Runs a task for each element; if one fails, the others are cancelled.
  private <A, B> List<B> inParallel(List<A> all, Function<A, B> task) {
    try (var pool = Executors.newFixedThreadPool(CONNECTIONS, Thread.ofVirtual().factory())) {
      try {
        var tasks = new ExecutorCompletionService<B>(pool);
        var futures = all.stream().map(each -> tasks.submit(() -> task.apply(each))).toList();
        for (int i = 0; i < futures.size(); i++) tasks.take().get();
        return futures.stream().map(Future::resultNow).toList();
      } catch (ExecutionException e) {
        pool.shutdownNow();
        Throwables.throwIfUnchecked(e.getCause());
        throw new IllegalStateException(e.getCause());
      } catch (InterruptedException e) {
        pool.shutdownNow();
        Thread.currentThread().interrupt();
        throw new CheckpointException(repository + ": interrupted; what has come is kept for the next call", e);
      }
    }
  }
}
