package dev.fovea.benchmarks;

import static dev.fovea.benchmarks.Operands.rows;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Attention with the heads of a base model: twelve of 64 channels.
final class AttentionShapes {
  private static final int HEADS = 12, HEAD_DIM = 64;
  /// Channels of a token.
  static final int CHANNELS = HEADS * HEAD_DIM;
  private static final float SCALE = (float) (1 / Math.sqrt(HEAD_DIM));

  private AttentionShapes() {}

  /// Every query sees every key.
  static Shape attention(String what, int tokens, double reach) {
    return new Shape("attention " + tokens + ", " + what, Limit.FMA, 4.0 * tokens * tokens * CHANNELS, reach, arena ->
        fused(arena, tokens, (kernels, x, from, count, out) -> run(kernels, x, from, count, tokens, AttentionMask.NONE, out)));
  }

  /// No query sees a later key; the amount counts visible keys only. A part of the queries runs with the keys up to its last query.
  static Shape causal(String what, int tokens) {
    return new Shape("attention " + tokens + " causal, " + what, Limit.FMA, 2.0 * tokens * (tokens + 1) * CHANNELS, Shapes.NONE,
        arena -> fused(arena, tokens, (kernels, x, from, count, out) ->
            run(kernels, x, from, count, from + count, AttentionMask.CAUSAL, out)));
  }

  /// With a bias for each head, query and key.
  static Shape biased(String what, int tokens) {
    return new Shape("attention " + tokens + " with a bias, " + what, Limit.FMA, 4.0 * tokens * tokens * CHANNELS, Shapes.NONE,
        arena -> {
          var bias = Operands.random(arena, (long) HEADS * tokens * tokens, 1);
          return fused(arena, tokens, (kernels, x, from, count, out) -> {
            var part = new Matrices(bias.asSlice(4L * from * tokens), 1, HEADS, count, tokens, 0, (long) tokens * tokens, tokens,
                1);
            run(kernels, x, from, count, tokens, AttentionMask.bias(part), out);
          });
        });
  }

  /// With biases for the rows and columns of a square grid of keys.
  static Shape inGrid(String what, int side) {
    int tokens = side * side;
    return new Shape("attention " + tokens + " in a grid, " + what, Limit.FMA, 4.0 * tokens * tokens * CHANNELS, Shapes.NONE,
        arena -> {
          var bias = Operands.random(arena, (long) HEADS * tokens * side, 1);
          return fused(arena, tokens, (kernels, x, from, count, out) -> {
            var part = new Matrices(bias.asSlice(4L * from * side), 1, HEADS, count, side, 0, (long) tokens * side, side, 1);
            run(kernels, x, from, count, tokens, AttentionMask.grid(new GridBias(part, part)), out);
          });
        });
  }

  /// The attention weights of all heads; a row is a head.
  static Shape maps(String what, int tokens) {
    return new Shape("maps " + tokens + ", " + what, Limit.FMA, 2.0 * tokens * tokens * CHANNELS, Shapes.NONE, arena -> {
      var k = Operands.random(arena, (long) tokens * CHANNELS, 1);
      return Case.of(arena, (long) tokens * CHANNELS, HEADS, tokens * tokens, (kernels, x, from, count, out) ->
          kernels.run(new Operation.AttentionMaps(heads(x, from, count, tokens), heads(k, from, count, tokens), AttentionMask.NONE,
              out, SCALE)));
    });
  }

  /// `q · kᵀ` of every head, as a batched product; a row is a head.
  static Shape scores(String what, int tokens) {
    var name = "matmul " + HEADS + "x" + tokens + "x" + tokens + "x" + HEAD_DIM + ", " + what;
    return new Shape(name, Limit.FMA, 2.0 * tokens * tokens * CHANNELS, Shapes.NONE, arena -> {
      var k = Operands.random(arena, (long) tokens * CHANNELS, 1);
      return Case.of(arena, (long) tokens * CHANNELS, HEADS, tokens * tokens, (kernels, x, from, count, out) ->
          kernels.run(new Operation.Matmul(heads(x, from, count, tokens), heads(k, from, count, tokens).transposed(),
              Matrices.dense(out, count, tokens, tokens), SCALE)));
    });
  }

  /// `[N, heads, D]` → `[heads, N, D]`; a row is a head.
  static Shape headsApart(String what, int tokens) {
    return new Shape("copy, heads apart " + tokens + "x" + CHANNELS + ", " + what, Limit.COPY, 4.0 * tokens * CHANNELS, Shapes.NONE,
        arena -> Case.of(arena, (long) tokens * CHANNELS, HEADS, tokens * HEAD_DIM, (kernels, x, from, count, out) ->
            kernels.run(new Operation.Copy(new Matrices(x.asSlice(4L * from * HEAD_DIM), 1, count, tokens, HEAD_DIM, 0, HEAD_DIM,
                CHANNELS, 1), Matrices.dense(out, count, tokens, HEAD_DIM)))));
  }

  /// A row is a query, in all heads; `x` is the fused projection `[N, 3, heads, D]`.
  private static Case fused(Arena arena, int tokens, Case.Operation operation) {
    return Case.of(arena, 3L * tokens * CHANNELS, tokens, CHANNELS, operation);
  }

  private static void run(Kernels kernels, MemorySegment x, int from, int count, int keys, AttentionMask mask, MemorySegment out) {
    kernels.run(new Operation.Attention(part(x, 0, from, count), part(x, 1, 0, keys), part(x, 2, 0, keys), mask,
        new Matrices(out, 1, HEADS, count, HEAD_DIM, 0, HEAD_DIM, CHANNELS, 1), SCALE));
  }

  /// Queries, keys or values of some tokens.
  private static Matrices part(MemorySegment qkv, int which, int from, int count) {
    long start = 3L * CHANNELS * from + (long) which * CHANNELS;
    return new Matrices(qkv.asSlice(4 * start), 1, HEADS, count, HEAD_DIM, 0, HEAD_DIM, 3L * CHANNELS, 1);
  }

  private static Matrices heads(MemorySegment x, int from, int count, int tokens) {
    return Matrices.dense(rows(x, from, count, tokens * HEAD_DIM), count, tokens, HEAD_DIM);
  }
}
