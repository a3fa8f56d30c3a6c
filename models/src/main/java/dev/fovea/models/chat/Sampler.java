package dev.fovea.models.chat;

import java.util.Arrays;
import java.util.Objects;

/// Chooses tokens from logits, one after the other, as a [Sampling] says.
///
/// ```java
/// var sampler = new Sampler(Sampling.temperature(0.7f).withSeed(3), vocabSize);
/// sampler.see(promptIds);
/// int next = sampler.next(logits);
/// ```
///
/// The n-th draw depends on the seed and n alone. All memory, about 20 bytes for each token of the vocabulary, is allocated at
/// construction. Not thread-safe.
public final class Sampler {
  /// The odd constant of SplitMix64, which steps its counter (ref: Steele, Lea and Flood, "Fast splittable pseudorandom number
  /// generators", 2014).
  private static final long STEP = 0x9E3779B97F4A7C15L;

  private final Sampling sampling;
  /// Logits after the steps so far.
  private final float[] scores;
  /// Tokens that are there.
  private final boolean[] seen;
  /// Tokens that are left, in the order of their index.
  private final int[] left;
  /// Weights of those: probabilities up to a common factor, 1 for the most probable.
  private final double[] weights;
  /// Sort keys, see [#key]. Empty if nothing is drawn.
  private final long[] keys;
  private long draws;

  /// @param vocabSize number of logits
  /// @throws IllegalArgumentException if it is not positive
  public Sampler(Sampling sampling, int vocabSize) {
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    if (vocabSize < 1) throw new IllegalArgumentException("vocabulary: expected at least one token, got " + vocabSize);
    int drawn = sampling.isGreedy() ? 0 : vocabSize;
    scores = new float[vocabSize];
    seen = new boolean[vocabSize];
    left = new int[drawn];
    weights = new double[drawn];
    keys = new long[drawn];
  }

  /// What this sampler does.
  public Sampling sampling() {
    return sampling;
  }

  /// Tells that tokens are there, such as those of the prompt, for the repetition penalty. Chosen ones are seen already.
  ///
  /// @throws IllegalArgumentException if one is outside the vocabulary
  public void see(int... tokens) {
    Objects.requireNonNull(tokens, "tokens");
    for (int token : tokens)
      if (token < 0 || token >= seen.length)
        throw new IllegalArgumentException("token " + token + ": expected 0 to " + (seen.length - 1));
    for (int token : tokens) seen[token] = true;
  }

  /// Chooses the next token.
  ///
  /// @param logits `[vocabulary]`; neither kept nor changed
  /// @throws IllegalArgumentException if their number is wrong
  /// @throws ArithmeticException if one is NaN or positive infinity, or all are negative infinity: then nothing is chosen or drawn
  public int next(float[] logits) {
    Objects.requireNonNull(logits, "logits");
    if (logits.length != scores.length)
      throw new IllegalArgumentException("logits: expected " + scores.length + ", got " + logits.length);
    requireUsable(logits);
    System.arraycopy(logits, 0, scores, 0, logits.length);
    penalise();
    int token = sampling.isGreedy() ? best() : draw();
    seen[token] = true;
    return token;
  }

  static void requireUsable(float[] logits) {
    boolean any = false;
    for (int i = 0; i < logits.length; i++) {
      float logit = logits[i];
      if (!(logit < Float.POSITIVE_INFINITY))
        throw new ArithmeticException("logits: the model gives " + logit + " for token " + i
            + ": its weights or the picture are damaged, or it overflows in this number format");
      any |= logit > Float.NEGATIVE_INFINITY;
    }
    if (!any) throw new ArithmeticException("logits: the model gives -Infinity for every token");
  }

  private void penalise() {
    float penalty = sampling.repetitionPenalty();
    if (penalty == 1) return;
    for (int i = 0; i < scores.length; i++)
      if (seen[i]) scores[i] = finite(scores[i] < 0 ? scores[i] * penalty : scores[i] / penalty, scores[i]);
  }

