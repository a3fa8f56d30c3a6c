package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.ClassifiesPictures;
import dev.fovea.models.ClassifiesText;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.DetectionPrompt;
import dev.fovea.models.Detector;
import dev.fovea.models.DetectsPhrases;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.EncodesText;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.Segmenter;
import dev.fovea.models.SegmentsPictures;
import dev.fovea.models.TextClassifier;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.ZeroShotClassifier;
import dev.fovea.models.chat.ChatOptions;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.chat.VisionChat;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import dev.fovea.models.sam.Sam;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// What a model is for, done as the command of that name does it, so that its passes can be traced.
enum TracedTask {
  DETECT(Pictures.ONE, Texts.ONE),
  MASK(Pictures.ONE, Texts.NONE),
  ASK(Pictures.ANY, Texts.ONE),
  SEGMENT(Pictures.ONE, Texts.NONE),
  ZERO_SHOT(Pictures.ONE, Texts.SOME),
  CLASSIFY(Pictures.ONE, Texts.NONE),
  EMBED(Pictures.ONE, Texts.NONE),
  CLASSIFY_TEXT(Pictures.NONE, Texts.SOME),
  EMBED_TEXT(Pictures.NONE, Texts.SOME),
  /// A model that is for nothing known here, on inputs that it names itself.
  RUN(Pictures.ANY, Texts.NONE);

  private enum Pictures {
    NONE, ONE, ANY
  }

  private enum Texts {
    NONE, ONE, SOME
  }

  private final Pictures pictures;
  private final Texts texts;

  TracedTask(Pictures pictures, Texts texts) {
    this.pictures = pictures;
    this.texts = texts;
  }

  /// What the calls are made on, beside the pictures.
  ///
  /// @param point of Segment Anything; null for the middle of the picture
  /// @param template of a question; null for that of the model's file
  record Given(List<String> texts, @Nullable Prompt point, @Nullable ChatTemplate template) {}

  /// A model that is ready.
  interface Opened extends AutoCloseable {
    /// @param pictures one, or all of a question
    void call(List<Picture> pictures);

    @Override
    void close();
  }

  /// What a model is for.
  ///
  /// @param hasPictures whether pictures are given, which decides for a model of pictures and texts
  static TracedTask of(Model model, boolean hasPictures, boolean hasTexts) {
    return switch (model) {
      case DetectsPhrases _ -> DETECT;
      case Sam _ -> MASK;
      case ContinuesText _ -> ASK;
      case SegmentsPictures _ -> SEGMENT;
      case JoinsPicturesAndText _ when hasTexts -> hasPictures ? ZERO_SHOT : EMBED_TEXT;
      case ClassifiesPictures classifies when classifies.numClasses() > 0 -> CLASSIFY;
      case EmbedsPictures _ -> EMBED;
      case ClassifiesText classifies when classifies.numClasses() > 0 -> CLASSIFY_TEXT;
      case EncodesText _ -> EMBED_TEXT;
      default -> RUN;
    };
  }

  /// The name of the command that does it.
  String command() {
    return switch (this) {
      case CLASSIFY_TEXT -> "classify";
      case EMBED_TEXT -> "embed";
      default -> name().toLowerCase(Locale.ROOT).replace('_', '-');
    };
  }

  /// Whether a call takes all pictures.
  boolean takesAll() {
    return pictures != Pictures.ONE;
  }

  /// @throws Fovea.UsageException if something is missing, or given for nothing
  void require(String family, int pictures, Given given) {
    var model = "family " + family + ", for " + command();
    if (this.pictures == Pictures.NONE && pictures > 0)
      throw new Fovea.UsageException(model + ": expected no picture, got " + pictures);
    if (this.pictures == Pictures.ONE && pictures == 0)
      throw new Fovea.UsageException(model + ": expected a picture, got none");
    if (this == RUN && pictures > 1) throw new Fovea.UsageException(model + ": expected at most 1 picture, got " + pictures);
    int count = given.texts.size();
    if (texts == Texts.NONE && count > 0) throw new Fovea.UsageException("--text: " + model + ": expected none, got " + count);
    if (texts == Texts.ONE && count != 1) throw new Fovea.UsageException("--text: " + model + ": expected one, got "
        + (count == 0 ? "none" : count));
    if (texts == Texts.SOME && count == 0) throw new Fovea.UsageException("--text: " + model + ": expected at least one, got none");
    if (given.point != null && this != MASK) throw new Fovea.UsageException("--point: " + model + ": expected none");
    if (given.template != null && this != ASK) throw new Fovea.UsageException("--template: " + model + ": expected none");
  }

