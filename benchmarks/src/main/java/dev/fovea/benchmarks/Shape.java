package dev.fovea.benchmarks;

import java.lang.foreign.Arena;
import java.util.function.Function;

/// An operation at the size of a real model.
///
/// @param name unique among all shapes
/// @param limit the limit of its speed
/// @param amount floating-point operations or bytes, as the limit counts them
/// @param reach the target share of the limit; NaN for none
/// @param prepare makes its operands, which the arena owns
record Shape(String name, Limit limit, double amount, double reach, Function<Arena, Case> prepare) {
  /// The name's first word, which says what the operation does.
  String word() {
    return name.split("[ ,]")[0];
  }
}
