/// Some keys and values, of which no more are in the memory at a time.
record Block(double[][] keys, double[][] values) {}

/// `softmax(q · kᵀ / √D) · v` in one pass over blocks of keys, without keeping their scores.
///
/// Keep the largest score so far, and sums of `exp(score - largest)` with and without the values. When a block has a larger score,
/// multiply both sums by `exp(before - now)`.
///
/// @param q `[D]`
/// @param columns of the values, `C`
/// @return `[C]`
double[] attend(double[] q, Iterator<Block> blocks, int columns) {
  // yours
  var out = new double[columns];
  double largest = Double.NEGATIVE_INFINITY, sum = 0;
  while (blocks.hasNext()) {
    var block = blocks.next();
    for (int j = 0; j < block.keys().length; j++) {
      double score = 0;
      for (int d = 0; d < q.length; d++) score += q[d] * block.keys()[j][d] / Math.sqrt(q.length);
      double now = Math.max(largest, score), keep = Math.exp(largest - now), weight = Math.exp(score - now);
      sum = keep * sum + weight;
      for (int c = 0; c < columns; c++) out[c] = keep * out[c] + weight * block.values()[j][c];
      largest = now;
    }
  }
  for (int c = 0; c < columns; c++) out[c] /= sum;
  return out;
  // end
}

void main() {
  double third = Math.log(3);
  var small = new Block(new double[][] {{0}, {third}}, new double[][] {{8}, {4}});
  var large = new Block(new double[][] {{1000}, {1000 + third}}, new double[][] {{1}, {5}});
  double[] q = {1};
  expect("one block", attend(q, List.of(small).iterator(), 1), 5);
  expect("the same block twice", attend(q, List.of(small, small).iterator(), 1), 5);
  expect("a later block with far larger scores", attend(q, List.of(small, large).iterator(), 1), 4);
  expect("a later block with far smaller scores", attend(q, List.of(large, small).iterator(), 1), 4);
  IO.println("right: no scores are kept");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
