package dev.fovea.cli;

import dev.fovea.kernels.BufferVisitor;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.LongStream;
import org.jetbrains.annotations.Nullable;

/// What an operation has written.
///
/// @param shape without leading ones
/// @param mean of the finite values; NaN if there are none
/// @param spread standard deviation of the finite values; NaN if there are none
/// @param notFinite number of values that are NaN or infinite
record OutputValues(List<Long> shape, double mean, double spread, long notFinite) {
  /// Reads the output of an operation that has just run.
  static OutputValues of(Operation operation) {
    var finder = new OutputFinder();
    operation.on(finder);
    var out = operation instanceof Operation.Append append ? append.now().to() : finder.out;
    long[] count = new long[2];
    double[] sum = new double[2];
    each(out, value -> {
      if (!Double.isFinite(value)) {
        count[1]++;
        return;
      }
      count[0]++;
      sum[0] += value;
    });
    double mean = sum[0] / count[0];
    each(out, value -> {
      if (Double.isFinite(value)) sum[1] += (value - mean) * (value - mean);
    });
    return new OutputValues(withoutLeadingOnes(finder.shape), mean, Math.sqrt(sum[1] / count[0]), count[1]);
  }

  private static void each(Matrices m, DoubleConsumer use) {
    for (int o = 0; o < m.outer(); o++)
      for (int i = 0; i < m.inner(); i++)
        for (int row = 0; row < m.rows(); row++)
          for (int col = 0; col < m.cols(); col++)
            use.accept(m.segment().getAtIndex(ValueLayout.JAVA_FLOAT, m.index(o, i, row, col)));
  }

  private static List<Long> withoutLeadingOnes(long[] shape) {
    int first = 0;
    while (first < shape.length - 1 && shape[first] == 1) first++;
    return LongStream.of(shape).skip(first).boxed().toList();
  }

  /// Finds the buffer that an operation writes.
  private static final class OutputFinder implements BufferVisitor {
    private static final String OUT = "out";

    private long[] shape = {};
    private @Nullable Matrices out;

    @Override
    public MemorySegment dense(String name, MemorySegment buffer, long... shape) {
      if (name.equals(OUT)) {
        this.shape = shape;
        int last = shape.length - 1, cols = Math.toIntExact(shape[last]);
        out = Matrices.dense(buffer, 1, Math.toIntExact(Arrays.stream(shape, 0, last).reduce(1, Math::multiplyExact)), cols);
      }
      return buffer;
    }

    @Override
    public MemorySegment strided(String name, Matrices matrices) {
      if (name.equals(OUT)) {
        shape = new long[] {matrices.outer(), matrices.inner(), matrices.rows(), matrices.cols()};
        out = matrices;
      }
      return matrices.segment();
    }

    @Override
    public MemorySegment weight(Weight weight) {
      return weight.segment();
    }
  }
}
