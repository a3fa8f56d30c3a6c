package dev.fovea.kernels;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// One operation of a model on whole buffers of native memory, with all of its arguments; [Kernels#run] performs it.
///
/// An operation is data: it defines its inputs, its output, its multiply-accumulates and its checks, so that generic code can
/// check, count, plan, trace, relocate and replay a pass. A provider is one switch over this type.
///
/// Buffers hold float32 numbers in native byte order and row-major order, and have exactly the size of their shape, unless a
/// component is documented otherwise. NaN and infinities propagate as IEEE 754 prescribes. Sizes of zero are allowed; such an
/// operation does nothing.
public sealed interface Operation {
  /// The same operation with each buffer replaced by the one that `buffers` returns. Each buffer is visited once.
  Operation on(BufferVisitor buffers);

  /// The output buffer, or the view of a larger one with the output.
  MemorySegment out();

  /// The sizes, such as `M × N × K`.
  List<Integer> shape();

  /// Multiply-accumulates; 0 for operations that are not products.
  default long macs() {
    return 0;
  }

  /// The name of the operation: its type's name with a lower-case first letter.
  default String name() {
    var name = getClass().getSimpleName();
    return Character.toLowerCase(name.charAt(0)) + name.substring(1);
  }

  /// Name, sizes and cost as text.
  default String description() {
    return name() + shape() + (macs() == 0 ? "" : " " + macs() + " MACs");
  }

  /// All input and output buffers, in the order of the components.
  default List<MemorySegment> buffers() {
    var all = new ArrayList<MemorySegment>();
    on(new BufferList(all));
    return all;
  }

  /// Inputs that may be `out` itself. Other inputs may not overlap it.
  default List<MemorySegment> replaceable() {
    return List.of();
  }

  /// Checks the sizes; [Check#operation] then checks the buffers.
  ///
  /// @throws IllegalArgumentException if sizes do not match
  default void checkShape() {}

  /// `out = activation(x · weightᵀ + bias) + residual`.
  ///
  /// @param x `[M, K]`
  /// @param weight `[N, K]`
  /// @param bias `[N]`, or null for none
  /// @param residual `[M, N]`, or null for none; may be `out` itself
  /// @param out `[M, N]`
  record Linear(MemorySegment x, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out, int m) implements Operation {
    public Linear {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(weight, "weight");
      Objects.requireNonNull(activation, "activation");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Linear on(BufferVisitor b) {
      int n = weight.n();
      return new Linear(b.dense("x", x, m, weight.k()), b.of(weight), b.optional("bias", bias, n), activation,
          b.optional("residual", residual, m, n), b.dense("out", out, m, n), m);
    }

    @Override
    public List<Integer> shape() {
      return List.of(m, weight.n(), weight.k());
    }

    @Override
    public long macs() {
      return (long) m * weight.n() * weight.k();
    }

    @Override
    public List<MemorySegment> replaceable() {
      return residual == null ? List.of() : List.of(residual);
    }

    @Override
    public void checkShape() {
      Check.size("m", m);
    }
  }

  /// `to = scale · a · b`, matrix by matrix.
  ///
  /// @param a `[M, K]` each
  /// @param b `[K, N]` each; [Matrices#transposed()] gives `a · bᵀ`
  /// @param to `[M, N]` each, all elements at different addresses
  record Matmul(Matrices a, Matrices b, Matrices to, float scale) implements Operation {
    public Matmul {
      Objects.requireNonNull(a, "a");
      Objects.requireNonNull(b, "b");
      Objects.requireNonNull(to, "to");
    }

    @Override
    public Matmul on(BufferVisitor buffers) {
      return new Matmul(buffers.of("a", a), buffers.of("b", b), buffers.of("out", to), scale);
    }

    @Override
    public MemorySegment out() {
      return to.segment();
    }

    @Override
    public List<Integer> shape() {
      return List.of(Math.multiplyExact(a.outer(), a.inner()), a.rows(), b.cols(), a.cols());
    }

    @Override
    public long macs() {
      return (long) a.outer() * a.inner() * a.rows() * b.cols() * a.cols();
    }

    @Override
    public void checkShape() {
      Check.batch("b", b, a.outer(), a.inner(), a.cols(), b.cols());
      Check.batch("out", to, a.outer(), a.inner(), a.rows(), b.cols());
    }
  }

