package dev.fovea.engine.tensor;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jetbrains.annotations.Nullable;

/// An n-dimensional array of float32 numbers in native memory.
///
/// A view (`reshape`, `slice`, `select`, `transposed`) shares the memory of its tensor. An operation (`plus`, `softmax`, …) writes
/// a new tensor into the [Workspace] of the tensor it is called on; a tensor without a workspace, such as a weight, can only be an
/// argument.
///
/// Using a tensor after its memory is closed throws [IllegalStateException]. Results of a pass are valid as [Workspace] says;
/// reading them later gives what other passes have written there.
///
/// Shape and place of a tensor never change. Threads may read the same tensor as long as none writes it; operations belong to the
/// thread of the pass. Views cost nothing. Every operation throws, beside the exceptions of [Workspace#run(Object, Map, Function,
/// Function)]:
///
/// - [IllegalArgumentException] if the shapes do not fit the operation
/// - [IndexOutOfBoundsException] if it names a dimension or a part that the tensor does not have, as views do too
/// - [IllegalStateException] if this tensor has no workspace, no pass is running in it, or a tensor that has to be contiguous is
///   not
public final class Tensor {
  /// Alignment of tensors that own their memory: a cache line, which is also the widest vector.
  private static final long ALIGNMENT = 64;

  private final @Nullable Workspace workspace;
  private final MemorySegment base;
  private final long offset;
  private final int[] shape;
  private final long[] strides;

  private Tensor(@Nullable Workspace workspace, MemorySegment base, long offset, int[] shape, long[] strides) {
    this.workspace = workspace;
    this.base = base;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  /// A tensor over memory that the caller owns, without a copy.
  ///
  /// @throws IllegalArgumentException if `segment` is not native memory, or its size does not match `shape`
  public static Tensor over(MemorySegment segment, int... shape) {
    Objects.requireNonNull(shape, "shape");
    long bytes = 4 * size(shape);
    if (!segment.isNative()) throw new IllegalArgumentException("tensor: expected native memory, got a segment on the heap");
    if (segment.byteSize() != bytes)
      throw new IllegalArgumentException("tensor " + Arrays.toString(shape) + ": expected " + bytes + " bytes, got "
          + segment.byteSize());
    return dense(null, segment, shape);
  }

  /// A tensor of zeros whose memory lives as long as `arena`, a shared or automatic one if the tensor is for passes.
  public static Tensor zeros(Arena arena, int... shape) {
    Objects.requireNonNull(shape, "shape");
    return dense(null, arena.allocate(4 * size(shape), ALIGNMENT), shape);
  }

  /// A copy of `values` whose memory lives as long as `arena`, a shared or automatic one if the tensor is for passes.
  ///
  /// @throws IllegalArgumentException if the number of values does not match `shape`
  public static Tensor of(Arena arena, float[] values, int... shape) {
    Objects.requireNonNull(arena, "arena");
    Objects.requireNonNull(shape, "shape");
    if (values.length != size(shape))
      throw new IllegalArgumentException("tensor " + Arrays.toString(shape) + ": expected " + size(shape) + " values, got "
          + values.length);
    var tensor = zeros(arena, shape);
    MemorySegment.copy(values, 0, tensor.base, JAVA_FLOAT_UNALIGNED, 0, values.length);
    return tensor;
  }

  /// A tensor with a shape but no memory, for counting a model's operations.
  public static Tensor shapeOnly(int... shape) {
    return dense(null, MemorySegment.NULL, shape);
  }

  /// This tensor's shape and strides without memory, for recording a pass: the segment has length zero.
  ///
  /// @param address virtual address of the first element
  Tensor virtual(Workspace workspace, long address) {
    return new Tensor(workspace, MemorySegment.ofAddress(address), 0, shape, strides);
  }

  /// This tensor of a recorded pass, at its place in the memory of `program`.
  Tensor in(Program program) {
    return new Tensor(null, program.memory(MemorySegment.ofAddress(address()), extentBytes()), 0, shape, strides);
  }

  /// Bytes from the first element to the end of the last.
  long extentBytes() {
    if (size() == 0) return 0;
    long last = 0;
    for (int i = 0; i < rank(); i++) last += (shape[i] - 1) * strides[i];
    return Float.BYTES * (last + 1);
  }

  /// The memory from the first element to the end of the last.
  MemorySegment memory() {
    return at(extentBytes());
  }

  static Tensor dense(@Nullable Workspace workspace, MemorySegment segment, int... shape) {
    return new Tensor(workspace, segment, 0, shape.clone(), denseStrides(shape));
  }

  /// The same tensor with `workspace` for results of operations.
  Tensor in(Workspace workspace) {
    return new Tensor(workspace, base, offset, shape, strides);
  }

  // Shape

  /// Sizes of the dimensions, outermost first; a copy.
  public int[] shape() {
    return shape.clone();
  }

  /// Number of dimensions.
  public int rank() {
    return shape.length;
  }

  /// Size of dimension `i`; a negative `i` counts from the last.
  public int dim(int i) {
    return shape[i < 0 ? i + shape.length : i];
  }

  /// Number of elements.
  public long size() {
    return size(shape);
  }

  private static long size(int[] shape) {
    long size = 1;
    for (int d : shape) {
      if (d < 0) throw new IllegalArgumentException("negative dimension in " + Arrays.toString(shape));
      size = Math.multiplyExact(size, (long) d);
    }
    return size;
  }

  private static long[] denseStrides(int[] shape) {
    var strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= shape[i];
    }
    return strides;
  }

