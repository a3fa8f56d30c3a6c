package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.argument.PictureInput;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.IntStream;

/// Finds in pictures what a text names, from a model file: boxes with scores and labels.
///
/// ```java
/// try (var detector = Detector.open(file)) {
///   for (var found : detector.detect(Path.of("street.jpg"), DetectionPrompt.of("a bicycle. a red car.")))
///     System.out.println(found.label() + " " + found.score() + " " + found.box());
/// }
/// ```
///
/// From text to masks, together with a [dev.fovea.models.sam.MaskPredictor]:
/// ```java
/// try (var detector = Detector.open(file); var sam = MaskPredictor.open(samFile); var session = sam.session()) {
///   var picture = Picture.read(Path.of("street.jpg"));
///   session.setImage(picture);
///   for (var found : detector.detect(picture, DetectionPrompt.of("a bicycle. a red car."))) {
///     var box = found.box().clippedTo(picture.width(), picture.height());
///     var mask = session.best(Prompt.box(box)).mask();
///   }
/// }
/// ```
///
/// Pictures are given in the forms that [ImageClassifier] describes. Arguments are checked before any work. A null argument is
/// refused with a [NullPointerException] that names the parameter.
///
/// It is thread-safe and may be closed at any time, as [OpenModel] says.
public final class Detector implements AutoCloseable {
  private static final int MIN_SIDE = 1;

  private final OpenModel opened;
  private final DetectsPhrases model;
  private final Tokenizer tokenizer;
  private final Preprocessing preprocessing;

  /// @param model that of `opened`
  /// @param tokenizer that of `opened`
  Detector(OpenModel opened, DetectsPhrases model, Tokenizer tokenizer) {
    this.opened = opened;
    this.model = model;
    this.tokenizer = tokenizer;
    preprocessing = Preprocessing.of(opened.header().preprocessing());
  }

  private static Detector of(OpenModel opened) {
    try {
      var model = opened.model(DetectsPhrases.class, "a model that finds what a text names");
      return new Detector(opened, model, opened.tokenizer());
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /// Opens a model file with [OpenOptions#DEFAULT].
  ///
  /// @throws CheckpointException if there is no such file, or its model does not find what a text names, or it has no tokenizer
  /// @see #open(Path, OpenOptions)
  public static Detector open(Path file) {
    return open(file, OpenOptions.DEFAULT);
  }

  /// Opens a model file with the fastest kernels that can run here, as [OpenModel#open(Path, OpenOptions)].
  ///
  /// @throws CheckpointException if there is no such file, its model does not find what a text names, or it has no tokenizer or
  ///     does not fit in memory
  /// @throws CancelledException if the thread is interrupted
  public static Detector open(Path file, OpenOptions options) {
    return of(OpenModel.open(file, options));
  }

  /// Creates a detector from an open checkpoint, which it closes, also on an exception, and from kernels, which it leaves open and
  /// which must not be closed before it; as [OpenModel#of].
  ///
  /// @throws CheckpointException if the model does not find what a text names, or has no tokenizer
  public static Detector of(Checkpoint checkpoint, Kernels kernels) {
    return of(OpenModel.of(checkpoint, kernels));
  }

  /// The things in a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(Path picture, DetectionPrompt prompt) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in a picture file, with progress; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(Path picture, DetectionPrompt prompt, Progress progress) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(Path picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    return one(PictureInput.of(picture), prompt, options, progress);
  }

  /// The things in the contents of a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(byte[] picture, DetectionPrompt prompt) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in the contents of a picture file, with progress; as
  /// [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(byte[] picture, DetectionPrompt prompt, Progress progress) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in the contents of a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(byte[] picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    return one(PictureInput.of(picture), prompt, options, progress);
  }

