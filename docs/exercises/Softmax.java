/// One query looks at all keys: `Σ weights[j] · values[j]` with `weights = softmax(q · keys[j] / √D)`.
///
/// Scores may be so large that their exponential is infinite. Softmax does not change if the largest score is subtracted from all.
///
/// @param q `[D]`
/// @param keys `[N][D]`
/// @param values `[N][C]`
/// @return `[C]`
double[] attend(double[] q, double[][] keys, double[][] values) {
  // yours
  return new double[values[0].length];   // TODO
  // end
}

void main() {
  double[][] keys = {{1, 0, 0, 0}, {0, 1, 0, 0}}, values = {{10, 0, 1}, {20, 4, 1}};
  double e = Math.E;
  expect("a query that fits both keys alike gets the mean of their values", attend(new double[] {3, 3, 0, 0}, keys, values),
      15, 2, 1);
  expect("the score 2 is divided by √4", attend(new double[] {2, 0, 0, 0}, keys, values), (10 * e + 20) / (e + 1), 4 / (e + 1), 1);
  expect("scores of 1000 and 0", attend(new double[] {2000, 0, 0, 0}, keys, values), 10, 0, 1);
  expect("scores of -1000", attend(new double[] {-2000, -2000, 0, 0}, keys, values), 15, 2, 1);
  IO.println("right: one query looks at all keys");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