  /// `to = softmax(scale · q · kᵀ + mask) · v`, head by head, without storing the `N × N` scores
  /// (Vaswani et al., 2017; blockwise softmax by Milakov and Gimelshein, 2018).
  ///
  /// @param q `[queries, D]` each; all four have column stride 1
  /// @param k `[keys, D]` each
  /// @param v `[keys, D]` each
  /// @param mask the visible keys and terms added to the scores
  /// @param to `[queries, D]` each
  record Attention(Matrices q, Matrices k, Matrices v, AttentionMask mask, Matrices to, float scale) implements Operation {
    public Attention {
      Objects.requireNonNull(q, "q");
      Objects.requireNonNull(k, "k");
      Objects.requireNonNull(v, "v");
      Objects.requireNonNull(mask, "mask");
      Objects.requireNonNull(to, "to");
    }

    @Override
    public Attention on(BufferVisitor b) {
      return new Attention(b.of("an input", q), b.of("an input", k), b.of("an input", v), mask.on(b, q, k), b.of("out", to), scale);
    }

    /// The operation on the keys present: if the mask has a length, keys and values are cut to that number of rows.
    public Attention present() {
      if (mask.length() == null) return this;
      int count = mask.present(k.rows());
      return new Attention(q, k.firstRows(count), v.firstRows(count), mask.withoutLength(), to, scale);
    }

    @Override
    public MemorySegment out() {
      return to.segment();
    }

    @Override
    public List<Integer> shape() {
      return List.of(Math.multiplyExact(q.outer(), q.inner()), q.rows(), k.rows(), q.cols());
    }

    @Override
    public long macs() {
      return (long) q.outer() * q.inner() * q.rows() * k.rows() * (q.cols() + v.cols());
    }

    @Override
    public void checkShape() {
      Check.batch("k", k, q.outer(), q.inner(), k.rows(), q.cols());
      Check.batch("v", v, q.outer(), q.inner(), k.rows(), v.cols());
      Check.batch("out", to, q.outer(), q.inner(), q.rows(), v.cols());
      for (var m : new Matrices[] {q, k, v, to}) Check.adjacent("attention", m);
      mask.check(q, k);
    }
  }

  /// `out = softmax(scale · q · kᵀ + mask)`: the weights by which [Attention] multiplies the values, for inspection. Keys beyond
  /// the mask's length have weight 0.
  ///
  /// @param q `[queries, D]` each; `q` and `k` have column stride 1
  /// @param k `[keys, D]` each
  /// @param out `[outer, inner, queries, keys]`
  record AttentionMaps(Matrices q, Matrices k, AttentionMask mask, MemorySegment out, float scale) implements Operation {
    public AttentionMaps {
      Objects.requireNonNull(q, "q");
      Objects.requireNonNull(k, "k");
      Objects.requireNonNull(mask, "mask");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public AttentionMaps on(BufferVisitor b) {
      return new AttentionMaps(b.of("an input", q), b.of("an input", k), mask.on(b, q, k),
          b.dense("out", out, q.outer(), q.inner(), q.rows(), k.rows()), scale);
    }

    @Override
    public List<Integer> shape() {
      return List.of(Math.multiplyExact(q.outer(), q.inner()), q.rows(), k.rows(), q.cols());
    }

    @Override
    public long macs() {
      return (long) q.outer() * q.inner() * q.rows() * k.rows() * q.cols();
    }

    @Override
    public void checkShape() {
      Check.batch("k", k, q.outer(), q.inner(), k.rows(), q.cols());
      for (var m : new Matrices[] {q, k}) Check.adjacent("attention maps", m);
      mask.check(q, k);
    }
  }

  /// `out[r, c] = exp(x[r, c] - max(x[r])) / Σ exp(x[r] - max(x[r]))`. A row with only `-∞` becomes NaN.
  ///
  /// @param x `[rows, cols]`
  /// @param out `[rows, cols]`; may be `x` itself
  record Softmax(MemorySegment x, MemorySegment out, int rows, int cols) implements Rowwise {
    public Softmax {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Softmax on(BufferVisitor b) {
      return new Softmax(b.dense("x", x, rows, cols), b.dense("out", out, rows, cols), rows, cols);
    }
  }

