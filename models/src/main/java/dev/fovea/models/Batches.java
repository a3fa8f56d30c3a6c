package dev.fovea.models;

import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.argument.Arguments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/// Inputs in one pass: pictures of one preprocessed size, or texts.
final class Batches {
  private Batches() {}

  /// A pass of a model.
  interface Pass<R> {
    /// The results of the pictures, in order.
    ///
    /// @param images `[B, 3, height, width]`
    List<R> results(OpenModel.Input images, List<Picture> pictures, Progress progress);
  }

  /// The results of pictures, in order, in one call of the model. All sizes are checked before the first picture is preprocessed.
  /// Each picture is a pass, as many at once as [OpenModel#each] says, except for kernels that run whole passes: for them, pictures
  /// of one preprocessed size are a pass.
  ///
  /// @throws ImageException if a picture is too small or too elongated, or the model does not accept its preprocessed size
  /// @throws IllegalArgumentException if a batch is too large
  static <R> List<R> run(OpenModel opened, List<Picture> given, Preprocessing preprocessing, int minSide, Pass<R> pass,
      Progress progress) {
    var pictures = Arguments.elements(given, "pictures");
    Objects.requireNonNull(progress, "progress");
    var places = new LinkedHashMap<Size, List<Integer>>();
    for (int i = 0; i < pictures.size(); i++)
      places.computeIfAbsent(preprocessing.inputSize(pictures.get(i), minSide), _ -> new ArrayList<>()).add(i);
    if (opened.runsWholePasses()) {
      places.forEach((size, same) -> Arguments.requireFits("pictures", same.size(), 3, size.height(), size.width()));
      return opened.call(() -> whole(places, pictures, preprocessing, minSide, pass, progress));
    }
    var results = new ArrayList<R>();
    var listener = new SharedProgress(progress, pictures.size());
    opened.each(pictures, picture -> new Prepared(picture, preprocessing.apply(picture, minSide)),
        input -> one(input, pass, listener), (_, result) -> results.add(result));
    listener.finish();
    return List.copyOf(results);
  }

  private record Prepared(Picture picture, Preprocessing.Pixels pixels) {}

  private static <R> R one(Prepared input, Pass<R> pass, SharedProgress listener) {
    var result = named(input.picture, () -> pass.results(OpenModel.Input.of(input.pixels), List.of(input.picture),
        listener.ofThisThread())).getFirst();
    listener.finished();
    return result;
  }

  private static <R> R named(Picture first, Supplier<R> pass) {
    try {
      return pass.get();
    } catch (InputException e) {
      throw new ImageException(first.name() + ": after preprocessing: " + e.getMessage(), e);
    }
  }

  private static <R> List<R> whole(Map<Size, List<Integer>> places, List<Picture> pictures, Preprocessing preprocessing,
      int minSide, Pass<R> pass, Progress progress) {
    var results = new TreeMap<Integer, R>();
    places.forEach((size, same) -> {
      var batch = same.stream().map(pictures::get).toList();
      var images = stacked(batch.stream().map(picture -> preprocessing.apply(picture, minSide)).iterator(), batch.size(), size);
      var listener = part(progress, results.size(), batch.size(), pictures.size());
      var found = named(batch.getFirst(), () -> pass.results(images, batch, listener));
      for (int i = 0; i < batch.size(); i++) results.put(same.get(i), found.get(i));
    });
    return List.copyOf(results.values());
  }

  /// The progress of passes on several threads, told on the thread that has made it: the passes that are finished on any, and the
  /// running one of its own.
  private static final class SharedProgress {
    private final Progress progress;
    private final int passes;
    private final Thread thread = Thread.currentThread();
    private final AtomicInteger finished = new AtomicInteger();
    private boolean complete;

    SharedProgress(Progress progress, int passes) {
      this.progress = progress;
      this.passes = passes;
    }

    Progress ofThisThread() {
      if (Thread.currentThread() != thread) return Progress.NONE;
      return (done, total) -> {
        long before = finished.get();
        complete = before + 1 == passes && done == total;
        progress.advanced(before * total + done, passes * total);
      };
    }

    void finished() {
      finished.incrementAndGet();
    }

    /// Tells that all is done, unless the last pass was on this thread and has told it.
    void finish() {
      if (!complete && passes > 0) progress.advanced(passes, passes);
    }
  }

  /// Stacks `count` inputs of the same size to `[count, 3, height, width]`.
  static OpenModel.Input stacked(Iterator<Preprocessing.Pixels> inputs, int count, Size size) {
    int length = 3 * size.height() * size.width();
    var values = new float[count * length];
    for (int i = 0; i < count; i++) System.arraycopy(inputs.next().values(), 0, values, i * length, length);
    return new OpenModel.Input(values, count, 3, size.height(), size.width());
  }

  /// The rows of results `[count, n]`.
  static List<float[]> rows(float[] values, int count) {
    int length = values.length / count;
    return IntStream.range(0, count).mapToObj(i -> Arrays.copyOfRange(values, i * length, (i + 1) * length)).toList();
  }

  /// The progress of a pass over `here` of `all` inputs, after `before` of them.
  static Progress part(Progress progress, long before, long here, long all) {
    return here == all ? progress : (done, total) -> progress.advanced(before * total + here * done, all * total);
  }
}
