package dev.fovea.converter;

import dev.fovea.converter.source.SourceTensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Numbers of a published checkpoint that become a parameter, or some rows of one, in the order in which it holds them.
sealed interface Part {
  /// How many there are.
  long size();

  /// Number `i` of them.
  float floatAt(long i);

  /// Whether they are rows of `k`: whether some last dimensions make `k` together.
  boolean hasRows(int k);

  /// Whether they may be called a tensor of this shape and of their size: where they were reordered, dimensions of 1 aside, they
  /// must have it.
  boolean hasShape(int... shape);

  /// The tensor that they are from, or that speaks for several.
  SourceTensor tensor();

  /// The part `[from, to)` of a tensor whose dimensions are put in another order: whole rows.
  ///
  /// @param order of the dimensions; empty where they stay as they are
  /// @param norm what is folded into it; null for nothing
  record Stored(SourceTensor tensor, long from, long to, List<Integer> order, @Nullable BatchNorm norm) implements Part {
    static Stored of(SourceTensor tensor, NameMap.Source source, @Nullable BatchNorm norm) {
      long size = tensor.size();
      return new Stored(tensor, source.index() * size / source.count(), (source.index() + 1) * size / source.count(), source.order(), norm);
    }

    private List<Long> shape() {
      return order.isEmpty() ? tensor.shape() : order.stream().map(tensor.shape()::get).toList();
    }

    @Override
    public long size() {
      return to - from;
    }

    @Override
    public boolean hasRows(int k) {
      long length = 1;
      for (long d : shape().reversed()) {
        if (length == k) return true;
        length *= d;
      }
      return false;
    }

    @Override
    public boolean hasShape(int... shape) {
      return order.isEmpty() || Arrays.equals(shape().stream().mapToLong(d -> d).filter(d -> d != 1).toArray(),
          IntStream.of(shape).asLongStream().filter(d -> d != 1).toArray());
    }

    @Override
    public float floatAt(long i) {
      long at = position(from + i);
      float value = tensor.floatAt(at);
      if (norm == null) return value;
      return (float) (tensor.shape().size() == 1 ? norm.bias(at, value) : value * norm.scale(at * tensor.shape().getFirst() / tensor.size()));
    }

    /// Where element `i` of the reordered tensor is in the stored one.
    private long position(long i) {
      if (order.isEmpty()) return i;
      long at = 0;
      for (int d = order.size() - 1; d >= 0; d--) {
        long length = tensor.shape().get(order.get(d));
        at += i % length * stride(order.get(d));
        i /= length;
      }
      return at;
    }

    private long stride(int dimension) {
      long stride = 1;
      for (int d = dimension + 1; d < order.size(); d++) stride *= tensor.shape().get(d);
      return stride;
    }
  }

  /// A part after `zeros` zeros.
  record AfterZeros(Part part, long zeros) implements Part {
    @Override
    public long size() {
      return zeros + part.size();
    }

    @Override
    public float floatAt(long i) {
      return i < zeros ? 0 : part.floatAt(i - zeros);
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

  /// The bias that a convolution without one gets from the batch norm that is folded into it.
  record Folded(BatchNorm norm) implements Part {
    @Override
    public long size() {
      return norm.bias().size();
    }

    @Override
    public float floatAt(long i) {
      return (float) norm.bias(i, 0);
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
