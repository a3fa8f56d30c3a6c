package dev.fovea.benchmarks;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Multiply-accumulates of integers, beside those of float32: whether a product of 8-bit numbers could be faster. One thread,
/// operands in the first-level cache; the time of an operation is that of one multiply-accumulate.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class BitsBenchmark {
  private static final int PAIRS = 1024;
  /// Of a product in the Vector API, rows by columns by steps.
  private static final int ROWS = 4, COLUMNS = 64, STEPS = 256;
  /// Of a product by Fovea's kernels, whose weight is in the second-level cache.
  private static final int M = 197, N = 384, K = 768;

  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Byte> HALF = bytes(2), QUARTER = bytes(4);
  private static final int S = SHORTS.length(), I = INTS.length();

  private final Arena arena = Arena.ofShared();
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(1));
  private final Case float32 = product(WeightFormat.F32), q8 = product(WeightFormat.Q8);

  private final short[] a = new short[2 * PAIRS], b = new short[2 * PAIRS], c = new short[2 * PAIRS], d = new short[2 * PAIRS];
  private final int[] ac = new int[PAIRS], ad = new int[PAIRS], bc = new int[PAIRS], bd = new int[PAIRS];

  /// `[ROWS, STEPS]`.
  private final short[] x = new short[ROWS * STEPS];
  /// `[COLUMNS / lanes, STEPS, lanes]`, with room for a vector that is loaded at the end.
  private final byte[] w = new byte[COLUMNS * STEPS + Long.BYTES];
  /// `[ROWS, COLUMNS]`, in the order of panels.
  private final int[] out = new int[ROWS * COLUMNS];

  private static VectorSpecies<Byte> bytes(int part) {
    return VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, ShortVector.SPECIES_PREFERRED.vectorBitSize() / part)));
  }

  private Case product(WeightFormat format) {
    return Shapes.product("bits", M, N, K, format, Shapes.NONE).prepare().apply(arena);
  }

  /// Fills the operands, and checks every way's results.
  @Setup
  public void setUp() {
    var random = new Random(1);
    for (var operand : new short[][] {a, b, c, d}) for (int i = 0; i < operand.length; i++) operand[i] = (short) eightBits(random);
    for (int i = 0; i < x.length; i++) x[i] = (short) eightBits(random);
    for (int i = 0; i < w.length; i++) w[i] = (byte) eightBits(random);
    float32.runChecked(kernels);
    q8.runChecked(kernels);
    int sum = pairsSummed();
    for (int i = 0; i < 2 * PAIRS; i++) sum -= a[i] * c[i];
    require(sum == 0);
    pairsStored();
    for (int i = 0; i < PAIRS; i++) {
      require(ac[i] == a[2 * i] * c[2 * i] + a[2 * i + 1] * c[2 * i + 1]);
      require(bd[i] == b[2 * i] * d[2 * i] + b[2 * i + 1] * d[2 * i + 1]);
    }
    vectorsOf16Bits();
    requireProduct(S);
    vectorsOf32Bits();
    requireProduct(I);
  }

  private static int eightBits(Random random) {
    return random.nextInt(255) - 127;
  }

  private static void require(boolean isRight) {
    if (!isRight) throw new IllegalStateException("a result is wrong");
  }

  private void requireProduct(int lanes) {
    for (int row = 0; row < ROWS; row++)
      for (int col = 0; col < COLUMNS; col++) {
        int sum = 0, panel = col / lanes;
        for (int i = 0; i < STEPS; i++) sum += x[row * STEPS + i] * w[(panel * STEPS + i) * lanes + col % lanes];
        require(out[row * COLUMNS + col] == sum);
      }
  }

  @TearDown
  public void tearDown() {
    kernels.close();
    arena.close();
  }

  /// Fovea's product with a float32 weight.
  @Benchmark
  @OperationsPerInvocation(M * N * K)
  public MemorySegment float32() {
    float32.run(kernels);
    return float32.out();
  }

  /// Fovea's product with a q8 weight, which is decoded to float32.
  @Benchmark
  @OperationsPerInvocation(M * N * K)
  public MemorySegment q8() {
    q8.run(kernels);
    return q8.out();
  }

  /// A sum of products of int16 pairs.
  @Benchmark
  @OperationsPerInvocation(2 * PAIRS)
  public int pairsSummed() {
    int sum = 0;
    for (int i = 0; i < 2 * PAIRS; i += 2) sum += a[i] * c[i] + a[i + 1] * c[i + 1];
    return sum;
  }

  /// Products of int16 pairs, two rows by two columns, so that four loads suffice for four vectors of results. C2 makes
  /// `MulAddVS2VI` of them, with VNNI or without.
  @Benchmark
  @OperationsPerInvocation(8 * PAIRS)
  public int[] pairsStored() {
    for (int i = 0; i < PAIRS; i++) {
      ac[i] = a[2 * i] * c[2 * i] + a[2 * i + 1] * c[2 * i + 1];
      ad[i] = a[2 * i] * d[2 * i] + a[2 * i + 1] * d[2 * i + 1];
      bc[i] = b[2 * i] * c[2 * i] + b[2 * i + 1] * c[2 * i + 1];
      bd[i] = b[2 * i] * d[2 * i] + b[2 * i + 1] * d[2 * i + 1];
    }
    return ac;
  }

  /// A product in the Vector API: bytes as 32-bit lanes.
  @Benchmark
  @OperationsPerInvocation(ROWS * COLUMNS * STEPS)
  public int[] vectorsOf32Bits() {
    for (int col = 0; col < COLUMNS; col += I) panelOf32Bits(x, w, col * STEPS, out, col);
    return out;
  }

  private static void panelOf32Bits(short[] x, byte[] w, int from, int[] out, int o) {
    IntVector r0 = IntVector.zero(INTS), r1 = r0, r2 = r0, r3 = r0;
    for (int i = 0; i < STEPS; i++) {
      var u = (IntVector) ByteVector.fromArray(QUARTER, w, from + i * I).convertShape(VectorOperators.B2I, INTS, 0);
      r0 = r0.add(u.mul(x[i]));
      r1 = r1.add(u.mul(x[i + STEPS]));
      r2 = r2.add(u.mul(x[i + 2 * STEPS]));
      r3 = r3.add(u.mul(x[i + 3 * STEPS]));
    }
    r0.intoArray(out, o);
    r1.intoArray(out, o + COLUMNS);
    r2.intoArray(out, o + 2 * COLUMNS);
    r3.intoArray(out, o + 3 * COLUMNS);
  }

  /// The same as 16-bit lanes, in which the sum of two products fits; it is then widened.
  @Benchmark
  @OperationsPerInvocation(ROWS * COLUMNS * STEPS)
  public int[] vectorsOf16Bits() {
    for (int col = 0; col < COLUMNS; col += S) panelOf16Bits(x, w, col * STEPS, out, col);
    return out;
  }

  private static void panelOf16Bits(short[] x, byte[] w, int from, int[] out, int o) {
    IntVector zero = IntVector.zero(INTS), r0 = zero, r1 = zero, r2 = zero, r3 = zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (int i = 0; i < STEPS; i += 2) {
      var u = (ShortVector) ByteVector.fromArray(HALF, w, from + i * S).convertShape(VectorOperators.B2S, SHORTS, 0);
      var v = (ShortVector) ByteVector.fromArray(HALF, w, from + i * S + S).convertShape(VectorOperators.B2S, SHORTS, 0);
      var p = u.mul(x[i]).add(v.mul(x[i + 1]));
      r0 = r0.add(p.convertShape(VectorOperators.S2I, INTS, 0));
      s0 = s0.add(p.convertShape(VectorOperators.S2I, INTS, 1));
      p = u.mul(x[i + STEPS]).add(v.mul(x[i + STEPS + 1]));
      r1 = r1.add(p.convertShape(VectorOperators.S2I, INTS, 0));
      s1 = s1.add(p.convertShape(VectorOperators.S2I, INTS, 1));
      p = u.mul(x[i + 2 * STEPS]).add(v.mul(x[i + 2 * STEPS + 1]));
      r2 = r2.add(p.convertShape(VectorOperators.S2I, INTS, 0));
      s2 = s2.add(p.convertShape(VectorOperators.S2I, INTS, 1));
      p = u.mul(x[i + 3 * STEPS]).add(v.mul(x[i + 3 * STEPS + 1]));
      r3 = r3.add(p.convertShape(VectorOperators.S2I, INTS, 0));
      s3 = s3.add(p.convertShape(VectorOperators.S2I, INTS, 1));
    }
    r0.intoArray(out, o);
    s0.intoArray(out, o + I);
    r1.intoArray(out, o + COLUMNS);
    s1.intoArray(out, o + COLUMNS + I);
    r2.intoArray(out, o + 2 * COLUMNS);
    s2.intoArray(out, o + 2 * COLUMNS + I);
    r3.intoArray(out, o + 3 * COLUMNS);
    s3.intoArray(out, o + 3 * COLUMNS + I);
  }
}
