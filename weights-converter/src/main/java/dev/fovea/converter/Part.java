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

  /// Writes numbers `i … i + n - 1` of them to `out`, from place `at` on.
  void read(long i, float[] out, int at, int n);

  /// Whether they are rows of `k`: whether some last dimensions make `k` together.
  boolean hasRows(int k);

  /// Whether they may be called a tensor of this shape and of their size: where they were reordered, dimensions of 1 aside, they
  /// must have it.
  boolean hasShape(int... shape);

  /// The tensor that they are from, or that speaks for several.
  SourceTensor tensor();

  /// The part `[from, to)` of a tensor whose dimensions are put in another order: whole rows.
  ///
  /// @param view the tensor with its dimensions in that order
  /// @param order of the dimensions; empty where they stay as they are
  /// @param norm what is folded into it; null for nothing
  record Stored(SourceTensor tensor, SourceTensor view, long from, long to, List<Integer> order,
      @Nullable BatchNorm norm) implements Part {
    static Stored of(SourceTensor tensor, NameMap.Source source, @Nullable BatchNorm norm) {
      long size = tensor.size();
      return new Stored(tensor, source.order().isEmpty() ? tensor : tensor.permuted(source.order()),
          source.index() * size / source.count(), (source.index() + 1) * size / source.count(), source.order(), norm);
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

  /// A part after `zeros` zeros.
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

  /// The bias that a convolution without one gets from the batch norm that is folded into it.
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
