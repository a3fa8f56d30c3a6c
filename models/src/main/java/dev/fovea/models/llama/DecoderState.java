package dev.fovea.models.llama;

import dev.fovea.engine.nn.AttentionCache;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Pass;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jetbrains.annotations.Nullable;

/// A text as a decoder remembers it, its keys and values, and the logits of the next token. [LlamaSession] is the same for an open
/// model.
///
/// Many tokens are read in blocks of [#BLOCK], by passes in a workspace of the caller's; one token by a pass that is recorded once,
/// so that a step plans, records and allocates nothing, whatever the length of the text. The results agree within rounding.
///
/// With [dev.fovea.engine.nn.RotaryPositions.Scaling.Dynamic], positions are turned as for a text of `capacity` tokens.
///
/// Not thread-safe. An exception leaves the text as it was before the call.
public final class DecoderState implements AutoCloseable {
  /// Tokens that are read at a time: enough that a weight is read once for many of them, and whole tiles of a product, which have
  /// 14 rows, or 5 with vectors of 256 bits.
  public static final int BLOCK = 280;
  /// The keys of a block are looked for among a multiple of so many, so that few plans serve texts of any length.
  private static final int STRIDE = 512;

  private final Llama model;
  private final int capacity;
  private final Arena arena = Arena.ofShared();
  private final Tensor before, after;
  private final List<AttentionCache> caches = new ArrayList<>();
  private final float[] logits, choice;
  private @Nullable Pass step;
  private int length;
  /// A token at the end of the text that the decoder has not read yet; negative if there is none.
  private int unread = -1;
  /// Whether the end of the text was forgotten, so that the logits are those of a text that is no more.
  private boolean isCut;

