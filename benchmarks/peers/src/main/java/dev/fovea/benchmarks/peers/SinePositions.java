package dev.fovea.benchmarks.peers;

/// Sines and cosines of positions, in turn.
final class SinePositions {
  private static final double FULL = 2 * Math.PI;

  private SinePositions() {}

  /// What positions are multiplied by: `2π / temperature^(2 i / dim)` for each of the `dim / 2` pairs.
  static double[] frequencies(int dim, double temperature) {
    var frequencies = new double[dim / 2];
    for (int i = 0; i < dim / 2; i++) frequencies[i] = FULL / Math.pow(temperature, 2.0 * i / dim);
    return frequencies;
  }

  /// Writes `2 · frequencies.length` numbers.
  static void write(double position, double[] frequencies, float[] out, int at) {
    for (double frequency : frequencies) {
      out[at++] = (float) Math.sin(position * frequency);
      out[at++] = (float) Math.cos(position * frequency);
    }
  }

  /// `[H · W, dim]`: rows in the first half, columns in the second, as shares of the picture's height and width.
  static float[] ofMap(int height, int width, int dim, double temperature) {
    var frequencies = frequencies(dim / 2, temperature);
    var out = new float[height * width * dim];
    for (int y = 0, at = 0; y < height; y++)
      for (int x = 0; x < width; x++, at += dim) {
        write((y + 1) / (height + 1e-6), frequencies, out, at);
        write((x + 1) / (width + 1e-6), frequencies, out, at + dim / 2);
      }
    return out;
  }

  /// `[N, dim]`.
  static float[] of(int[] positions, int dim, double temperature) {
    var frequencies = frequencies(dim, temperature);
    var out = new float[positions.length * dim];
    for (int i = 0; i < positions.length; i++) write(positions[i], frequencies, out, i * dim);
    return out;
  }
}
