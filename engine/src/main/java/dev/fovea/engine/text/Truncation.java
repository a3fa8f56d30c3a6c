package dev.fovea.engine.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// The truncation of encodings to a length. ref: tokenizers, utils/truncation.rs and tokenizer/encoding.rs.
///
/// @param maxLength maximum number of tokens, including special ones
/// @param strategy which of two texts is cut
/// @param stride number of tokens that adjacent overflowing pieces share
/// @param left whether the left end is cut off
public record Truncation(int maxLength, Strategy strategy, int stride, boolean left) {
  /// Which of two texts is cut. A single text is cut by all strategies but `ONLY_SECOND`, which fails.
  public enum Strategy { LONGEST_FIRST, ONLY_FIRST, ONLY_SECOND }

  public Truncation {
    Objects.requireNonNull(strategy, "strategy");
    if (maxLength < 0) throw new IllegalArgumentException("maxLength: expected at least 0, got " + maxLength);
    if (stride < 0 || stride > 0 && stride >= maxLength)
      throw new IllegalArgumentException("stride: expected 0 to less than the maxLength " + maxLength + ", got " + stride);
  }

  /// Truncation at the right end, of the longer text first.
  public static Truncation to(int maxLength) {
    return new Truncation(maxLength, Strategy.LONGEST_FIRST, 0, false);
  }

  static Truncation of(JsonPart part) {
    part.only("direction", "max_length", "strategy", "stride");
    var strategy = switch (part.choice("strategy", "LongestFirst", "OnlyFirst", "OnlySecond")) {
      case "LongestFirst" -> Strategy.LONGEST_FIRST;
      case "OnlyFirst" -> Strategy.ONLY_FIRST;
      default -> Strategy.ONLY_SECOND;
    };
    boolean left = part.has("direction") && part.choice("direction", "Left", "Right").equals("Left");
    int max = part.count("max_length", Integer.MAX_VALUE), stride = part.count("stride", Integer.MAX_VALUE);
    if (stride > 0 && stride >= max) throw part.wrong("stride", "less than the max_length " + max);
    return new Truncation(max, strategy, stride, left);
  }

  /// Cuts one or two encodings.
  ///
  /// @param added number of special tokens that will be added
  /// @throws TokenizerException if the text to cut is too short or missing
  List<Encoding> apply(List<Encoding> encodings, int added) {
    int most = Math.max(0, maxLength - added), total = encodings.stream().mapToInt(Encoding::length).sum();
    if (total <= most) return encodings;
    if (most == 0) return encodings.stream().map(e -> cut(e, 0)).toList();
    return switch (strategy) {
      case LONGEST_FIRST -> longestFirst(encodings, most);
      case ONLY_FIRST -> only(0, encodings, total - most);
      case ONLY_SECOND -> only(1, encodings, total - most);
    };
  }

  private List<Encoding> longestFirst(List<Encoding> encodings, int most) {
    if (encodings.size() == 1) return List.of(cut(encodings.getFirst(), most));
    int first = encodings.get(0).length(), second = encodings.get(1).length();
    int shorter = Math.min(first, second), longer = shorter > most ? shorter : Math.max(shorter, most - shorter);
    if (shorter + longer > most) {
      shorter = most / 2;
      longer = shorter + most % 2;
    }
    boolean firstIsLonger = first > second;
    return List.of(cut(encodings.get(0), firstIsLonger ? longer : shorter),
        cut(encodings.get(1), firstIsLonger ? shorter : longer));
  }

  private List<Encoding> only(int which, List<Encoding> encodings, int excess) {
    if (which == encodings.size())
      throw new TokenizerException("truncation: the second text is to be cut, but there is only one");
    int length = encodings.get(which).length();
    if (length <= excess)
      throw new TokenizerException("truncation: " + excess + " tokens are too many, but text " + (which + 1) + " has only "
          + length);
    var cut = new ArrayList<>(encodings);
    cut.set(which, cut(encodings.get(which), length - excess));
    return cut;
  }

  private Encoding cut(Encoding whole, int most) {
    int length = whole.length();
    if (length <= most) return whole;
    if (most == 0) return Encoding.EMPTY.withOverflowing(List.of(whole));
    int step = Math.max(1, most - stride);
    var pieces = new ArrayList<Encoding>();
    // Each piece starts a step after the previous one or, from the right, ends a step before it.
    for (int at = 0; pieces.isEmpty() || at - step + most < length; at += step) {
      int end = Math.min(length, at + most);
      pieces.add(left ? whole.slice(length - end, length - at) : whole.slice(at, end));
    }
    return pieces.getFirst().withOverflowing(List.copyOf(pieces.subList(1, pieces.size())));
  }
}
