package dev.fovea.benchmarks;

import java.lang.foreign.Arena;
import java.util.function.Function;

/// An operation at a size that a real model has.
///
/// @param name unique among all shapes
/// @param limit what bounds it
/// @param amount floating-point operations or bytes, as the limit counts them
/// @param reach the share of the limit to reach, NaN if none is set
/// @param prepare makes its operands, which the arena owns
record Shape(String name, Limit limit, double amount, double reach, Function<Arena, Case> prepare) {}
