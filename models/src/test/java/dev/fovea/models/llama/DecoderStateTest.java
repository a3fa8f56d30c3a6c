package dev.fovea.models.llama;

import static dev.fovea.models.llama.DecoderState.BLOCK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions.Scaling;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A decoder of odd sizes that reads texts in pieces, beside itself when it reads them at once.
class DecoderStateTest {
  private static final int VOCABULARY = 37, CONTEXT = 1150;
  private static final LlamaConfig CONFIG = new LlamaConfig(VOCABULARY, 20, 2, 6, 2, 10, 28, new LlamaConfig.Bias(true, false, false),
      1e-5f, CONTEXT, 100, Scaling.NONE, false, List.of(3));

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  /// Embeddings and logits are large enough that texts differ.
  private Llama model(LlamaConfig config) {
    var model = Weights.bind(new RandomWeights(arena, 5), w -> Llama.load(config, w)).model();
    var table = model.tokenEmbed().table().segment();
    for (long i = 0; i < table.byteSize() / 4; i++)
      table.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, 30 * table.getAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i));
    return model;
  }

  private static int[] text(int length) {
    var tokens = new int[length];
    for (int i = 0; i < length; i++) tokens[i] = (i * i + 7 * i) % VOCABULARY;
    return tokens;
  }

  /// The logits after a whole text, without a cache.
  private float[] atOnce(Llama model, Workspace workspace, int... tokens) {
    var ids = new float[tokens.length];
    for (int i = 0; i < ids.length; i++) ids[i] = tokens[i];
    return workspace.run(List.of("at once", model.config()), Tensor.of(arena, ids, 1, ids.length), x -> {
      var hidden = model.forward(model.embed(x), Probe.NONE);
      return model.logits(hidden.slice(1, ids.length - 1, ids.length));
    }, List::of).toArray();
  }

  private static void requireClose(float[] actual, float[] expected, String what) {
    assertThat(actual).hasSameSizeAs(expected);
    float largest = 0;
    for (float e : expected) largest = Math.max(largest, Math.abs(e));
    for (int i = 0; i < actual.length; i++) assertThat(actual[i]).as(what + ", token " + i).isCloseTo(expected[i], within(2e-5f * largest));
  }

  /// Pieces of one token and of a block, of a bit more and less, and of several blocks.
  @ParameterizedTest
  @EnumSource
  void readsInPiecesWhatItReadsAtOnce(KernelProvider provider) {
    for (var config : List.of(CONFIG, new LlamaConfig(VOCABULARY, 24, 1, 3, 1, 8, 17, LlamaConfig.Bias.NONE, 1e-6f, CONTEXT, 10_000,
        new Scaling.Llama3(4, 1, 4, 50), true, List.of()))) {
      var model = model(config);
      var tokens = text(CONTEXT);
      try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels);
          var state = new DecoderState(model, CONTEXT)) {
        int from = 0;
        for (int count : new int[] {1, 5, 1, BLOCK, 1, BLOCK - 1, 2, 2 * BLOCK + 3, 1}) {
          state.read(workspace, Arrays.copyOfRange(tokens, from, from += count));
          assertThat(state.length()).isEqualTo(from);
          requireClose(state.logits(workspace), atOnce(model, workspace, Arrays.copyOf(tokens, from)), provider + " after " + from);
        }
      }
    }
  }

  /// With scaling that depends on the length, positions are those for the capacity.
  @Test
  void dynamicScaling() {
    var config = new LlamaConfig(VOCABULARY, 20, 2, 2, 1, 10, 28, LlamaConfig.Bias.NONE, 1e-5f, 40, 100, new Scaling.Dynamic(3), false,
        List.of());
    var model = model(config);
    var tokens = text(120);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      for (int length : new int[] {30, 40, 90, 120})
        try (var state = new DecoderState(model, length)) {
          state.read(workspace, Arrays.copyOf(tokens, length / 2));
          for (int i = length / 2; i < length; i++) state.read(workspace, tokens[i]);
          requireClose(state.logits(workspace), atOnce(model, workspace, Arrays.copyOf(tokens, length)), length + " tokens");
        }
      assertThatThrownBy(() -> new DecoderState(model, 121)).isInstanceOf(InputException.class)
          .hasMessage("expected a capacity of 1 to 120 tokens, the model's context, got 121");
    }
  }

  /// Embeddings of tokens are read as the tokens are.
  @ParameterizedTest
  @EnumSource
  void readsEmbeddings(KernelProvider provider) {
    var model = model(CONFIG);
    var tokens = text(200);
    try (var kernels = provider.open(Workers.threads(1)); var workspace = new Workspace(kernels); var given = new DecoderState(model, 300);
        var read = new DecoderState(model, 300)) {
      var ids = new float[tokens.length];
      for (int i = 0; i < ids.length; i++) ids[i] = tokens[i];
      var embeddings = workspace.run("embed", Tensor.of(arena, ids, 1, ids.length), model::embed, List::of).copy(arena);
      given.read(workspace, embeddings);
      read.read(workspace, tokens);
      assertThat(given.logits(workspace)).isEqualTo(read.logits(workspace));
      // Nothing but the length follows.
      given.read(workspace, 5);
      read.read(workspace, 5);
      assertThat(given.logits(workspace)).isEqualTo(read.logits(workspace));
      assertThatThrownBy(() -> given.read(workspace, Tensor.zeros(arena, 1, 2, 21))).isInstanceOf(InputException.class)
          .hasMessage("expected embeddings [1, N, 20], got [1, 2, 21]");
    }
  }

  /// The next token is read with the next logits, or with what is read after it.
  @ParameterizedTest
  @EnumSource
  void continuesGreedily(KernelProvider provider) {
    var model = model(CONFIG);
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels); var state = new DecoderState(model, 60)) {
      var tokens = text(20);
      state.read(workspace, tokens);
      for (int i = 0; i < 30; i++) {
        int expected = Logits.largest(atOnce(model, workspace, tokens));
        assertThat(state.next(workspace, NextToken.GREEDY)).as("token %d", i).isEqualTo(expected);
        tokens = Arrays.copyOf(tokens, tokens.length + 1);
        tokens[tokens.length - 1] = expected;
        assertThat(state.length()).isEqualTo(tokens.length);
      }
      state.read(workspace, 1, 2, 3);
      tokens = Arrays.copyOf(tokens, tokens.length + 3);
      System.arraycopy(new int[] {1, 2, 3}, 0, tokens, tokens.length - 3, 3);
      requireClose(state.logits(workspace), atOnce(model, workspace, tokens), "after an answer");
    }
  }

  @Test
  void aFullTextIsRefused() {
    var model = model(CONFIG);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels); var state = new DecoderState(model, 10);
        var whole = new DecoderState(model, CONTEXT)) {
      assertThatThrownBy(() -> state.next(workspace, NextToken.GREEDY)).isInstanceOf(InputException.class)
          .hasMessage("expected a text to continue, got none: read tokens first");
      assertThatThrownBy(() -> state.read(workspace)).isInstanceOf(InputException.class).hasMessage("expected tokens to read, got none");
      state.read(workspace, text(8));
      float[] logits = state.logits(workspace);
      assertThatThrownBy(() -> state.read(workspace, 1, 2, 3)).isInstanceOf(InputException.class)
          .hasMessage("the text would have 11 tokens, expected at most 10, the capacity chosen for it (the model's context is 1150)");
      assertThatThrownBy(() -> state.read(workspace, 1, 37)).isInstanceOf(InputException.class)
          .hasMessage("token 37: expected one of 37 tokens of the vocabulary");
      assertThatThrownBy(() -> state.next(workspace, _ -> -1)).isInstanceOf(InputException.class).hasMessageStartingWith("token -1: expected one");
      assertThatThrownBy(() -> state.next(workspace, all -> {
        Arrays.fill(all, 0);
        throw new IllegalStateException("mine");
      })).hasMessage("mine");
      assertThat(state.length()).isEqualTo(8);
      assertThat(state.logits(workspace)).isEqualTo(logits);
      for (int i = 0; i < 2; i++) state.next(workspace, NextToken.GREEDY);
      assertThatThrownBy(() -> state.next(workspace, NextToken.GREEDY)).isInstanceOf(InputException.class)
          .hasMessageStartingWith("the text would have 11 tokens, expected at most 10");
      assertThat(state.logits(workspace)).isNotEqualTo(logits);
      whole.read(workspace, text(CONTEXT));
      assertThatThrownBy(() -> whole.read(workspace, 1)).hasMessage("the text would have 1151 tokens, expected at most 1150, the model's context");
      assertThatThrownBy(() -> new DecoderState(model, CONTEXT + 1)).isInstanceOf(InputException.class);
      assertThatThrownBy(() -> new DecoderState(model, 0)).isInstanceOf(InputException.class);
    }
  }

  /// An interrupt within a long text or a step leaves the text as it was.
  @Test
  void interrupts() {
    var model = model(CONFIG);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels); var state = new DecoderState(model, 500)) {
      state.read(workspace, text(5));
      float[] logits = state.logits(workspace);
      var begun = new int[1];
      workspace.listen((done, total) -> {
        // The second of three blocks.
        if (done == total && begun[0]++ == 0) Thread.currentThread().interrupt();
      });
      assertThatThrownBy(() -> state.read(workspace, text(300))).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      workspace.listen(dev.fovea.engine.tensor.Progress.NONE);
      assertThat(state.length()).isEqualTo(5);
      assertThat(state.logits(workspace)).isEqualTo(logits);
      state.next(workspace, NextToken.GREEDY);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> state.next(workspace, NextToken.GREEDY)).isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(state.length()).isEqualTo(6);
      state.read(workspace, 7);
      var tokens = Arrays.copyOf(text(5), 7);
      tokens[5] = Logits.largest(logits);
      tokens[6] = 7;
      requireClose(state.logits(workspace), atOnce(model, workspace, tokens), "after interrupts");
    }
  }

  @Test
  void closingFreesTheMemory() {
    var model = model(CONFIG);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var state = new DecoderState(model, 100);
      assertThat(state.bytes()).isEqualTo(2L * 4 * 2 * 2 * 100 * 10);
      state.read(workspace, 1);
      assertThat(state.bytes()).isGreaterThan(2L * 4 * 2 * 2 * 100 * 10);
      state.close();
      state.close();
      assertThatThrownBy(() -> state.read(workspace, 1)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> state.read(workspace, 1, 2)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void logits() {
    assertThat(Logits.largest(new float[] {1, 3, 3, Float.NaN})).isEqualTo(1);
    assertThat(Logits.largest(new float[] {Float.NaN, -5, Float.NEGATIVE_INFINITY})).isEqualTo(1);
    assertThat(Logits.largest(new float[] {Float.NaN, Float.NaN})).isZero();
    assertThat(Logits.logProbability(new float[] {1000, 1000}, 1)).isCloseTo(Math.log(0.5), within(1e-12));
    double sum = 0;
    for (int i = 0; i < 3; i++) sum += Math.exp(Logits.logProbability(new float[] {-2, 0, 5}, i));
    assertThat(sum).isCloseTo(1, within(1e-12));
    assertThatThrownBy(() -> Logits.logProbability(new float[2], 2)).isInstanceOf(IndexOutOfBoundsException.class);
  }
}
