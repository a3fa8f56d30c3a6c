package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import dev.fovea.models.bert.Bert;
import dev.fovea.models.chat.AnswerStream;
import dev.fovea.models.chat.AnswerText;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.chat.ChatTurn;
import dev.fovea.models.chat.Conversation;
import dev.fovea.models.chat.GroundedText;
import dev.fovea.models.chat.Sampler;
import dev.fovea.models.chat.Sampling;
import dev.fovea.models.chat.StopStrings;
import dev.fovea.models.chat.VisionChat;
import dev.fovea.models.clip.Clip;
import dev.fovea.models.dinov2.Dinov2;
import dev.fovea.models.explain.ExplainSettings;
import dev.fovea.models.explain.Subject;
import dev.fovea.models.grounding.GroundingDino;
import dev.fovea.models.grounding.GroundingDinoConfig;
import dev.fovea.models.llama.DecoderState;
import dev.fovea.models.llama.Llama;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import dev.fovea.models.sam.AutomaticMasks;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.PointPrompt;
import dev.fovea.models.sam.Prompt;
import dev.fovea.models.sam.Sam;
import dev.fovea.models.sam.SamSession;
import dev.fovea.models.segformer.Segformer;
import dev.fovea.models.siglip.Siglip;
import dev.fovea.models.swin.SwinConfig;
import dev.fovea.models.vit.ViT;
import dev.fovea.models.vlm.PictureReader;
import dev.fovea.models.vlm.VisionLanguageModel;
import dev.fovea.nulls.NullCalls;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Executable;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every public method and constructor of the exported types refuses a null at once with a [NullPointerException] that names the
/// parameter, except where the parameter is `@Nullable`.
class NullsTest {
  private final NullCalls calls = new NullCalls();

  private <R extends Record & Model> void sampleModel(Class<R> type, ModelConfig config) throws ReflectiveOperationException {
    var model = type.cast(LoadedModel.of("s", config, WeightSource.shapesOnly()).model());
    calls.sampleWithParts(type, model);
    for (var part : type.getRecordComponents())
      if (part.getAccessor().invoke(model) instanceof Record of && Modifier.isPublic(part.getType().getModifiers())) parts(of);
  }

  private <R extends Record> void parts(R of) throws ReflectiveOperationException {
    @SuppressWarnings("unchecked")
    var type = (Class<R>) of.getClass();
    calls.sampleWithParts(type, of);
  }

