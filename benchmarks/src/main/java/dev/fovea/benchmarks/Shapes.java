package dev.fovea.benchmarks;

import static dev.fovea.benchmarks.AttentionShapes.LEVELS_224;
import static dev.fovea.benchmarks.AttentionShapes.LEVELS_800;
import static dev.fovea.benchmarks.AttentionShapes.attention;
import static dev.fovea.benchmarks.AttentionShapes.biased;
import static dev.fovea.benchmarks.AttentionShapes.cached;
import static dev.fovea.benchmarks.AttentionShapes.deformable;
import static dev.fovea.benchmarks.AttentionShapes.causal;
import static dev.fovea.benchmarks.AttentionShapes.headsApart;
import static dev.fovea.benchmarks.AttentionShapes.inGrid;
import static dev.fovea.benchmarks.AttentionShapes.maps;
import static dev.fovea.benchmarks.AttentionShapes.rotary;
import static dev.fovea.benchmarks.AttentionShapes.rotaryTable;
import static dev.fovea.benchmarks.AttentionShapes.samplingPoints;
import static dev.fovea.benchmarks.AttentionShapes.scores;
import static dev.fovea.benchmarks.ConvolutionShapes.channelsLast;
import static dev.fovea.benchmarks.ConvolutionShapes.depthwise;
import static dev.fovea.benchmarks.ConvolutionShapes.planes;
import static dev.fovea.benchmarks.ConvolutionShapes.transposed;
import static dev.fovea.benchmarks.Operands.rows;
import static dev.fovea.benchmarks.Operands.weight;
import static dev.fovea.kernels.WeightFormat.BF16;
import static dev.fovea.kernels.WeightFormat.F16;
import static dev.fovea.kernels.WeightFormat.F32;
import static dev.fovea.kernels.WeightFormat.Q8;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// Every kernel at the shapes of real models, one per line.
final class Shapes {
  /// Bytes that exceed all caches.
  static final long BEYOND_CACHES = 256L << 20;

  /// No target.
  static final double NONE = Double.NaN;

