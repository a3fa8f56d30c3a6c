package dev.fovea.converter;

import java.util.List;
import org.jetbrains.annotations.Nullable;

/// A tensor of the published checkpoint, or part `index` of `count` equal parts of its rows.
///
/// @param first the first of the rows that are used
/// @param shape a word per dimension; null if the published shape is the engine's
/// @param order the new order of its dimensions; empty if unchanged
/// @param norm the following batch norm to fold into the tensor; null for none
/// @param zeros whether a row of zeros precedes it
record SourcePart(String name, int index, int count, int first, @Nullable List<String> shape, List<Integer> order,
    @Nullable String norm, boolean zeros) {
  /// All rows of the part.
  SourcePart(String name, int index, int count, @Nullable List<String> shape, List<Integer> order, @Nullable String norm,
      boolean zeros) {
    this(name, index, count, 0, shape, order, norm, zeros);
  }
}