  /// Opens a model for the task.
  ///
  /// @param checkpoint closed with what is returned
  /// @param kernels left open
  Opened open(Checkpoint checkpoint, Kernels kernels, Given given) {
    var texts = given.texts;
    return switch (this) {
      case DETECT -> {
        var prompt = prompt(texts.getFirst());
        var detector = Detector.of(checkpoint, kernels);
        yield opened(detector::close, pictures -> detector.detect(pictures.getFirst(), prompt));
      }
      case MASK -> mask(checkpoint, kernels, given.point);
      case ASK -> {
        var chat = VisionChat.of(checkpoint, kernels);
        var options = ChatOptions.DEFAULT.withMaxTokens(1).withTemplate(given.template);
        yield opened(chat::close, pictures -> chat.ask(pictures, texts.getFirst(), options, _ -> {}, Progress.NONE));
      }
      case SEGMENT -> {
        var segmenter = Segmenter.of(checkpoint, kernels);
        yield opened(segmenter::close, pictures -> segmenter.segment(pictures.getFirst()));
      }
      case ZERO_SHOT -> {
        var classifier = ZeroShotClassifier.of(checkpoint, kernels);
        yield opened(classifier::close, pictures -> classifier.classify(pictures.getFirst(), classifier.embed(texts)));
      }
      case CLASSIFY -> {
        var classifier = ImageClassifier.of(checkpoint, kernels);
        yield opened(classifier::close, pictures -> classifier.classify(pictures.getFirst()));
      }
      case EMBED -> {
        var embedder = PictureEmbedder.of(checkpoint, kernels);
        yield opened(embedder::close, pictures -> embedder.embed(pictures.getFirst()));
      }
      case CLASSIFY_TEXT -> {
        var classifier = TextClassifier.of(checkpoint, kernels);
        yield opened(classifier::close, _ -> classifier.classify(texts));
      }
      case EMBED_TEXT -> {
        var embedder = TextEmbedder.of(checkpoint, kernels);
        yield opened(embedder::close, _ -> embedder.embed(texts));
      }
      case RUN -> new AnyModel(checkpoint, kernels);
    };
  }

  private static DetectionPrompt prompt(String sentence) {
    try {
      return DetectionPrompt.of(sentence);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--" + e.getMessage());
    }
  }

  private static Opened mask(Checkpoint checkpoint, Kernels kernels, @Nullable Prompt point) {
    var predictor = MaskPredictor.of(checkpoint, kernels);
    var session = predictor.session();
    return opened(predictor::close, pictures -> {
      session.setImage(pictures.getFirst());
      session.best(point != null ? point : Prompt.point((session.width() - 1) / 2f, (session.height() - 1) / 2f));
    });
  }

  @FunctionalInterface
  private interface Call {
    void on(List<Picture> pictures);
  }

  private static Opened opened(Runnable close, Call call) {
    return new Opened() {
      @Override
      public void call(List<Picture> pictures) {
        call.on(pictures);
      }

      @Override
      public void close() {
        close.run();
      }
    };
  }

  /// A model on random inputs; where it takes a picture and its file says how to prepare one, a given picture takes its place.
  private static final class AnyModel implements Opened {
    private final Checkpoint checkpoint;
    private final Arena arena = Arena.ofShared();
    private final Workspace workspace;
    private final LoadedModel loaded;
    private final Map<String, Tensor> inputs;

    AnyModel(Checkpoint checkpoint, Kernels kernels) {
      this.checkpoint = checkpoint;
      workspace = new Workspace(kernels);
      try {
        loaded = checkpoint.reading(() -> LoadedModel.of(checkpoint, arena));
        inputs = new HashMap<>(loaded.randomInputs(1, 0, arena));
      } catch (RuntimeException | Error e) {
        close();
        throw e;
      }
    }

    @Override
    public void call(List<Picture> pictures) {
      if (!pictures.isEmpty()) inputs.put(pixels(), prepared(pictures.getFirst()));
      checkpoint.reading(() -> loaded.run(workspace, inputs, Probe.NONE));
    }

    private String pixels() {
      return loaded.model().inputs(1, 0).entrySet().stream().filter(input -> input.getValue().kind() == ModelInput.Kind.PIXELS)
          .map(Map.Entry::getKey).findFirst()
          .orElseThrow(() -> new Fovea.UsageException(checkpoint.name() + ": expected no picture: the model takes none"));
    }

    private Tensor prepared(Picture picture) {
      var pixels = Preprocessing.of(ModelHeader.of(checkpoint).preprocessing()).apply(picture, 1);
      return Tensor.of(arena, pixels.values(), 1, 3, pixels.height(), pixels.width());
    }

    @Override
    public void close() {
      workspace.close();
      arena.close();
      checkpoint.close();
    }
  }
}