  static final List<Shape> ALL = List.of(
      // A linear map of a whole picture.    M     N     K   weight  reach
      product("vit-base proj",             197,  768,  768,  F32,   0.88),
      product("vit-base fc1",              197, 3072,  768,  F32,   0.88),
      product("vit-base qkv",              197, 2304,  768,  F32,   0.88),
      product("vit-base fc2",              197,  768, 3072,  F32,   0.88),
      product("vit-large@384 proj",        577, 1024, 1024,  F32,   0.88),
      product("sam-base proj",            4096,  768,  768,  F32,   0.88),
      product("vit-base proj",             197,  768,  768,  F16,   NONE),
      product("vit-base fc1",              197, 3072,  768,  F16,   NONE),
      product("vit-base qkv",              197, 2304,  768,  F16,   NONE),
      product("vit-base fc2",              197,  768, 3072,  F16,   NONE),
      product("vit-base proj",             197,  768,  768,  BF16,  NONE),
      product("vit-base fc1",              197, 3072,  768,  BF16,  NONE),
      product("vit-base qkv",              197, 2304,  768,  BF16,  NONE),
      product("vit-base fc2",              197,  768, 3072,  BF16,  NONE),
      product("vit-base proj",             197,  768,  768,  Q8,    NONE),
      product("vit-base fc1",              197, 3072,  768,  Q8,    NONE),
      product("vit-base qkv",              197, 2304,  768,  Q8,    NONE),
      product("vit-base fc2",              197,  768, 3072,  Q8,    NONE),

      // A prompt of a language model with 1.3 billion parameters: 576 tokens of a picture and 64 of text.
      product("llm-1.3b up",               640, 5504, 2048,  F32,   0.80),
      product("llm-1.3b up",               640, 5504, 2048,  F16,   NONE),
      product("llm-1.3b up",               640, 5504, 2048,  BF16,  0.78),
      product("llm-1.3b up",               640, 5504, 2048,  Q8,    0.75),
      product("llm-1.3b down",             640, 2048, 5504,  F32,   0.80),
      product("llm-1.3b down",             640, 2048, 5504,  BF16,  0.78),
      product("llm-1.3b down",             640, 2048, 5504,  Q8,    0.75),

      // The next token of its answer.
      streamed("llm-1.3b up",                1, 5504, 2048,  F32,   0.80),
      streamed("llm-1.3b up",                1, 5504, 2048,  F16,   0.80),
      streamed("llm-1.3b up",                1, 5504, 2048,  BF16,  0.80),
      streamed("llm-1.3b up",                1, 5504, 2048,  Q8,    0.75),
      streamed("llm-1.3b down",              1, 2048, 5504,  Q8,    0.75),
      streamed("llm-1.3b q",                 1, 2048, 2048,  Q8,    0.75),

      // A linear layer on a few tokens, whose weight comes from memory.
      streamed("fc1 of a token",             1, 3072,  768,  F32,   0.80),
      streamed("fc1 of tokens",              4, 3072,  768,  F32,   0.80),
      streamed("fc1 of tokens",             16, 3072,  768,  F32,   0.80),
      streamed("vit-base head",              1, 1000,  768,  F32,   0.80),
      streamed("vit-base head",              4, 1000,  768,  F32,   0.80),
      streamed("vit-base head",             16, 1000,  768,  F32,   0.80),

      // Twelve heads of 64 channels.     tokens  reach
      attention("vit-base",                197,   0.70),
      attention("vit-base@384",            577,   0.70),
      attention("dinov2-base@518",        1370,   0.70),
      attention("sam-base global",        4096,   0.70),
      causal("vit-base@384",               577),
      biased("vit-base@384",               577),
      inGrid("sam-base window",             14),
      inGrid("sam-base global",             64),
      maps("vit-base",                     197),
      cached("llama-3.2-1b", 8, 4,        1000, 64),
      cached("deepseek-vl-1.3b", 16, 1,   1000, 128),
      deformable("grounding-dino@224",     LEVELS_224),
      deformable("grounding-dino@800",     LEVELS_800),

      // Windows of a square picture or map.   size  channels  outputs  window
      planes("vit-base patches",                224,     3,     768,    Window.patch(16)),
      planes("dinov2-base@518 patches",         518,     3,     768,    Window.patch(14)),
      planes("segformer-b0 first patches",      512,     3,      32,    Window.square(7).stride(4).pad(3)),
      channelsLast("segformer-b0 patches",      128,    32,      64,    Window.square(3).stride(2).pad(1)),
      channelsLast("segformer-b0 kv reduction", 128,    32,      32,    Window.patch(8)),
      channelsLast("sam-base neck",              64,   768,     256,    Window.square(1)),
      channelsLast("sam-base neck",              64,   256,     256,    Window.square(3).pad(1)),
      depthwise("segformer-b0 mlp",             128,   128,             Window.square(3).pad(1)),
      transposed("sam mask decoder",             64,   256,      64,    2),

      // In place, all rows at once.        rows  cols   reach: the share of a copy's speed
      softmax(                               197, 3072,  1 / 1.5),
      softmax(                              4096, 3072,  1 / 1.5),
      layerNorm(                             197, 3072,  1 / 1.5),
      layerNorm(                            4096, 3072,  1 / 1.5),
      rmsNorm(                               197, 3072,  NONE),
      activation(Activation.GELU,            197, 3072,  1 / 1.5),
      activation(Activation.GELU,           4096, 3072,  1 / 1.5),
      activation(Activation.GELU_TANH,       197, 3072,  NONE),
      activation(Activation.QUICK_GELU,      197, 3072,  NONE),

      // Data movement and addition.
      add("residual",                        197,  768),
      multiply("layer scale",                197,  768),
      scale("scores",                        197,  768),
      headsApart("vit-base",                 197),
      gather("bert-base tokens",             512, 30522, 768),
      find("clip ends of texts",            1000, 77),
      topRows("grounding-dino@800 tokens", 17821, 256, 900),
      topRows("grounding-dino@224 tokens", 1045, 256, 900),
      samplingPoints("grounding-dino@224", LEVELS_224),
      samplingPoints("grounding-dino@800", LEVELS_800),
      fourier("sam positions",              4096, 128),
      rotary("llama-3.2-1b",                 640, 32, 64),
      rotaryTable("llama-3.2-1b",            640, 64),
      resize("positions",                     14,   24,  768, Interpolation.BICUBIC),
      resize("segformer-b0",                  16,  128,  256, Interpolation.BILINEAR),
      resizeArgmax("segformer-b0",            16,   64,  150, Interpolation.BILINEAR),
      scores("vit-base",                     197));

