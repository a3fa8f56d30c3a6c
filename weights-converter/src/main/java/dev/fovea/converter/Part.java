package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Elements of a published checkpoint that become a parameter, or some of its rows, in the parameter's order.
sealed interface Part {
  /// Number of elements.
  long size();

  /// Writes elements `i … i + n - 1` to `out`, starting at `at`.
  void read(long i, float[] out, int at, int n);

  /// Whether they form rows of `k`: whether `k` is the product of some last dimensions.
  boolean hasRows(int k);

  /// Whether they fit a tensor of this shape and of their size: reordered elements must have the shape, dimensions of 1 aside.
  boolean hasShape(int... shape);

  /// Their tensor, or one of several.
  SourceTensor tensor();

  /// Elements `[from, to)`, whole rows, of a tensor whose dimensions may be reordered.
  ///
  /// @param view the tensor with its dimensions in that order
  /// @param order of the dimensions; empty if unchanged
  /// @param norm the batch norm folded into it; null for none
  record Stored(SourceTensor tensor, SourceTensor view, long from, long to, List<Integer> order,
      @Nullable BatchNorm norm) implements Part {
    static Stored of(SourceTensor tensor, SourcePart source, @Nullable BatchNorm norm) {
      long size = tensor.size(), rows = tensor.shape().isEmpty() ? 1 : Math.max(1, tensor.shape().getFirst());
      long from = source.first() == 0 ? source.index() * size / source.count() : size / rows * Math.min(rows, source.first());
      return new Stored(tensor, source.order().isEmpty() ? tensor : tensor.permuted(source.order()), from,
          (source.index() + 1) * size / source.count(), source.order(), norm);
    }

    @Override
    public long size() {
      return to - from;
    }

    @Override
    public boolean hasRows(int k) {
      long length = 1;
      for (long d : view.shape().reversed()) {
        if (length == k) return true;
        length *= d;
      }
      return false;
    }

    @Override
    public boolean hasShape(int... shape) {
      return order.isEmpty() || Arrays.equals(view.shape().stream().mapToLong(d -> d).filter(d -> d != 1).toArray(),
          IntStream.of(shape).asLongStream().filter(d -> d != 1).toArray());
    }

    @Override
    public void read(long i, float[] out, int at, int n) {
      view.read(from + i, out, at, n);
      if (norm == null) return;
      int outputs = Math.max(0, order.indexOf(0));
      long channels = view.shape().get(outputs), each = view.shape().stream().skip(outputs + 1).reduce(1L, Math::multiplyExact);
      boolean bias = view.shape().size() == 1;
      for (int j = 0; j < n; j++) {
        long channel = (from + i + j) / each % channels;
        out[at + j] = (float) (bias ? norm.bias(channel, out[at + j]) : out[at + j] * norm.scale(channel));
      }
    }
  }

  /// A part preceded by `zeros` zeros.
  record AfterZeros(Part part, long zeros) implements Part {
    @Override
    public long size() {
      return zeros + part.size();
    }

    @Override
    public void read(long i, float[] out, int at, int n) {
      int first = Math.clamp(zeros - i, 0, n);
      Arrays.fill(out, at, at + first, 0);
      part.read(Math.max(0, i - zeros), out, at + first, n - first);
    }

    @Override
    public boolean hasRows(int k) {
      return part.hasRows(k);
    }

    @Override
    public boolean hasShape(int... shape) {
      return part.hasShape(shape);
    }

    @Override
    public SourceTensor tensor() {
      return part.tensor();
    }
  }

  /// The bias of a convolution without one, from the batch norm folded into it.
  record Folded(BatchNorm norm) implements Part {
    @Override
    public long size() {
      return norm.bias().size();
    }

    @Override
    public void read(long i, float[] out, int at, int n) {
      for (int j = 0; j < n; j++) out[at + j] = (float) norm.bias(i + j, 0);
    }

    @Override
    public boolean hasRows(int k) {
      return false;
    }

    @Override
    public boolean hasShape(int... shape) {
      return shape.length == 1 && shape[0] == size();
    }

    @Override
    public SourceTensor tensor() {
      return norm.bias();
    }
  }
}
