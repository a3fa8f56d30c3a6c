package dev.fovea.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Demo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Conversations with the embedded model: what is asked in turns, given up, too long, at once.
class VisionChatTest {
  private static final String HOW_MANY = "How many shapes are there?", DESCRIBE = "Describe the picture.";
  private static final String DESCRIPTION = "a picture of a yellow circle, a purple star, a orange triangle, a orange square.";
  private static final ChatOptions SMALL = ChatOptions.DEFAULT.withCapacity(1024).withMaxTokens(60);
  private static final Consumer<String> NOBODY = _ -> {};
  private static Kernels kernels;
  private static VisionChat chat;

  @BeforeAll
  static void open() {
    kernels = KernelProvider.VECTOR.open(Workers.threads(2));
    chat = VisionChat.of(Demo.model("vlm"), kernels);
  }

  @AfterAll
  static void close() {
    chat.close();
    kernels.close();
  }

  private static Path file(int number) {
    return Demo.SCENES.resolve("%02d.png".formatted(number));
  }

  private static Picture scene(int number) {
    return Picture.read(file(number));
  }

  private static Answer once(int scene, String question) {
    return chat.ask(List.of(scene(scene)), question, ChatOptions.DEFAULT, NOBODY, Progress.NONE);
  }

  /// Every form of a picture, the pieces that arrive, and what an answer tells.
  @Test
  void answers() throws IOException {
    var pieces = new ArrayList<String>();
    try (var conversation = chat.conversation(SMALL.withLogProbabilities(true))) {
      var answer = conversation.ask(scene(0), DESCRIBE, pieces::add);
      assertThat(answer.text()).isEqualTo(DESCRIPTION).isEqualTo(String.join("", pieces));
      assertThat(pieces).hasSizeGreaterThan(10).doesNotContain("");
      assertThat(answer.end()).isEqualTo(EndReason.END_TOKEN);
      assertThat(answer.ids()).endsWith(1);
      assertThat(answer.logProbabilities()).hasSameSizeAs(answer.ids()).allMatch(p -> p.logProbability() <= 0 && p.logProbability() > -1);
      assertThat(answer.promptTokens()).isEqualTo(answer.readTokens()).isGreaterThan(256);
      assertThat(answer.seeing()).isPositive();
      assertThat(answer.reading()).isPositive();
      assertThat(answer.tokensPerSecond()).isPositive();
      assertThat(answer.boxes()).isEmpty();
      conversation.clear();
      assertThat(conversation.ask(file(1), HOW_MANY).text()).isEqualTo("three.");
      conversation.clear();
      assertThat(conversation.ask(Files.readAllBytes(file(1)), HOW_MANY, NOBODY).text()).isEqualTo("three.");
      conversation.clear();
      try (var in = Files.newInputStream(file(1))) {
        assertThat(conversation.ask(in, HOW_MANY, NOBODY).text()).isEqualTo("three.");
      }
    }
    assertThat(once(0, DESCRIBE).logProbabilities()).isEmpty();
  }

  /// The right box for every `Find the …`, at the reference's place in the picture's pixels.
  @Test
  void boxes() throws IOException {
    var scenes = JsonParser.parseString(Files.readString(Demo.SCENES.resolve("questions.json"))).getAsJsonObject().getAsJsonArray("scenes");
    int asked = 0;
    for (var each : scenes) {
      var scene = each.getAsJsonObject();
      for (var one : scene.getAsJsonArray("questions")) {
        var question = one.getAsJsonObject().get("question").getAsString();
        if (!question.startsWith("Find ")) continue;
        var picture = Picture.read(Demo.SCENES.resolve(scene.get("file").getAsString()));
        var answer = chat.ask(List.of(picture), question);
        assertThat(answer.text()).isEqualTo(one.getAsJsonObject().get("reference_answer").getAsString());
        var box = answer.boxes().getFirst();
        assertThat(answer.boxes()).hasSize(1);
        assertThat("Find the " + box.label() + ".").isEqualTo(question);
        assertThat(answer.grounded().text()).isEqualTo(box.label());
        var numbers = answer.text().replaceAll(".*<det> | </det>.*", "").split(" ");
        assertThat(box.box().x0()).isCloseTo(Integer.parseInt(numbers[0]) / 99f * picture.width(), within(0.01f));
        assertThat(box.box().y1()).isCloseTo(Integer.parseInt(numbers[3]) / 99f * picture.height(), within(0.01f));
        asked++;
      }
    }
    assertThat(asked).isEqualTo(24);
  }

