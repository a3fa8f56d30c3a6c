package dev.fovea.engine.text;

import java.lang.Character.UnicodeScript;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jetbrains.annotations.Nullable;

/// Splits a normalised text into words, which the model tokenizes separately. ref: tokenizers, pre_tokenizers/.
sealed interface PreTokenizer {
  /// Passes the non-empty words to `out`, from left to right.
  void split(AlignedText text, Consumer<AlignedText> out);

  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the type or one of its fields is not known
  static PreTokenizer of(JsonPart part) {
    return switch (part.type()) {
      case "Sequence" -> new Sequence(part.only("type", "pretokenizers").parts("pretokenizers").stream().map(PreTokenizer::of)
          .toList());
      case "ByteLevel" -> ByteLevel.of(part);
      case "Metaspace" -> Metaspace.of(part);
      case "Split" -> {
        part.only("type", "pattern", "behavior", "invert");
        part.string("behavior");
        yield new Split(TextPattern.of(part, "pattern"), SplitBehavior.of(part, SplitBehavior.ISOLATED), part.bool("invert"));
      }
      case "Whitespace" -> words(part.only("type"));
      case "WhitespaceSplit" -> whiteSpace(part.only("type"));
      case "BertPreTokenizer" -> new Sequence(List.of(whiteSpace(part.only("type")), punctuation(SplitBehavior.ISOLATED)));
      case "Punctuation" -> punctuation(SplitBehavior.of(part.only("type", "behavior"), SplitBehavior.ISOLATED));
      case "Digits" -> new Split(TextPattern.codePoints(Characters::isNumeric),
          part.only("type", "individual_digits").bool("individual_digits") ? SplitBehavior.ISOLATED : SplitBehavior.CONTIGUOUS,
              false);
      case "CharDelimiterSplit" -> {
        int delimiter = part.only("type", "delimiter").character("delimiter");
        yield new Split(TextPattern.codePoints(c -> c == delimiter), SplitBehavior.REMOVED, false);
      }
      case "FixedLength" -> new FixedLength(Math.max(1, part.only("type", "length").count("length", Integer.MAX_VALUE, 5)));
      case "UnicodeScripts" -> new UnicodeScripts(part.only("type"));
      default -> throw part.unknownType("Sequence", "ByteLevel", "Metaspace", "Split", "Whitespace", "WhitespaceSplit",
          "BertPreTokenizer", "Punctuation", "Digits", "CharDelimiterSplit", "FixedLength", "UnicodeScripts");
    };
  }

  /// Splits into runs of word characters and runs of others except white space.
  private static PreTokenizer words(JsonPart ignored) {
    return new Split(TextPattern.expression("\\w+|[^\\w\\s]+"), SplitBehavior.REMOVED, true);
  }

  private static PreTokenizer whiteSpace(JsonPart ignored) {
    return new Split(TextPattern.codePoints(Characters::isWhiteSpace), SplitBehavior.REMOVED, false);
  }

  private static PreTokenizer punctuation(SplitBehavior behavior) {
    return new Split(TextPattern.codePoints(Characters::isPunctuation), behavior, false);
  }

  /// Applies each part to the pieces of the one before it.
  record Sequence(List<PreTokenizer> parts) implements PreTokenizer {
    @Override
    public void split(AlignedText text, Consumer<AlignedText> out) {
      split(0, text, out);
    }

    private void split(int part, AlignedText text, Consumer<AlignedText> out) {
      if (part == parts.size()) out.accept(text);
      else parts.get(part).split(text, piece -> split(part + 1, piece, out));
    }
  }

  record Split(TextPattern pattern, SplitBehavior behavior, boolean invert) implements PreTokenizer {
    @Override
    public void split(AlignedText text, Consumer<AlignedText> out) {
      behavior.split(text, pattern.find(text.text()), invert, out);
    }
  }

