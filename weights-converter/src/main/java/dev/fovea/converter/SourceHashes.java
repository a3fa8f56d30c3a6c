package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.Sha256;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/// SHA-256 of a checkpoint's files, computed in a background thread during the conversion.
final class SourceHashes implements AutoCloseable {
  private final List<Path> files;
  private final FutureTask<Map<String, String>> task = new FutureTask<>(this::compute);

  SourceHashes(List<Path> files) {
    this.files = files;
  }

  void start() {
    Thread.ofPlatform().daemon().name("fovea-hashes").start(task);
  }

  private Map<String, String> compute() {
    var hashes = new TreeMap<String, String>();
    for (var file : files) hashes.put(file.getFileName().toString(), Sha256.of(file));
    return hashes;
  }

  /// The hashes by file name; waits until they are known.
  ///
  /// @throws CheckpointException if a file cannot be read
  Map<String, String> get() {
    try {
      return task.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof CheckpointException c ? c : new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CheckpointException("interrupted", e);
    }
  }

  /// The text of [#json] with zeros as hashes.
  String placeholder() {
    var none = new TreeMap<String, String>();
    for (var file : files) none.put(file.getFileName().toString(), "0".repeat(Sha256.LENGTH));
    return json(none);
  }

  String json() {
    return json(get());
  }

  private static String json(Map<String, String> hashes) {
    var json = new JsonObject();
    hashes.forEach(json::addProperty);
    return json.toString();
  }

  /// Cancels hashing that is still running.
  @Override
  public void close() {
    task.cancel(true);
  }
}
