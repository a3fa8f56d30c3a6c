/// The keys and values of a text so far.
List<double[]> keys = new ArrayList<>(), values = new ArrayList<>();

/// Attention of the next token to all tokens so far, itself among them: `softmax(q · kᵀ / √D) · v`. Only its own query, key and
/// value are given.
///
/// @param q `[D]`
/// @param k `[D]`
/// @param v `[C]`
/// @return `[C]`
double[] next(double[] q, double[] k, double[] v) {
  // yours
  keys.add(k);
  values.add(v);
  return attend(q, keys, values);
  // end
}

/// Attention of one query to some keys.
double[] attend(double[] q, List<double[]> keys, List<double[]> values) {
  var out = new double[values.getFirst().length];
  double sum = 0;
  for (int j = 0; j < keys.size(); j++) {
    double score = 0;
    for (int d = 0; d < q.length; d++) score += q[d] * keys.get(j)[d];
    double weight = Math.exp(score / Math.sqrt(q.length));
    sum += weight;
    for (int c = 0; c < out.length; c++) out[c] += weight * values.get(j)[c];
  }
  for (int c = 0; c < out.length; c++) out[c] /= sum;
  return out;
}

void main() {
  var random = new Random(1);
  int tokens = 6, depth = 4;
  double[][] q = new double[tokens][depth], k = new double[tokens][depth], v = new double[tokens][depth];
  for (var all : List.of(q, k, v))
    for (var row : all) Arrays.setAll(row, _ -> random.nextGaussian());
  for (int i = 0; i < tokens; i++) {
    // The whole text at once, with a causal mask.
    var expected = attend(q[i], List.of(k).subList(0, i + 1), List.of(v).subList(0, i + 1));
    expect("token " + i, next(q[i], k[i], v[i]), expected);
  }
  IO.println("right: a token at a time is the same as the whole text");
}

/// Ends the program with exit code 1 if the numbers are not the expected ones.
void expect(String what, double[] actual, double... expected) {
  boolean right = actual.length == expected.length;
  for (int i = 0; right && i < expected.length; i++) right = Math.abs(actual[i] - expected[i]) < 1e-6;
  if (right) return;
  IO.println("not yet: " + what + ": expected " + Arrays.toString(expected) + ", got " + Arrays.toString(actual));
  System.exit(1);
}
