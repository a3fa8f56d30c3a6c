package dev.fovea.cli;

import dev.fovea.cli.PictureInputs.Outcome;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.PictureEmbedder.Prepared;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Pooling;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// Embeds pictures in batches. Unreadable ones are reported on stderr and skipped.
final class EmbedRun {
  private final PictureEmbedder embedder;
  private final Pooling pooling;
  private final boolean normalized;
  private final int size;
  private final int batch;
  private final Terminal.ProgressBar bar;
  private final PictureInputs inputs;
  private final Map<String, float[]> vectors = new HashMap<>();
  private final Set<String> unreadable = new LinkedHashSet<>();

  EmbedRun(PictureInputs inputs, PictureEmbedder embedder, Pooling pooling, boolean normalized, int size, int batch,
      Terminal.ProgressBar bar) {
    this.inputs = inputs;
    this.embedder = embedder;
    this.pooling = pooling;
    this.normalized = normalized;
    this.size = size;
    this.batch = batch;
    this.bar = bar;
  }

  /// A readable picture, and its size before the preprocessing.
  record Readable(Prepared prepared, int width, int height) {
    static Readable of(Picture picture, Prepared prepared) {
      return new Readable(prepared, picture.width(), picture.height());
    }
  }

  /// The picture of that name; null, reported on stderr, if it cannot be read.
  @Nullable Readable read(String name) {
    if (unreadable.contains(name)) return null;
    try {
      return prepared(name);
    } catch (ImageException e) {
      passOver(name, e);
      return null;
    }
  }

  private Readable prepared(String name) {
    var picture = inputs.read(name);
    return Readable.of(picture, embedder.prepare(picture, size));
  }

  private void passOver(String name, ImageException why) {
    inputs.passOver(why, bar);
    unreadable.add(name);
  }

  /// Embeds the pictures that are not embedded yet.
  ///
  /// @param journal of vectors computed before, or null
  void embed(List<String> names, @Nullable EmbedJournal journal) {
    if (batch > 1) embedBatches(names, journal);
    else embedEach(names, journal);
  }

  private void embedEach(List<String> names, @Nullable EmbedJournal journal) {
    var missing = new ArrayList<String>();
    for (var name : names) {
      var known = journal == null ? null : journal.known(name);
      if (known != null) vectors.put(name, known);
      if (!vectors.containsKey(name)) missing.add(name);
    }
    var progress = bar.shared(missing.size());
    embedder.<String, Outcome<Prepared>, Outcome<float[]>>each(missing, name -> Outcome.of(() -> prepared(name).prepared),
        read -> read.then(picture -> embed(picture, progress.of(picture.name()))), (name, found) -> {
          if (found.failure() != null) passOver(name, found.failure());
          else add(name, found.value(), journal);
          progress.finished();
        });
  }

  private float[] embed(Prepared picture, Progress progress) {
    return embedder.embedPrepared(List.of(picture), pooling, normalized, progress).getFirst();
  }

  private void add(String name, float[] vector, @Nullable EmbedJournal journal) {
    vectors.put(name, vector);
    if (journal != null) journal.add(new Embedding(name, vector));
  }

  private void embedBatches(List<String> names, @Nullable EmbedJournal journal) {
    var waiting = new ArrayList<Prepared>();
    var waitingNames = new ArrayList<String>();
    for (int i = 0; i < names.size(); i++) {
      var name = names.get(i);
      var known = journal == null ? null : journal.known(name);
      if (known != null) vectors.put(name, known);
      var next = vectors.containsKey(name) ? null : read(name);
      boolean otherSize = next != null && !waiting.isEmpty() && !sameSize(next.prepared, waiting.getFirst());
      if (otherSize) run(waiting, waitingNames, journal, i, names.size());
      if (next != null) {
        waiting.add(next.prepared);
        waitingNames.add(name);
      }
      if (waiting.size() == batch || i == names.size() - 1) run(waiting, waitingNames, journal, i + 1, names.size());
    }
  }

  private static boolean sameSize(Prepared a, Prepared b) {
    return a.input().width() == b.input().width() && a.input().height() == b.input().height();
  }

  /// Embeds the waiting pictures, after which `done` of `all` are done.
  private void run(List<Prepared> waiting, List<String> names, @Nullable EmbedJournal journal, int done, int all) {
    if (waiting.isEmpty()) return;
    double before = done - waiting.size();
    var embeddings = embedder.embedPrepared(waiting, pooling, normalized,
        progress(before, waiting.size(), all, names.getFirst()));
    for (int i = 0; i < names.size(); i++) add(names.get(i), embeddings.get(i), journal);
    waiting.clear();
    names.clear();
  }

  /// Draws the bar for a pass over `count` pictures of `all`, of which `before` are done.
  Progress progress(double before, int count, int all, String what) {
    return (now, total) -> bar.update((before + count * (double) now / Math.max(1, total)) / all, what);
  }

  /// The pictures' vectors, in this order, without unreadable pictures.
  List<Embedding> embeddings(List<String> names) {
    return names.stream().filter(vectors::containsKey).map(name -> new Embedding(name, vectors.get(name))).toList();
  }

  boolean allWereReadable() {
    return unreadable.isEmpty();
  }
}
