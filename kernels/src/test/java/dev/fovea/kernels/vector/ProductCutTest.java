package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Operation.Linear;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProductCutTest {
  private static ProductCut cut(int m, int k, int n, int threads) {
    return ProductCut.of(RowCut.of(m).count(), Math.ceilDiv(n, MicroKernel.WIDTH), StepCut.of(k), threads);
  }

  @Test
  void coversAllTilesAndPanels() {
    for (int threads : new int[] {1, 2, 3, 16, 64})
      for (int m : new int[] {1, 13, 14, 15, 197, 1370, 16384})
        for (int k : new int[] {1, 64, 768, 1025, 4096})
          for (int n : new int[] {1, 32, 33, 768, 3072}) {
            var cut = cut(m, k, n, threads);
            int tiles = RowCut.of(m).count();
            assertThat(cut.tilesAtOnce()).as("%s", cut).isBetween(1, tiles);
            assertThat(cut.tilesInBlock()).as("%s", cut).isBetween(1, cut.tilesAtOnce());
            assertThat(cut.blocks(cut.tilesAtOnce()) * cut.tilesInBlock()).as("%s", cut).isGreaterThanOrEqualTo(cut.tilesAtOnce());
            assertThat(cut.groups() * cut.panelsInGroup()).as("%s", cut).isGreaterThanOrEqualTo(cut.panels());
            assertThat(4L * RowTiles.BLOCK * StepCut.of(k).count() * (cut.tilesAtOnce() - 1)).as("%s", cut).isLessThan(16L << 20);
          }
  }

  /// The products of ViT-B: the busiest of 16 threads has little more than its share.
  @Test
  void keepsSixteenThreadsBusy() {
    for (int[] shape : new int[][] {{197, 768, 2304}, {197, 768, 768}, {197, 768, 3072}, {197, 3072, 768}, {1370, 3072, 768}}) {
      var cut = cut(shape[0], shape[1], shape[2], 16);
      int tasks = cut.blocks(cut.tilesAtOnce()) * cut.groups();
      int most = Math.ceilDiv(tasks, 16) * cut.tilesInBlock() * cut.panelsInGroup();
      assertThat(16.0 * most / (cut.tilesAtOnce() * cut.panels())).as("%s", cut).isLessThan(1.25);
    }
  }

  /// Long products and short ones, with sizes that fill no tile, panel or piece.
  @Test
  void theBitsDoNotDependOnTheCut() {
    try (var arena = Arena.ofShared()) {
      for (int[] shape : new int[][] {{100, 2600, 170}, {197, 1025, 45}, {60, 700, 300}, {300, 64, 33}}) {
        int m = shape[0], k = shape[1], n = shape[2];
        var random = new Random(m);
        MemorySegment x = random(arena, random, m * k), bias = random(arena, random, n);
        var weight = Weight.rows(random(arena, random, n * k), n, k);
        float[] expected = null;
        for (int threads : new int[] {1, 2, 3, 7, 16, 64}) {
          var out = arena.allocate(4L * m * n, 64);
          var inTurn = Workers.runBy((tasks, task) -> {
            for (int i = 0; i < tasks; i++) task.run(i);
          }, threads);
          try (var kernels = new VectorKernels(inTurn)) {
            kernels.run(new Linear(x, weight, bias, Activation.GELU, null, out, m));
          }
          float[] results = out.toArray(Simd.FLOAT);
          if (expected == null) expected = results;
          assertThat(results).as("%d x %d x %d with %d threads", m, k, n, threads).isEqualTo(expected);
        }
      }
    }
  }

  private static MemorySegment random(Arena arena, Random random, int n) {
    var segment = arena.allocate(4L * n, 64);
    for (int i = 0; i < n; i++) Simd.put(segment, i, (float) random.nextGaussian());
    return segment;
  }
}
