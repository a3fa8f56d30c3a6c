package dev.fovea.benchmarks;

import static dev.fovea.kernels.Weight.Type.BF16;
import static dev.fovea.kernels.Weight.Type.F16;
import static dev.fovea.kernels.Weight.Type.F32;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Window;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/// Every kernel at the shapes of real models, one a line.
final class Shapes {
  /// More than caches hold.
  static final long BEYOND_CACHES = 256L << 20;

  private static final int HEADS = 12, HEAD_DIM = 64, CHANNELS = HEADS * HEAD_DIM;
  private static final double NONE = Double.NaN;

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

      // A linear map of a few tokens, whose weight comes from memory.
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

      // In place, all rows at once.        rows  cols   reach: the share of a copy's speed
      softmax(                               197, 3072,  1 / 1.5),
      softmax(                              4096, 3072,  1 / 1.5),
      layerNorm(                             197, 3072,  1 / 1.5),
      layerNorm(                            4096, 3072,  1 / 1.5),
      activation(Activation.GELU,            197, 3072,  1 / 1.5),
      activation(Activation.GELU,           4096, 3072,  1 / 1.5),
      activation(Activation.GELU_TANH,       197, 3072,  NONE),
      activation(Activation.QUICK_GELU,      197, 3072,  NONE),

      // A convolution.                          size  in  out  window
      patches("vit-base",                         224,       768, Window.patch(16)),
      patches("segformer-b0, first stage",        512,        32, Window.square(7).stride(4).pad(3)),
      patches("swin-tiny",                        224,        96, Window.patch(4)),
      convolution("segformer-b0, second stage",   128,   32,  64, Window.square(3).stride(2).pad(1)),
      convolution("segformer-b0, keys",           128,   32,  32, Window.patch(8)),
      depthwise("segformer-b0, first stage",      128,  128),
      depthwise("segformer-b0, second stage",      64,  256),
      depthwise("segformer-b0, third stage",       32,  640),
      depthwise("segformer-b0, last stage",        16, 1024),
      upscaled("sam, first",                       64,  256,  64),
      upscaled("sam, second",                     128,   64,  32),

