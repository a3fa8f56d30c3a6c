package dev.fovea.engine.text;

import java.util.function.Consumer;

/// The treatment of the matches that a text is split at. ref: tokenizers, tokenizer/normalizer.rs, split.
enum SplitBehavior {
  REMOVED("Removed"), ISOLATED("Isolated"), MERGED_WITH_PREVIOUS("MergedWithPrevious"), MERGED_WITH_NEXT("MergedWithNext"),
  CONTIGUOUS("Contiguous");

  private final String published;

  SplitBehavior(String published) {
    this.published = published;
  }

  static SplitBehavior of(JsonPart part, SplitBehavior otherwise) {
    if (!part.has("behavior")) return otherwise;
    var value = part.choice("behavior", "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");
    for (var behavior : values()) if (behavior.published.equals(value)) return behavior;
    throw new AssertionError(value);
  }

  /// Passes the non-empty pieces of `text` to `out`, from left to right.
  ///
  /// @param invert whether to split at the gaps between the matches instead
  void split(AlignedText text, Spans spans, boolean invert, Consumer<AlignedText> out) {
    spans.closed();
    int from = 0;
    for (int i = 0; i < spans.size(); i++) {
      boolean match = spans.isMatch(i) != invert;
      boolean before = i > 0 && spans.isMatch(i - 1) != invert;
      if (i > 0 && !joins(before, match)) {
        emit(text, from, spans.start(i), before, out);
        from = spans.start(i);
      }
      if (i == spans.size() - 1) emit(text, from, spans.end(i), match, out);
    }
  }

  /// Whether a span belongs to the piece of the span before it.
  private boolean joins(boolean before, boolean match) {
    return switch (this) {
      case REMOVED, ISOLATED -> false;
      case CONTIGUOUS -> before == match;
      case MERGED_WITH_PREVIOUS -> match && !before;
      case MERGED_WITH_NEXT -> before && !match;
    };
  }

  private void emit(AlignedText text, int from, int to, boolean match, Consumer<AlignedText> out) {
    if (from < to && !(match && this == REMOVED)) out.accept(text.slice(from, to));
  }
}