  private Shapes() {}

  /// The shape of this name.
  ///
  /// @throws IllegalArgumentException if there is none
  static Shape named(String name) {
    return ALL.stream().filter(s -> s.name().equals(name)).findAny()
        .orElseThrow(() -> new IllegalArgumentException("there is no shape '" + name + "'"));
  }

  static Shape product(String what, int m, int n, int k, WeightFormat type, double reach) {
    return new Shape(linearName(what, m, n, k, type), Limit.FMA, 2.0 * m * n * k, reach, arena -> {
      var weight = weight(arena, type, n, k);
      return Case.of(arena, (long) m * k, m, n, (kernels, x, from, count, out) ->
          kernels.run(new Operation.Linear(rows(x, from, count, k), weight, null, Activation.NONE, null, out, count)));
    });
  }

  /// Each run takes the next copy of the weight; there are so many that none is still cached when its turn comes again.
  private static Shape streamed(String what, int m, int n, int k, WeightFormat type, double reach) {
    long bytes = Weight.bytes(type, Weight.Layout.PANELS, n, k);
    return new Shape(linearName(what, m, n, k, type), Limit.READ, bytes, reach, arena -> {
      var weights = new Weight[(int) Math.ceilDiv(BEYOND_CACHES, bytes)];
      weights[0] = weight(arena, type, n, k);
      for (int i = 1; i < weights.length; i++) {
        var copy = arena.allocate(bytes, 64).copyFrom(weights[0].segment());
        weights[i] = new Weight(copy, type, Weight.Layout.PANELS, n, k);
      }
      var turn = new int[1];
      return Case.of(arena, (long) m * k, m, n, (kernels, x, from, count, out) -> {
        var weight = weights[turn[0] = (turn[0] + 1) % weights.length];
        kernels.run(new Operation.Linear(rows(x, from, count, k), weight, null, Activation.NONE, null, out, count));
      });
    });
  }

  private static String linearName(String what, int m, int n, int k, WeightFormat type) {
    return "linear " + m + "x" + n + "x" + k + " " + type.name().toLowerCase(Locale.ROOT) + ", " + what;
  }

  static Shape softmax(int rows, int cols, double reach) {
    return inPlace("softmax", rows, cols, reach, arena -> (kernels, x, from, count, out) ->
        kernels.run(new Operation.Softmax(rows(x, from, count, cols), out, count, cols)));
  }