      // Moving and adding, all in vit-base at 224 pixels but for the last.
      add("residual",                        197,  768),
      multiply("layer scale",                197,  768),
      scale("scores",                        197,  768),
      headsApart(                            197),
      resize("positions",                     14,   24,  768, Interpolation.BICUBIC),
      resize("segformer-b0",                  16,  128,  256, Interpolation.BILINEAR),
      resize("mask of sam",                  256, 1024,    1, Interpolation.BILINEAR),
      scores(                                197));

  private Shapes() {}

  /// The shape of this name.
  ///
  /// @throws IllegalArgumentException if there is none
  static Shape named(String name) {
    return ALL.stream().filter(s -> s.name().equals(name)).findAny()
        .orElseThrow(() -> new IllegalArgumentException("there is no shape '" + name + "'"));
  }

  private static Shape product(String what, int m, int n, int k, Weight.Type type, double reach) {
    return new Shape(linearName(what, m, n, k, type), Limit.FMA, 2.0 * m * n * k, reach, arena -> {
      var weight = weight(arena, type, n, k);
      return Case.of(arena, (long) m * k, m, n, (kernels, x, from, count, out) ->
          kernels.linear(rows(x, from, count, k), weight, null, Activation.NONE, null, out, count));
    });
  }

  /// Each run takes the next of so many copies of the weight that none is still in a cache when its turn comes again.
  private static Shape streamed(String what, int m, int n, int k, Weight.Type type, double reach) {
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
        kernels.linear(rows(x, from, count, k), weight, null, Activation.NONE, null, out, count);
      });
    });
  }

  private static String linearName(String what, int m, int n, int k, Weight.Type type) {
    return "linear " + m + "x" + n + "x" + k + " " + type.name().toLowerCase(Locale.ROOT) + ", " + what;
  }

  /// A row is a query, in all heads; `x` is the fused projection `[N, 3, heads, D]`.
  private static Shape attention(String what, int tokens, double reach) {
    return new Shape("attention " + tokens + ", " + what, Limit.FMA, 4.0 * tokens * tokens * CHANNELS, reach, arena ->
        Case.of(arena, 3L * tokens * CHANNELS, tokens, CHANNELS, (kernels, x, from, count, out) ->
            kernels.attention(fused(x, 0, from, count), fused(x, 1, 0, tokens), fused(x, 2, 0, tokens),
                new Matrices(out, 1, HEADS, count, HEAD_DIM, 0, HEAD_DIM, CHANNELS, 1), (float) (1 / Math.sqrt(HEAD_DIM)))));
  }

  private static Matrices fused(MemorySegment qkv, int which, int from, int count) {
    long start = 3L * CHANNELS * from + (long) which * CHANNELS;
    return new Matrices(qkv.asSlice(4 * start), 1, HEADS, count, HEAD_DIM, 0, HEAD_DIM, 3L * CHANNELS, 1);
  }

  private static Shape softmax(int rows, int cols, double reach) {
    return inPlace("softmax", rows, cols, reach, arena -> (kernels, x, from, count, out) ->
        kernels.softmax(rows(x, from, count, cols), out, count, cols));
  }

  private static Shape layerNorm(int rows, int cols, double reach) {
    return inPlace("layer norm", rows, cols, reach, arena -> {
      MemorySegment gamma = Case.random(arena, cols, 1), beta = Case.random(arena, cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.layerNorm(rows(x, from, count, cols), gamma, beta, 1e-6f, out, count, cols);
    });
  }

  private static Shape activation(Activation activation, int rows, int cols, double reach) {
    var name = activation.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    return inPlace(name, rows, cols, reach, arena -> (kernels, x, from, count, out) ->
        kernels.activate(activation, rows(x, from, count, cols), out, (long) count * cols));
  }

  private static Shape add(String what, int rows, int cols) {
    return inPlace("add, " + what, rows, cols, NONE, arena -> {
      var b = Case.random(arena, (long) rows * cols, 1);
      return (kernels, x, from, count, out) ->
          kernels.add(rows(x, from, count, cols), rows(b, from, count, cols), out, (long) count * cols, (long) count * cols);
    });
  }

  private static Shape multiply(String what, int rows, int cols) {
    return inPlace("multiply, " + what, rows, cols, NONE, arena -> {
      var b = Case.random(arena, cols, 1);
      return (kernels, x, from, count, out) -> kernels.multiply(rows(x, from, count, cols), b, out, (long) count * cols, cols);
    });
  }

  private static Shape scale(String what, int rows, int cols) {
    return inPlace("scale, " + what, rows, cols, NONE, arena -> (kernels, x, from, count, out) ->
        kernels.scale(rows(x, from, count, cols), 0.125f, out, (long) count * cols));
  }

  private static Shape inPlace(String name, int rows, int cols, double reach, Function<Arena, Case.Operation> operation) {
    return new Shape(name + " " + rows + "x" + cols, Limit.COPY, 4.0 * rows * cols, reach,
        arena -> Case.inPlace(arena, rows, cols, operation.apply(arena)));
  }

  /// `[N, heads, D]` → `[heads, N, D]`; a row is a head.
  private static Shape headsApart(int tokens) {
    return new Shape("copy, heads apart " + tokens + "x" + CHANNELS, Limit.COPY, 4.0 * tokens * CHANNELS, NONE, arena ->
        Case.of(arena, (long) tokens * CHANNELS, HEADS, tokens * HEAD_DIM, (kernels, x, from, count, out) ->
            kernels.copy(new Matrices(x.asSlice(4L * from * HEAD_DIM), 1, count, tokens, HEAD_DIM, 0, HEAD_DIM, CHANNELS, 1),
                Matrices.dense(out, count, tokens, HEAD_DIM))));
  }

  private static Shape patches(String what, int size, int out, Window window) {
    return convolution(what, Convolution.ofPlanes(1, 3, size, size, window), out);
  }

  private static Shape convolution(String what, int size, int in, int out, Window window) {
    return convolution(what, Convolution.of(1, size, size, in, window), out);
  }

  /// A row is the whole map.
  private static Shape convolution(String what, Convolution g, int out) {
    var window = g.window();
    var name = String.format(Locale.ROOT, "convolution %dx%d stride %d of %dx%dx%d to %d, %s", window.height(), window.width(),
        window.strideY(), g.height(), g.width(), g.channels(), out, what);
    return new Shape(name, Limit.FMA, 2.0 * g.windows() * out * g.k(), NONE, arena -> {
      var weight = weight(arena, F32, out, g.k());
      var bias = Case.random(arena, out, 1);
      return Case.of(arena, (long) g.height() * g.width() * g.channels(), 1, g.windows() * out, (kernels, x, from, count, y) ->
          kernels.convolution(x, g, weight, bias, Activation.NONE, null, y));
    });
  }

  /// A row is the whole map.
  private static Shape depthwise(String what, int size, int channels) {
    var g = Convolution.depthwise(1, size, size, channels, Window.square(3).pad(1));
    var name = "depthwise 3x3 of " + size + "x" + size + "x" + channels + ", " + what;
    int numbers = g.windows() * channels;
    return new Shape(name, Limit.FMA, 2.0 * numbers * g.window().size(), NONE, arena -> {
      var weight = Case.random(arena, (long) g.window().size() * channels, 1);
      var bias = Case.random(arena, channels, 1);
      return Case.of(arena, numbers, 1, numbers, (kernels, x, from, count, out) ->
          kernels.depthwise(x, g, weight, bias, Activation.NONE, out));
    });
  }

  /// A transposed convolution of 2 × 2; a row is a row of the map.
  private static Shape upscaled(String what, int size, int in, int out) {
    var name = "transposed 2x2 of " + size + "x" + size + "x" + in + " to " + out + ", " + what;
    return new Shape(name, Limit.FMA, 8.0 * size * size * in * out, NONE, arena -> {
      var weight = weight(arena, F32, 4 * out, in);
      var bias = Case.random(arena, out, 1);
      return Case.of(arena, (long) size * size * in, size, 4 * size * out, (kernels, x, from, count, y) ->
          kernels.transposedConvolution(rows(x, from, count, size * in), 1, count, size, 2, weight, bias, Activation.NONE, y));
    });
  }

  /// A row is the whole map; the copy is one of the result.
  private static Shape resize(String what, int size, int to, int channels, Interpolation interpolation) {
    var name = "resize " + size + "x" + size + " to " + to + "x" + to + "x" + channels + ", " + what;
    int outSize = to * to * channels;
    return new Shape(name, Limit.COPY, 4.0 * outSize, NONE, arena ->
        Case.of(arena, (long) size * size * channels, 1, outSize, (kernels, x, from, count, out) ->
            kernels.resize(x, 1, size, size, channels, out, to, to, interpolation)));
  }

  /// `q · kᵀ` of every head, as the maps need it; a row is a head.
  private static Shape scores(int tokens) {
    var name = "matmul, scores 12x" + tokens + "x" + tokens + "x64";
    return new Shape(name, Limit.FMA, 2.0 * tokens * tokens * CHANNELS, NONE, arena -> {
      var k = Case.random(arena, (long) tokens * CHANNELS, 1);
      return Case.of(arena, (long) tokens * CHANNELS, HEADS, tokens * tokens, (kernels, x, from, count, out) ->
          kernels.matmul(heads(x, from, count, tokens), heads(k, from, count, tokens).transposed(),
              Matrices.dense(out, count, tokens, tokens), 0.125f));
    });
  }

  private static Matrices heads(MemorySegment x, int from, int count, int tokens) {
    return Matrices.dense(rows(x, from, count, tokens * HEAD_DIM), count, tokens, HEAD_DIM);
  }

  private static MemorySegment rows(MemorySegment x, int from, int count, int cols) {
    return x.asSlice(4L * from * cols, 4L * count * cols);
  }

  /// A random weight in panels, as the converter stores it.
  private static Weight weight(Arena arena, Weight.Type type, int n, int k) {
    var weight = new Weight(arena.allocate(Weight.bytes(type, Weight.Layout.PANELS, n, k), 64), type, Weight.Layout.PANELS, n, k);
    try (var own = Arena.ofConfined()) {
      var values = Case.random(own, (long) n * k, 0.5);
      for (int row = 0; row < n; row++)
        for (int column = 0; column < k; column++) {
          float value = values.getAtIndex(JAVA_FLOAT, (long) row * k + column);
          long at = weight.index(row, column);
          switch (type) {
            case F32 -> weight.segment().setAtIndex(JAVA_FLOAT, at, value);
            case F16 -> weight.segment().setAtIndex(JAVA_SHORT, at, Float.floatToFloat16(value));
            case BF16 -> weight.segment().setAtIndex(JAVA_SHORT, at, (short) (Float.floatToRawIntBits(value) >>> 16));
          }
        }
    }
    return weight;
  }
}
