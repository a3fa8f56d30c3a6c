package dev.fovea.kernels.reference;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Convolution;
import dev.fovea.kernels.GridBias;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Operation.Activate;
import dev.fovea.kernels.Operation.Add;
import dev.fovea.kernels.Operation.Append;
import dev.fovea.kernels.Operation.Attention;
import dev.fovea.kernels.Operation.AttentionMaps;
import dev.fovea.kernels.Operation.Convolve;
import dev.fovea.kernels.Operation.Copy;
import dev.fovea.kernels.Operation.DeformableAttention;
import dev.fovea.kernels.Operation.Depthwise;
import dev.fovea.kernels.Operation.Find;
import dev.fovea.kernels.Operation.Fourier;
import dev.fovea.kernels.Operation.Gather;
import dev.fovea.kernels.Operation.LayerNorm;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Operation.Matmul;
import dev.fovea.kernels.Operation.Multiply;
import dev.fovea.kernels.Operation.Resampling;
import dev.fovea.kernels.Operation.Resize;
import dev.fovea.kernels.Operation.ResizeArgmax;
import dev.fovea.kernels.Operation.RmsNorm;
import dev.fovea.kernels.Operation.Rotary;
import dev.fovea.kernels.Operation.RotaryTable;
import dev.fovea.kernels.Operation.SamplingPoints;
import dev.fovea.kernels.Operation.Scale;
import dev.fovea.kernels.Operation.Softmax;
import dev.fovea.kernels.Operation.TopRows;
import dev.fovea.kernels.Operation.TransposedConvolution;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// The specification: a literal translation of each operation's formula, summed in double and rounded once.
///
/// All other providers are tested against this one. Clarity takes precedence over speed.
public final class ReferenceKernels implements Kernels {
  private final Workers workers;

  public ReferenceKernels(Workers workers) {
    this.workers = workers;
  }

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int threads() {
    return workers.threads();
  }

  @Override
  public void forEach(int tasks, Workers.Task task) {
    workers.forEach(tasks, task);
  }

  @Override
  public void run(Operation operation) {
    switch (operation) {
      case Linear(var x, var weight, var bias, var act, var residual, var out, int m) ->
          linear(x, weight, bias, act, residual, out, m);
      case Matmul(var a, var b, var to, float scale) -> matmul(a, b, to, scale);
      case Attention o -> attention(o.present());
      case AttentionMaps(var q, var k, var mask, var out, float scale) -> attentionMaps(q, k, mask, out, scale);
      case Softmax(var x, var out, int rows, int cols) -> softmax(x, out, rows, cols);
      case LayerNorm(var x, var gamma, var beta, float eps, var out, int rows, int cols) ->
          layerNorm(x, gamma, beta, eps, out, rows, cols);
      case RmsNorm(var x, var gamma, float eps, var out, int rows, int cols) -> rmsNorm(x, gamma, eps, out, rows, cols);
      case Activate(var activation, var x, var out, long n) -> activate(activation, x, out, n);
      case Scale(var x, float factor, var out, long n) -> scale(x, factor, out, n);
      case Add(var a, var b, var out, long n, long period) -> add(a, b, out, n, period);
      case Multiply(var a, var b, var out, long n, long period) -> multiply(a, b, out, n, period);
      case Copy(var from, var to) -> copy(from, to);
      case Append append -> run(append.now());
      case Gather gather -> gather(gather);
      case Find(var x, float value, var out, int rows, int cols) -> find(x, value, out, rows, cols);
      case TopRows o -> topRows(o);
      case SamplingPoints o -> samplingPoints(o);
      case DeformableAttention o -> deformableAttention(o);
      case Fourier o -> fourier(o);
      case RotaryTable o -> rotaryTable(o);
      case Rotary(var x, var table, var to) -> rotary(x, table, to);
      case Convolve(var x, var g, var weight, var bias, var act, var residual, var out) ->
          convolve(x, g, weight, bias, act, residual, out);
      case Depthwise(var x, var g, var taps, var bias, var act, var out) -> depthwise(x, g, taps, bias, act, out);
      case TransposedConvolution o -> transposedConvolution(o);
      case Resize o -> resize(o);
      case ResizeArgmax o -> resizeArgmax(o);
    }
  }

