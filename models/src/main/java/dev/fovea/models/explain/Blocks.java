package dev.fovea.models.explain;

import dev.fovea.engine.nn.Tokens;
import java.util.ArrayList;

/// Tokens whose patches are put together in square blocks.
///
/// @param tokens the blocks, and the other tokens as they were
/// @param blockOf the block of each token before
/// @param sizes number of tokens in each block
record Blocks(Tokens tokens, int[] blockOf, int[] sizes) {
  static Blocks of(Tokens tokens, int side) {
    var runs = new ArrayList<Tokens.Run>();
    var blockOf = new int[tokens.count()];
    int before = 0, token = 0;
    for (var run : tokens.runs()) {
      int block = run.kind() == Tokens.Kind.PATCH ? side : 1;
      int rows = Math.ceilDiv(run.rows(), block), cols = Math.ceilDiv(run.cols(), block);
      for (int i = 0; i < run.count(); i++)
        blockOf[token++] = before + i / run.cols() / block * cols + i % run.cols() / block;
      runs.add(new Tokens.Run(run.kind(), rows, cols));
      before += rows * cols;
    }
    var sizes = new int[before];
    for (int block : blockOf) sizes[block]++;
    return new Blocks(new Tokens(runs), blockOf, sizes);
  }

  int count() {
    return sizes.length;
  }

  /// The larger side of the largest grid of patches; 1 without patches.
  static int side(Tokens tokens) {
    return tokens.runs().stream().filter(run -> run.kind() == Tokens.Kind.PATCH).mapToInt(run -> Math.max(run.rows(), run.cols()))
        .max().orElse(1);
  }

  /// A coarser map: `[queries, keys]` → `[blocks, blocks]`, whose rows have the same sums.
  static float[] coarser(float[] map, Blocks queries, Blocks keys) {
    int cols = keys.count(), all = keys.blockOf.length;
    var sums = new double[Math.multiplyExact(queries.count(), cols)];
    for (int q = 0; q < queries.blockOf.length; q++) {
      int to = queries.blockOf[q] * cols;
      for (int k = 0; k < all; k++) sums[to + keys.blockOf[k]] += map[q * all + k];
    }
    var out = new float[sums.length];
    for (int i = 0; i < out.length; i++) out[i] = (float) (sums[i] / queries.sizes[i / cols]);
    return out;
  }
}
