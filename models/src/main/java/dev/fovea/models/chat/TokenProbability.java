package dev.fovea.models.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// How probable a model finds a token: the natural logarithm of its probability, by the model's own logits, before any [Sampling].
///
/// @param token its id
/// @param logProbability at most 0
public record TokenProbability(int token, float logProbability) {
  /// The probability of one token.
  ///
  /// @param logits `[vocabulary]`; neither kept nor changed
  /// @throws IllegalArgumentException if the token is outside the vocabulary
  /// @throws ArithmeticException if the logits have no probabilities, as [Sampler#next]
  public static TokenProbability of(float[] logits, int token) {
    Objects.requireNonNull(logits, "logits");
    if (token < 0 || token >= logits.length)
      throw new IllegalArgumentException("token " + token + ": expected 0 to " + (logits.length - 1));
    return new TokenProbability(token, (float) (logits[token] - logSum(logits)));
  }

  /// The most probable tokens, the most probable first; of equal ones, the one with the lower index first.
  ///
  /// @param logits `[vocabulary]`; neither kept nor changed
  /// @param count number of tokens; all if there are fewer
  /// @return an unmodifiable list of the caller's own
  /// @throws IllegalArgumentException if `count` is negative
  /// @throws ArithmeticException if the logits have no probabilities, as [Sampler#next]
  public static List<TokenProbability> best(float[] logits, int count) {
    Objects.requireNonNull(logits, "logits");
    if (count < 0) throw new IllegalArgumentException("count: expected 0 or more, got " + count);
    double sum = logSum(logits);
    var keys = new long[Math.min(count, logits.length)];
    int size = 0;
    for (int i = 0; i < logits.length && keys.length > 0; i++) {
      long key = Sampler.key(logits[i], i);
      if (size == keys.length && key <= keys[0]) continue;
      // The few best ones stand in order, the lowest first.
      int at = Arrays.binarySearch(keys, 0, size, key);
      at = -at - 1;
      if (size < keys.length) {
        System.arraycopy(keys, at, keys, at + 1, size++ - at);
        keys[at] = key;
      } else {
        System.arraycopy(keys, 1, keys, 0, at - 1);
        keys[at - 1] = key;
      }
    }
    var best = new ArrayList<TokenProbability>();
    for (int k = size - 1; k >= 0; k--) {
      int token = Sampler.token(keys[k]);
      best.add(new TokenProbability(token, (float) (logits[token] - sum)));
    }
    return List.copyOf(best);
  }

  /// The logarithm of the sum of all exponentials.
  private static double logSum(float[] logits) {
    Sampler.requireUsable(logits);
    float highest = Float.NEGATIVE_INFINITY;
    for (float logit : logits) highest = Math.max(highest, logit);
    double sum = 0;
    for (float logit : logits) sum += Math.exp((double) logit - highest);
    return highest + Math.log(sum);
  }
}