  /// A question is read with what stands before it: its own tokens alone are computed, and the logits are those of the whole text.
  @Test
  void turns() {
    try (var conversation = chat.conversation(SMALL.withLogProbabilities(true))) {
      var first = conversation.ask(file(0), HOW_MANY);
      var second = conversation.ask(DESCRIBE);
      assertThat(second.promptTokens()).isGreaterThan(first.promptTokens() + first.ids().size());
      assertThat(second.readTokens()).isLessThan(30);
      assertThat(conversation.turns()).containsExactly(ChatTurn.user(HOW_MANY, 1), ChatTurn.assistant(first.text()),
          ChatTurn.user(DESCRIBE), ChatTurn.assistant(second.text()));
      // The same in one text.
      var template = conversation.template();
      var seen = chat.reader().see(scene(0), Progress.NONE);
      var text = template.expand(template.prompt(conversation.turns().subList(0, 3)), List.of(seen.places()));
      assertThat(second.promptTokens()).isEqualTo(template.encode(chat.tokenizer(), text).ids().length);
      conversation.clear();
      assertThat(conversation.turns()).isEmpty();
      assertThat(conversation.ask(file(0), HOW_MANY).ids()).isEqualTo(first.ids());
    }
  }

  /// Turns that the caller keeps are answered as those of a conversation, to the last draw.
  @Test
  void turnsOfTheCallers() {
    var options = SMALL.withSampling(Sampling.temperature(1).withSeed(3));
    try (var conversation = chat.conversation(options)) {
      conversation.ask(file(0), DESCRIBE);
      conversation.ask(HOW_MANY);
      var expected = conversation.ask(file(1), DESCRIBE);
      var turns = conversation.turns().subList(0, 5);
      var pieces = new ArrayList<String>();
      var pictures = List.of(scene(0), scene(1));
      var answer = chat.answer(turns, pictures, options, pieces::add, Progress.NONE);
      assertThat(answer.ids()).isEqualTo(expected.ids());
      assertThat(answer.text()).isEqualTo(expected.text()).isEqualTo(String.join("", pieces));
      assertThat(answer.promptTokens()).isEqualTo(answer.readTokens()).isEqualTo(expected.promptTokens());
      assertThatThrownBy(() -> chat.answer(turns, List.of(scene(0)), options, NOBODY, Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("pictures: expected 2 that the turns show, got 1");
      assertThatThrownBy(() -> chat.answer(turns.subList(0, 4), List.of(scene(0)), options, NOBODY, Progress.NONE))
          .isInstanceOf(IllegalArgumentException.class).hasMessage("turns: expected one of user, got the end");
    }
    assertThat(chat.memory().sessions()).isZero();
  }

  /// The second picture is another one, though its placeholders are the same; boxes are about the last one shown.
  @Test
  void aPictureInTheSecondTurn() {
    try (var conversation = chat.conversation(SMALL); var other = chat.conversation(SMALL)) {
      conversation.ask(file(0), DESCRIBE);
      var answer = conversation.ask(file(1), DESCRIBE);
      assertThat(answer.readTokens()).isBetween(257, 290);
      other.ask(file(0), DESCRIBE);
      assertThat(other.ask(file(2), DESCRIBE).text()).isNotEqualTo(answer.text());
      assertThat(conversation.turns().get(2).pictures()).isEqualTo(1);
      // After clearing nothing is left of the pictures.
      conversation.clear();
      assertThat(conversation.ask(file(2), DESCRIBE).text()).isEqualTo(once(2, DESCRIBE).text());
    }
  }

  @Test
  void severalPicturesAndPlaceholders() {
    try (var conversation = chat.conversation(SMALL)) {
      assertThat(conversation.ask(List.of(scene(0), scene(1)), DESCRIBE).promptTokens()).isGreaterThan(512);
      assertThatThrownBy(() -> conversation.ask(List.of(scene(0)), "Is <image_placeholder> like <image_placeholder>?"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("pictures: expected 2 for the placeholders <image_placeholder> in the text, got 1");
      assertThatThrownBy(() -> conversation.ask("What is <image_placeholder>?")).isInstanceOf(IllegalArgumentException.class);
      assertThat(conversation.turns()).hasSize(2);
      conversation.clear();
      assertThat(conversation.ask(List.of(scene(0)), "<image_placeholder>" + DESCRIBE).text()).isEqualTo(DESCRIPTION);
    }
  }

  @Test
  void textAlone() {
    try (var conversation = chat.conversation(SMALL)) {
      var answer = conversation.ask(HOW_MANY);
      assertThat(answer.promptTokens()).isLessThan(20);
      assertThat(answer.boxes()).isEmpty();
      assertThat(answer.seeing()).isLessThan(answer.reading().plusMillis(1000));
    }
  }

  /// A stop string that spans tokens is not part of the answer, nor is its beginning handed out; the next turn goes on without it.
  @Test
  void stopStringsAndLimits() {
    var pieces = new ArrayList<String>();
    try (var conversation = chat.conversation(SMALL.withStopStrings(List.of("le, a purple s")))) {
      var answer = conversation.ask(scene(0), DESCRIBE, pieces::add);
      assertThat(answer.text()).isEqualTo("a picture of a yellow circ").isEqualTo(String.join("", pieces));
      assertThat(answer.end()).isEqualTo(EndReason.STOP_STRING);
      assertThat(conversation.turns().getLast().text()).isEqualTo(answer.text());
      assertThat(conversation.ask(HOW_MANY).text()).isNotEmpty();
    }
    try (var conversation = chat.conversation(SMALL.withMaxTokens(3))) {
      var answer = conversation.ask(file(0), DESCRIBE);
      assertThat(answer.end()).isEqualTo(EndReason.TOKEN_LIMIT);
      assertThat(answer.ids()).hasSize(3);
      assertThat(DESCRIPTION).startsWith(answer.text());
    }
  }

  @Test
  void theSeedDecides() {
    var hot = SMALL.withMaxTokens(20).withSampling(Sampling.temperature(3).withSeed(7));
    var expected = sampled(1, hot);
    assertThat(sampled(2, hot)).isEqualTo(expected);
    assertThat(sampled(3, hot.withSampling(hot.sampling().withSeed(8)))).isNotEqualTo(expected);
    assertThat(expected.get(0)).isNotEqualTo(expected.get(1));
  }

  private static List<List<Integer>> sampled(int threads, ChatOptions options) {
    try (var own = KernelProvider.VECTOR.open(Workers.threads(threads)); var other = VisionChat.of(Demo.model("vlm"), own);
        var conversation = other.conversation(options)) {
      return List.of(conversation.ask(file(0), DESCRIBE).ids(), conversation.ask(file(0), DESCRIBE).ids());
    }
  }

  /// At any token: the conversation is as it was, its memory is what it was, and the answer comes when asked again.
  @Test
  void cancelled() {
    try (var conversation = chat.conversation(SMALL)) {
      conversation.ask(file(1), HOW_MANY);
      var before = conversation.turns();
      long bytes = conversation.bytes();
      for (int at : new int[] {1, 2, 7}) {
        int[] count = {0};
        assertThatThrownBy(() -> conversation.ask(scene(0), DESCRIBE, _ -> {
          if (++count[0] == at) Thread.currentThread().interrupt();
        })).isInstanceOf(CancelledException.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(count[0]).isEqualTo(at);
        assertThatThrownBy(() -> conversation.ask(scene(0), DESCRIBE, _ -> {
          if (++count[0] == 2 * at) throw new UncheckedIOException(new IOException("full"));
        })).isInstanceOf(UncheckedIOException.class);
        assertThat(conversation.turns()).isEqualTo(before);
        assertThat(conversation.bytes()).isEqualTo(bytes);
      }
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> conversation.ask(scene(0), DESCRIBE, NOBODY)).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      // The pictures of what was given up are not taken for those of the next question.
      assertThat(conversation.ask(file(2), DESCRIBE).ids()).isEqualTo(afterScene1(2));
    }
    assertThat(chat.memory().sessions()).isZero();
    assertThat(chat.memory().sessionBytes()).isZero();
  }

  private static List<Integer> afterScene1(int scene) {
    try (var conversation = chat.conversation(SMALL)) {
      conversation.ask(file(1), HOW_MANY);
      return conversation.ask(file(scene), DESCRIBE).ids();
    }
  }

  @Test
  void piecesAtTheCallersPace() {
    try (var conversation = chat.conversation(SMALL)) {
      var text = new StringBuilder();
      try (var pieces = conversation.stream(List.of(scene(0)), DESCRIBE)) {
        assertThatThrownBy(() -> conversation.ask(HOW_MANY)).isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith("the answer to the question before has not ended");
        assertThatThrownBy(pieces::answer).isInstanceOf(IllegalStateException.class);
        while (pieces.hasNext()) text.append(pieces.next());
        assertThat(pieces.answer().text()).isEqualTo(DESCRIPTION).isEqualTo(text.toString());
      }
      var givenUp = conversation.stream(List.of(), HOW_MANY);
      givenUp.next();
      givenUp.close();
      assertThat(givenUp.hasNext()).isFalse();
      assertThat(conversation.turns()).hasSize(2);
      assertThat(conversation.ask(HOW_MANY).text()).isNotEmpty();
    }
  }

  @Test
  void whatIsTooLong() {
    try (var conversation = chat.conversation(SMALL.withCapacity(280))) {
      assertThat(conversation.capacity()).isEqualTo(280);
      assertThatThrownBy(() -> conversation.ask(List.of(scene(0), scene(1)), HOW_MANY)).isInstanceOf(InputException.class)
          .hasMessageMatching("the conversation would have 5\\d\\d tokens and at least one of the answer, expected at most 280, the "
              + "capacity chosen for it \\(the model's context is \\d+\\)");
      assertThat(conversation.turns()).isEmpty();
      var answer = conversation.ask(file(0), DESCRIBE);
      assertThat(answer.end()).isEqualTo(EndReason.CONTEXT_FULL);
      assertThat(answer.ids()).hasSize(280 - answer.promptTokens());
      assertThat(DESCRIPTION).startsWith(answer.text());
      assertThatThrownBy(() -> conversation.ask(DESCRIBE)).isInstanceOf(InputException.class);
      assertThat(conversation.turns()).hasSize(2);
    }
    assertThatThrownBy(() -> chat.ask(Collections.nCopies(20, scene(0)), HOW_MANY)).isInstanceOf(InputException.class)
        .hasMessageEndingWith(", the model's context");
  }

  @Test
  void conversationsAtOnce() throws Exception {
    var expected = new ArrayList<List<Integer>>();
    var tasks = new ArrayList<Callable<List<Integer>>>();
    for (int i = 0; i < 4; i++) {
      int scene = i;
      expected.add(afterScene1(scene));
      tasks.add(() -> afterScene1(scene));
    }
    try (var pool = Executors.newFixedThreadPool(4)) {
      var answers = new ArrayList<List<Integer>>();
      for (var answer : pool.invokeAll(tasks)) answers.add(answer.get());
      assertThat(answers).isEqualTo(expected);
    }
  }

  @Test
  void closing() {
    var other = VisionChat.of(Demo.model("vlm"), kernels);
    assertThat(other).hasToString("VisionChat: " + other.model());
    assertThat(other.seesPictures()).isTrue();
    var conversation = other.conversation(SMALL);
    assertThat(conversation.toString()).contains("deepseek-vl-short");
    assertThatThrownBy(() -> conversation.ask(scene(0), DESCRIBE, _ -> conversation.close())).isInstanceOf(IllegalStateException.class);
    assertThat(conversation.bytes()).isZero();
    assertThatThrownBy(() -> conversation.ask(HOW_MANY)).isInstanceOf(IllegalStateException.class).hasMessage("the conversation is closed");
    var second = other.conversation(SMALL);
    other.close();
    other.close();
    assertThat(second.bytes()).isZero();
    assertThatThrownBy(() -> second.ask(HOW_MANY)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> other.ask(List.of(), HOW_MANY)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void modelsThatDoNotTalk() {
    assertThatThrownBy(() -> VisionChat.of(Demo.model("vit"), kernels)).isInstanceOf(CheckpointException.class)
        .hasMessage("demo: expected a model that continues texts, got family vit");
  }
}
