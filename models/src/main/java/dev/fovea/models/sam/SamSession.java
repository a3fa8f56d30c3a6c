package dev.fovea.models.sam;

import com.google.common.hash.Hashing;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.ModelSession;
import dev.fovea.models.argument.Arguments;
import dev.fovea.models.argument.PictureInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Mask prediction for one picture at a time: [#setImage] encodes it once, which is slow; then each call of [#predict] is fast.
///
/// ```java
/// try (var sam = MaskPredictor.open(file); var session = sam.session()) {
///   session.setImage(Path.of("picture.jpg"));
///   var best = session.best(Prompt.point(320, 200).not(100, 50));
/// }
/// ```
///
/// Pictures are given in the forms that [dev.fovea.models.ImageClassifier] describes; a session sees one at a time, so there is no
/// list of them. Arguments are checked before any work. A null argument is refused with a [NullPointerException] that names the
/// parameter.
///
/// One thread uses a session at a time; different threads may use it one after the other, and one that comes while another is using
/// it is refused with an [IllegalStateException]. [#close()] and [#bytes()] are for any thread at any time. Between calls a session
/// keeps the picture's embedding only: passes borrow a workspace of the model's. What a session returns is the caller's own and
/// outlives it.
public final class SamSession implements AutoCloseable {
  private static final String EMBEDDING = "image_embedding", WIDTH = "width", HEIGHT = "height", PICTURE = "picture_sha256";
  private static final String FORM = "fovea_embedding", VERSION = "1";
  /// Magnitude of the logits of a drawn mask.
  private static final float SURE = 10;

  private final MaskPredictor predictor;
  private final ModelSession session;
  private @Nullable Embedding embedding;

  /// The embedding of a picture.
  ///
  /// @param map `[G, G, C]`
  /// @param picture SHA-256 of the picture's samples; null if unknown
  /// @param decoded the map with its projections for prompts without a mask
  private record Embedding(int width, int height, Tensor map, @Nullable String picture,
      MaskDecoder.ProjectedMap decoded) {}

  /// @param session owned and closed by this one
  SamSession(MaskPredictor predictor, ModelSession session) {
    this.predictor = predictor;
    this.session = session;
  }

  /// Encodes a picture file and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(Path picture) {
    encode(PictureInput.of(picture), Progress.NONE);
  }

  /// Encodes a picture file with progress and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(Path picture, Progress progress) {
    encode(PictureInput.of(picture), progress);
  }

  /// Encodes the contents of a picture file and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(byte[] picture) {
    encode(PictureInput.of(picture), Progress.NONE);
  }

  /// Encodes the contents of a picture file with progress and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(byte[] picture, Progress progress) {
    encode(PictureInput.of(picture), progress);
  }

  /// Encodes a stream of a picture file and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(InputStream picture) {
    encode(PictureInput.of(picture), Progress.NONE);
  }

  /// Encodes a stream of a picture file with progress and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(InputStream picture, Progress progress) {
    encode(PictureInput.of(picture), progress);
  }

  /// Encodes an image and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(BufferedImage picture) {
    encode(PictureInput.of(picture), Progress.NONE);
  }

  /// Encodes an image with progress and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(BufferedImage picture, Progress progress) {
    encode(PictureInput.of(picture), progress);
  }

  /// Encodes a picture and replaces the previous one; as [#setImage(Picture, Progress)].
  public void setImage(Picture picture) {
    encode(PictureInput.of(picture), Progress.NONE);
  }

  /// Encodes a picture and replaces the previous one, which stays if this fails. A call costs a pass of the image encoder, which is
  /// slow; its result is kept for any number of prompts.
  ///
  /// @param progress called on the calling thread before each operation of the image encoder
  /// @throws ImageException if the picture cannot be read, or is too elongated
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed
  public void setImage(Picture picture, Progress progress) {
    encode(PictureInput.of(picture), progress);
  }

  private void encode(PictureInput given, Progress progress) {
    Objects.requireNonNull(progress, "progress");
    var picture = given.decode();
    use(() -> encode(picture, progress));
  }

  private Embedding encode(Picture picture, Progress progress) {
    var input = predictor.preprocessing().apply(picture, 1);
    var workspace = session.workspace();
    workspace.listen(progress);
    try (var inputs = Arena.ofShared()) {
      var image = Tensor.of(inputs, input.values(), 1, 3, input.height(), input.width());
      var map = reading(() -> workspace.run("embed", image, x -> predictor.model().embed(x).select(0, 0), List::of));
      return see(map.toArray(), map.shape(), picture.width(), picture.height(), hash(picture));
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": after preprocessing: " + e.getMessage(), e);
    } finally {
      workspace.listen(Progress.NONE);
    }
  }

  private static String hash(Picture picture) {
    return Hashing.sha256().hashBytes(picture.rgb()).toString();
  }

  private Embedding see(float[] values, int[] shape, int width, int height, @Nullable String picture) {
    var arena = Arena.ofShared();
    try {
      var map = Tensor.of(arena, values, shape);
      var decoded = reading(() -> session.workspace().run("picture", map,
          x -> predictor.model().project(x, null, predictor.model().positions(x.workspace())),
          p -> List.of(p.map(), p.keys(), p.values(), p.queries())));
      var kept = new MaskDecoder.ProjectedMap(decoded.map().copy(arena), decoded.keys().copy(arena), decoded.values().copy(arena),
          decoded.queries().copy(arena));
      session.keep(arena, Stream.of(map, kept.map(), kept.keys(), kept.values(), kept.queries())
          .mapToLong(tensor -> Float.BYTES * tensor.size()).sum());
      return embedding = new Embedding(width, height, map, picture, kept);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// Runs `work` as a use of the session; its parts may be uses themselves.
  ///
  /// @throws IllegalStateException if the session or the predictor is closed, or another thread is using the session
  <R> R use(Supplier<R> work) {
    return session.use(work);
  }

  private <T> T reading(Supplier<T> pass) {
    return predictor.checkpoint().reading(pass);
  }

  private Embedding embedding() {
    if (embedding == null) throw new IllegalStateException("the session has seen no picture yet: call setImage or load");
    return embedding;
  }

  /// Width of the picture, in pixels.
  ///
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public int width() {
    return use(() -> embedding().width);
  }

  /// Height of the picture, in pixels.
  ///
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public int height() {
    return use(() -> embedding().height);
  }

  /// The mask with the best predicted IoU: the best of several for an ambiguous prompt, else the model's single mask for
  /// unambiguous prompts. It costs a pass of the mask decoder, which is fast, and the mask's resize to the picture.
  ///
  /// @throws InputException if a point or the box lies outside the picture, or a mask has another size
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public MaskPrediction best(Prompt prompt) {
    Objects.requireNonNull(prompt, "prompt");
    // Only the best is resized to the picture.
    return use(() -> prediction(answers(prompt, prompt.isAmbiguous()).stream().max(Comparator.comparingDouble(Answer::iou))
        .orElseThrow()));
  }

  /// The masks of each prompt, in the order of the prompts, a pass of the mask decoder each. All prompts are checked before the
  /// first pass.
  ///
  /// @param prompts may be empty
  /// @see #predict(Prompt, boolean)
  public List<List<MaskPrediction>> predict(List<Prompt> prompts, boolean multimask) {
    var given = Arguments.elements(prompts, "prompts");
    return use(() -> {
      for (var prompt : given) requirePlaces(prompt, embedding());
      return given.stream().map(prompt -> predict(prompt, multimask)).toList();
    });
  }

  /// The masks of a prompt, which cost a pass of the mask decoder and a resize to the picture each.
  ///
  /// @param multimask whether to return three masks, such as of a part, a larger part and the whole, instead of one
  /// @throws InputException if a point or the box lies outside the picture, or a mask has another size
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public List<MaskPrediction> predict(Prompt prompt, boolean multimask) {
    Objects.requireNonNull(prompt, "prompt");
    return use(() -> answers(prompt, multimask).stream().map(this::prediction).toList());
  }

  private MaskPrediction prediction(Answer answer) {
    return new MaskPrediction(Mask.above(0, atPictureSize(answer)), answer.iou, answer.logits);
  }

  /// A mask at the decoder's size.
  ///
  /// @param logits `[h][w]`, [MaskPredictor#maskSize()] each
  record Answer(float iou, float[] logits) {}

  /// The answers to a prompt, inside [#use].
  ///
  /// @see #predict(Prompt, boolean)
  List<Answer> answers(Prompt prompt, boolean multimask) {
    var seen = embedding();
    try (var arena = Arena.ofShared()) {
      var inputs = inputs(prompt, seen, arena);
      var output = reading(() -> session.workspace().run(multimask ? "masks" : "mask", inputs, x -> decode(x, multimask),
          o -> List.of(o.masks(), o.iou())));
      return IntStream.range(0, output.iou().dim(0))
          .mapToObj(i -> new Answer(output.iou().get(i), output.masks().select(0, i).toArray())).toList();
    }
  }

  /// The logits of a mask at the picture's size, `[height, width]`, valid until the next pass and inside [#use].
  Tensor atPictureSize(Answer answer) {
    var seen = embedding();
    int side = predictor.maskSize();
    try (var arena = Arena.ofShared()) {
      var logits = Tensor.of(arena, answer.logits, 1, side, side);
      return reading(() -> session.workspace().run("size of " + seen.width + "x" + seen.height, logits,
          x -> atPictureSize(x, seen), List::of));
    }
  }

  private void requirePlaces(Prompt prompt, Embedding seen) {
    int side = predictor.maskSize();
    if (prompt.mask() != null && prompt.mask().length != side * side)
      throw new InputException("mask: expected " + side + "x" + side + " logits, got " + prompt.mask().length);
    Coordinates.ofPoints(prompt.points(), seen.width, seen.height, resized(seen));
    if (prompt.box() != null) Coordinates.ofBox(prompt.box(), seen.width, seen.height, resized(seen));
  }

  private Map<String, Tensor> inputs(Prompt prompt, Embedding seen, Arena arena) {
    requirePlaces(prompt, seen);
    var inputs = new HashMap<String, Tensor>();
    if (prompt.mask() == null) {
      inputs.put("map", seen.decoded.map());
      inputs.put("keys", seen.decoded.keys());
      inputs.put("values", seen.decoded.values());
      inputs.put("queries", seen.decoded.queries());
    } else {
      int side = predictor.maskSize();
      inputs.put("map", seen.map);
      inputs.put("mask", Tensor.of(arena, prompt.mask(), side, side));
    }
    if (!prompt.points().isEmpty()) {
      int count = prompt.points().size();
      inputs.put("points", Tensor.of(arena, Coordinates.ofPoints(prompt.points(), seen.width, seen.height, resized(seen)),
          count, 2));
      inputs.put("labels", Tensor.of(arena, Coordinates.labels(prompt.points()), count));
    }
    if (prompt.box() != null) inputs.put("box", Tensor.of(arena, Coordinates.ofBox(prompt.box(), seen.width, seen.height,
        resized(seen)), 1, 4));
    return inputs;
  }

  private Preprocessing.Size resized(Embedding seen) {
    return predictor.preprocessing().resizedSize(seen.width, seen.height);
  }

  private MaskDecoder.Output decode(Map<String, Tensor> x, boolean multimask) {
    var sam = predictor.model();
    var positions = sam.positions(x.get("map").workspace());
    var projected = x.containsKey("mask") ? sam.project(x.get("map"), x.get("mask"), positions)
        : new MaskDecoder.ProjectedMap(x.get("map"), x.get("keys"), x.get("values"), x.get("queries"));
    return sam.predict(projected, positions, x.get("points"), x.get("labels"), x.get("box"), multimask, Probe.NONE);
  }

  /// Resizes a mask `[1, h, w]` to the model's picture, crops the padding, and resizes to the picture (ref: segment_anything
  /// `modeling/sam.py`, `postprocess_masks`).
  private Tensor atPictureSize(Tensor mask, Embedding seen) {
    int side = mask.dim(1), size = predictor.model().config().vision().imageSize();
    var inner = resized(seen);
    int rows = side;
    if (size % side == 0) {
      // Skips rows in the padding, except for two, so that the last row needed is not at the border.
      int factor = size / side;
      rows = Math.min(side, inner.height() / factor + 2);
      mask = mask.slice(1, 0, rows);
      size = rows * factor;
    }
    var larger = mask.reshape(1, rows, side, 1).resize(size, predictor.model().config().vision().imageSize(),
        Interpolation.BILINEAR);
    var cropped = larger.slice(1, 0, inner.height()).slice(2, 0, inner.width()).contiguous();
    var full = inner.height() == seen.height && inner.width() == seen.width ? cropped : cropped.resize(seen.height, seen.width,
        Interpolation.BILINEAR);
    return full.reshape(seen.height, seen.width);
  }

  /// The logits of a drawn mask of the picture, for [Prompt#like]: no pass, only a resize of the mask.
  ///
  /// @param mask the mask as a picture, white inside
  /// @return the caller's own
  /// @throws ImageException if its size differs from the picture's
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public float[] logits(Picture mask) {
    Objects.requireNonNull(mask, "mask");
    var seen = use(this::embedding);
    if (mask.width() != seen.width || mask.height() != seen.height)
      throw new ImageException(mask.name() + ": expected a mask of " + seen.width + "x" + seen.height
          + ", as the picture is, got " + mask.width() + "x" + mask.height());
    return Coordinates.logits(mask, resized(seen), predictor.model().config().vision().imageSize(), predictor.maskSize(), SURE);
  }

  /// Saves the embedding of the picture, so that it need not be computed again: some megabytes, all of the file or nothing.
  ///
  /// @throws CheckpointException if the file cannot be written
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public void save(Path file) {
    Objects.requireNonNull(file, "file");
    use(() -> write(file));
  }

  private Embedding write(Path file) {
    var seen = embedding();
    var writer = new CheckpointWriter().metadata(FORM, VERSION).metadata(WIDTH, Integer.toString(seen.width))
        .metadata(HEIGHT, Integer.toString(seen.height));
    if (seen.picture != null) writer.metadata(PICTURE, seen.picture);
    predictor.fingerprint().forEach(writer::metadata);
    writer.tensor(EMBEDDING, DType.F32, IntStream.of(seen.map.shape()).asLongStream().toArray(), seen.map::segment);
    writer.write(file);
    return seen;
  }

  /// Loads an embedding from [#save], which replaces the current picture; as [#load(Path, Picture)], without a comparison.
  ///
  /// @throws CheckpointException if there is no such file, or it was not saved with this model
  public void load(Path file) {
    load(file, null);
  }

  /// Loads an embedding from [#save], which replaces the current picture, and compares it with the given picture. Files of an
  /// earlier version do not identify the picture: then only the size is compared, and [#knowsPicture()] is false. If this fails,
  /// the current picture stays. It costs reading the file and a short pass, no pass of the image encoder.
  ///
  /// @param picture the expected picture; null to skip the comparison
  /// @throws CheckpointException if there is no such file, it was truncated meanwhile, or it was not saved with this model or is of
  ///     another picture
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the session is closed
  public void load(Path file, @Nullable Picture picture) {
    Objects.requireNonNull(file, "file");
    use(() -> read(file, picture));
  }

  private Embedding read(Path file, @Nullable Picture picture) {
    try (var saved = Checkpoint.open(file)) {
      if (!VERSION.equals(saved.metadata().get(FORM)))
        throw new CheckpointException(file + ": expected a picture's embedding, as 'save' writes it");
      predictor.fingerprint().forEach((key, value) -> {
        if (!value.equals(saved.metadata().get(key)))
          throw new CheckpointException(file + ": the embedding was made by another model than " + predictor.checkpoint().name());
      });
      var tensor = saved.tensor(EMBEDDING);
      int grid = predictor.model().config().vision().gridSize(), dim = predictor.model().config().dim();
      if (!tensor.shape().equals(List.of((long) grid, (long) grid, (long) dim)))
        throw new CheckpointException(file + ": '" + EMBEDDING + "': expected [" + grid + ", " + grid + ", " + dim + "], got "
            + tensor.shape());
      if (picture != null) requireOf(picture, saved);
      return see(saved.reading(tensor::toFloats), new int[] {grid, grid, dim}, side(saved, WIDTH), side(saved, HEIGHT),
          saved.metadata().get(PICTURE));
    }
  }

  private static void requireOf(Picture picture, Checkpoint saved) {
    int width = side(saved, WIDTH), height = side(saved, HEIGHT);
    if (width != picture.width() || height != picture.height())
      throw new CheckpointException(saved.name() + ": the embedding is of a picture of " + width + "x" + height + ", "
          + picture.name() + " is " + picture.width() + "x" + picture.height());
    var known = saved.metadata().get(PICTURE);
    if (known != null && !known.equals(hash(picture)))
      throw new CheckpointException(saved.name() + ": the embedding is of another picture than " + picture.name());
  }

  /// Whether the embedding identifies its picture, so that [#load(Path, Picture)] compares the contents.
  ///
  /// @throws IllegalStateException if there is no picture, or the session is closed
  public boolean knowsPicture() {
    return use(() -> embedding().picture != null);
  }

  private static int side(Checkpoint saved, String key) {
    try {
      int side = Integer.parseInt(saved.metadata().getOrDefault(key, ""));
      if (side > 0) return side;
    } catch (NumberFormatException _) {
      // Thrown below, with the value found.
    }
    throw new CheckpointException(saved.name() + ": the metadata's '" + key + "': expected a number of pixels, got "
        + saved.metadata().get(key));
  }

  /// Bytes that the session keeps between calls: the embedding of its picture.
  public long bytes() {
    return session.bytes();
  }

  /// Frees the session's memory, after a running call by another thread has ended normally. Inside a call, such as in a callback,
  /// it returns at once, and the running call frees the memory at its end. Closing twice is harmless, also at once and after the
  /// predictor is closed.
  @Override
  public void close() {
    session.close();
  }
}
