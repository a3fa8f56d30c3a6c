/// The weights of a fusion of picture and text, which uses the same scores in both directions: each place of the picture looks at
/// the words, and each word looks at the places.
///
/// @param toText the weights of the words for each place, `[places][words]`
/// @param toVision the weights of the places for each word, `[words][places]`
record Fusion(double[][] toText, double[][] toVision) {}

/// @param scores `[places][words]`
Fusion fuse(double[][] scores) {
  // yours
  return new Fusion(new double[scores.length][scores[0].length], new double[scores[0].length][scores.length]);   // TODO
  // end
}

/// The softmax of each row.
double[][] softmax(double[][] scores) {
  var weights = new double[scores.length][scores[0].length];
  for (int i = 0; i < scores.length; i++) {
    double sum = 0;
    for (double score : scores[i]) sum += Math.exp(score);
    for (int j = 0; j < scores[i].length; j++) weights[i][j] = Math.exp(scores[i][j]) / sum;
  }
  return weights;
}

void main() {
  double three = Math.log(3), two = Math.log(2);
  var fused = fuse(new double[][] {{0, three}, {0, 0}, {two, 0}});                // 3 places, 2 words
  expect("what place 0 looks at", fused.toText()[0], 0.25, 0.75);
  expect("what place 2 looks at", fused.toText()[2], 2 / 3., 1 / 3.);
  expect("what word 0 looks at", fused.toVision()[0], 0.25, 0.25, 0.5);
  expect("what word 1 looks at", fused.toVision()[1], 0.6, 0.2, 0.2);
  IO.println("right: rows sum to 1 in each direction");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
