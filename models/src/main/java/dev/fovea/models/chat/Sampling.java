package dev.fovea.models.chat;

/// How the next token is chosen from a language model's logits. Immutable.
///
/// The steps, in this order, are those of transformers' `generate` (ref: transformers, `generation/logits_process.py`,
/// `generation/utils.py`, `_get_logits_processor`):
///
/// 1. `repetitionPenalty`: the logit of each token that is already there is divided by it if positive, else multiplied by it.
/// 2. `temperature`: logits are divided by it; at 0 the token with the highest logit is chosen, and the rest does not apply.
/// 3. `topK`: logits below the k-th highest are left out; all that equal it stay.
/// 4. `topP`: tokens are left out if more probable ones have at least this probability together.
/// 5. `minP`: tokens are left out whose probability is less than this part of the most probable one's.
/// 6. One of the others is drawn according to their probabilities.
///
/// The most probable token always stays. Of equal ones, the one with the lower index comes first.
///
/// @param temperature 0 to choose the most probable token; 1 for the model's probabilities
/// @param topK 0 for no limit
/// @param topP above 0; 1 for no limit
/// @param minP 0 for no limit, at most 1
/// @param repetitionPenalty above 0; 1 for none, higher to discourage repetition
/// @param seed decides what is drawn: the same seed and logits give the same tokens, whatever the number of threads
public record Sampling(float temperature, int topK, float topP, float minP, float repetitionPenalty, long seed) {
  /// The most probable token each time.
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1, 0);

  /// @throws IllegalArgumentException if a value is out of its range
  public Sampling {
    if (!(temperature >= 0 && temperature < Float.POSITIVE_INFINITY))
      throw new IllegalArgumentException("temperature: expected 0 or more, got " + temperature);
    if (topK < 0) throw new IllegalArgumentException("top-k: expected 0 or more, got " + topK);
    if (!(topP > 0 && topP <= 1)) throw new IllegalArgumentException("top-p: expected more than 0 and at most 1, got " + topP);
    if (!(minP >= 0 && minP <= 1)) throw new IllegalArgumentException("min-p: expected 0 to 1, got " + minP);
    if (!(repetitionPenalty > 0 && repetitionPenalty < Float.POSITIVE_INFINITY))
      throw new IllegalArgumentException("repetition penalty: expected more than 0, got " + repetitionPenalty);
  }

  /// Sampling from the model's probabilities at a temperature; at 0 [#GREEDY].
  ///
  /// @throws IllegalArgumentException if it is negative, infinite or NaN
  public static Sampling temperature(float temperature) {
    return GREEDY.withTemperature(temperature);
  }

  /// Whether nothing is drawn.
  public boolean isGreedy() {
    return temperature == 0;
  }

  /// @throws IllegalArgumentException as the constructor
  public Sampling withTemperature(float temperature) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /// @throws IllegalArgumentException as the constructor
  public Sampling withTopK(int topK) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /// @throws IllegalArgumentException as the constructor
  public Sampling withTopP(float topP) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /// @throws IllegalArgumentException as the constructor
  public Sampling withMinP(float minP) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /// @throws IllegalArgumentException as the constructor
  public Sampling withRepetitionPenalty(float repetitionPenalty) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }

  /// The same choice with other draws.
  public Sampling withSeed(long seed) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }
}
