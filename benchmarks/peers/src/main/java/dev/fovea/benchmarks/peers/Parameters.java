package dev.fovea.benchmarks.peers;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// A model's parameters by their published names, in PyTorch's layout: a checkpoint's, or random ones, made when they are first
/// asked for and the same for whoever asks.
final class Parameters {
  /// Share of a fused feature that is added; training begins with less and ends with more.
  private static final float FUSED = 0.1f;

  private final Map<String, Values> values;
  private final boolean random;

  /// Numbers and their shape.
  record Values(float[] numbers, long... shape) {}

  private Parameters(Map<String, Values> values, boolean random) {
    this.values = values;
    this.random = random;
  }

  static Parameters of(Map<String, Values> values) {
    return new Parameters(new HashMap<>(values), false);
  }

  /// Uniform random matrices that keep the scale of what they multiply, norms that change nothing, biases of zero; places to look
  /// at as they are before training: around the middle, in each head's direction.
  static Parameters random() {
    return new Parameters(new TreeMap<>(), true);
  }

  /// Those that were given or asked for.
  Map<String, Values> all() {
    return values;
  }

  /// The numbers of a parameter.
  float[] get(String name, long... shape) {
    var found = random ? values.computeIfAbsent(name, _ -> new Values(initial(name, shape), shape)) : values.get(name);
    if (found == null) throw new IllegalStateException("no parameter '" + name + "'");
    if (!Arrays.equals(found.shape(), shape))
      throw new IllegalStateException(name + ": expected " + Arrays.toString(shape) + ", got " + Arrays.toString(found.shape()));
    return found.numbers();
  }

  private static float[] initial(String name, long[] shape) {
    int size = 1;
    for (long d : shape) size = Math.multiplyExact(size, (int) d);
    var numbers = new float[size];
    if (shape.length > 1) {
      var source = new SplittableRandom(name.hashCode());
      double halfWidth = Math.sqrt(3.0 * shape[0] / size);
      for (int i = 0; i < size; i++) numbers[i] = (float) source.nextDouble(-halfWidth, halfWidth);
    } else if (name.endsWith("weight")) {
      Arrays.fill(numbers, 1);
    } else if (name.endsWith("_param")) {
      Arrays.fill(numbers, FUSED);
    }
    return numbers;
  }

  /// Replaces zeros by the published initial values (Zhu et al., 2021): point `p` of a head lies `p` + 1 samples away.
  ///
  /// @param name of the bias of `[heads · levels · points · 2]` offsets
  void pointAway(String name, int heads, int levels, int points) {
    if (!random || values.containsKey(name)) return;
    var bias = new float[heads * levels * points * 2];
    for (int h = 0, i = 0; h < heads; h++) {
      double x = Math.cos(2 * Math.PI * h / heads), y = Math.sin(2 * Math.PI * h / heads);
      double longest = Math.max(Math.abs(x), Math.abs(y));
      for (int level = 0; level < levels; level++)
        for (int p = 1; p <= points; p++) {
          bias[i++] = (float) (p * x / longest);
          bias[i++] = (float) (p * y / longest);
        }
    }
    values.put(name, new Values(bias, bias.length));
  }
}