  /// `out[r] = (x[r] - mean(x[r])) / √(var(x[r]) + eps) · gamma + beta`, with the biased variance
  /// (Ba, Kiros and Hinton, "Layer Normalization", 2016).
  ///
  /// @param x `[rows, cols]`
  /// @param gamma `[cols]`
  /// @param beta `[cols]`, or null for none
  /// @param out `[rows, cols]`; may be `x` itself
  record LayerNorm(MemorySegment x, MemorySegment gamma, @Nullable MemorySegment beta, float eps, MemorySegment out, int rows,
      int cols)
      implements Rowwise {
    public LayerNorm {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(gamma, "gamma");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public LayerNorm on(BufferVisitor b) {
      return new LayerNorm(b.dense("x", x, rows, cols), b.dense("gamma", gamma, cols), b.optional("beta", beta, cols), eps,
          b.dense("out", out, rows, cols), rows, cols);
    }
  }

  /// `out[r] = x[r] / √(mean(x[r]²) + eps) · gamma` (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019).
  ///
  /// @param x `[rows, cols]`
  /// @param gamma `[cols]`, or null for none
  /// @param out `[rows, cols]`; may be `x` itself
  record RmsNorm(MemorySegment x, @Nullable MemorySegment gamma, float eps, MemorySegment out, int rows,
      int cols) implements Rowwise {
    public RmsNorm {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public RmsNorm on(BufferVisitor b) {
      return new RmsNorm(b.dense("x", x, rows, cols), b.optional("gamma", gamma, cols), eps, b.dense("out", out, rows, cols), rows,
          cols);
    }
  }

  /// `out = activation(x)`, element by element.
  ///
  /// @param x `[n]`
  /// @param out `[n]`; may be `x` itself
  record Activate(Activation activation, MemorySegment x, MemorySegment out, long n) implements Elementwise {
    public Activate {
      Objects.requireNonNull(activation, "activation");
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Activate on(BufferVisitor b) {
      return new Activate(activation, b.dense("x", x, n), b.dense("out", out, n), n);
    }
  }

  /// `out = x · factor`.
  ///
  /// @param x `[n]`
  /// @param out `[n]`; may be `x` itself
  record Scale(MemorySegment x, float factor, MemorySegment out, long n) implements Elementwise {
    public Scale {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Scale on(BufferVisitor b) {
      return new Scale(b.dense("x", x, n), factor, b.dense("out", out, n), n);
    }
  }

  /// `out[i] = a[i] + b[i mod period]`: `b` repeats, like a position table over a batch.
  ///
  /// @param a `[n]`
  /// @param b `[period]`, where `period` divides `n`
  /// @param out `[n]`; may be `a` itself, or `b` itself when `period` is `n`
  record Add(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) implements Repeating {
    public Add {
      Objects.requireNonNull(a, "a");
      Objects.requireNonNull(b, "b");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Add on(BufferVisitor buffers) {
      return new Add(buffers.dense("a", a, n), buffers.dense("b", b, period), buffers.dense("out", out, n), n, period);
    }
  }

  /// `out[i] = a[i] · b[i mod period]`: `b` repeats, like a layer scale over the tokens.
  ///
  /// @param a `[n]`
  /// @param b `[period]`, where `period` divides `n`
  /// @param out `[n]`; may be `a` itself, or `b` itself when `period` is `n`
  record Multiply(MemorySegment a, MemorySegment b, MemorySegment out, long n, long period) implements Repeating {
    public Multiply {
      Objects.requireNonNull(a, "a");
      Objects.requireNonNull(b, "b");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Multiply on(BufferVisitor buffers) {
      return new Multiply(buffers.dense("a", a, n), buffers.dense("b", b, period), buffers.dense("out", out, n), n, period);
    }
  }

  /// Copies `from` to `to`, which has the same shape and any strides.
  ///
  /// @param to all elements at different addresses
  record Copy(Matrices from, Matrices to) implements Operation {
    public Copy {
      Objects.requireNonNull(from, "from");
      Objects.requireNonNull(to, "to");
    }

    @Override
    public Copy on(BufferVisitor b) {
      return new Copy(b.of("an input", from), b.of("out", to));
    }

    @Override
    public MemorySegment out() {
      return to.segment();
    }

    @Override
    public List<Integer> shape() {
      return List.of(from.outer(), from.inner(), from.rows(), from.cols());
    }

    @Override
    public void checkShape() {
      Check.batch("to", to, from.outer(), from.inner(), from.rows(), from.cols());
    }
  }

  /// Appends rows: row `r` of `from` becomes row `length + r` of `to`. Rows beyond the capacity are dropped; the other rows of `to`
  /// stay unchanged.
  ///
  /// @param from `[rows, cols]` each
  /// @param to `[capacity, cols]` each, all elements at different addresses
  /// @param length `[1]`: the number of rows of `to` in use, read at each run; NaN and negative numbers count as 0
  record Append(Matrices from, Matrices to, MemorySegment length) implements Operation {
    public Append {
      Objects.requireNonNull(from, "from");
      Objects.requireNonNull(to, "to");
      Objects.requireNonNull(length, "length");
    }

    @Override
    public Append on(BufferVisitor b) {
      return new Append(b.of("an input", from), b.of("out", to), b.dense("length", length, 1));
    }

    /// The first row written, for the current length.
    public int start() {
      return Check.count(length, to.rows());
    }

    /// The equivalent copy for the current length.
    public Copy now() {
      int start = start(), rows = Math.min(from.rows(), to.rows() - start);
      var place = to.firstRows(rows);
      long from = Math.min(4 * start * to.rowStride(), to.segment().byteSize());
      return new Copy(this.from.firstRows(rows), place.in(to.segment().asSlice(from)));
    }

    @Override
    public MemorySegment out() {
      return to.segment();
    }

    @Override
    public List<Integer> shape() {
      return List.of(from.outer(), from.inner(), from.rows(), from.cols());
    }

    @Override
    public void checkShape() {
      Check.batch("to", to, from.outer(), from.inner(), to.rows(), from.cols());
    }
  }

  /// `out[i] = table[indices[i]]`: rows of a matrix, such as token embeddings. The row is NaN if its index is outside the table or
  /// not a whole number.
  ///
  /// @param table `[N, K]`
  /// @param indices `[count]`, whole numbers in `[0, N)`
  /// @param out `[count, K]`
  record Gather(Weight table, MemorySegment indices, MemorySegment out, int count) implements Operation {
    public Gather {
      Objects.requireNonNull(table, "table");
      Objects.requireNonNull(indices, "indices");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Gather on(BufferVisitor b) {
      return new Gather(b.of(table), b.dense("indices", indices, count), b.dense("out", out, count, table.k()), count);
    }

    /// The row number for an index, or -1 if the table has no such row.
    public int row(float index) {
      return index >= 0 && index < table.n() && index == (int) index ? (int) index : -1;
    }

    @Override
    public List<Integer> shape() {
      return List.of(count, table.n(), table.k());
    }

    @Override
    public void checkShape() {
      Check.size("count", count);
    }
  }

  /// `out[r] = r · cols + c`, where `c` is the first column of row `r` that equals `value`, or NaN if there is none. The result
  /// serves [Gather] as indices into a table with one row per element of `x`.
  ///
  /// @param x `[rows, cols]`, with fewer than 2²⁴ elements
  /// @param out `[rows]`
  record Find(MemorySegment x, float value, MemorySegment out, int rows, int cols) implements Operation {
    public Find {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Find on(BufferVisitor b) {
      return new Find(b.dense("x", x, rows, cols), value, b.dense("out", out, rows), rows, cols);
    }

    @Override
    public List<Integer> shape() {
      return List.of(rows, cols);
    }

    @Override
    public void checkShape() {
      Check.size("rows", rows);
      Check.size("cols", cols);
      if ((long) rows * cols >= Check.MAX_INDEX)
        throw new IllegalArgumentException("find: expected fewer than " + Check.MAX_INDEX + " elements, got " + shape());
    }
  }

  /// `out[b, n]` is the number `b · rows + r` of the row `r` of item `b` whose largest element is the `n`-th greatest of the item:
  /// the greatest first, equal ones in the order of the rows. NaN is ignored; rows of only NaN come last. The result serves
  /// [Gather] as indices into all rows.
  ///
  /// @param x `[batch, rows, cols]` with at least one column and fewer than 2²⁴ rows in all
  /// @param out `[batch, count]` with `count` at most `rows`
  record TopRows(MemorySegment x, MemorySegment out, int batch, int rows, int cols, int count) implements Operation {
    public TopRows {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public TopRows on(BufferVisitor b) {
      return new TopRows(b.dense("x", x, batch, rows, cols), b.dense("out", out, batch, count), batch, rows, cols, count);
    }

    @Override
    public List<Integer> shape() {
      return List.of(batch, rows, cols, count);
    }

    @Override
    public void checkShape() {
      for (int size : shape()) Check.size("top rows", size);
      if (cols == 0) throw new IllegalArgumentException("top rows: expected at least 1 column, got 0");
      if (count > rows) throw new IllegalArgumentException("top rows: expected at most " + rows + " rows, got " + count);
      if ((long) batch * rows >= Check.MAX_INDEX)
        throw new IllegalArgumentException("top rows: expected fewer than " + Check.MAX_INDEX + " rows, got " + shape());
    }
  }

  /// The points of maps of several sizes that each query and head looks at, for [DeformableAttention] (Zhu et al., "Deformable
  /// DETR", 2021; ref: transformers, `GroundingDinoMultiscaleDeformableAttention`). With a reference `(x, y)`,
  /// `out = (x, y) + offset / (width, height)` with the size of the level's map: offsets count cells. With a reference
  /// `(x, y, w, h)`, `out = (x, y) + offset / points · (w, h) / 2`: offsets count shares of the box.
  ///
  /// @param reference `[batch, queries, L, coordinates]`: a centre, or a centre and a size, as shares of the map
  /// @param offsets `[batch, queries, heads, L, points, 2]`, `x` first
  /// @param out `[batch, queries, heads, L, points, 2]`, `x` first, as shares of the map
  /// @param coordinates 2 or 4
  record SamplingPoints(MemorySegment reference, MemorySegment offsets, MemorySegment out, int batch, int queries, int heads,
      List<MapSize> levels, int points, int coordinates) implements Operation {
    public SamplingPoints {
      Objects.requireNonNull(reference, "reference");
      Objects.requireNonNull(offsets, "offsets");
      Objects.requireNonNull(out, "out");
      levels = List.copyOf(Objects.requireNonNull(levels, "levels"));
    }

    @Override
    public SamplingPoints on(BufferVisitor b) {
      long[] shape = {batch, queries, heads, levels.size(), points, 2};
      return new SamplingPoints(b.dense("reference", reference, batch, queries, levels.size(), coordinates),
          b.dense("offsets", offsets, shape), b.dense("out", out, shape), batch, queries, heads, levels, points, coordinates);
    }

    @Override
    public List<Integer> shape() {
      return List.of(batch, queries, heads, levels.size(), points, coordinates);
    }

    @Override
    public void checkShape() {
      for (int size : shape()) Check.size("sampling points", size);
      Math.multiplyExact(batch, queries);
      if (coordinates != 2 && coordinates != 4)
        throw new IllegalArgumentException("sampling points: expected 2 or 4 coordinates, got " + coordinates);
    }
  }

  /// `out[b, q, h] = Σ weights · bilinear(map, point)` over the points of all levels: attention of each query to a few cells of
  /// maps of several sizes (Zhu et al., "Deformable DETR: Deformable Transformers for End-to-End Object Detection", 2021).
  ///
  /// A point `(x, y)` lies at column `x · width - 0.5` and row `y · height - 0.5` of its level's map, between four cells. Cells
  /// outside the map count as zero (ref: PyTorch, `grid_sample` with `align_corners=False` and `padding_mode="zeros"`), so a point
  /// at infinity adds nothing. A point adds NaN if a coordinate is NaN or its weight is not finite.
  ///
  /// @param values `[batch, S, heads · depth]`: the cells of all levels, level after level, each row by row
  /// @param points `[batch, queries, heads, L, pointsPerLevel, 2]`, `x` first, as shares of the map
  /// @param weights `[batch, queries, heads, L · pointsPerLevel]`
  /// @param out `[batch, queries, heads · depth]`
  record DeformableAttention(MemorySegment values, MemorySegment points, MemorySegment weights, MemorySegment out, int batch,
      int queries, int heads, int depth, List<MapSize> levels, int pointsPerLevel) implements Operation {
    public DeformableAttention {
      Objects.requireNonNull(values, "values");
      Objects.requireNonNull(points, "points");
      Objects.requireNonNull(weights, "weights");
      Objects.requireNonNull(out, "out");
      levels = List.copyOf(Objects.requireNonNull(levels, "levels"));
    }

    @Override
    public DeformableAttention on(BufferVisitor b) {
      long channels = (long) heads * depth, samples = (long) levels.size() * pointsPerLevel;
      return new DeformableAttention(b.dense("values", values, batch, MapSize.cells(levels), channels),
          b.dense("points", points, batch, queries, heads, levels.size(), pointsPerLevel, 2),
          b.dense("weights", weights, batch, queries, heads, samples), b.dense("out", out, batch, queries, channels), batch,
          queries, heads, depth, levels, pointsPerLevel);
    }

    @Override
    public List<Integer> shape() {
      return List.of(batch, queries, heads, depth, levels.size(), pointsPerLevel);
    }

    @Override
    public long macs() {
      return (long) batch * queries * heads * levels.size() * pointsPerLevel * 4 * depth;
    }

    @Override
    public void checkShape() {
      for (int size : shape()) Check.size("deformable attention", size);
      Math.multiplyExact(batch, queries);
    }
  }

  /// `out[p, f] = sin a` and `out[p, frequencies + f] = cos a` with `a = 2π Σ_d (scale · x[p, d] + offset) · basis[d, f]`:
  /// Fourier features of positions (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional
  /// Domains", 2020). Angles span many turns, so they are computed in double.
  ///
  /// @param x `[points, dims]`
  /// @param basis `[dims, frequencies]`
  /// @param out `[points, 2 · frequencies]`
  record Fourier(MemorySegment x, double scale, double offset, MemorySegment basis, MemorySegment out, int points, int dims,
      int frequencies) implements Operation {
    public Fourier {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(basis, "basis");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Fourier on(BufferVisitor b) {
      return new Fourier(b.dense("x", x, points, dims), scale, offset, b.dense("basis", basis, dims, frequencies),
          b.dense("out", out, points, 2L * frequencies), points, dims, frequencies);
    }

    @Override
    public List<Integer> shape() {
      return List.of(points, dims, frequencies);
    }

    @Override
    public void checkShape() {
      for (int size : new int[] {points, dims, frequencies}) Check.size("fourier", size);
    }
  }

  /// `out[r, f] = cos a` and `out[r, count + f] = sin a` with `a = (start + r) · frequencies[f]`: the angles by which [Rotary]
  /// turns the rows of a text. The angle is rounded to float32, as in the implementations that models are trained with (ref:
  /// transformers, `LlamaRotaryEmbedding`); its cosine and sine are exact to a rounding.
  ///
  /// @param frequencies `[count]`
  /// @param start `[1]`: the position of the first row, a whole number; it may change from run to run
  /// @param out `[rows, 2 · count]`
  record RotaryTable(MemorySegment frequencies, MemorySegment start, MemorySegment out, int rows, int count) implements Operation {
    public RotaryTable {
      Objects.requireNonNull(frequencies, "frequencies");
      Objects.requireNonNull(start, "start");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public RotaryTable on(BufferVisitor b) {
      return new RotaryTable(b.dense("frequencies", frequencies, count), b.dense("start", start, 1),
          b.dense("out", out, rows, 2L * count), rows, count);
    }

    /// The position of the first row.
    public int first() {
      return Check.count(start, (int) Check.MAX_INDEX);
    }

    @Override
    public List<Integer> shape() {
      return List.of(rows, count);
    }

    @Override
    public void checkShape() {
      Check.size("rows", rows);
      Check.size("count", count);
    }
  }

  /// Turns each pair of columns `i` and `i + D / 2` of row `r` by an angle:
  /// `to[r, i] = x[r, i] · cos - x[r, i + D / 2] · sin` and `to[r, i + D / 2] = x[r, i + D / 2] · cos + x[r, i] · sin`
  /// (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, in the order of transformers'
  /// `rotate_half`).
  ///
  /// @param x `[rows, D]` each, with an even `D` and column stride 1
  /// @param table `[rows, D]`: cosines of the `D / 2` angles of a row, then their sines, the same for all matrices
  /// @param to `[rows, D]` each, with column stride 1, all elements at different addresses
  record Rotary(Matrices x, MemorySegment table, Matrices to) implements Operation {
    public Rotary {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(table, "table");
      Objects.requireNonNull(to, "to");
    }

    @Override
    public Rotary on(BufferVisitor b) {
      return new Rotary(b.of("an input", x), b.dense("table", table, x.rows(), x.cols()), b.of("out", to));
    }

    @Override
    public MemorySegment out() {
      return to.segment();
    }

    @Override
    public List<Integer> shape() {
      return List.of(Math.multiplyExact(x.outer(), x.inner()), x.rows(), x.cols());
    }

    @Override
    public void checkShape() {
      Check.batch("to", to, x.outer(), x.inner(), x.rows(), x.cols());
      for (var m : new Matrices[] {x, to}) Check.adjacent("rotary", m);
      if (x.cols() % 2 != 0) throw new IllegalArgumentException("rotary: expected an even number of columns, got " + x.cols());
    }
  }

  /// `out = activation(x ∗ weight + bias) + residual`: a product with every window of a feature map. Samples outside the map are
  /// zeros. As usual in neural networks, the kernel is not mirrored.
  ///
  /// Output `n` belongs to group `n / (N / groups)` and reads that group's channels.
  ///
  /// @param x `[B, H, W, C]` or `[B, C, H, W]`, according to the geometry's layout
  /// @param weight `[N, k]`, with `k` and the column order of the geometry
  /// @param bias `[N]`, or null for none
  /// @param residual `[B, rows, cols, N]`, or null for none; may be `out` itself
  /// @param out `[B, rows, cols, N]`
  record Convolve(MemorySegment x, Convolution geometry, Weight weight, @Nullable MemorySegment bias, Activation activation,
      @Nullable MemorySegment residual, MemorySegment out) implements Operation {
    public Convolve {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(geometry, "geometry");
      Objects.requireNonNull(weight, "weight");
      Objects.requireNonNull(activation, "activation");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Convolve on(BufferVisitor b) {
      int n = weight.n();
      long[] shape = {geometry.batch(), geometry.rows(), geometry.cols(), n};
      return new Convolve(b.dense("x", x, geometry.mapShape()), geometry, b.of(weight), b.optional("bias", bias, n), activation,
          b.optional("residual", residual, shape), b.dense("out", out, shape));
    }

    @Override
    public List<Integer> shape() {
      return List.of(geometry.batch(), geometry.rows(), geometry.cols(), weight.n(), weight.k());
    }

    @Override
    public long macs() {
      return (long) geometry.windows() * weight.n() * weight.k();
    }

    @Override
    public List<MemorySegment> replaceable() {
      return residual == null ? List.of() : List.of(residual);
    }

    @Override
    public void checkShape() {
      var g = geometry;
      if (weight.k() != g.k())
        throw new IllegalArgumentException("weight: expected " + g.k() + " columns for a window of " + g.window().height() + "x"
            + g.window().width() + " with " + g.depth() + " channels, got " + weight.k());
      if (g.groups() > 0 && weight.n() % g.groups() != 0)
        throw new IllegalArgumentException("weight: " + weight.n() + " outputs are not a multiple of " + g.groups() + " groups");
    }
  }

  /// `out[…, c] = activation(Σ x[…, c] · taps[…, c] + bias[c])`: a separate convolution of each channel.
  ///
  /// @param x `[B, H, W, C]`
  /// @param geometry channels last, with as many groups as channels
  /// @param taps `[window height, window width, C]`
  /// @param bias `[C]`, or null for none
  /// @param out `[B, rows, cols, C]`
  record Depthwise(MemorySegment x, Convolution geometry, MemorySegment taps, @Nullable MemorySegment bias, Activation activation,
      MemorySegment out) implements Operation {
    public Depthwise {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(geometry, "geometry");
      Objects.requireNonNull(taps, "taps");
      Objects.requireNonNull(activation, "activation");
      Objects.requireNonNull(out, "out");
    }

    @Override
    public Depthwise on(BufferVisitor b) {
      var g = geometry;
      return new Depthwise(b.dense("x", x, g.mapShape()), g,
          b.dense("taps", taps, g.window().height(), g.window().width(), g.channels()),
          b.optional("bias", bias, g.channels()), activation, b.dense("out", out, g.batch(), g.rows(), g.cols(), g.channels()));
    }

    @Override
    public List<Integer> shape() {
      return List.of(geometry.batch(), geometry.rows(), geometry.cols(), geometry.channels(), geometry.window().size());
    }

    @Override
    public long macs() {
      return (long) geometry.windows() * geometry.channels() * geometry.window().size();
    }

    @Override
    public void checkShape() {
      if (geometry.groups() != geometry.channels() || geometry.layout() != Convolution.Layout.CHANNELS_LAST)
        throw new IllegalArgumentException("depthwise: expected " + geometry.channels() + " groups and channels last, got "
            + geometry.groups() + " groups and " + geometry.layout());
    }
  }

  /// `out[b, y · kernel + dy, x · kernel + dx, n] = activation(x[b, y, x] · weight[dy, dx, n] + bias[n])`: a transposed
  /// convolution whose stride equals its kernel size, so that windows do not overlap.
  ///
  /// @param x `[B, H, W, C]`
  /// @param kernel height, width and stride of the window
  /// @param weight `[kernel · kernel · N, C]`, rows in the order `(dy, dx, n)`
  /// @param bias `[N]`, or null for none
  /// @param out `[B, kernel · H, kernel · W, N]`
  record TransposedConvolution(MemorySegment x, int batch, int height, int width, int kernel, Weight weight,
      @Nullable MemorySegment bias, Activation activation, MemorySegment out) implements Operation {
    public TransposedConvolution {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(weight, "weight");
      Objects.requireNonNull(activation, "activation");
      Objects.requireNonNull(out, "out");
    }

    /// Channels of the output.
    public int channels() {
      return weight.n() / (kernel * kernel);
    }

    @Override
    public TransposedConvolution on(BufferVisitor b) {
      return new TransposedConvolution(b.dense("x", x, batch, height, width, weight.k()), batch, height, width, kernel,
          b.of(weight), b.optional("bias", bias, channels()), activation,
          b.dense("out", out, batch, (long) height * kernel, (long) width * kernel, channels()));
    }

    @Override
    public List<Integer> shape() {
      return List.of(batch, height, width, weight.n(), weight.k());
    }

    @Override
    public long macs() {
      return (long) batch * height * width * weight.n() * weight.k();
    }

    @Override
    public void checkShape() {
      for (int size : new int[] {batch, height, width}) Check.size("transposed convolution", size);
      if (kernel < 1 || weight.n() % (kernel * kernel) != 0)
        throw new IllegalArgumentException("weight: expected a multiple of " + kernel + "x" + kernel + " rows, got " + weight.n());
    }
  }

  /// Resamples a feature map in channels-last layout.
  ///
  /// @param x `[B, height, width, C]`
  /// @param out `[B, outHeight, outWidth, C]`
  record Resize(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight, int outWidth,
      Interpolation interpolation) implements Resampling {
    public Resize {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
      Objects.requireNonNull(interpolation, "interpolation");
    }

    @Override
    public Resize on(BufferVisitor b) {
      return new Resize(b.dense("x", x, batch, height, width, channels), batch, height, width, channels,
          b.dense("out", out, batch, outHeight, outWidth, channels), outHeight, outWidth, interpolation);
    }
  }

  /// The index of the largest channel after [Resize], without storing the resampled map: the class of every pixel from logits of
  /// lower resolution. Ties go to the first channel; NaN is ignored; if all channels are NaN or `-∞`, the result is 0.
  ///
  /// @param x `[B, height, width, C]` with 1 to 2²⁴ - 1 channels
  /// @param out `[B, outHeight, outWidth]`, channel indices
  record ResizeArgmax(MemorySegment x, int batch, int height, int width, int channels, MemorySegment out, int outHeight,
      int outWidth, Interpolation interpolation) implements Resampling {
    public ResizeArgmax {
      Objects.requireNonNull(x, "x");
      Objects.requireNonNull(out, "out");
      Objects.requireNonNull(interpolation, "interpolation");
    }

    @Override
    public ResizeArgmax on(BufferVisitor b) {
      return new ResizeArgmax(b.dense("x", x, batch, height, width, channels), batch, height, width, channels,
          b.dense("out", out, batch, outHeight, outWidth), outHeight, outWidth, interpolation);
    }

    @Override
    public void checkShape() {
      if (channels < 1 || channels >= Check.MAX_INDEX)
        throw new IllegalArgumentException("resize: expected 1 to " + (Check.MAX_INDEX - 1) + " channels, got " + channels);
      Resampling.super.checkShape();
    }
  }

  /// An operation on each element separately; `out` may be `x` itself.
  sealed interface Elementwise extends Operation permits Activate, Scale {
    /// `[n]`.
    MemorySegment x();

    /// Number of elements.
    long n();

    @Override
    default List<Integer> shape() {
      return List.of(Math.toIntExact(n()));
    }

    @Override
    default List<MemorySegment> replaceable() {
      return List.of(x());
    }

    @Override
    default void checkShape() {
      Check.size("n", n());
    }
  }

  /// An operation on each row of a matrix separately; `out` may be `x` itself.
  sealed interface Rowwise extends Operation permits Softmax, LayerNorm, RmsNorm {
    /// `[rows, cols]`.
    MemorySegment x();

    /// Number of rows.
    int rows();

    /// Number of columns.
    int cols();

    @Override
    default List<Integer> shape() {
      return List.of(rows(), cols());
    }

    @Override
    default List<MemorySegment> replaceable() {
      return List.of(x());
    }

    @Override
    default void checkShape() {
      Check.size("rows", rows());
      Check.size("cols", cols());
    }
  }

  /// An operation on each element of `a` and one of `b`, which repeats.
  sealed interface Repeating extends Operation permits Add, Multiply {
    /// `[n]`.
    MemorySegment a();

    /// `[period]`.
    MemorySegment b();

    /// Number of elements of `a`.
    long n();

    /// Number of elements of `b`.
    long period();

    @Override
    default List<Integer> shape() {
      return List.of(Math.toIntExact(n()), Math.toIntExact(period()));
    }

    @Override
    default List<MemorySegment> replaceable() {
      return period() == n() ? List.of(a(), b()) : List.of(a());
    }

    @Override
    default void checkShape() {
      Check.size("n", n());
      if (n() > 0 && (period() < 1 || n() % period() != 0))
        throw new IllegalArgumentException("period: expected a divisor of n = " + n() + ", got " + period());
    }
  }

  /// Resampling of a feature map.
  sealed interface Resampling extends Operation permits Resize, ResizeArgmax {
    /// `[batch, height, width, channels]`.
    MemorySegment x();

    /// Number of maps.
    int batch();

    /// Rows of the input.
    int height();

    /// Columns of the input.
    int width();

    /// Number of channels.
    int channels();

    /// Rows of the result.
    int outHeight();

    /// Columns of the result.
    int outWidth();

    /// The interpolation method.
    Interpolation interpolation();

    @Override
    default List<Integer> shape() {
      return List.of(batch(), height(), width(), channels(), outHeight(), outWidth());
    }

    @Override
    default void checkShape() {
      for (int size : shape()) Check.size("resize", size);
      boolean isEmpty = (long) height() * width() == 0;
      if (isEmpty && (long) batch() * outHeight() * outWidth() * channels() > 0)
        throw new IllegalArgumentException("resize: nothing to resample from");
    }
  }
}
