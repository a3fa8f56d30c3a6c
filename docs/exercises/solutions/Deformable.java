/// The value of a map at a point between its positions. `x` and `y` are shares of its width and height: position `(row, col)` lies
/// at `x = (col + 0.5) / W`, `y = (row + 0.5) / H`. Each of the four positions around the point is multiplied by
/// `(1 - |distance in rows|) · (1 - |distance in columns|)`; those outside the map are 0.
///
/// @param map `[H][W]`
double sample(double[][] map, double x, double y) {
  // yours
  double col = x * map[0].length - 0.5, row = y * map.length - 0.5, sum = 0;
  for (int r = (int) Math.floor(row); r <= Math.floor(row) + 1; r++)
    for (int c = (int) Math.floor(col); c <= Math.floor(col) + 1; c++)
      if (r >= 0 && r < map.length && c >= 0 && c < map[0].length)
        sum += (1 - Math.abs(row - r)) * (1 - Math.abs(col - c)) * map[r][c];
  return sum;
  // end
}

/// Deformable attention of one query, one head and one map: a weighted sum of a few points.
///
/// @param points `[P][2]`, `x` first
/// @param weights `[P]`, with the sum 1
double attend(double[][] map, double[][] points, double[] weights) {
  double sum = 0;
  for (int p = 0; p < points.length; p++) sum += weights[p] * sample(map, points[p][0], points[p][1]);
  return sum;
}

void main() {
  double[][] map = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  expect("the middle of position (0, 1)", new double[] {sample(map, 0.375, 0.25)}, 2);
  expect("half way to its right neighbour", new double[] {sample(map, 0.5, 0.25)}, 2.5);
  expect("the middle of the map", new double[] {sample(map, 0.5, 0.5)}, 4.5);
  expect("the left border", new double[] {sample(map, 0, 0.25)}, 0.5);
  expect("far outside", new double[] {sample(map, 3, 3)}, 0);
  expect("two points", new double[] {attend(map, new double[][] {{0.375, 0.25}, {0.875, 0.75}}, new double[] {0.25, 0.75})}, 6.5);
  IO.println("right: a query reads its points between the positions");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
