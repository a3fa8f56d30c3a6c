package dev.fovea.models.vlm;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.image.Preprocessing.Pixels;
import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import dev.fovea.models.ReadsPictures;
import dev.fovea.models.llama.LlamaSession;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// Reads pictures into texts that an open model continues. The picture tower runs once for a picture, which may then be read into
/// any number of texts, at any time.
///
/// ```java
/// var reader = PictureReader.of(model);
/// var seen = reader.see(picture, Progress.NONE);
/// try (var session = LlamaSession.open(model, 2048)) {
///   reader.read(session, tokens, List.of(seen));      // tokens with seen.placeholders() times reader.placeholder() among them
///   int first = session.next(NextToken.GREEDY);
/// }
/// ```
///
/// Thread-safe, except that one thread uses a session at a time. It holds nothing besides the model, which the caller closes.
public final class PictureReader {
  private static final String READS = "a model that reads pictures";

  private final OpenModel model;
  private final ReadsPictures reads;
  private final PicturePreparation preparation;

  private PictureReader(OpenModel model, ReadsPictures reads, PicturePreparation preparation) {
    this.model = model;
    this.reads = reads;
    this.preparation = preparation;
  }

  /// A reader with the preparation of pictures in the model's file.
  ///
  /// @throws CheckpointException if the model reads no pictures, or its file prepares them to another size than the model takes
  public static PictureReader of(OpenModel model) {
    Objects.requireNonNull(model, "model");
    // Files of other models may tell of no pictures, or of pictures of any size.
    model.model(ReadsPictures.class, READS);
    return of(model, PicturePreparation.of(model.header().preprocessing()));
  }

  /// A reader with another preparation of pictures, such as one that does not cut them into tiles.
  ///
  /// @throws CheckpointException if the model reads no pictures, or takes them in another size than this preparation's
  public static PictureReader of(OpenModel model, PicturePreparation preparation) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(preparation, "preparation");
    var reads = model.model(ReadsPictures.class, READS);
    var shape = model.model().inputs(1, 0).get(Model.PIXEL_VALUES).shape();
    var expected = new Size(shape[shape.length - 1], shape[shape.length - 2]);
    if (!preparation.size().equals(expected))
      throw new CheckpointException(model.name() + ": the model takes pictures of " + expected.width() + "x" + expected.height()
          + ", but they are prepared to " + preparation.size().width() + "x" + preparation.size().height());
    return new PictureReader(model, reads, preparation);
  }

  /// The token that stands for a picture's features.
  public int placeholder() {
    return reads.imageTokenId();
  }

  /// Number of placeholders for one input of the picture tower.
  public int tokensPerInput() {
    return reads.tokensPerPicture();
  }

  /// How pictures are prepared.
  public PicturePreparation preparation() {
    return preparation;
  }

  /// Runs the picture tower and the adapter, once for each tile.
  ///
  /// @param progress begins anew for each tile
  /// @throws ImageException if the picture is too long or otherwise unsuitable
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the model is closed
  public SeenPicture see(Picture picture, Progress progress) {
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(progress, "progress");
    return model.call(() -> {
      var inputs = preparation.apply(picture);
      var features = new float[0];
      int at = 0;
      for (var pixels : inputs.pixels()) {
        var some = features(pixels, progress);
        if (at == 0) features = new float[Math.multiplyExact(some.length, inputs.pixels().size())];
        System.arraycopy(some, 0, features, at, some.length);
        at += some.length;
      }
      return new SeenPicture(model.name(), inputs.rows(), inputs.columns(), inputs.pixels().size(), tokensPerInput(), features);
    });
  }

  private float[] features(Pixels pixels, Progress progress) {
    var input = new OpenModel.Input(pixels.values(), 1, 3, pixels.height(), pixels.width());
    return model.run("features", input, reads::features, progress);
  }

  /// Adds tokens to a session's text, with pictures in the places of the placeholders, and reads it.
  ///
  /// @param session of this reader's model
  /// @param tokens with as many placeholders as the pictures have
  /// @param pictures in the order of their placeholders
  /// @throws InputException if the placeholders are not as many as the pictures', a picture is of another model, there is no token,
  ///     one is not in the vocabulary, or the text exceeds the session's capacity; the text is then unchanged
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the session is closed or in use by another thread
  public void read(LlamaSession session, int[] tokens, List<SeenPicture> pictures) {
    Objects.requireNonNull(session, "session");
    Objects.requireNonNull(tokens, "tokens");
    Objects.requireNonNull(pictures, "pictures");
    if (session.model() != model) throw new InputException("expected a session of " + model.name() + ", got " + session);
    int dim = reads.language().config().dim();
    requirePlaceholders(tokens, pictures, dim);
    if (pictures.isEmpty()) {
      session.read(tokens);
      return;
    }
    requireTokens(tokens);
    requireRoom(session, tokens.length);
    session.read(workspace -> prompt(workspace, tokens, pictures, dim));
  }

  private Tensor prompt(Workspace workspace, int[] tokens, List<SeenPicture> pictures, int dim) {
    try (var arena = Arena.ofShared()) {
      var ids = new float[tokens.length];
      for (int i = 0; i < ids.length; i++) ids[i] = tokens[i];
      var features = new float[pictures.stream().mapToInt(picture -> picture.features().length).reduce(0, Math::addExact)];
      int at = 0;
      for (var picture : pictures) {
        System.arraycopy(picture.features(), 0, features, at, picture.features().length);
        at += picture.features().length;
      }
      var given = Map.of("ids", Tensor.of(arena, ids, 1, ids.length),
          "features", Tensor.of(arena, features, features.length / dim, dim));
      return workspace.run("prompt", given, in -> reads.prompt(in.get("ids"), in.get("features")), List::of);
    }
  }

  private void requirePlaceholders(int[] tokens, List<SeenPicture> pictures, int dim) {
    long count = 0, expected = 0;
    for (int token : tokens) if (token == placeholder()) count++;
    for (var picture : pictures) {
      if (!picture.model().equals(model.name()) || picture.features().length != picture.placeholders() * dim)
        throw new InputException("expected pictures seen by " + model.name() + ", got a " + picture);
      expected += picture.placeholders();
    }
    if (count != expected)
      throw new InputException("expected " + expected + " placeholders (token " + placeholder() + ") for " + pictures.size()
          + (pictures.size() == 1 ? " picture" : " pictures") + ", got " + count);
  }

  private void requireTokens(int[] tokens) {
    int size = reads.language().config().vocabSize();
    for (int token : tokens)
      if (token < 0 || token >= size)
        throw new InputException("token " + token + ": expected one of " + size + " tokens of the vocabulary");
  }

  /// Before the prompt is computed, whose context may be shorter.
  private static void requireRoom(LlamaSession session, int count) {
    if (count > session.capacity() - session.length())
      throw new InputException("the text would have " + ((long) session.length() + count) + " tokens, expected at most "
          + session.capacity() + ", the session's capacity");
  }
}
