package dev.fovea.kernels.vector;

import static dev.fovea.kernels.vector.MicroKernel.MAX_ROWS;
import static dev.fovea.kernels.vector.MicroKernel.STRIDE;
import static dev.fovea.kernels.vector.MicroKernel.WIDTH;
import static dev.fovea.kernels.vector.Simd.LANES;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.IntConsumer;

/// Calls the hot loops of a transformer on tiny operands until C2 has compiled them, for [dev.fovea.kernels.WarmUp]. Until then the
/// program is cold.
///
/// The calls must take every branch and use every kind of memory: C2 omits branches that were never taken, and discards its code
/// when one is taken later. `-Xlog:deoptimization=debug` shows missing cases.
public final class Rehearsal {
  /// Calls of each loop: C1 compiles it after 200 calls and starts to count for C2, which looks at the count every 1,024 calls.
  private static final int CALLS = 1100;
  /// Steps of most calls of a product's loop, and of those that are timed.
  private static final int STEPS = 8, TIMED_STEPS = 24;
  private static final int TIMED_CALLS = 4;
  private static final int MOST_ROUNDS = 300;
  private static final long PAUSE_NANOS = 2_000_000;
  /// A loop that takes more nanoseconds for each vector is not compiled: C2's code takes a fifth or less, a loop of vector objects
  /// five times as long or more.
  private static final double COMPILED_NANOS = 4;
  private static final int OPERATIONS = 6;
  /// Calls between two rests, and how many times as long as these a rest takes.
  private static final int CALLS_AT_ONCE = 16, REST = 1;
  private static final int SCALAR_CALLS = 2000;
  private static final int FILE_BYTES = 256;

  /// Keeps results alive.
  private static volatile int sink;

  private Rehearsal() {}

  /// Makes the program cold until [#run] has ended, or [#skip].
  public static void announce() {
    ColdStart.set(true);
  }

  /// Compiles the scalar loops. `next` is called when the vector loops are worthwhile, by the thread that notices.
  public static void prepare(Runnable next) {
    scalarLoops();
    ColdStart.whenMany(next);
  }