  /// A finite logit stays one, so that no option makes weights infinite, or leaves none.
  private static float finite(float changed, float logit) {
    return logit == Float.NEGATIVE_INFINITY ? logit : Math.clamp(changed, -Float.MAX_VALUE, Float.MAX_VALUE);
  }

  private int best() {
    int best = 0;
    for (int i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
    return best;
  }

  private int draw() {
    for (int i = 0; i < scores.length; i++) scores[i] = finite(scores[i] / sampling.temperature(), scores[i]);
    float least = sampling.topK() > 0 && sampling.topK() < scores.length ? kthHighest(sampling.topK()) : -Float.MAX_VALUE;
    int count = 0;
    for (int i = 0; i < scores.length; i++) if (scores[i] >= least) left[count++] = i;
    float highest = scores[best()];
    double total = 0;
    for (int k = 0; k < count; k++) total += weights[k] = Math.exp((double) scores[left[k]] - highest);
    if (sampling.topP() < 1) count = keepTopP(count, total);
    if (sampling.minP() > 0) count = keepMinP(count);
    total = 0;
    for (int k = 0; k < count; k++) total += weights[k];
    double at = uniform(sampling.seed(), draws++) * total;
    for (int k = 0; k < count; k++) if ((at -= weights[k]) < 0) return left[k];
    // Rounding may leave the sum of the weights a little short.
    while (weights[count - 1] == 0) count--;
    return left[count - 1];
  }

  /// The k-th highest score, by a heap of the k highest ones with the lowest of them at its root.
  private float kthHighest(int k) {
    int size = 0;
    for (int i = 0; i < scores.length; i++) {
      long key = key(scores[i], i);
      if (size < k) {
        keys[size++] = key;
        if (size == k) for (int root = k / 2 - 1; root >= 0; root--) sink(root, k);
      } else if (key > keys[0]) {
        keys[0] = key;
        sink(0, k);
      }
    }
    return Math.max(scores[token(keys[0])], -Float.MAX_VALUE);
  }

  private void sink(int at, int size) {
    long key = keys[at];
    for (int child; (child = 2 * at + 1) < size; at = child) {
      if (child + 1 < size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[at] = keys[child];
    }
    keys[at] = key;
  }

  /// Leaves out the tokens whose predecessors, from the most probable on, have the probability `topP` together.
  private int keepTopP(int count, double total) {
    // Tokens that even together are less probable than the rest that may be left out need no sorting.
    double least = (1 - sampling.topP()) * total / count;
    int sorted = 0;
    for (int k = 0; k < count; k++) if (weights[k] >= least) keys[sorted++] = key(scores[left[k]], left[k]);
    Arrays.sort(keys, 0, sorted);
    float highest = scores[token(keys[sorted - 1])];
    double before = 0;
    int first = sorted;
    while (first > 0 && (first == sorted || before < sampling.topP() * total))
      before += Math.exp((double) scores[token(keys[--first])] - highest);
    return keep(count, keys[first], 0);
  }

  private int keepMinP(int count) {
    return keep(count, Long.MIN_VALUE, sampling.minP());
  }

  /// Leaves out what has a lower key or a smaller weight.
  private int keep(int count, long leastKey, double leastWeight) {
    int kept = 0;
    for (int k = 0; k < count; k++) {
      if (key(scores[left[k]], left[k]) < leastKey || weights[k] < leastWeight) continue;
      left[kept] = left[k];
      weights[kept++] = weights[k];
    }
    return kept;
  }

  /// A number whose order is that of the scores, and among equal scores that of falling indices.
  static long key(float score, int index) {
    int bits = Float.floatToRawIntBits(score + 0f);   // -0 becomes 0.
    return (long) (bits < 0 ? ~bits ^ Integer.MIN_VALUE : bits) << 32 | ~index & 0xFFFFFFFFL;
  }

  static int token(long key) {
    return ~(int) key;
  }

  /// The n-th number of a seed, uniform in `[0, 1)`.
  static double uniform(long seed, long n) {
    long z = seed + (n + 1) * STEP;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return ((z ^ z >>> 31) >>> 11) * 0x1p-53;
  }
}
