package dev.fovea.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The choice of tokens, against the plainest implementation of each step.
class SamplerTest {
  private static final Sampling FREE = Sampling.temperature(1);

  /// `log(0.4, 0.3, 0.15, 0.1, 0.05)` in another order: tokens 2, 0, 4, 1, 3.
  private static final float[] LOGITS = {(float) Math.log(0.3), (float) Math.log(0.1), (float) Math.log(0.4),
      (float) Math.log(0.05), (float) Math.log(0.15)};

  private static Set<Integer> drawn(Sampling sampling, float... logits) {
    var tokens = new TreeSet<Integer>();
    for (int seed = 0; seed < 400; seed++) tokens.add(new Sampler(sampling.withSeed(seed), logits.length).next(logits));
    return tokens;
  }

  @Test
  void greedyTakesTheLowestOfTheHighest() {
    assertThat(new Sampler(Sampling.GREEDY, 5).next(new float[] {1, 3, 2, 3, 3})).isEqualTo(1);
    assertThat(new Sampler(Sampling.GREEDY, 2).next(new float[] {-0f, 0f})).isZero();
    assertThat(new Sampler(Sampling.GREEDY, 2).next(new float[] {Float.NEGATIVE_INFINITY, -1e30f})).isEqualTo(1);
  }

  @Test
  void stepsLeaveOutTheImprobable() {
    assertThat(drawn(FREE, LOGITS)).containsExactly(0, 1, 2, 3, 4);
    assertThat(drawn(FREE.withTopK(1), LOGITS)).containsExactly(2);
    assertThat(drawn(FREE.withTopK(3), LOGITS)).containsExactly(0, 2, 4);
    assertThat(drawn(FREE.withTopK(99), LOGITS)).containsExactly(0, 1, 2, 3, 4);
    assertThat(drawn(FREE.withTopP(0.39f), LOGITS)).containsExactly(2);
    assertThat(drawn(FREE.withTopP(0.41f), LOGITS)).containsExactly(0, 2);
    assertThat(drawn(FREE.withTopP(0.71f), LOGITS)).containsExactly(0, 2, 4);
    assertThat(drawn(FREE.withTopP(1e-30f), LOGITS)).containsExactly(2);
    assertThat(drawn(FREE.withMinP(0.3f), LOGITS)).containsExactly(0, 2, 4);
    assertThat(drawn(FREE.withMinP(1), LOGITS)).containsExactly(2);
    // Of the two that top-k leaves, the better has 4/7 of the probability.
    assertThat(drawn(FREE.withTopK(2).withTopP(0.5f), LOGITS)).containsExactly(2);
    // A low temperature sharpens before top-p counts.
    assertThat(drawn(FREE.withTemperature(0.1f).withTopP(0.9f), LOGITS)).containsExactly(2);
  }

  @Test
  void equalLogitsStayTogetherInTopKAndStandInOrderInTopP() {
    assertThat(drawn(FREE.withTopK(2), 1, 2, 1, 1)).containsExactly(0, 1, 2, 3);
    assertThat(drawn(FREE.withTopP(0.5f), 1, 1, 1, 1)).containsExactly(0, 1);
    assertThat(drawn(FREE.withMinP(1), 1, 2, 2, 1)).containsExactly(1, 2);
  }

  @Test
  void repetitionIsPenalisedOnceForEachToken() {
    var sampler = new Sampler(Sampling.GREEDY.withRepetitionPenalty(2), 4);
    sampler.see(0, 0, 3);
    // 3 / 2 = 1.5, 2, 1, -1 · 2
    assertThat(sampler.next(new float[] {3, 2, 1, -1})).isEqualTo(1);
    // 1.5, 1, 1, -2
    assertThat(sampler.next(new float[] {3, 2, 1, -1})).isZero();
    // -6, -4, -5, -2 · 2: the lower index
    assertThat(sampler.next(new float[] {-3, -2, -5, -2})).isEqualTo(1);
    assertThatThrownBy(() -> sampler.see(4)).isInstanceOf(IllegalArgumentException.class).hasMessage("token 4: expected 0 to 3");
    var infinite = new Sampler(Sampling.temperature(1e-30f).withRepetitionPenalty(1e30f), 2);
    infinite.see(1);
    assertThat(infinite.next(new float[] {1e30f, -1e30f})).isZero();
  }

  @Test
  void drawsFollowTheProbabilities() {
    var sampler = new Sampler(FREE.withSeed(7), 5);
    var counts = new int[5];
    int n = 40_000;
    for (int i = 0; i < n; i++) counts[sampler.next(LOGITS)]++;
    for (int token = 0; token < 5; token++) assertThat((double) counts[token] / n).isEqualTo(Math.exp(LOGITS[token]), within(0.01));
  }

  @Test
  void seedsDecideTheDraws() {
    var all = new HashSet<List<Integer>>();
    for (int seed = 0; seed < 20; seed++) {
      var first = tokens(FREE.withSeed(seed));
      assertThat(tokens(FREE.withSeed(seed))).isEqualTo(first);
      all.add(first);
    }
    assertThat(all).hasSize(20);
    assertThat(IntStream.range(0, 12).mapToObj(_ -> FREE.withSeed(3)).parallel().map(SamplerTest::tokens).distinct()).hasSize(1);
  }

