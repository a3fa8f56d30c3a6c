/// Multi-head attention: head `h` uses columns `h · D … (h + 1) · D - 1` of queries, keys and values, with `D = C / numHeads`, and
/// writes the same columns of the result.
///
/// @param q `[N][C]`
/// @param k `[N][C]`
/// @param v `[N][C]`
/// @return `[N][C]`
double[][] multiHead(double[][] q, double[][] k, double[][] v, int numHeads) {
  // yours
  int depth = q[0].length / numHeads;
  var out = new double[q.length][q[0].length];
  for (int h = 0; h < numHeads; h++) {
    int from = h * depth;
    var head = attend(columns(q, from, depth), columns(k, from, depth), columns(v, from, depth));
    for (int i = 0; i < q.length; i++) System.arraycopy(head[i], 0, out[i], from, depth);
  }
  return out;
  // end
}

/// Columns `from … from + count - 1`.
double[][] columns(double[][] x, int from, int count) {
  var part = new double[x.length][];
  for (int i = 0; i < x.length; i++) part[i] = Arrays.copyOfRange(x[i], from, from + count);
  return part;
}

/// Attention of one head: `softmax(q · kᵀ / √D) · v`, each `[N][D]`.
double[][] attend(double[][] q, double[][] k, double[][] v) {
  var out = new double[q.length][v[0].length];
  for (int i = 0; i < q.length; i++) {
    double sum = 0;
    for (int j = 0; j < k.length; j++) {
      double score = 0;
      for (int d = 0; d < q[i].length; d++) score += q[i][d] * k[j][d];
      double weight = Math.exp(score / Math.sqrt(q[i].length));
      sum += weight;
      for (int c = 0; c < out[i].length; c++) out[i][c] += weight * v[j][c];
    }
    for (int c = 0; c < out[i].length; c++) out[i][c] /= sum;
  }
  return out;
}

void main() {
  // The first head's query finds the first key, the second head's finds the second.
  double[][] q = {{90, 0, 0, 90}, {0, 90, 90, 0}}, k = {{1, 0, 1, 0}, {0, 1, 0, 1}}, v = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  var two = multiHead(q, k, v, 2);
  expect("token 0 with two heads", two[0], 1, 2, 7, 8);
  expect("token 1 with two heads", two[1], 5, 6, 3, 4);
  var one = multiHead(q, k, v, 1);
  expect("with one head both keys fit token 0 alike", one[0], 3, 4, 5, 6);
  double e = Math.exp(1 / Math.sqrt(2));
  double[][] small = {{1, 0, 1, 0}};
  expect("each head divides by the root of its own size", multiHead(small, k, v, 2)[0],
      (e + 5) / (e + 1), (2 * e + 6) / (e + 1), (3 * e + 7) / (e + 1), (4 * e + 8) / (e + 1));
  IO.println("right: heads look at different keys");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