  /// Whether the elements are contiguous in row-major order.
  public boolean isContiguous() {
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] > 1 && strides[i] != stride) return false;
      stride *= shape[i];
    }
    return true;
  }

  // Memory

  /// The elements' memory, not a copy.
  ///
  /// @throws IllegalStateException if the tensor is not contiguous
  public MemorySegment segment() {
    if (!isContiguous()) throw new IllegalStateException("tensor " + this + " is not contiguous");
    return at(4 * size());
  }

  /// `bytes` bytes from the first element.
  private MemorySegment at(long bytes) {
    return isVirtual() ? MemorySegment.ofAddress(base.address() + 4 * offset) : base.asSlice(4 * offset, bytes);
  }

  private boolean isVirtual() {
    return base.byteSize() == 0;
  }

  /// Whether this tensor has elements but no memory.
  public boolean isShapeOnly() {
    return isVirtual() && size() > 0;
  }

  /// The last two dimensions as matrices, batched over the dimensions before them.
  ///
  /// @throws IllegalStateException if there are fewer than two or more than four dimensions
  public Matrices matrices() {
    int r = rank();
    if (r < 2 || r > 4) throw new IllegalStateException("tensor " + this + ": expected 2 to 4 dimensions");
    int outer = r == 4 ? shape[0] : 1, inner = r >= 3 ? shape[r - 3] : 1;
    long outerStride = r == 4 ? strides[0] : 0, innerStride = r >= 3 ? strides[r - 3] : 0;
    return new Matrices(at(extentBytes()), outer, inner, shape[r - 2], shape[r - 1], outerStride, innerStride,
        strides[r - 2], strides[r - 1]);
  }

  /// Sets one element, by its index in memory, of a tensor that owns its memory or is an input of a pass.
  ///
  /// @throws IndexOutOfBoundsException if the index is outside the tensor
  public void put(int index, float value) {
    base.set(JAVA_FLOAT_UNALIGNED, 4 * (offset + Objects.checkIndex(index, size())), value);
  }

  /// One element.
  ///
  /// @throws IndexOutOfBoundsException if an index is outside the shape
  public float get(int... index) {
    long at = offset;
    if (index.length != rank()) throw new IndexOutOfBoundsException(Arrays.toString(index) + " in " + this);
    for (int i = 0; i < index.length; i++) {
      if (index[i] < 0 || index[i] >= shape[i]) throw new IndexOutOfBoundsException(Arrays.toString(index) + " in " + this);
      at += index[i] * strides[i];
    }
    return base.get(JAVA_FLOAT_UNALIGNED, 4 * at);
  }

  /// A copy of all elements, in the order of the shape.
  ///
  /// @throws ArithmeticException if there are more than an `int` can count
  public float[] toArray() {
    var values = new float[Math.toIntExact(size())];
    if (isContiguous()) {
      MemorySegment.copy(segment(), JAVA_FLOAT_UNALIGNED, 0, values, 0, values.length);
      return values;
    }
    for (int i = 0; i < values.length; i++) {
      long at = offset;
      int rest = i;
      for (int d = rank() - 1; d >= 0; d--) {
        at += rest % shape[d] * strides[d];
        rest /= shape[d];
      }
      values[i] = base.get(JAVA_FLOAT_UNALIGNED, 4 * at);
    }
    return values;
  }

  /// Copies all elements into an array, without making one.
  ///
  /// @throws IllegalArgumentException if the array has another length
  /// @throws IllegalStateException if this tensor is not contiguous
  public void copyTo(float[] values) {
    if (values.length != size())
      throw new IllegalArgumentException("tensor " + this + ": expected an array of " + size() + " values, got " + values.length);
    MemorySegment.copy(segment(), JAVA_FLOAT_UNALIGNED, 0, values, 0, values.length);
  }

  /// A copy that outlives the pass; its memory lives as long as `arena`.
  public Tensor copy(Arena arena) {
    return of(arena, toArray(), shape);
  }

  // Views

  /// The same elements in another shape of the same size.
  ///
  /// @throws IllegalArgumentException if the sizes differ
  /// @throws IllegalStateException if this tensor is not contiguous
  public Tensor reshape(int... shape) {
    Objects.requireNonNull(shape, "shape");
    if (size(shape) != size())
      throw new IllegalArgumentException("reshape: " + this + " has " + size() + " elements, " + Arrays.toString(shape) + " "
          + size(shape));
    if (!isContiguous()) throw new IllegalStateException("reshape: tensor " + this + " is not contiguous");
    return new Tensor(workspace, base, offset, shape.clone(), denseStrides(shape));
  }

  /// The part `[from, to)` of dimension `dim`.
  ///
  /// @throws IndexOutOfBoundsException if the range is not inside the dimension
  public Tensor slice(int dim, int from, int to) {
    if (from < 0 || from > to || to > shape[dim])
      throw new IndexOutOfBoundsException("slice [" + from + ", " + to + ") of dimension " + dim + " of " + this);
    var part = shape.clone();
    part[dim] = to - from;
    return new Tensor(workspace, base, offset + from * strides[dim], part, strides);
  }

  /// The part at `index` of dimension `dim`, without that dimension.
  public Tensor select(int dim, int index) {
    var part = slice(dim, index, index + 1);
    var keep = IntStream.range(0, rank()).filter(i -> i != dim).toArray();
    return new Tensor(workspace, base, part.offset, pick(shape, keep), Arrays.stream(keep).mapToLong(i -> strides[i]).toArray());
  }

  /// The same elements with two dimensions exchanged.
  public Tensor transposed(int a, int b) {
    var order = IntStream.range(0, rank()).map(i -> i == a ? b : i == b ? a : i).toArray();
    return new Tensor(workspace, base, offset, pick(shape, order), Arrays.stream(order).mapToLong(i -> strides[i]).toArray());
  }

  /// This tensor repeated `count` times along a new first dimension, without a copy.
  public Tensor expand(int count) {
    var moreShape = IntStream.concat(IntStream.of(count), Arrays.stream(shape)).toArray();
    var moreStrides = LongStream.concat(LongStream.of(0), Arrays.stream(strides)).toArray();
    return new Tensor(workspace, base, offset, moreShape, moreStrides);
  }

  /// All windows of `size` consecutive rows, without a copy: `[N, …]` → `[N - size + 1, size, …]`; window `i` starts at row `i`.
  public Tensor windows(int size) {
    var part = slice(0, 0, shape[0] - size + 1);
    var moreShape = IntStream.concat(IntStream.of(part.shape[0], size), Arrays.stream(shape).skip(1)).toArray();
    var moreStrides = LongStream.concat(LongStream.of(strides[0]), Arrays.stream(strides)).toArray();
    return new Tensor(workspace, base, offset, moreShape, moreStrides);
  }

  private static int[] pick(int[] values, int[] indices) {
    return Arrays.stream(indices).map(i -> values[i]).toArray();
  }

  // Operations

  /// The workspace for results of operations.
  ///
  /// @throws IllegalStateException if there is none
  public Workspace workspace() {
    if (workspace == null) throw new IllegalStateException("tensor " + this
        + " belongs to no workspace: it can be an argument only");
    return workspace;
  }

  /// A new tensor in this tensor's workspace, with undefined contents.
  public Tensor allocate(int... shape) {
    Objects.requireNonNull(shape, "shape");
    return workspace().allocate(shape);
  }

  /// Performs an operation in this tensor's pass.
  ///
  /// @throws IllegalStateException if the tensor belongs to no workspace, or no pass is running
  public void run(Operation operation) {
    Objects.requireNonNull(operation, "operation");
    workspace().run(operation);
  }

  /// The memory of an optional tensor.
  ///
  /// @return null if `tensor` is null
  public static @Nullable MemorySegment segmentOf(@Nullable Tensor tensor) {
    return tensor == null ? null : tensor.segment();
  }

  /// Number of rows of `cols` elements.
  private int rows(int cols) {
    return cols == 0 ? 0 : Math.toIntExact(size() / cols);
  }

  /// This tensor if it is contiguous, else a copy that is.
  public Tensor contiguous() {
    if (isContiguous()) return this;
    var copy = allocate(shape);
    copy.set(this);
    return copy;
  }

  /// The parts concatenated along dimension `dim`, in the workspace of the first part that has one.
  ///
  /// @throws IllegalArgumentException if the parts differ in another dimension
  /// @throws IllegalStateException if no part has a workspace
  public static Tensor concat(int dim, Tensor... parts) {
    Objects.requireNonNull(parts, "parts");
    var home = Arrays.stream(parts).filter(part -> part.workspace != null).findFirst().orElse(parts[0]);
    var shape = parts[0].shape();
    shape[dim] = Arrays.stream(parts).mapToInt(part -> part.dim(dim)).sum();
    var whole = home.allocate(shape);
    int at = 0;
    for (var part : parts) whole.slice(dim, at, at += part.dim(dim)).set(part);
    return whole;
  }

  /// Copies `values`, of the same shape, into this tensor.
  public void set(Tensor values) {
    if (!Arrays.equals(shape, values.shape)) throw new IllegalArgumentException("set: expected " + this + ", got " + values);
    switch (rank()) {
      case 0, 1 -> reshapeToMatrix().set(values.reshapeToMatrix());
      case 2, 3, 4 -> run(new Operation.Copy(values.matrices(), matrices()));
      default -> {
        for (int i = 0; i < shape[0]; i++) select(0, i).set(values.select(0, i));
      }
    }
  }

  /// Shape and strides as text.
  String layout() {
    return Arrays.toString(shape) + Arrays.toString(strides);
  }

  /// Address of the first element.
  long address() {
    return base.address() + 4 * offset;
  }

  private Tensor reshapeToMatrix() {
    long stride = rank() == 0 ? 1 : strides[0];
    return new Tensor(workspace, base, offset, new int[] {rank() == 0 ? 1 : shape[0], 1}, new long[] {stride, 1});
  }

  /// The element-wise sum; the shape of `other` equals this tensor's last dimensions, and is broadcast over the others.
  public Tensor plus(Tensor other) {
    repeats(other);
    var out = allocate(shape);
    run(new Operation.Add(segment(), other.segment(), out.segment(), size(), other.size()));
    return out;
  }

  /// The element-wise product; the shape of `other` equals this tensor's last dimensions, and is broadcast over the others.
  public Tensor times(Tensor other) {
    repeats(other);
    var out = allocate(shape);
    run(new Operation.Multiply(segment(), other.segment(), out.segment(), size(), other.size()));
    return out;
  }

  private void repeats(Tensor other) {
    int first = rank() - other.rank();
    if (first < 0 || !Arrays.equals(shape, first, rank(), other.shape, 0, other.rank()))
      throw new IllegalArgumentException("expected the last dimensions of " + this + ", got " + other);
  }

  /// Every element times `factor`.
  public Tensor times(float factor) {
    var out = allocate(shape);
    run(new Operation.Scale(segment(), factor, out.segment(), size()));
    return out;
  }

  /// `activation` of every element.
  public Tensor activate(Activation activation) {
    Objects.requireNonNull(activation, "activation");
    var out = allocate(shape);
    run(new Operation.Activate(activation, segment(), out.segment(), size()));
    return out;
  }

  /// Softmax over the last dimension.
  public Tensor softmax() {
    var out = allocate(shape);
    int cols = dim(-1);
    run(new Operation.Softmax(segment(), out.segment(), rows(cols), cols));
    return out;
  }

  /// Each row of the last dimension divided by its Euclidean norm; NaN where the norm is zero.
  public Tensor normalized() {
    var unit = allocate(shape);
    int cols = dim(-1);
    run(new Operation.RmsNorm(segment(), null, 0, unit.segment(), rows(cols), cols));
    return unit.times((float) (1 / Math.sqrt(cols)));
  }

  /// For each row of the last dimension, the index of the first element equal to `value`, or NaN if there is none: `[…, N]` →
  /// `[rows]`. Indices count from this tensor's first element, as the row numbers of [#rows(Tensor)].
  public Tensor find(float value) {
    int cols = dim(-1), rows = rows(cols);
    var out = allocate(rows);
    run(new Operation.Find(segment(), value, out.segment(), rows, cols));
    return out;
  }

  /// The rows of each item whose largest elements are greatest, the greatest first: `[B, N, T]` → `[B, count]`. Indices count over
  /// all items, as the row numbers of [#rows(Tensor)]; equal rows keep their order, NaN is ignored, rows of only NaN come last.
  ///
  /// @throws IllegalArgumentException if an item has fewer than `count` rows
  public Tensor topRows(int count) {
    var out = allocate(dim(0), count);
    run(new Operation.TopRows(segment(), out.segment(), dim(0), dim(1), dim(2), count));
    return out;
  }

  /// Selected rows of the last dimension: `[…, C]` → `[count, C]`.
  ///
  /// @param indices row numbers, `[count]`
  public Tensor rows(Tensor indices) {
    int cols = dim(-1), count = indices.dim(0);
    var out = allocate(count, cols);
    run(new Operation.Gather(Weight.rows(segment(), rows(cols), cols), indices.segment(), out.segment(), count));
    return out;
  }

  /// A feature map resized: `[B, H, W, C]` → `[B, height, width, C]`.
  public Tensor resize(int height, int width, Interpolation interpolation) {
    Objects.requireNonNull(interpolation, "interpolation");
    if (dim(1) == height && dim(2) == width) return this;
    var out = allocate(dim(0), height, width, dim(3));
    run(new Operation.Resize(segment(), dim(0), dim(1), dim(2), dim(3), out.segment(), height, width, interpolation));
    return out;
  }

  /// The index of the largest channel of a resized feature map: `[B, H, W, C]` → `[B, height, width]`.
  public Tensor argmax(int height, int width, Interpolation interpolation) {
    Objects.requireNonNull(interpolation, "interpolation");
    var out = allocate(dim(0), height, width);
    run(new Operation.ResizeArgmax(segment(), dim(0), dim(1), dim(2), dim(3), out.segment(), height, width, interpolation));
    return out;
  }

  /// The mean over dimension `dim`, without that dimension.
  public Tensor mean(int dim) {
    var x = contiguous();
    int outer = 1, inner = 1;
    for (int i = 0; i < dim; i++) outer *= shape[i];
    for (int i = dim + 1; i < rank(); i++) inner *= shape[i];
    var out = allocate(IntStream.range(0, rank()).filter(i -> i != dim).map(i -> shape[i]).toArray());
    run(new Operation.Resize(x.segment(), outer, shape[dim], 1, inner, out.segment(), 1, 1, Interpolation.AREA));
    return out;
  }

  /// `scale · this · other`, batched over the leading dimensions.
  public Tensor matmul(Tensor other, float scale) {
    var outShape = shape.clone();
    outShape[rank() - 1] = other.dim(-1);
    var out = allocate(outShape);
    run(new Operation.Matmul(matrices(), other.matrices(), out.matrices(), scale));
    return out;
  }

  @Override
  public String toString() {
    return Arrays.toString(shape);
  }
}
