package dev.fovea.engine.nn;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// What the tokens of a sequence are, run by run: which is the class token, which patch lies where.
public record Tokens(List<Run> runs) {
  /// What a token stands for.
  public enum Kind {
    /// The whole picture or sentence.
    CLASS,
    /// Nothing of the input: room that the model learnt to use.
    REGISTER,
    /// A cell of a grid that covers the picture.
    PATCH,
    /// A piece of text.
    TEXT,
    /// What the model asks of the input: a learnt query, such as a mask's or a pooling head's.
    QUERY,
    /// A point, a box corner or another part of a prompt.
    PROMPT
  }

  /// Tokens of one kind, side by side in the sequence: a grid row by row, or a line of one row.
  public record Run(Kind kind, int rows, int cols) {
    /// Tokens of the run.
    public int count() {
      return rows * cols;
    }
  }

  public Tokens {
    runs = List.copyOf(runs);
  }

  /// `count` tokens of one kind; none for 0.
  public static Tokens of(Kind kind, int count) {
    return new Tokens(count == 0 ? List.of() : List.of(new Run(kind, 1, count)));
  }

  /// The patches of a picture, row by row. However many there are, together they cover the picture.
  public static Tokens grid(int rows, int cols) {
    return new Tokens(List.of(new Run(Kind.PATCH, rows, cols)));
  }

  /// These tokens, then the others.
  public Tokens and(Tokens others) {
    return new Tokens(Stream.concat(runs.stream(), others.runs.stream()).toList());
  }

  /// All tokens.
  public int count() {
    return runs.stream().mapToInt(Run::count).sum();
  }

  /// Numbers of the tokens of one kind, in order.
  public int[] indices(Kind kind) {
    var indices = new int[count()];
    int from = 0, found = 0;
    for (var run : runs) {
      for (int i = 0; i < run.count() && run.kind == kind; i++) indices[found++] = from + i;
      from += run.count();
    }
    return Arrays.copyOf(indices, found);
  }
}