  private void makeSamples(Path folder, Kernels kernels) throws ReflectiveOperationException {
    calls.sample(Kernels.class, kernels);
    var arena = calls.sample(Arena.class, Arena.ofAuto());
    var segment = calls.sample(MemorySegment.class, arena.allocate(16, 64));
    calls.sample(Weight.class, Weight.rows(segment, 2, 2));
    calls.sample(String.class, "s");
    calls.sample(Path.class, folder.resolve("s"));
    calls.sample(Object.class, "s");
    calls.sample(int[].class, new int[] {1});
    calls.sample(Class.class, Model.class);
    calls.sample(InputStream.class, new ByteArrayInputStream(new byte[0]));
    calls.sample(BufferedImage.class, new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB));
    calls.sample(Picture.class, new Picture("s", 1, 1, new byte[3]));
    calls.sample(Preprocessing.Pixels.class, new Preprocessing.Pixels(1, 1, new float[3]));
    calls.sample(PatchEmbedding.class, new PatchEmbedding(new Linear(Weight.rows(segment, 2, 3), null), 3, 1));
    calls.sample(EncoderBlock.Sizes.class, new EncoderBlock.Sizes(1, 1, 1, true, Activation.GELU, 1));
    calls.sample(Mask.class, new Mask(1, 1, new boolean[1]));
    calls.sample(Workers.class, Workers.threads(1));
    calls.sample(Workspace.class, new Workspace(kernels));
    calls.sample(Tensor.class, Tensor.of(arena, new float[4], 2, 2));
    calls.sample(Probe.class, Probe.all());
    calls.sample(Tokens.class, Tokens.grid(1, 1));
    calls.sample(ExplainSettings.class, ExplainSettings.ALL);
    calls.sample(Subject.class, Subject.ofTexts(List.of("s")));
    calls.sample(JsonObject.class, new JsonObject());
    calls.sample(JsonFields.class, JsonFields.parse("s", "{}"));
    calls.sample(Weights.class, Weights.bind(WeightSource.shapesOnly(), weights -> weights).model());
    calls.sample(Checkpoint.class, Demo.model("vit"));
    calls.sample(ModelHeader.class, ModelHeader.of(Demo.model("vit")));
    calls.sample(Family.class, Family.VIT);
    sampleModel(ViT.class, SmallModel.VIT.config());
    calls.sampleWithParts(SentenceConfig.class, new SentenceConfig(TextPooling.MEAN, true, 1, Map.of("s", "s"), "s"));
    sampleModel(Bert.class, SmallModel.BERT.config());
    sampleModel(Dinov2.class, SmallModel.DINOV2.config());
    sampleModel(Clip.class, SmallModel.CLIP.config());
    sampleModel(Siglip.class, SmallModel.SIGLIP.config());
    sampleModel(Segformer.class, Family.preset("segformer-b0"));
    sampleModel(Sam.class, Family.preset("sam-vit-base"));
    sampleModel(GroundingDino.class, Family.preset("grounding-dino-tiny"));
    calls.sample(SwinConfig.class, ((GroundingDinoConfig) Family.preset("grounding-dino-tiny")).backbone());
    calls.sample(GroundingDinoConfig.Layers.class, new GroundingDinoConfig.Layers(1, 1, 1, 1));
    calls.sample(RotaryPositions.class, new RotaryPositions(2, 1, RotaryPositions.Scaling.NONE, 1));
    calls.sample(RotaryPositions.Scaling.class, RotaryPositions.Scaling.NONE);
    sampleModel(Llama.class, Family.preset("qwen2-0.5b"));
    sampleModel(VisionLanguageModel.class, Family.preset("llava-1.5-7b"));
    sampleModel(VisionLanguageModel.class, Family.preset("smolvlm-256m"));
    calls.sample(PicturePreparation.class, PicturePreparation.of(ModelHeader.of(Demo.model("vlm")).preprocessing()));
    calls.sample(Model.class, LoadedModel.shapesOfPreset("vit-tiny-patch16-224").model());
    calls.sample(LoadedModel.class, PointPrompt.of(LoadedModel.shapesOfPreset("sam-vit-base")));
  }

  /// What has no code here, and what belongs to the tests.
  private static boolean isExempt(Executable call) {
    var type = call.getDeclaringClass();
    return type.isInterface() && !Modifier.isStatic(call.getModifiers()) || type == Demo.class;
  }

  @Test
  void nullsAreRefusedByName(@TempDir Path folder) throws Exception {
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var opened = OpenModel.of(Demo.model("vit"), kernels);
        var classifier = ImageClassifier.of(Demo.model("vit"), kernels);
        var embedder = PictureEmbedder.of(Demo.model("vit"), kernels);
        var segmenter = Segmenter.of(Demo.model("segformer"), kernels);
        var predictor = MaskPredictor.of(Demo.model("sam"), kernels);
        var texts = TextEmbedder.of(checkpoint(SmallModel.CLIP, folder), kernels);
        var zeroShot = ZeroShotClassifier.of(checkpoint(SmallModel.CLIP, folder), kernels);
        var textClassifier = TextClassifier.of(checkpoint(SmallModel.BERT, folder), kernels);
        var detector = DetectorTest.detector(new DetectorTest.Brightness(), folder, kernels);
        var session = opened.session(); var samSession = predictor.session();
        var language = OpenModel.of(Demo.model("vlm"), kernels); var text = LlamaSession.open(language, 1);
        var chat = VisionChat.of(Demo.model("vlm"), kernels); var conversation = chat.conversation();
        var talked = chat.conversation(); var answer = talked.stream(List.of(), "s");
        var decoder = new DecoderState(language.model(ContinuesText.class, "").language(), 1)) {
      makeSamples(folder, kernels);
      calls.sample(OpenModel.class, opened);
      calls.sample(ImageClassifier.class, classifier);
      calls.sample(PictureEmbedder.class, embedder);
      calls.sample(Segmenter.class, segmenter);
      calls.sample(MaskPredictor.class, predictor);
      calls.sample(TextEmbedder.class, texts);
      calls.sample(ZeroShotClassifier.class, zeroShot);
      calls.sample(ZeroShotClassifier.Labels.class, zeroShot.embed(List.of("cat")));
      calls.sample(TextClassifier.class, textClassifier);
      calls.sample(Detector.class, detector);
      calls.sample(DetectionPrompt.class, DetectionPrompt.of("cat"));
      calls.sample(ModelSession.class, session);
      calls.sample(SamSession.class, samSession);
      calls.sample(LlamaSession.class, text);
      calls.sample(DecoderState.class, decoder);
      calls.sample(VisionChat.class, chat);
      calls.sample(Conversation.class, conversation);
      calls.sample(AnswerStream.class, answer);
      calls.sample(Duration.class, Duration.ZERO);
      calls.sample(NextToken.class, NextToken.GREEDY);
      calls.sample(PictureReader.class, PictureReader.of(language));
      calls.sample(Prompt.class, Prompt.NOTHING);
      calls.sample(Sampling.class, Sampling.GREEDY);
      calls.sample(Preprocessing.Size.class, new Preprocessing.Size(1, 1));
      calls.sample(GroundedText.class, new GroundedText("s", List.of()));
      calls.sample(StopStrings.class, new StopStrings(List.of()));
      calls.sample(Tokenizer.class, tokenizer());
      calls.sample(AnswerText.class, new AnswerText(tokenizer(), new AnswerText.Limits(Set.of(), List.of(), 1)));
      calls.sample(ChatTemplate.class, ChatTemplate.named("plain"));
      calls.sample(ChatTurn.class, ChatTurn.user("s"));
      calls.sample(PicturePreparation.Inputs.class,
          new PicturePreparation.Inputs(0, 0, List.of(new Preprocessing.Pixels(1, 1, new float[3]))));
      calls.sample(Sampler.class, new Sampler(Sampling.GREEDY, 1));
      calls.sample(AutomaticMasks.Settings.class, AutomaticMasks.Settings.DEFAULT);
      calls.sample(AutomaticMasks.class, new AutomaticMasks(predictor, AutomaticMasks.Settings.DEFAULT));
      var answers = calls.ask(OpenModel.class.getModule(), NullsTest::isExempt);
      assertThat(answers.wrong()).isEmpty();
      assertThat(answers.refused()).isGreaterThan(300);
    }
  }

  private static Tokenizer tokenizer() {
    return Tokenizer.read("s", """
        {"model": {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
          "vocab": {"a": 0}}}""".getBytes());
  }

  private static Checkpoint checkpoint(SmallModel model, Path folder) {
    return Checkpoint.open(model.write(folder.resolve(model.config().family() + ".safetensors")));
  }
}