  /// An empty text.
  ///
  /// @param capacity most tokens of the text, at most the model's context; their keys and values take memory from now on
  /// @throws InputException if the capacity is not positive or exceeds the context
  /// @throws OutOfMemoryError if there is no memory for so many tokens
  public DecoderState(Llama model, int capacity) {
    Objects.requireNonNull(model, "model");
    var c = model.config();
    if (capacity < 1 || capacity > c.context())
      throw new InputException("expected a capacity of 1 to " + c.context() + " tokens, the model's context, got " + capacity);
    this.model = model;
    this.capacity = capacity;
    logits = new float[c.vocabSize()];
    choice = new float[c.vocabSize()];
    try {
      before = Tensor.zeros(arena, 1);
      after = Tensor.zeros(arena, 1);
      for (int i = 0; i < c.depth(); i++)
        caches.add(new AttentionCache(Tensor.zeros(arena, c.numKeyHeads(), capacity, c.headDim()),
            Tensor.zeros(arena, c.numKeyHeads(), capacity, c.headDim()), before, after));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// Tokens of the text.
  public int length() {
    return unread < 0 ? length : length + 1;
  }

  /// Most tokens of the text.
  public int capacity() {
    return capacity;
  }

  /// Bytes of keys, values and the recorded step.
  public long bytes() {
    var c = model.config();
    long cache = 2L * Float.BYTES * c.depth() * c.numKeyHeads() * capacity * c.headDim();
    return cache + (step == null ? 0 : step.recording().plan().bytes());
  }

  /// Adds tokens to the text and reads it.
  ///
  /// @param workspace for the passes
  /// @throws InputException if there is no token, one is not in the vocabulary, or the text exceeds the capacity
  /// @throws CancelledException if the thread is interrupted
  public void read(Workspace workspace, int... tokens) {
    Objects.requireNonNull(workspace, "workspace");
    Objects.requireNonNull(tokens, "tokens");
    for (int token : tokens) check(token);
    requireRoom(tokens.length);
    var ids = new float[tokens.length];
    for (int i = 0; i < ids.length; i++) ids[i] = tokens[i];
    if (ids.length == 1) {
      readUnread(workspace);
      step(workspace, tokens[0]);
      return;
    }
    try (var given = Arena.ofShared()) {
      readBlocks(workspace, "tokens", Tensor.of(given, ids, 1, ids.length), model::embed);
    }
  }

  /// Adds tokens to the text, given as the embeddings that the decoder reads, and reads it.
  ///
  /// @param workspace for the passes
  /// @param embeddings `[1, N, C]`, in memory of the caller's and not in the workspace's, where passes overwrite it
  /// @throws InputException if there is no token, another number of channels, or the text exceeds the capacity
  /// @throws CancelledException if the thread is interrupted
  public void read(Workspace workspace, Tensor embeddings) {
    Objects.requireNonNull(workspace, "workspace");
    Objects.requireNonNull(embeddings, "embeddings");
    if (embeddings.rank() != 3 || embeddings.dim(0) != 1 || embeddings.dim(2) != model.config().dim())
      throw new InputException("expected embeddings [1, N, " + model.config().dim() + "], got " + embeddings);
    requireRoom(embeddings.dim(1));
    readBlocks(workspace, "embeddings", embeddings, UnaryOperator.identity());
  }

  private void check(int token) {
    if (token < 0 || token >= logits.length)
      throw new InputException("token " + token + ": expected one of " + logits.length + " tokens of the vocabulary");
  }

  private void requireRoom(int count) {
    if (count < 1) throw new InputException("expected tokens to read, got none");
    if (count > capacity - length()) {
      boolean isContext = capacity == model.config().context();
      throw new InputException("the text would have " + ((long) length() + count) + " tokens, expected at most " + capacity
          + (isContext ? ", the model's context" : ", the capacity chosen for it (the model's context is "
              + model.config().context() + ")"));
    }
  }

  private void readUnread(Workspace workspace) {
    if (unread < 0) return;
    step(workspace, unread);
    unread = -1;
  }

  /// @param x `[1, N, …]`
  private void readBlocks(Workspace workspace, String kind, Tensor x, UnaryOperator<Tensor> embed) {
    readUnread(workspace);
    int start = length, count = x.dim(1);
    try {
      for (int from = 0; from < count; from += BLOCK) {
        int to = Math.min(count, from + BLOCK);
        readBlock(workspace, kind, x.slice(1, from, to), embed, to == count);
      }
    } catch (RuntimeException | Error e) {
      // The logits are still those at the start; keys beyond it are written anew.
      length = start;
      throw e;
    }
  }

  /// Reads some tokens in one pass; its last one gives the logits, if they are wanted.
  private void readBlock(Workspace workspace, String kind, Tensor x, UnaryOperator<Tensor> embed, boolean isLast) {
    int count = x.dim(1), reach = Math.min(capacity, Math.ceilDiv(length + count, STRIDE) * STRIDE);
    var inputs = state(reach);
    inputs.put("x", x);
    place(count);
    var result = workspace.run(List.of("decoder", kind, isLast, model.config()), inputs, in -> {
      var hidden = model.forward(embed.apply(in.get("x")), caches(in), capacity);       // [1, N, C]
      return isLast ? logits(hidden) : hidden;
    }, List::of);
    if (isLast) {
      result.copyTo(logits);
      isCut = false;
    }
    length += count;
  }

  private Tensor logits(Tensor hidden) {
    int count = hidden.dim(1);
    return model.logits(model.norm().forward(hidden.slice(1, count - 1, count)));       // [1, 1, V]
  }

  /// Keys and values as inputs of a pass.
  ///
  /// @param reach number of tokens that the pass may look at
  private Map<String, Tensor> state(int reach) {
    var state = new HashMap<String, Tensor>();
    state.put("before", before);
    state.put("after", after);
    for (int i = 0; i < caches.size(); i++) {
      state.put("keys." + i, caches.get(i).keys().slice(1, 0, reach));
      state.put("values." + i, caches.get(i).values().slice(1, 0, reach));
    }
    return state;
  }

  private List<AttentionCache> caches(Map<String, Tensor> in) {
    var caches = new ArrayList<AttentionCache>();
    for (int i = 0; i < this.caches.size(); i++)
      caches.add(new AttentionCache(in.get("keys." + i), in.get("values." + i), in.get("before"), in.get("after")));
    return caches;
  }

  /// Tells the next pass where the next tokens of the text are.
  private void place(int count) {
    before.put(0, length);
    after.put(0, length + count);
  }

  private void step(Workspace workspace, int token) {
    if (step == null) step = workspace.prepare(Map.of("token", new int[] {1, 1}), state(capacity), in ->
        List.of(logits(model.forward(model.embed(in.get("token")), caches(in), capacity))));
    step.input("token").put(0, token);
    place(1);
    step.run().getFirst().copyTo(logits);
    isCut = false;
    length++;
  }

  /// The logits of the next token: `[V]`, the caller's own.
  ///
  /// @param workspace for the passes
  /// @throws InputException if the text is empty, or its end was forgotten
  /// @throws CancelledException if the thread is interrupted
  public float[] logits(Workspace workspace) {
    Objects.requireNonNull(workspace, "workspace");
    requireText();
    readUnread(workspace);
    return logits.clone();
  }

  /// Chooses the next token and adds it to the text. The decoder reads it when the next logits are wanted, so that the last token
  /// of an answer costs nothing.
  ///
  /// @param workspace for the passes
  /// @return the token
  /// @throws InputException if the text is empty or has reached its capacity, its end was forgotten, or the choice is not in the
  ///     vocabulary
  /// @throws CancelledException if the thread is interrupted
  public int next(Workspace workspace, NextToken choose) {
    Objects.requireNonNull(workspace, "workspace");
    Objects.requireNonNull(choose, "choose");
    requireText();
    requireRoom(1);
    readUnread(workspace);
    System.arraycopy(logits, 0, choice, 0, logits.length);
    int token = choose.next(choice);
    check(token);
    return unread = token;
  }

  private void requireText() {
    if (length() == 0) throw new InputException("expected a text to continue, got none: read tokens first");
    if (isCut) throw new InputException("expected tokens after the end that was forgotten, got none: read tokens first");
  }

  /// Forgets the tokens after the first `length`; it costs nothing. Unless that is only the last choice, tokens must be read before
  /// the next one.
  ///
  /// @throws InputException if the text has fewer tokens
  public void truncate(int length) {
    if (length < 0 || length > length())
      throw new InputException("expected 0 to " + length() + " tokens to keep, got " + length);
    if (length == length()) return;
    isCut |= length < this.length;
    this.length = length;
    unread = -1;
  }

  /// Frees the memory; closing twice is harmless.
  @Override
  public void close() {
    if (step != null) step.close();
    step = null;
    if (arena.scope().isAlive()) arena.close();
  }
}