  static Shape layerNorm(int rows, int cols, double reach) {
    return inPlace("layer norm", rows, cols, reach, arena -> {
      MemorySegment gamma = Operands.random(arena, cols, 1), beta = Operands.random(arena, cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.run(new Operation.LayerNorm(rows(x, from, count, cols), gamma, beta, 1e-6f, out, count, cols));
    });
  }

  private static Shape rmsNorm(int rows, int cols, double reach) {
    return inPlace("rms norm", rows, cols, reach, arena -> {
      var gamma = Operands.random(arena, cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.run(new Operation.RmsNorm(rows(x, from, count, cols), gamma, 1e-6f, out, count, cols));
    });
  }

  /// A row is a token; the limit is a copy of the result.
  private static Shape gather(String what, int tokens, int vocabulary, int channels) {
    return new Shape("gather " + tokens + " of " + vocabulary + "x" + channels + ", " + what, Limit.COPY, 4.0 * tokens * channels,
        NONE, arena -> {
      var table = weight(arena, F32, vocabulary, channels);
      var ids = arena.allocate(4L * tokens);
      for (int i = 0; i < tokens; i++) ids.setAtIndex(JAVA_FLOAT, i, (i * 7919) % vocabulary);
      return Case.of(arena, tokens, tokens, channels, (kernels, x, from, count, out) ->
          kernels.run(new Operation.Gather(table, rows(ids, from, count, 1), out, count)));
    });
  }

  /// The number does not occur, so all rows are read; the limit is a copy of them.
  private static Shape find(String what, int rows, int cols) {
    return new Shape("find " + rows + "x" + cols + ", " + what, Limit.COPY, 4.0 * rows * cols, NONE, arena ->
        Case.of(arena, (long) rows * cols, 1, rows, (kernels, x, from, count, out) ->
            kernels.run(new Operation.Find(x, 2, out, rows, cols))));
  }

  /// A row is the whole choice; the limit is a copy of the matrix.
  private static Shape topRows(String what, int rows, int cols, int count) {
    return new Shape("topRows " + count + " of " + rows + "x" + cols + ", " + what, Limit.COPY, 4.0 * rows * cols, NONE, arena ->
        Case.of(arena, (long) rows * cols, 1, count, (kernels, x, from, n, out) ->
            kernels.run(new Operation.TopRows(x, out, 1, rows, cols, count))));
  }

  /// A row is a point of the plane; the limit is a copy of the result.
  private static Shape fourier(String what, int points, int frequencies) {
    return new Shape("fourier " + points + "x" + frequencies + ", " + what, Limit.COPY, 8.0 * points * frequencies, NONE,
        arena -> {
      var basis = Operands.random(arena, 2L * frequencies, 1);
      return Case.of(arena, 2L * points, points, 2 * frequencies, (kernels, x, from, count, out) ->
          kernels.run(new Operation.Fourier(rows(x, from, count, 2), 1, 0, basis, out, count, 2, frequencies)));
    });
  }

  static Shape activation(Activation activation, int rows, int cols, double reach) {
    var name = activation.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    return inPlace(name, rows, cols, reach, arena -> (kernels, x, from, count, out) ->
        kernels.run(new Operation.Activate(activation, rows(x, from, count, cols), out, (long) count * cols)));
  }

  private static Shape add(String what, int rows, int cols) {
    return inPlace("add, " + what, rows, cols, NONE, arena -> {
      var b = Operands.random(arena, (long) rows * cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.run(new Operation.Add(rows(x, from, count, cols), rows(b, from, count, cols), out, (long) count * cols,
              (long) count * cols));
    });
  }

  private static Shape multiply(String what, int rows, int cols) {
    return inPlace("multiply, " + what, rows, cols, NONE, arena -> {
      var b = Operands.random(arena, cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.run(new Operation.Multiply(rows(x, from, count, cols), b, out, (long) count * cols, cols));
    });
  }

  private static Shape scale(String what, int rows, int cols) {
    return inPlace("scale, " + what, rows, cols, NONE, arena -> (kernels, x, from, count, out) ->
        kernels.run(new Operation.Scale(rows(x, from, count, cols), 0.125f, out, (long) count * cols)));
  }

  private static Shape inPlace(String name, int rows, int cols, double reach, Function<Arena, Case.Operation> operation) {
    return new Shape(name + " " + rows + "x" + cols, Limit.COPY, 4.0 * rows * cols, reach,
        arena -> Case.inPlace(arena, rows, cols, operation.apply(arena)));
  }

  /// A row is the whole map; the limit is a copy of the result.
  private static Shape resize(String what, int size, int to, int channels, Interpolation interpolation) {
    var name = "resize " + size + "x" + size + " to " + to + "x" + to + "x" + channels + ", " + what;
    int outSize = to * to * channels;
    return new Shape(name, Limit.COPY, 4.0 * outSize, NONE, arena ->
        Case.of(arena, (long) size * size * channels, 1, outSize, (kernels, x, from, count, out) ->
            kernels.run(new Operation.Resize(x, 1, size, size, channels, out, to, to, interpolation))));
  }

  /// A row is the whole map; the limit is a copy of the resampled map, which is never stored.
  private static Shape resizeArgmax(String what, int size, int to, int channels, Interpolation interpolation) {
    var name = "resizeArgmax " + size + "x" + size + "x" + channels + " to " + to + "x" + to + ", " + what;
    return new Shape(name, Limit.COPY, 4.0 * to * to * channels, NONE, arena ->
        Case.of(arena, (long) size * size * channels, 1, to * to, (kernels, x, from, count, out) ->
            kernels.run(new Operation.ResizeArgmax(x, 1, size, size, channels, out, to, to, interpolation))));
  }
}
