package dev.fovea.engine.nn;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/// The kinds and positions of a sequence's tokens, as runs: for example a class token, then a grid of patches.
public record Tokens(List<Run> runs) {
  /// No tokens.
  public static final Tokens NONE = new Tokens(List.of());

  /// What a token represents.
  public enum Kind {
    /// The whole picture or sentence.
    CLASS,
    /// No part of the input: a learned register token.
    REGISTER,
    /// A cell of a grid that covers the picture.
    PATCH,
    /// A piece of text.
    TEXT,
    /// A learned query, such as a mask token's or a pooling head's.
    QUERY,
    /// A point, a box corner or another part of a prompt.
    PROMPT
  }

  /// Consecutive tokens of one kind: a grid row by row, or a single row.
  public record Run(Kind kind, int rows, int cols) {
    public Run {
      Objects.requireNonNull(kind, "kind");
    }

    /// Number of tokens in the run.
    public int count() {
      return rows * cols;
    }
  }

  public Tokens {
    Objects.requireNonNull(runs, "runs");
    runs = List.copyOf(runs);
  }

  /// `count` tokens of one kind; none for 0.
  public static Tokens of(Kind kind, int count) {
    Objects.requireNonNull(kind, "kind");
    return count == 0 ? NONE : new Tokens(List.of(new Run(kind, 1, count)));
  }

  /// The patches of a picture, row by row; together they cover the picture.
  public static Tokens grid(int rows, int cols) {
    return new Tokens(List.of(new Run(Kind.PATCH, rows, cols)));
  }

  /// These tokens followed by `others`.
  public Tokens and(Tokens others) {
    if (runs.isEmpty()) return others;
    if (others.runs.isEmpty()) return this;
    return new Tokens(Stream.concat(runs.stream(), others.runs.stream()).toList());
  }

  /// Number of tokens.
  public int count() {
    return runs.stream().mapToInt(Run::count).sum();
  }

  /// Indices of the tokens of one kind, in order.
  public int[] indices(Kind kind) {
    Objects.requireNonNull(kind, "kind");
    var indices = new int[count()];
    int from = 0, found = 0;
    for (var run : runs) {
      for (int i = 0; i < run.count() && run.kind == kind; i++) indices[found++] = from + i;
      from += run.count();
    }
    return Arrays.copyOf(indices, found);
  }
}
