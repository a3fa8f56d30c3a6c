/// The weights of `M` queries for `N` keys, of which a mask hides some.
///
/// A key is hidden if it is padding. With `causal`, query `i` sees only keys `0 … i + N - M`: the last query is at the last key.
/// Hidden keys have weight 0, and a query that sees nothing has only such.
///
/// @param scores `[M][N]`, finite
/// @param padding `[N]`
/// @return `[M][N]`
double[][] weights(double[][] scores, boolean causal, boolean[] padding) {
  // yours
  return new double[scores.length][padding.length];   // TODO
  // end
}

void main() {
  double[][] same = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
  var none = new boolean[3];
  expect("without a mask", weights(same, false, none)[0], 1 / 3., 1 / 3., 1 / 3.);
  var causal = weights(same, true, none);
  expect("causal, the first query", causal[0], 1, 0, 0);
  expect("causal, the second query", causal[1], 0.5, 0.5, 0);
  expect("causal, the last query", causal[2], 1 / 3., 1 / 3., 1 / 3.);
  boolean[] last = {false, false, true}, first = {true, false, false};
  expect("padding at the end", weights(same, false, last)[2], 0.5, 0.5, 0);
  expect("causal and padding", weights(same, true, last)[2], 0.5, 0.5, 0);
  expect("a query that sees only padding", weights(same, true, first)[0], 0, 0, 0);
  double[][] next = {{0, Math.log(3), 7}, {0, 0, 0}};
  expect("two new queries after one old key", weights(next, true, none)[0], 0.25, 0.75, 0);
  IO.println("right: hidden keys have no weight");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
