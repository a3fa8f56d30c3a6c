package dev.fovea.engine.feature;

import java.util.Objects;

/// Numbers that describe a head's attention map. A map is the weights `[M, N]` of M queries over N keys; each row sums to 1.
public final class AttentionStatistics {
  private static final double LN_2 = Math.log(2);

  private AttentionStatistics() {}

  /// Queries or keys that are cells of a grid over a picture.
  ///
  /// @param from index of the first cell among all queries or keys
  /// @param rows rows of cells, which follow one another row by row
  public record Cells(int from, int rows, int cols) {
    /// @throws IllegalArgumentException if a size is not positive, or the index negative
    public Cells {
      if (from < 0 || rows < 1 || cols < 1)
        throw new IllegalArgumentException("cells: expected a grid, got " + rows + "x" + cols + " from " + from);
    }

    int count() {
      return rows * cols;
    }
  }

  /// The entropy of each query's weights in bits, averaged over the queries: 0 if each looks at one key, `log₂ N` if all look at
  /// all keys alike. A weight of 0 adds nothing.
  ///
  /// @param weights `[M, N]`
  /// @throws IllegalArgumentException if the weights are no such matrix
  public static double entropy(float[] weights, int keys) {
    int queries = rows(weights, keys);
    double sum = 0;
    for (float weight : weights) if (weight > 0) sum -= weight * Math.log(weight);
    return sum / (queries * LN_2);
  }

  /// The mean attention distance in pixels (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, figure 7 and D.7): the
  /// distances from a query cell's centre to the centres of the key cells, averaged with the weights, and then averaged over the
  /// query cells. Weights on other keys, such as the class token, have no distance; those on cells are divided by their sum.
  ///
  /// @param weights `[M, N]`
  /// @param queries the query cells
  /// @param keys the key cells, of which there may be fewer for the same picture
  /// @param height of the picture in pixels
  /// @return 0 if no query looks at a cell
  /// @throws IllegalArgumentException if the weights are no such matrix, or cells lie outside of it
  public static double distance(float[] weights, int keyCount, Cells queries, Cells keys, double height, double width) {
    Objects.requireNonNull(queries, "queries");
    Objects.requireNonNull(keys, "keys");
    int count = rows(weights, keyCount);
    if (queries.from + queries.count() > count || keys.from + keys.count() > keyCount)
      throw new IllegalArgumentException("cells: expected them among " + count + " queries and " + keyCount + " keys");
    double sum = 0;
    int looking = 0;
    for (int q = 0; q < queries.count(); q++) {
      double y = (q / queries.cols + 0.5) * height / queries.rows, x = (q % queries.cols + 0.5) * width / queries.cols;
      double far = 0, all = 0;
      int at = (queries.from + q) * keyCount + keys.from;
      for (int k = 0; k < keys.count(); k++) {
        double dy = (k / keys.cols + 0.5) * height / keys.rows - y, dx = (k % keys.cols + 0.5) * width / keys.cols - x;
        far += weights[at + k] * Math.sqrt(dx * dx + dy * dy);
        all += weights[at + k];
      }
      if (all <= 0) continue;
      sum += far / all;
      looking++;
    }
    return looking == 0 ? 0 : sum / looking;
  }

  private static int rows(float[] weights, int keys) {
    Objects.requireNonNull(weights, "weights");
    if (keys < 1 || weights.length == 0 || weights.length % keys != 0)
      throw new IllegalArgumentException("weights: expected rows of " + keys + " keys, got " + weights.length + " values");
    return weights.length / keys;
  }
}