  /// Compiles the vector loops with calls from this thread and a second one, because C2 may have two threads. Unless somebody
  /// waits, both rest half of the time: the program computes meanwhile.
  ///
  /// @param second starts the second thread
  public static void run(Function<Runnable, Thread> second) {
    try {
      rehearse(second);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (NoClassDefFoundError _) {
      // The class loader was closed meanwhile: nobody is left who computes.
    } finally {
      ColdStart.set(false);
    }
  }

  /// Leaves the compilation to the program's own passes.
  public static void skip() {
    ColdStart.set(false);
  }

  /// Calls `next` of [#prepare] now, unless that has happened.
  public static void hurry() {
    ColdStart.hurry();
  }

  /// Compiles the scalar loops, until the program itself uses them.
  private static void scalarLoops() {
    int rows = ColumnPool.LENGTH, steps = 64;
    var pool = new ColumnPool();
    float[][] x = pool.borrow(steps), out = pool.borrow(Weight.PANEL);
    float[] w = new float[steps * Weight.PANEL], values = new float[rows];
    // Small and large numbers of both signs, so that each branch is taken.
    for (int i = 0; i < rows; i++) values[i] = (i - rows / 2) * 0.25f;
    for (int i = 0; i < SCALAR_CALLS && ColdStart.counted() == 0; i++) {
      ScalarMicroKernel.run(x, 0, w, 0, Weight.PANEL, 1, steps, out, 0, Weight.PANEL, rows);
      System.arraycopy(values, 0, out[0], 0, rows);
      ScalarMath.activate(Activation.GELU, out[0], 0, rows);
      ScalarRowNorms.layerNorm(w, 128, 256, 512, 1);
      ScalarAttention.weights(out[0], out[1], out[2], rows);
    }
  }

  private static void rehearse(Function<Runnable, Thread> second) throws InterruptedException {
    try (var arena = Arena.ofShared()) {
      var file = mapped(arena);
      var products = second.apply(() -> {
        try {
          products(arena);
        } catch (NoClassDefFoundError _) {
          // As in run.
        }
      });
      try {
        rows(arena);
        for (var format : ColdStart.formats()) if (format != WeightFormat.F32) widening(arena, format);
      } finally {
        products.join();
      }
      operations(arena, file);
    }
  }

  private static void products(Arena arena) {
    var x = new float[MAX_ROWS * STRIDE];
    var out = new float[MAX_ROWS * WIDTH];
    var w = arena.allocate(4L * TIMED_STEPS * Weight.PANEL, 64);
    int most = MAX_ROWS, fewer = MicroKernel.height(MAX_ROWS - 1);
    untilCompiled((i, steps) -> {
      sink = MicroKernel.run(most, x, 0, w, 0, 0, steps, out, 0, WIDTH, i % 2 == 0, 0, 4);
      sink = MicroKernel.run(fewer, x, 0, w, 0, 0, steps, out, 0, WIDTH, i % 2 == 0, 0, 4);
    }, 2 * (most + fewer));
    calls(i -> sink = MicroKernel.run(1, x, 0, w, 0, 0, 1 + i % 3, out, 0, WIDTH, i % 2 == 0, 0, 4));
  }

  /// Decodes panels of a format. Uncompiled, this takes longer than the products of a panel.
  private static void widening(Arena arena, WeightFormat format) {
    var panel = arena.allocate(Weight.bytes(format, Weight.Layout.PANELS, Weight.PANEL, TIMED_STEPS), 64);
    var floats = arena.allocate(4L * TIMED_STEPS * Weight.PANEL, 64);
    untilCompiled((_, steps) -> Widening.panel(format, panel, 0, steps, floats, 0), 5.0 * Weight.PANEL / LANES);
  }

  /// A loop over steps.
  private interface Loop {
    void run(int call, int steps);
  }

  /// Calls a loop until C2 has compiled it. C2 does so after 1,024 calls with 15,000 steps; after 40,000 steps it would first
  /// compile the middle of the loop, which takes it four times as long.
  ///
  /// @param vectors vectors that a step makes
  private static void untilCompiled(Loop loop, double vectors) {
    calls(i -> loop.run(i, STEPS * (1 + i % 3)));
    for (int round = 0; round < MOST_ROUNDS; round++) {
      long start = System.nanoTime();
      for (int i = 0; i < TIMED_CALLS; i++) loop.run(i, TIMED_STEPS);
      if (System.nanoTime() - start < COMPILED_NANOS * vectors * TIMED_CALLS * TIMED_STEPS) return;
      for (int i = 0; i < CALLS / 20; i++) loop.run(i, 1 + i % 2);
      LockSupport.parkNanos(PAUSE_NANOS);
      rest(start);
    }
  }

  private static void calls(IntConsumer call) {
    for (int i = 0; i < CALLS; ) {
      long start = System.nanoTime();
      for (int end = Math.min(CALLS, i + CALLS_AT_ONCE); i < end; i++) call.accept(i);
      rest(start);
    }
  }

  /// Leaves the processor to the program after calls that began at `start`, unless somebody waits.
  private static void rest(long start) {
    if (!ColdStart.isHurried()) LockSupport.parkNanos(REST * (System.nanoTime() - start));
  }

  private static void rows(Arena arena) {
    int most = 5 * LANES + 3;
    MemorySegment x = arena.allocate(4L * most, 64), gamma = arena.allocate(4L * most, 64);
    var s = new float[Elements.ROOM];
    calls(i -> {
      int n = i % 3 == 0 ? most : i % 3 == 1 ? 5 * LANES : 4 * LANES;
      RowNorms.layerNorm(x, 0, n, gamma, gamma, 1, x, s);
      RowNorms.rmsNorm(x, 0, n, gamma, 1, x, s);
      Elements.rotate(x, 0, gamma, 0, x, 0, n / 2);
      FewQueries.products(x, 0, 0, 0, 0, n, s, 0, n + LANES);
      FewQueries.values(x, 0, 0, 3, n, s, 0, LANES);
      Elements.activate(Activation.GELU, s, 0, n);
      Elements.add(x, gamma, 0, x, 0, n);
    });
  }

  /// Runs whole operations, for the loops that are inconvenient to call.
  private static void operations(Arena arena, MemorySegment file) {
    int m = MAX_ROWS + 1 + WIDTH, keys = QueryTiles.BLOCK + m, d = 2 * WIDTH, n = WIDTH;
    int k = FILE_BYTES / 4 / Math.max(WIDTH, Weight.PANEL);
    MemorySegment heads = arena.allocate(4L * keys * d, 64), out = arena.allocate(4L * m * d, 64);
    MemorySegment x = arena.allocate(4L * m * k, 64), bias = arena.allocate(4L * n, 64), y = arena.allocate(4L * m * n, 64);
    var mapped = new Weight(file.asSlice(0, Weight.bytes(WeightFormat.F32, Weight.Layout.PANELS, n, k)),
        WeightFormat.F32, Weight.Layout.PANELS, n, k);
    var loaded = mapped.in(arena.allocate(mapped.segment().byteSize(), 64));
    // Scores increase with the keys, so that each block rescales the sums of the previous one.
    for (int i = 0; i < keys * d; i++) Simd.put(heads, i, i / d * 0.01f);
    Matrices many = Matrices.dense(heads, 1, keys, d), few = Matrices.dense(heads, 1, m, d);
    try (var kernels = new VectorKernels(Workers.threads(1))) {
      for (int i = 0; i < OPERATIONS; i++) {
        long start = System.nanoTime();
        var met = i % 2 == 0 ? few : many;
        var weight = i % 2 == 0 ? mapped : loaded;
        kernels.run(new Operation.Attention(few, met, met, AttentionMask.NONE, Matrices.dense(out, 1, m, d), 1));
        kernels.run(new Operation.Linear(x, weight, bias, Activation.NONE, null, y, m));
        kernels.run(new Operation.Linear(x, weight, bias, Activation.GELU, null, y, m));
        kernels.run(new Operation.Linear(x, weight, bias, Activation.NONE, y, y, m));
        rest(start);
      }
    }
  }

  /// Part of a mapped file that exists in every JDK, because C2 must compile for mapped weights.
  private static MemorySegment mapped(Arena arena) {
    try (var channel = FileChannel.open(Path.of(System.getProperty("java.home"), "release"))) {
      if (channel.size() >= FILE_BYTES) return channel.map(FileChannel.MapMode.READ_ONLY, 0, FILE_BYTES, arena);
    } catch (IOException e) {
      // A custom runtime may not have the file.
    }
    return arena.allocate(FILE_BYTES, 64);
  }
}