  /// One output feature after the other, whose weights are decoded once: virtual machines that run this without C2 take long to
  /// decode a number.
  private void linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) {
    int n = weight.n(), k = weight.k();
    workers.forEach(n, col -> {
      float[] weights = new float[k], line = new float[k];
      for (int i = 0; i < k; i++) weights[i] = weight.get(col, i);
      for (int row = 0; row < m; row++) {
        MemorySegment.copy(x, JAVA_FLOAT_UNALIGNED, (long) row * k * Float.BYTES, line, 0, k);
        double sum = 0;
        for (int i = 0; i < k; i++) sum += (double) line[i] * weights[i];
        if (bias != null) sum += at(bias, col);
        double y = apply(activation, sum);
        long to = (long) row * n + col;
        if (residual != null) y += at(residual, to);
        put(out, to, y);
      }
    });
  }

  private void matmul(Matrices a, Matrices b, Matrices out, float scale) {
    workers.forEach(a.outer() * a.inner(), batch -> {
      int o = batch / a.inner(), i = batch % a.inner();
      for (int row = 0; row < out.rows(); row++)
        for (int col = 0; col < out.cols(); col++) {
          double sum = 0;
          for (int k = 0; k < a.cols(); k++) sum += (double) at(a, o, i, row, k) * at(b, o, i, k, col);
          put(out.segment(), out.index(o, i, row, col), scale * sum);
        }
    });
  }

  private void attention(Attention op) {
    var v = op.v();
    int heads = op.q().inner(), keys = op.k().rows();
    workers.forEach(op.q().outer() * heads, batch -> {
      int o = batch / heads, i = batch % heads;
      for (int query = 0; query < op.q().rows(); query++) {
        var weights = attentionWeights(op.q(), op.k(), op.mask(), o, i, query, op.scale());
        for (int d = 0; d < v.cols(); d++) {
          double sum = 0;
          for (int key = 0; key < keys; key++) sum += weights[key] * at(v, o, i, key, d);
          put(op.out(), op.to().index(o, i, query, d), sum);
        }
      }
    });
  }

  private void attentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment maps, float scale) {
    workers.forEach(q.outer() * q.inner(), batch -> {
      for (int query = 0; query < q.rows(); query++) {
        var weights = attentionWeights(q, k, mask, batch / q.inner(), batch % q.inner(), query, scale);
        for (int key = 0; key < k.rows(); key++) put(maps, ((long) batch * q.rows() + query) * k.rows() + key, weights[key]);
      }
    });
  }

  private static double at(GridBias grid, int o, int i, int query, int key) {
    int cols = grid.cols().cols();
    return (double) at(grid.rows().segment(), grid.row(o, i, query, key / cols)) + at(grid.cols().segment(), grid.col(o, i,
        query, key % cols));
  }

  /// The weights of a query's keys; all zero if it sees none.
  private static double[] attentionWeights(Matrices q, Matrices k, AttentionMask mask, int o, int i, int query, float scale) {
    var weights = new double[k.rows()];
    int visible = mask.visible(query, q.rows(), k.rows());
    for (int key = 0; key < k.rows(); key++) {
      double score = 0;
      for (int d = 0; d < q.cols(); d++) score += (double) at(q, o, i, query, d) * at(k, o, i, key, d);
      score *= scale;
      if (mask.bias() != null) score += at(mask.bias(), o, i, query, key);
      if (mask.keys() != null) score += at(mask.keys(), (long) o * k.rows() + key);
      if (mask.grid() != null) score += at(mask.grid(), o, i, query, key);
      weights[key] = key < visible ? score : Double.NEGATIVE_INFINITY;
    }
    boolean seesNothing = true;
    for (double score : weights) seesNothing &= score == Double.NEGATIVE_INFINITY;
    if (seesNothing) return new double[k.rows()];
    softmax(weights);
    return weights;
  }

  private void softmax(MemorySegment x, MemorySegment out, int rows, int cols) {
    workers.forEach(rows, row -> {
      long start = (long) row * cols;
      var values = new double[cols];
      for (int col = 0; col < cols; col++) values[col] = at(x, start + col);
      softmax(values);
      for (int col = 0; col < cols; col++) put(out, start + col, values[col]);
    });
  }

  private static void softmax(double[] values) {
    double max = Double.NEGATIVE_INFINITY, sum = 0;
    for (double value : values) max = Math.max(max, value);
    for (int i = 0; i < values.length; i++) sum += values[i] = Math.exp(values[i] - max);
    for (int i = 0; i < values.length; i++) values[i] /= sum;
  }

  private void layerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out,
      int rows, int cols) {
    workers.forEach(rows, row -> {
      long start = (long) row * cols;
      double sum = 0, squares = 0;
      for (int col = 0; col < cols; col++) sum += at(x, start + col);
      double mean = sum / cols;
      for (int col = 0; col < cols; col++) squares += Math.pow(at(x, start + col) - mean, 2);
      double deviation = Math.sqrt(squares / cols + eps);
      for (int col = 0; col < cols; col++) {
        double y = (at(x, start + col) - mean) / deviation * at(gamma, col);
        put(out, start + col, beta == null ? y : y + at(beta, col));
      }
    });
  }

  private void rmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows, int cols) {
    workers.forEach(rows, row -> {
      long start = (long) row * cols;
      double squares = 0;
      for (int col = 0; col < cols; col++) squares += Math.pow(at(x, start + col), 2);
      double root = Math.sqrt(squares / cols + eps);
      for (int col = 0; col < cols; col++) put(out, start + col, at(x, start + col) / root * (gamma == null ? 1 : at(gamma, col)));
    });
  }

  private void activate(Activation activation, MemorySegment x, MemorySegment out, long n) {
    for (long i = 0; i < n; i++) put(out, i, apply(activation, at(x, i)));
  }

  private static double apply(Activation activation, double x) {
    return switch (activation) {
      case NONE -> x;
      case GELU -> x * Erf.normal(x);
      // (1 + tanh u) / 2 = σ(2u), which does not cancel where tanh is near -1.
      case GELU_TANH -> x / (1 + Math.exp(-Math.sqrt(8 / Math.PI) * (x + 0.044715 * x * x * x)));
      case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
      case SILU -> x / (1 + Math.exp(-x));
      case RELU -> Math.max(x, 0);
      case TANH -> Math.tanh(x);
      case SIGMOID -> 1 / (1 + Math.exp(-x));
      case LOGIT -> logit(x);
    };
  }

  private static double logit(double x) {
    double p = x < 1e-5 ? 1e-5 : x > 1 - 1e-5 ? 1 - 1e-5 : x;
    return Math.log(p / (1 - p));
  }

  private void add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    for (long i = 0; i < n; i++) put(out, i, (double) at(a, i) + at(b, i % period));
  }

  private void multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) {
    for (long i = 0; i < n; i++) put(out, i, (double) at(a, i) * at(b, i % period));
  }

  private void scale(MemorySegment x, float factor, MemorySegment out, long n) {
    for (long i = 0; i < n; i++) put(out, i, (double) at(x, i) * factor);
  }

  private void copy(Matrices from, Matrices to) {
    for (int o = 0; o < from.outer(); o++)
      for (int i = 0; i < from.inner(); i++)
        for (int row = 0; row < from.rows(); row++)
          for (int col = 0; col < from.cols(); col++)
            put(to.segment(), to.index(o, i, row, col), at(from, o, i, row, col));
  }

  private void gather(Gather o) {
    int k = o.table().k();
    for (int i = 0; i < o.count(); i++) {
      int row = o.row(at(o.indices(), i));
      for (int col = 0; col < k; col++) put(o.out(), (long) i * k + col, row < 0 ? Double.NaN : o.table().get(row, col));
    }
  }

  private void find(MemorySegment x, float value, MemorySegment out, int rows, int cols) {
    for (int row = 0; row < rows; row++) {
      int col = 0;
      while (col < cols && at(x, (long) row * cols + col) != value) col++;
      put(out, row, col < cols ? (double) row * cols + col : Double.NaN);
    }
  }

  private void topRows(TopRows o) {
    for (int b = 0; b < o.batch(); b++) {
      int first = b * o.rows();
      int[] order = IntStream.range(first, first + o.rows()).boxed()
          .sorted(Comparator.comparingDouble(row -> -largest(o, row))).mapToInt(row -> row).toArray();
      for (int i = 0; i < o.count(); i++) put(o.out(), (long) b * o.count() + i, order[i]);
    }
  }

  /// The largest element of a row; NaN, which is sorted last, if it has only these. Zero has no sign here.
  private static double largest(TopRows o, int row) {
    double largest = Double.NaN;
    for (int col = 0; col < o.cols(); col++) {
      double value = at(o.x(), (long) row * o.cols() + col);
      if (value > largest || Double.isNaN(largest)) largest = value;
    }
    return largest + 0.0;
  }

  private void samplingPoints(SamplingPoints o) {
    int levels = o.levels().size();
    for (int query = 0; query < o.batch() * o.queries(); query++)
      for (int head = 0; head < o.heads(); head++)
        for (int level = 0; level < levels; level++)
          for (int point = 0; point < o.points(); point++)
            for (int d = 0; d < 2; d++) {
              var map = o.levels().get(level);
              long reference = ((long) query * levels + level) * o.coordinates() + d;
              long to = ((((long) query * o.heads() + head) * levels + level) * o.points() + point) * 2 + d;
              double step = o.coordinates() == 2
                  ? 1.0 / (d == 0 ? map.width() : map.height()) : 0.5 * at(o.reference(), reference + 2) / o.points();
              put(o.out(), to, at(o.reference(), reference) + at(o.offsets(), to) * step);
            }
  }

  private void deformableAttention(DeformableAttention o) {
    int heads = o.heads(), depth = o.depth(), perLevel = o.pointsPerLevel(), levels = o.levels().size();
    long cells = MapSize.cells(o.levels());
    workers.forEach(o.batch() * o.queries(), query -> {
      for (int head = 0; head < heads; head++)
        for (int d = 0; d < depth; d++) {
          long sample = ((long) query * heads + head) * levels * perLevel, map = query / o.queries() * cells;
          double sum = 0;
          for (var level : o.levels()) {
            for (int point = 0; point < perLevel; point++, sample++) {
              double x = (double) at(o.points(), 2 * sample) * level.width() - 0.5;
              double y = (double) at(o.points(), 2 * sample + 1) * level.height() - 0.5;
              float weight = at(o.weights(), sample);
              sum += Float.isFinite(weight) ? weight * bilinear(o, map, level, x, y, head * depth + d) : Double.NaN;
            }
            map += level.cells();
          }
          put(o.out(), ((long) query * heads + head) * depth + d, sum);
        }
    });
  }

  /// A channel of the map that begins at cell `map`, between cells.
  private static double bilinear(DeformableAttention o, long map, MapSize size, double x, double y, int channel) {
    if (Double.isNaN(x) || Double.isNaN(y)) return Double.NaN;
    double sum = 0;
    for (int dy = 0; dy < 2; dy++)
      for (int dx = 0; dx < 2; dx++) {
        double row = Math.floor(y) + dy, col = Math.floor(x) + dx;
        if (row >= 0 && row < size.height() && col >= 0 && col < size.width())
          sum += (1 - Math.abs(y - row)) * (1 - Math.abs(x - col))
              * at(o.values(), (map + (long) row * size.width() + (long) col) * o.heads() * o.depth() + channel);
      }
    return sum;
  }

  private void fourier(Fourier o) {
    int dims = o.dims(), frequencies = o.frequencies();
    for (int p = 0; p < o.points(); p++)
      for (int f = 0; f < frequencies; f++) {
        double angle = 0;
        for (int d = 0; d < dims; d++)
          angle += (o.scale() * at(o.x(), (long) p * dims + d) + o.offset()) * at(o.basis(), (long) d * frequencies + f);
        put(o.out(), 2L * p * frequencies + f, Math.sin(2 * Math.PI * angle));
        put(o.out(), (2L * p + 1) * frequencies + f, Math.cos(2 * Math.PI * angle));
      }
  }

  private void rotaryTable(RotaryTable o) {
    int count = o.count(), first = o.first();
    for (int row = 0; row < o.rows(); row++)
      for (int f = 0; f < count; f++) {
        float angle = (first + row) * at(o.frequencies(), f);
        put(o.out(), 2L * row * count + f, Math.cos(angle));
        put(o.out(), (2L * row + 1) * count + f, Math.sin(angle));
      }
  }

  private void rotary(Matrices x, MemorySegment table, Matrices to) {
    int half = x.cols() / 2;
    workers.forEach(x.outer() * x.inner(), batch -> {
      int o = batch / x.inner(), i = batch % x.inner();
      for (int row = 0; row < x.rows(); row++)
        for (int col = 0; col < half; col++) {
          double a = at(x, o, i, row, col), b = at(x, o, i, row, half + col);
          double cos = at(table, 2L * row * half + col), sin = at(table, (2L * row + 1) * half + col);
          put(to.segment(), to.index(o, i, row, col), a * cos - b * sin);
          put(to.segment(), to.index(o, i, row, half + col), b * cos + a * sin);
        }
    });
  }

  private void convolve(MemorySegment x, Convolution g, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out) {
    if (weight.n() == 0) return;
    int cols = g.cols(), perGroup = weight.n() / Math.max(1, g.groups());
    workers.forEach(g.windows(), window -> {
      int batch = window / cols / g.rows(), row = window / cols % g.rows(), col = window % cols;
      for (int n = 0; n < weight.n(); n++) {
        int group = n / perGroup;
        double sum = 0;
        for (int c = 0; c < g.depth(); c++)
          for (int dy = 0; dy < g.window().height(); dy++)
            for (int dx = 0; dx < g.window().width(); dx++)
              sum += at(x, g, batch, row, col, dy, dx, group * g.depth() + c) * weight.get(n, g.column(c, dy, dx));
        if (bias != null) sum += at(bias, n);
        double y = apply(activation, sum);
        long to = (long) window * weight.n() + n;
        if (residual != null) y += at(residual, to);
        put(out, to, y);
      }
    });
  }

  private void depthwise(MemorySegment x, Convolution g, MemorySegment weight, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out) {
    int cols = g.cols();
    workers.forEach(g.windows(), window -> {
      int batch = window / cols / g.rows(), row = window / cols % g.rows(), col = window % cols;
      for (int c = 0; c < g.channels(); c++) {
        double sum = 0;
        for (int dy = 0; dy < g.window().height(); dy++)
          for (int dx = 0; dx < g.window().width(); dx++)
            sum += at(x, g, batch, row, col, dy, dx, c) * at(weight, ((long) dy * g.window().width() + dx) * g.channels() + c);
        if (bias != null) sum += at(bias, c);
        put(out, (long) window * g.channels() + c, apply(activation, sum));
      }
    });
  }

  /// Channel `c` of sample `(dy, dx)` of the window at `(row, col)`; zero outside the map.
  private static double at(MemorySegment x, Convolution g, int batch, int row, int col, int dy, int dx, int c) {
    int y = row * g.window().strideY() + dy - g.window().padY(), from = col * g.window().strideX() + dx - g.window().padX();
    return y < 0 || y >= g.height() || from < 0 || from >= g.width() ? 0 : at(x, g.index(batch, y, from, c));
  }

  private void transposedConvolution(TransposedConvolution o) {
    int n = o.channels(), kernel = o.kernel(), width = o.width(), k = o.weight().k();
    workers.forEach(o.batch() * o.height(), row -> {
      for (int col = 0; col < width; col++)
        for (int dy = 0; dy < kernel; dy++)
          for (int dx = 0; dx < kernel; dx++)
            for (int i = 0; i < n; i++) {
              double sum = 0;
              for (int c = 0; c < k; c++)
                sum += (double) at(o.x(), ((long) row * width + col) * k + c) * o.weight().get((dy * kernel + dx) * n + i, c);
              if (o.bias() != null) sum += at(o.bias(), i);
              put(o.out(), ((((long) row * kernel + dy) * width + col) * kernel + dx) * n + i, apply(o.activation(), sum));
            }
    });
  }

  private void resize(Resize o) {
    for (int b = 0; b < o.batch(); b++)
      for (int row = 0; row < o.outHeight(); row++)
        for (int col = 0; col < o.outWidth(); col++)
          for (int c = 0; c < o.channels(); c++)
            put(o.out(), (((long) b * o.outHeight() + row) * o.outWidth() + col) * o.channels() + c, resampled(o, b, c, row, col));
  }

  private void resizeArgmax(ResizeArgmax o) {
    for (int b = 0; b < o.batch(); b++)
      for (int row = 0; row < o.outHeight(); row++)
        for (int col = 0; col < o.outWidth(); col++) {
          int best = 0;
          float largest = Float.NEGATIVE_INFINITY;
          for (int c = 0; c < o.channels(); c++) {
            float value = (float) resampled(o, b, c, row, col);
            if (value > largest) {
              largest = value;
              best = c;
            }
          }
          put(o.out(), ((long) b * o.outHeight() + row) * o.outWidth() + col, best);
        }
  }

  private static double resampled(Resampling o, int b, int c, int row, int col) {
    int height = o.height(), width = o.width(), outHeight = o.outHeight(), outWidth = o.outWidth();
    var interpolation = o.interpolation();
    double sum = 0;
    for (int i = 0; i < interpolation.taps(height, outHeight); i++)
      for (int j = 0; j < interpolation.taps(width, outWidth); j++) {
        int y = Math.clamp(interpolation.first(row, height, outHeight) + i, 0, height - 1);
        int from = Math.clamp(interpolation.first(col, width, outWidth) + j, 0, width - 1);
        sum += interpolation.coefficient(i, row, height, outHeight) * interpolation.coefficient(j, col, width, outWidth)
            * at(o.x(), (((long) b * height + y) * width + from) * o.channels() + c);
      }
    return sum;
  }

  @Override
  public void close() {
    workers.close();
  }

  private static float at(MemorySegment s, long index) {
    return s.get(JAVA_FLOAT_UNALIGNED, index * 4);
  }

  private static float at(Matrices m, int o, int i, int row, int col) {
    return at(m.segment(), m.index(o, i, row, col));
  }

  private static void put(MemorySegment s, long index, double value) {
    s.set(JAVA_FLOAT_UNALIGNED, index * 4, (float) value);
  }
}
