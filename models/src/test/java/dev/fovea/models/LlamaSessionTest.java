package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.llama.LlamaConfig;
import dev.fovea.models.llama.LlamaSession;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Texts that an open model continues: several at once, closed, and beside calls of other threads.
class LlamaSessionTest {
  private static final int VOCABULARY = 50, DIM = 24;
  static final SmallModel LLAMA = new SmallModel(new LlamaConfig(VOCABULARY, DIM, 2, 4, 2, 6, 40, LlamaConfig.Bias.NONE, 1e-5f,
      256, 10_000, Scaling.NONE, false, List.of(3, 4)), new JsonObject(), false, List.of());

  @TempDir
  private Path folder;

  private OpenModel open() {
    return OpenModel.open(LLAMA.write(folder.resolve("llama.safetensors")));
  }

  private static int[] prompt(int seed) {
    var tokens = new int[20 + seed];
    for (int i = 0; i < tokens.length; i++) tokens[i] = (i * (seed + 3) + seed) % VOCABULARY;
    return tokens;
  }

  private static List<Integer> answer(LlamaSession session, int seed) {
    session.read(prompt(seed));
    var answer = new ArrayList<Integer>();
    for (int i = 0; i < 40; i++) answer.add(session.next(NextToken.GREEDY));
    return answer;
  }

  @Test
  void sessionsAtOnceAnswerAsAlone() throws Exception {
    try (var model = open(); var pool = Executors.newFixedThreadPool(4)) {
      var alone = new ArrayList<List<Integer>>();
      for (int i = 0; i < 4; i++)
        try (var session = LlamaSession.open(model, 128)) {
          alone.add(answer(session, i));
        }
      assertThat(alone).doesNotHaveDuplicates();
      var together = new ArrayList<Future<List<Integer>>>();
      for (int i = 0; i < 8; i++) {
        int seed = i % 4;
        together.add(pool.submit(() -> {
          try (var session = LlamaSession.open(model, 128)) {
            return answer(session, seed);
          }
        }));
      }
      for (int i = 0; i < 8; i++) assertThat(together.get(i).get()).as("session %d", i).isEqualTo(alone.get(i % 4));
    }
  }

  @Test
  void turnsByTurns() {
    try (var model = open(); var one = LlamaSession.open(model, 128); var two = LlamaSession.open(model, 200)) {
      List<Integer> first = new ArrayList<>(), second = new ArrayList<>();
      one.read(prompt(0));
      two.read(prompt(1));
      for (int i = 0; i < 40; i++) {
        first.add(one.next(NextToken.GREEDY));
        second.add(two.next(NextToken.GREEDY));
      }
      try (var alone = LlamaSession.open(model, 128)) {
        assertThat(answer(alone, 0)).isEqualTo(first);
      }
      try (var alone = LlamaSession.open(model, 128)) {
        assertThat(answer(alone, 1)).isEqualTo(second);
      }
    }
  }

