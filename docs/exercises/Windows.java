/// The windows of a map, row by row. The map is first padded with zeros below and on the right to a whole number of windows, then
/// shifted: position `(y, x)` of the shifted map is `(y + shift, x + shift)` of the padded one, counted around its border.
///
/// @param map `[H][W]`
/// @return `[windows][size · size]`, each window row by row
double[][] cut(double[][] map, int size, int shift) {
  // yours
  return new double[Math.ceilDiv(map.length, size) * Math.ceilDiv(map[0].length, size)][size * size];   // TODO
  // end
}

void main() {
  double[][] map = {{11, 12, 13, 14}, {21, 22, 23, 24}, {31, 32, 33, 34}, {41, 42, 43, 44}};
  var windows = cut(map, 2, 0);
  expect("the first window", windows[0], 11, 12, 21, 22);
  expect("the second window is right of it", windows[1], 13, 14, 23, 24);
  expect("the third is below", windows[2], 31, 32, 41, 42);
  double[][] small = {{11, 12, 13}, {21, 22, 23}};
  expect("a window beyond the border is padded", cut(small, 2, 0)[1], 13, 0, 23, 0);
  var shifted = cut(map, 2, 1);
  expect("the first shifted window", shifted[0], 22, 23, 32, 33);
  expect("the last one holds the four corners", shifted[3], 44, 41, 14, 11);
  expect("padding is shifted, too", cut(small, 2, 1)[1], 0, 21, 0, 11);
  IO.println("right: the map is cut into windows");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