  private static List<Integer> tokens(Sampling sampling) {
    var sampler = new Sampler(sampling, LOGITS.length);
    return IntStream.range(0, 60).mapToObj(_ -> sampler.next(LOGITS)).toList();
  }

  /// Random logits and options: the same tokens are left as by sorting everything, and the draw is the same.
  @Test
  void stepsEqualPlainOnes() {
    var random = new Random(5);
    for (int run = 0; run < 3000; run++) {
      int size = 1 + random.nextInt(40);
      var logits = new float[size];
      for (int i = 0; i < size; i++)
        logits[i] = random.nextInt(9) == 0 && i > 0 ? Float.NEGATIVE_INFINITY : Math.round(random.nextGaussian() * 8) / 4f;
      var sampling = new Sampling(0.2f + 2 * random.nextFloat(), random.nextInt(3) == 0 ? random.nextInt(size + 3) : 0,
          random.nextBoolean() ? 1 - random.nextFloat() : 1, random.nextBoolean() ? random.nextFloat() : 0,
          random.nextBoolean() ? 0.5f + random.nextFloat() : 1, random.nextLong());
      var sampler = new Sampler(sampling, size);
      int before = random.nextInt(size);
      sampler.see(before);
      assertThat(sampler.next(logits)).as(sampling + " " + Arrays.toString(logits) + " " + before)
          .isEqualTo(plain(sampling, logits, before));
    }
  }

  private static int plain(Sampling s, float[] logits, int seen) {
    var scores = new TreeMap<Integer, Float>();
    for (int i = 0; i < logits.length; i++) {
      float score = logits[i];
      if (i == seen) score = score < 0 ? score * s.repetitionPenalty() : score / s.repetitionPenalty();
      if (score > Float.NEGATIVE_INFINITY) scores.put(i, score / s.temperature());
    }
    var sorted = new ArrayList<>(scores.keySet());
    sorted.sort(Comparator.comparing((Integer i) -> -scores.get(i)).thenComparing(i -> i));
    if (s.topK() > 0 && s.topK() < sorted.size()) {
      float least = scores.get(sorted.get(s.topK() - 1));
      sorted.removeIf(i -> scores.get(i) < least);
    }
    float highest = scores.get(sorted.getFirst());
    double total = sorted.stream().mapToDouble(i -> Math.exp((double) scores.get(i) - highest)).sum(), sum = 0;
    var kept = new TreeSet<Integer>();
    for (int i : sorted) {
      double weight = Math.exp((double) scores.get(i) - highest);
      if ((kept.isEmpty() || s.topP() == 1 || sum < s.topP() * total) && weight >= s.minP()) kept.add(i);
      sum += weight;
    }
    double rest = Sampler.uniform(s.seed(), 0) * kept.stream().mapToDouble(i -> Math.exp((double) scores.get(i) - highest)).sum();
    for (int i : kept) if ((rest -= Math.exp((double) scores.get(i) - highest)) < 0) return i;
    return kept.last();
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void logitsWithoutProbabilitiesAreRefused(float bad) {
    for (var sampling : List.of(Sampling.GREEDY, FREE))
      assertThatThrownBy(() -> new Sampler(sampling, 3).next(new float[] {1, bad, 2})).isInstanceOf(ArithmeticException.class)
          .hasMessageContaining(bad + " for token 1").message().doesNotContain("\n");
    assertThatThrownBy(() -> TokenProbability.of(new float[] {1, bad, 2}, 0)).isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> new Sampler(FREE, 2).next(new float[] {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY}))
        .isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> new Sampler(FREE, 2).next(new float[3])).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("logits: expected 2, got 3");
  }

  @Test
  void optionsOutOfRangeAreRefused() {
    for (var wrong : List.<Runnable>of(() -> FREE.withTemperature(-1), () -> FREE.withTemperature(Float.NaN),
        () -> FREE.withTopK(-1),
        () -> FREE.withTopP(0), () -> FREE.withTopP(1.5f), () -> FREE.withTopP(Float.NaN), () -> FREE.withMinP(-0.1f),
        () -> FREE.withMinP(1.1f), () -> FREE.withRepetitionPenalty(0), () -> FREE.withRepetitionPenalty(Float.POSITIVE_INFINITY)))
      assertThatThrownBy(wrong::run).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("expected");
    assertThatThrownBy(() -> new Sampler(FREE, 0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void logProbabilitiesAreTheModels() {
    assertThat(TokenProbability.of(LOGITS, 4).logProbability()).isEqualTo((float) Math.log(0.15), within(1e-6f));
    var best = TokenProbability.best(LOGITS, 3);
    assertThat(best.stream().map(TokenProbability::token)).containsExactly(2, 0, 4);
    assertThat(best.getFirst().logProbability()).isEqualTo((float) Math.log(0.4), within(1e-6f));
    assertThat(TokenProbability.best(new float[] {2, 5, 5, 1, 5}, 2).stream().map(TokenProbability::token)).containsExactly(1, 2);
    assertThat(TokenProbability.best(LOGITS, 99)).hasSize(5);
    assertThat(TokenProbability.best(LOGITS, 0)).isEmpty();
    assertThat(TokenProbability.of(new float[] {1000, -1000}, 1).logProbability()).isEqualTo(-2000);
  }
}