  /// GPT-2's words, with each byte as a character of [ByteAlphabet].
  record ByteLevel(boolean addPrefixSpace, boolean useRegex) implements PreTokenizer {
    private static final TextPattern GPT2 =
        TextPattern.expression("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");

    static ByteLevel of(JsonPart part) {
      part.only("type", "add_prefix_space", "trim_offsets", "use_regex");
      return new ByteLevel(part.bool("add_prefix_space"), part.bool("use_regex", true));
    }

    @Override
    public void split(AlignedText text, Consumer<AlignedText> out) {
      if (addPrefixSpace && !text.text().startsWith(" ")) text = text.prepend(" ");
      if (useRegex)
        SplitBehavior.ISOLATED.split(text, GPT2.find(text.text()), false, word -> out.accept(ByteAlphabet.write(word)));
      else out.accept(ByteAlphabet.write(text));
    }
  }

  /// SentencePiece's splitting: a visible character replaces each space and is put before the first word.
  record Metaspace(String replacement, Prepend prepend, boolean split) implements PreTokenizer {
    enum Prepend { ALWAYS, FIRST, NEVER }

    static Metaspace of(JsonPart part) {
      part.only("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep");
      var declared = part.has("prepend_scheme") ? part.choice("prepend_scheme", "always", "first", "never") : null;
      boolean prefix = part.bool("add_prefix_space", true);
      if (!prefix && declared != null && !declared.equals("never"))
        throw part.error("'add_prefix_space' is false, but 'prepend_scheme' is '" + declared + "'");
      // Older files have only add_prefix_space.
      var prepend = declared != null ? Prepend.valueOf(declared.toUpperCase(Locale.ROOT)) : prefix ? Prepend.ALWAYS
          : Prepend.NEVER;
      return new Metaspace(Character.toString(part.character("replacement")), prepend, part.bool("split", true));
    }

    @Override
    public void split(AlignedText text, Consumer<AlignedText> out) {
      int mark = replacement.codePointAt(0);
      text = text.map(c -> c == ' ' ? mark : c);
      boolean wanted = prepend == Prepend.ALWAYS || prepend == Prepend.FIRST && text.start(0) == 0;
      if (wanted && !text.text().startsWith(replacement)) text = text.prepend(replacement);
      if (!split) out.accept(text);
      else SplitBehavior.MERGED_WITH_NEXT.split(text, TextPattern.codePoints(c -> c == mark).find(text.text()), false, out);
    }
  }

  record FixedLength(int length) implements PreTokenizer {
    @Override
    public void split(AlignedText source, Consumer<AlignedText> out) {
      var text = source.text();
      for (int from = 0, to; from < text.length(); from = to) {
        to = from;
        for (int n = 0; n < length && to < text.length(); n++) to += Character.charCount(text.codePointAt(to));
        out.accept(source.slice(from, to));
      }
    }
  }

  /// Splits where the script changes; spaces and characters without script join the preceding word, or are dropped at the start.
  record UnicodeScripts() implements PreTokenizer {
    private static final int LONG_VOWEL_MARK = 0x30FC;

    UnicodeScripts(JsonPart ignored) {
      this();
    }

    @Override
    public void split(AlignedText source, Consumer<AlignedText> out) {
      var text = source.text();
      UnicodeScript last = null;
      int from = -1;
      for (int i = 0, c; i < text.length(); i += Character.charCount(c)) {
        c = text.codePointAt(i);
        var script = script(c);
        if (script == null || script == last) continue;
        if (from >= 0) out.accept(source.slice(from, i));
        from = i;
        last = script;
      }
      if (from >= 0) out.accept(source.slice(from, text.length()));
    }

    private static @Nullable UnicodeScript script(int c) {
      if (c == ' ') return null;
      if (c == LONG_VOWEL_MARK) return UnicodeScript.HAN;
      return switch (UnicodeScript.of(c)) {
        case UNKNOWN -> null;
        case HIRAGANA, KATAKANA -> UnicodeScript.HAN;
        case UnicodeScript other -> other;
      };
    }
  }
}