  @Test
  void memoryIsCountedAndFreed() {
    var model = open();
    long cache = 2L * 4 * 2 * 2 * 100 * 6;
    var session = LlamaSession.open(model, 100);
    assertThat(session.bytes()).isEqualTo(cache);
    assertThat(session.capacity()).isEqualTo(100);
    assertThat(session.length()).isZero();
    session.read(1);
    assertThat(session.bytes()).isGreaterThan(cache);
    assertThat(model.memory().sessionBytes()).isEqualTo(session.bytes());
    session.close();
    session.close();
    assertThat(session.bytes()).isZero();
    assertThat(model.memory().sessionBytes()).isZero();
    assertThatThrownBy(() -> session.read(1)).isInstanceOf(IllegalStateException.class).hasMessage("the session is closed");
    var other = LlamaSession.open(model, 100);
    other.read(1, 2);
    model.close();
    assertThat(other.bytes()).isZero();
    assertThatThrownBy(() -> other.next(NextToken.GREEDY)).isInstanceOf(IllegalStateException.class).hasMessageEndingWith("the model is closed");
    other.close();
    assertThatThrownBy(() -> LlamaSession.open(model, 5)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void endsAndRefusals() {
    try (var model = open(); var session = LlamaSession.open(model, 30)) {
      assertThat(List.of(session.isEnd(3), session.isEnd(4), session.isEnd(5))).containsExactly(true, true, false);
      assertThatThrownBy(() -> session.read(prompt(11))).isInstanceOf(InputException.class).hasMessageContaining("expected at most 30");
      assertThat(session.length()).isZero();
      assertThatThrownBy(() -> LlamaSession.open(model, 257)).isInstanceOf(InputException.class).hasMessageContaining("1 to 256 tokens");
      assertThat(model.memory().sessions()).isEqualTo(1);
      assertThatThrownBy(() -> session.read((int[]) null)).isInstanceOf(NullPointerException.class).hasMessage("tokens");
      assertThatThrownBy(() -> session.next(null)).isInstanceOf(NullPointerException.class).hasMessage("choose");
    }
    try (var bert = OpenModel.open(SmallModel.BERT.write(folder.resolve("bert.safetensors")))) {
      assertThatThrownBy(() -> LlamaSession.open(bert, 5)).isInstanceOf(CheckpointException.class)
          .hasMessageEndingWith("expected a model that continues texts, got family bert");
    }
  }

  /// What is read after a cut is what is read without it.
  @Test
  void theEndIsForgotten() {
    try (var model = open(); var session = LlamaSession.open(model, 128); var same = LlamaSession.open(model, 128)) {
      session.read(prompt(0));
      for (int i = 0; i < 5; i++) session.next(NextToken.GREEDY);
      session.truncate(22);
      assertThat(session.length()).isEqualTo(22);
      assertThatThrownBy(session::logits).isInstanceOf(InputException.class)
          .hasMessage("expected tokens after the end that was forgotten, got none: read tokens first");
      assertThatThrownBy(() -> session.next(NextToken.GREEDY)).isInstanceOf(InputException.class);
      session.truncate(15);
      session.read(1, 2, 3);
      same.read(Arrays.copyOf(prompt(0), 15));
      same.read(1, 2, 3);
      assertThat(session.logits()).isEqualTo(same.logits());
      // A choice that was not read yet leaves the logits behind it.
      session.next(NextToken.GREEDY);
      session.truncate(18);
      assertThat(session.logits()).isEqualTo(same.logits());
      assertThatThrownBy(() -> session.truncate(19)).isInstanceOf(InputException.class)
          .hasMessage("expected 0 to 18 tokens to keep, got 19");
      session.truncate(0);
      assertThat(answer(session, 3)).isEqualTo(answerAlone(model));
    }
  }

  private static List<Integer> answerAlone(OpenModel model) {
    try (var session = LlamaSession.open(model, 128)) {
      return answer(session, 3);
    }
  }

  /// Embeddings that are computed in the session's workspace, as those of a picture are.
  @Test
  void embeddingsOfTheCallers() {
    try (var model = open(); var arena = Arena.ofShared(); var session = LlamaSession.open(model, 100); var same = LlamaSession.open(model, 100)) {
      var language = ((ContinuesText) model.model()).language();
      session.read(5);
      session.read(workspace -> workspace.run("mine", Tensor.of(arena, new float[] {1, 2, 3}, 1, 3), language::embed, List::of));
      same.read(5);
      same.read(1, 2, 3);
      assertThat(session.length()).isEqualTo(4);
      assertThat(session.logits()).isEqualTo(same.logits());
    }
  }

  @Test
  void oneThreadAtATime() throws Exception {
    try (var model = open(); var session = LlamaSession.open(model, 100); var pool = Executors.newSingleThreadExecutor()) {
      session.read(1, 2);
      CountDownLatch inside = new CountDownLatch(1), done = new CountDownLatch(1);
      var other = pool.submit(() -> session.next(_ -> {
        inside.countDown();
        try {
          done.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        return 7;
      }));
      inside.await();
      assertThatThrownBy(() -> session.next(NextToken.GREEDY)).isInstanceOf(IllegalStateException.class).hasMessageContaining("in use by another thread");
      done.countDown();
      assertThat(other.get()).isEqualTo(7);
      assertThat(session.length()).isEqualTo(3);
    }
  }
}
