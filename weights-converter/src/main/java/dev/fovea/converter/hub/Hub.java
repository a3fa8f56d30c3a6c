package dev.fovea.converter.hub;

import dev.fovea.converter.Converter;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/// A hub that speaks the Hugging Face protocol, and the cache of its downloads.
///
/// Thread-safe: threads and programs may fetch the same repository at the same time.
public final class Hub {
  private final HubSettings settings;
  private final Patience patience;
  private final HubCache.Linker linker;

  public Hub(HubSettings settings) {
    this(Objects.requireNonNull(settings, "settings"), Patience.USUAL, (from, to) -> Files.createSymbolicLink(from, to));
  }

  Hub(HubSettings settings, Patience patience, HubCache.Linker linker) {
    this.settings = settings;
    this.patience = patience;
    this.linker = linker;
  }

  /// Receives a download's progress.
  @FunctionalInterface
  public interface Progress {
    /// Called now and then, by one thread at a time.
    ///
    /// @param done bytes received of the files fetched together
    /// @param total bytes of all of them
    void advanced(long done, long total);
  }

  /// A model in the cache.
  ///
  /// @param commit the revision's commit
  /// @param weights the weights' file or index, beside the other files of a conversion
  public record Snapshot(String commit, Path weights) {
    public Snapshot {
      Objects.requireNonNull(commit, "commit");
      Objects.requireNonNull(weights, "weights");
    }
  }

  /// Fetches the files of a repository that a conversion reads into the cache: [Converter#BESIDE_WEIGHTS], and the weights in the
  /// form that a conversion of a folder prefers. Cached files are not fetched again.
  ///
  /// @param file the weights' file or index in the repository; empty for the well-known or only one
  /// @throws CheckpointException if the repository or a file is missing or may not be read, the hub cannot be reached or violates
  /// the protocol, a file's hash is wrong, or the cache cannot be written
  public Snapshot pull(Repository repository, String file, Progress progress) {
    Objects.requireNonNull(repository, "repository");
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(progress, "progress");
    var cache = new HubCache(settings.cache(), repository, linker);
    if (settings.offline()) return find(repository, file, cache);
    try (var client = new HubClient(settings, patience)) {
      var download = new Download(repository, settings.endpoint(), client, cache, progress);
      var weights = Names.weights(repository, download.names(), file);
      var first = Converter.BESIDE_WEIGHTS.stream().filter(download.names()::contains);
      // The shards' names are in their index.
      download.fetch(Source.isIndex(Path.of(weights)) ? Stream.concat(first, Stream.of(weights)).toList() : first.toList());
      Converter.requireKnown(cache.snapshot(download.commit()));
      var snapshot = new Snapshot(download.commit(), cache.snapshot(download.commit()).resolve(weights));
      download.fetch(shards(repository, snapshot.weights, download.names(), "the repository"));
      cache.remember(repository, download.commit());
      return snapshot;
    }
  }

  private Snapshot find(Repository repository, String file, HubCache cache) {
    var commit = cache.commit(repository);
    var names = commit == null ? Set.<String>of() : cache.names(commit);
    if (names.isEmpty())
      throw new CheckpointException(repository + ": not in the cache " + settings.cache()
          + ", and offline nothing is downloaded");
    var weights = cache.snapshot(commit).resolve(Names.weights(repository, names, file));
    shards(repository, weights, names, "the cache");
    return new Snapshot(commit, weights);
  }

  private static List<String> shards(Repository repository, Path weights, Set<String> names, String where) {
    var shards = Source.shards(weights);
    for (var shard : shards)
      if (!names.contains(shard))
        throw new CheckpointException(repository + ": " + weights.getFileName() + " names the shard '" + Names.shown(shard)
            + "', which is not in " + where);
    return shards;
  }
}
