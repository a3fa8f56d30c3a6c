package dev.fovea.benchmarks;

import static dev.fovea.benchmarks.Operands.rows;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

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

  /// Of the next token of a text, whose heads share keys in groups; a row is a group.
  static Shape cached(String what, int groups, int group, int tokens, int depth) {
    var name = "attention of a token to " + tokens + " in " + groups + " groups of " + group + ", " + what;
    return new Shape(name, Limit.FMA, 4.0 * groups * group * tokens * depth, Shapes.NONE, arena -> {
      MemorySegment k = Operands.random(arena, (long) groups * tokens * depth, 1), v = Operands.random(arena, k.byteSize() / 4, 2);
      int size = group * depth, keys = tokens * depth;
      return Case.of(arena, (long) groups * size, groups, size, (kernels, x, from, count, out) ->
          kernels.run(new Operation.Attention(Matrices.dense(rows(x, from, count, size), count, group, depth),
              Matrices.dense(rows(k, from, count, keys), count, tokens, depth),
              Matrices.dense(rows(v, from, count, keys), count, tokens, depth), AttentionMask.NONE,
              Matrices.dense(out, count, group, depth), SCALE)));
    });
  }

  /// The heads of all tokens turned by their positions.
  static Shape rotary(String what, int tokens, int heads, int depth) {
    int channels = heads * depth;
    return new Shape("rotary " + tokens + "x" + heads + "x" + depth + ", " + what, Limit.COPY, 4.0 * tokens * channels, Shapes.NONE,
        arena -> {
          var table = Operands.random(arena, (long) tokens * depth, 1);
          return Case.of(arena, (long) tokens * channels, tokens, channels, (kernels, x, from, count, out) ->
              kernels.run(new Operation.Rotary(
                  new Matrices(rows(x, from, count, channels), 1, heads, count, depth, 0, depth, channels, 1),
                  rows(table, from, count, depth), new Matrices(out, 1, heads, count, depth, 0, depth, channels, 1))));
        });
  }

  /// The cosines and sines of all positions; the limit is a copy of them.
  static Shape rotaryTable(String what, int tokens, int depth) {
    return new Shape("rotaryTable " + tokens + "x" + depth + ", " + what, Limit.COPY, 4.0 * tokens * depth, Shapes.NONE, arena -> {
      var start = arena.allocate(4);
      return Case.of(arena, depth / 2, tokens, depth, (kernels, x, from, count, out) -> {
        start.set(JAVA_FLOAT, 0, from);
        kernels.run(new Operation.RotaryTable(x, start, out, count, depth / 2));
      });
    });
  }

  /// The levels of a picture of 800 x 1066 pixels, and those of a small one.
  static final List<MapSize> LEVELS_800 = List.of(new MapSize(100, 134), new MapSize(50, 67), new MapSize(25, 34),
      new MapSize(13, 17));
  static final List<MapSize> LEVELS_224 = List.of(new MapSize(28, 28), new MapSize(14, 14), new MapSize(7, 7), new MapSize(4, 4));

  /// Each cell of all levels looks at four points of each level in eight heads; a row is a cell. As in a new model, the points lie
  /// some cells around the cell itself.
  static Shape deformable(String what, List<MapSize> levels) {
    int heads = 8, depth = 32, points = 4, samples = levels.size() * points, queries = Math.toIntExact(MapSize.cells(levels));
    return new Shape("deformableAttention " + queries + "x" + heads + "x" + samples + "x" + depth + ", " + what, Limit.FMA,
        8.0 * queries * heads * samples * depth, Shapes.NONE, arena -> {
      var places = arena.allocate(8L * queries * heads * samples, 64);
      try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1))) {
        var offsets = Operands.random(arena, places.byteSize() / 4, 4);
        kernels.run(new Operation.SamplingPoints(centres(arena, levels), offsets, places, 1, queries, heads, levels, points, 2));
      }
      var weights = Operands.random(arena, (long) queries * heads * samples, 0.1);
      return Case.of(arena, (long) queries * heads * depth, queries, heads * depth, (kernels, x, from, count, out) ->
          kernels.run(new Operation.DeformableAttention(x, rows(places, from, count, 2 * heads * samples),
              rows(weights, from, count, heads * samples), out, 1, count, heads, depth, levels, points)));
    });
  }

  /// The points that these cells look at; the limit is a copy of them.
  static Shape samplingPoints(String what, List<MapSize> levels) {
    int heads = 8, points = 4, size = heads * levels.size() * points * 2, queries = Math.toIntExact(MapSize.cells(levels));
    var name = "samplingPoints " + queries + "x" + size + ", " + what;
    return new Shape(name, Limit.COPY, 4.0 * queries * size, Shapes.NONE, arena -> {
      var centres = centres(arena, levels);
      return Case.of(arena, (long) queries * size, queries, size, (kernels, x, from, count, out) ->
          kernels.run(new Operation.SamplingPoints(rows(centres, from, count, 2 * levels.size()), rows(x, from, count, size), out,
              1, count, heads, levels, points, 2)));
    });
  }

  /// The centre of each cell, once for each level: `[cells, L, 2]`.
  private static MemorySegment centres(Arena arena, List<MapSize> levels) {
    var centres = arena.allocate(8L * MapSize.cells(levels) * levels.size(), 64);
    long i = 0;
    for (var map : levels)
      for (int cell = 0; cell < map.cells(); cell++)
        for (int level = 0; level < levels.size(); level++) {
          centres.setAtIndex(JAVA_FLOAT, i++, (cell % map.width() + 0.5f) / map.width());
          centres.setAtIndex(JAVA_FLOAT, i++, (cell / map.width() + 0.5f) / map.height());
        }
    return centres;
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