  /// The things in a stream of a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(InputStream picture, DetectionPrompt prompt) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in a stream of a picture file, with progress; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(InputStream picture, DetectionPrompt prompt, Progress progress) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in a stream of a picture file; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(InputStream picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    return one(PictureInput.of(picture), prompt, options, progress);
  }

  /// The things in an image; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(BufferedImage picture, DetectionPrompt prompt) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in an image, with progress; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(BufferedImage picture, DetectionPrompt prompt, Progress progress) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in an image; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(BufferedImage picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    return one(PictureInput.of(picture), prompt, options, progress);
  }

  /// The things in a picture; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(Picture picture, DetectionPrompt prompt) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in a picture, with progress; as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)].
  public List<Detection> detect(Picture picture, DetectionPrompt prompt, Progress progress) {
    return one(PictureInput.of(picture), prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in a picture that a prompt names, the most certain first. A call costs a pass of the model; what the passes of
  /// pictures of one preprocessed size and prompts of one length have in common is computed in the first and kept.
  ///
  /// @param options which boxes are kept
  /// @param progress called on the calling thread before each operation of the pass
  /// @return an unmodifiable list of the caller's own; empty if nothing was found
  /// @throws ImageException if the picture cannot be read, is too small or too elongated, or the model does not accept its
  ///     preprocessed size
  /// @throws TokenizerException if the prompt has no word that the tokenizer knows or replaces, more tokens than [#maxTokens()],
  ///     or one outside the model's vocabulary
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the detector is closed
  public List<Detection> detect(Picture picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    return one(PictureInput.of(picture), prompt, options, progress);
  }

  /// The things in each picture; as [#detect(List, DetectionPrompt, DetectionOptions, Progress)].
  public List<List<Detection>> detect(List<Picture> pictures, DetectionPrompt prompt) {
    return detect(pictures, prompt, DetectionOptions.DEFAULT, Progress.NONE);
  }

  /// The things in each picture, with progress; as [#detect(List, DetectionPrompt, DetectionOptions, Progress)].
  public List<List<Detection>> detect(List<Picture> pictures, DetectionPrompt prompt, Progress progress) {
    return detect(pictures, prompt, DetectionOptions.DEFAULT, progress);
  }

  /// The things in each picture, in the order of the pictures: bit-identical to those of separate calls. As many passes
  /// run at once as [OpenModel#each] says.
  ///
  /// @param pictures may be empty
  /// @see #detect(Picture, DetectionPrompt, DetectionOptions, Progress)
  public List<List<Detection>> detect(List<Picture> pictures, DetectionPrompt prompt, DetectionOptions options,
      Progress progress) {
    Objects.requireNonNull(pictures, "pictures");
    return detect(pictures, decoding(prompt), Objects.requireNonNull(options, "options"), progress);
  }

  private List<Detection> one(PictureInput picture, DetectionPrompt prompt, DetectionOptions options, Progress progress) {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(options, "options");
    Objects.requireNonNull(progress, "progress");
    var decoding = decoding(prompt);
    return detect(List.of(picture.decode()), decoding, options, progress).getFirst();
  }

  private List<List<Detection>> detect(List<Picture> pictures, PhraseDecoding decoding, DetectionOptions options,
      Progress progress) {
    return Batches.run(opened, pictures, preprocessing, MIN_SIDE, (images, batch, listener) -> {
      var inputs = new HashMap<>(TokenBatch.padded(Collections.nCopies(batch.size(), decoding.encoding())).inputs());
      inputs.put(Model.PIXEL_VALUES, images);
      return opened.run("boxes", inputs, given -> {
        var found = model.boxes(given);
        return List.of(found.logits(), found.boxes());
      }, found -> detections(found.getFirst(), found.getLast(), batch, decoding, options), listener);
    }, progress);
  }

  private static List<List<Detection>> detections(Tensor logits, Tensor boxes, List<Picture> pictures, PhraseDecoding decoding,
      DetectionOptions options) {
    return IntStream.range(0, pictures.size()).mapToObj(i -> decoding.detections(logits.select(0, i).toArray(),
        boxes.select(0, i).toArray(), pictures.get(i).width(), pictures.get(i).height(), options)).toList();
  }

  private PhraseDecoding decoding(DetectionPrompt prompt) {
    var text = Objects.requireNonNull(prompt, "prompt").text();
    var encoding = TokenBatch.check(text, tokenizer.encode(text), model.maxTokens(), model.vocabSize());
    return new PhraseDecoding(prompt, encoding, tokenizer, model.maxTokens());
  }

  /// The labels that detections of a prompt may have, in its order, each once.
  ///
  /// @throws TokenizerException as [#detect(Picture, DetectionPrompt, DetectionOptions, Progress)]
  public List<String> labels(DetectionPrompt prompt) {
    return decoding(prompt).labels();
  }

  /// The largest number of tokens of a prompt, with one at its beginning and one at its end, and one for each full stop.
  public int maxTokens() {
    return model.maxTokens();
  }

  /// Calls this for each of many inputs, as many at once as is fast, while other pictures are decoded, and uses the results on this
  /// thread, in the order of the inputs; as [OpenModel#each].
  ///
  /// @param prepare such as `file -> Picture.read(file)`; called on any thread
  /// @param compute calls `detect`; called on any thread
  public <T, P, R> void each(List<T> inputs, Function<? super T, ? extends P> prepare, Function<? super P, ? extends R> compute,
      BiConsumer<? super T, ? super R> use) {
    opened.each(inputs, prepare, compute, use);
  }

  /// The number of parameters of the model.
  public long parameters() {
    return opened.parameters();
  }

  /// The memory held now, as [OpenModel#memory()].
  public MemoryUse memory() {
    return opened.memory();
  }

  /// Frees what the next calls can do without, as [OpenModel#trim()].
  public void trim() {
    opened.trim();
  }

  /// Family, parameters, file, kernels and threads.
  @Override
  public String toString() {
    return "Detector: " + opened;
  }

  /// Closes the model: new calls are refused, running ones end normally, as [OpenModel#close()] says. Closing twice is harmless.
  @Override
  public void close() {
    opened.close();
  }
}
