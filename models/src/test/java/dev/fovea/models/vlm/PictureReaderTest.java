package dev.fovea.models.vlm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PicturePreparation;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import dev.fovea.models.OpenModel;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.chat.ChatTurn;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The embedded model that answers questions about drawn scenes, and what its pictures and texts must fulfil.
class PictureReaderTest {
  /// Answers may differ where the two best tokens are as near as this.
  private static final float NEAR = 1e-3f;
  private static Kernels kernels;
  private static OpenModel model;
  private static PictureReader reader;
  private static Tokenizer tokenizer;

  @BeforeAll
  static void open() {
    kernels = KernelProvider.VECTOR.open(Workers.threads(2));
    model = OpenModel.of(Demo.model("vlm"), kernels);
    reader = PictureReader.of(model);
    tokenizer = model.tokenizer();
  }

  @AfterAll
  static void close() {
    model.close();
    kernels.close();
  }

  private static Picture scene(int number) {
    return Picture.read(Demo.SCENES.resolve("%02d.png".formatted(number)));
  }

  private static int[] prompt(String question, int placeholders) {
    return tokenizer.encode("User: " + "<image_placeholder>".repeat(placeholders) + question + "\n\nAssistant:").ids();
  }

  /// The difference of the two largest logits.
  private static float margin(float[] logits) {
    var sorted = logits.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length - 1] - sorted[sorted.length - 2];
  }

  private static List<Integer> answer(LlamaSession session, List<Float> margins) {
    var ids = new ArrayList<Integer>();
    do {
      margins.add(margin(session.logits()));
      ids.add(session.next(NextToken.GREEDY));
    } while (!session.isEnd(ids.getLast()) && ids.size() < 100);
    return ids;
  }

  private static List<Integer> ask(SeenPicture picture, String question) {
    try (var session = LlamaSession.open(model, 512)) {
      reader.read(session, prompt(question, 256), List.of(picture));
      return answer(session, new ArrayList<>());
    }
  }

  /// Token by token, except from where the reference's two best logits are as good as equal.
  @Test
  void answersAreTheReferences() throws IOException {
    var scenes = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("questions.json"))).getAsJsonObject().getAsJsonArray("scenes");
    int asked = 0, equal = 0;
    for (var each : scenes) {
      var scene = each.getAsJsonObject();
      var seen = reader.see(Picture.read(Demo.SCENES.resolve(scene.get("file").getAsString())), Progress.NONE);
      assertThat(seen).hasToString("picture seen by demo, 256 tokens");
      for (var one : scene.getAsJsonArray("questions")) {
        JsonObject question = one.getAsJsonObject();
        var text = question.get("question").getAsString();
        var expected = new ArrayList<Integer>();
        question.getAsJsonArray("reference_ids").forEach(id -> expected.add(id.getAsInt()));
        try (var session = LlamaSession.open(model, 512)) {
          reader.read(session, prompt(text, 256), List.of(seen));
          var margins = new ArrayList<Float>();
          var ids = answer(session, margins);
          asked++;
          if (ids.equals(expected)) equal++;
          else {
            int at = 0;
            while (ids.get(at).equals(expected.get(at))) at++;
            assertThat(margins.get(at)).as(scene.get("file") + " " + text + " " + ids + " instead of " + expected).isLessThan(NEAR);
          }
        }
      }
    }
    assertThat(asked).isEqualTo(286);
    assertThat(equal).isEqualTo(286);
  }

  /// The template in the model's file and the picture's places make the prompt that the model was taught.
  @Test
  void promptsOfTheModelsTemplate() {
    var seen = reader.see(scene(0), Progress.NONE);
    var template = ChatTemplate.recognise(model.name(), ModelHeader.chatTemplate(model.checkpoint()));
    var text = template.prompt(List.of(ChatTurn.user("Describe the picture.", 1)));
    assertThat(template.encode(tokenizer, template.expand(text, List.of(seen.places()))).ids())
        .containsExactly(prompt("Describe the picture.", 256));
  }

  /// Each conversation has its own picture, at once with others on the same model.
  @Test
  void conversationsAtOnce() throws Exception {
    var expected = new ArrayList<List<Integer>>();
    var tasks = new ArrayList<Callable<List<Integer>>>();
    for (int i = 0; i < 4; i++)
      for (var question : List.of("How many shapes are there?", "Describe the picture.")) {
        var picture = scene(i);
        expected.add(ask(reader.see(picture, Progress.NONE), question));
        tasks.add(() -> ask(reader.see(picture, Progress.NONE), question));
      }
    try (var pool = Executors.newFixedThreadPool(4)) {
      var answers = new ArrayList<List<Integer>>();
      for (var answer : pool.invokeAll(tasks)) answers.add(answer.get());
      assertThat(answers).isEqualTo(expected);
    }
  }

  /// The text so far and a turn with another picture are what they are in one.
  @Test
  void aPictureInTheSecondTurn() {
    SeenPicture first = reader.see(scene(0), Progress.NONE), second = reader.see(scene(1), Progress.NONE);
    int[] turn = prompt("Describe the picture.", 256);
    try (var inTurns = LlamaSession.open(model, 1024); var atOnce = LlamaSession.open(model, 1024)) {
      reader.read(inTurns, turn, List.of(first));
      int next = inTurns.next(NextToken.GREEDY);
      reader.read(inTurns, turn, List.of(second));
      var both = new ArrayList<Integer>();
      for (int id : turn) both.add(id);
      both.add(next);
      for (int id : turn) both.add(id);
      reader.read(atOnce, both.stream().mapToInt(id -> id).toArray(), List.of(first, second));
      assertThat(atOnce.length()).isEqualTo(inTurns.length()).isEqualTo(2 * turn.length + 1);
      float[] expected = atOnce.logits(), got = inTurns.logits();
      for (int i = 0; i < expected.length; i++) assertThat(got[i]).isBetween(expected[i] - 1e-4f, expected[i] + 1e-4f);
    }
  }

  @Test
  void whatDoesNotFitLeavesTheTextAsItWas() {
    var seen = reader.see(scene(0), Progress.NONE);
    try (var session = LlamaSession.open(model, 300)) {
      assertThatThrownBy(() -> reader.read(session, prompt("Describe the picture.", 255), List.of(seen)))
          .isInstanceOf(InputException.class).hasMessage("expected 256 placeholders (token 3) for 1 picture, got 255");
      assertThatThrownBy(() -> reader.read(session, prompt("Describe the picture.", 256), List.of()))
          .isInstanceOf(InputException.class).hasMessage("expected 0 placeholders (token 3) for 0 pictures, got 256");
      assertThatThrownBy(() -> reader.read(session, prompt("Describe the picture.", 512), List.of(seen, seen)))
          .isInstanceOf(InputException.class).hasMessageContaining("tokens, expected at most 300, the session's capacity");
      int[] wrong = prompt("Describe the picture.", 256);
      wrong[0] = 494;
      assertThatThrownBy(() -> reader.read(session, wrong, List.of(seen)))
          .isInstanceOf(InputException.class).hasMessage("token 494: expected one of 494 tokens of the vocabulary");
      var other = new SeenPicture("other", 0, 0, 1, 256, seen.features());
      assertThatThrownBy(() -> reader.read(session, prompt("Describe the picture.", 256), List.of(other)))
          .isInstanceOf(InputException.class).hasMessage("expected pictures seen by demo, got a picture seen by other, 256 tokens");
      assertThat(session.length()).isZero();
      reader.read(session, prompt("How many shapes are there?", 256), List.of(seen));
      assertThat(answer(session, new ArrayList<>())).isEqualTo(ask(seen, "How many shapes are there?"));
      try (var another = OpenModel.of(Demo.model("vlm"), kernels)) {
        assertThatThrownBy(() -> PictureReader.of(another).read(session, prompt("", 256), List.of(seen)))
            .isInstanceOf(InputException.class).hasMessageStartingWith("expected a session of demo, got session of demo");
      }
    }
  }

  @Test
  void modelsAndPicturesThatDoNotFit() {
    try (var vit = OpenModel.of(Demo.model("vit"), kernels)) {
      assertThatThrownBy(() -> PictureReader.of(vit)).isInstanceOf(CheckpointException.class)
          .hasMessage("demo: expected a model that reads pictures, got family vit");
    }
    var larger = model.header().preprocessing().json().toString().replace("128", "64");
    assertThatThrownBy(() -> PictureReader.of(model, PicturePreparation.of(JsonFields.parse("p", larger))))
        .isInstanceOf(CheckpointException.class)
        .hasMessage("demo: the model takes pictures of 128x128, but they are prepared to 64x64");
    assertThat(ModelHeader.chatTemplate(model.checkpoint())).startsWith("{% for m in messages %}").contains("<image_placeholder>");
    assertThat(reader.placeholder()).isEqualTo(3);
  }
}
