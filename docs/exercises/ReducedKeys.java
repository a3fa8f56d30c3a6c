/// A coarser map for keys and values: each token is the mean of a square of `ratio · ratio` tokens. SegFormer's convolution has
/// weights that are learnt, where the mean has equal ones.
///
/// @param tokens `[rows · cols][C]`, row by row; `rows` and `cols` are multiples of `ratio`
/// @return `[rows / ratio · cols / ratio][C]`
double[][] reduce(double[][] tokens, int rows, int cols, int ratio) {
  // yours
  return new double[1][tokens[0].length];   // TODO
  // end
}

/// The number of scores of all queries of a map.
long scores(int rows, int cols, int ratio) {
  return (long) rows * cols * reduce(new double[rows * cols][1], rows, cols, ratio).length;
}

void main() {
  double[][] map = {{1, 0}, {2, 0}, {3, 1}, {4, 1}, {5, 0}, {6, 0}, {7, 1}, {8, 1}};   // 2 rows, 4 columns
  var reduced = reduce(map, 2, 4, 2);
  expect("the number of reduced tokens", new double[] {reduced.length}, 2);
  expect("the left square", reduced[0], 3.5, 0);
  expect("the right square", reduced[1], 5.5, 1);
  expect("a ratio of 1 changes nothing", reduce(map, 2, 4, 1)[5], 6, 0);
  expect("two rows of squares", reduce(map, 4, 2, 2)[1], 6.5, 0.5);
  expect("the scores of SegFormer's first map of a picture of 512 x 512", new double[] {scores(128, 128, 8)}, 4_194_304);
  IO.println("right: with a ratio of 8 there are 64 times fewer scores");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
