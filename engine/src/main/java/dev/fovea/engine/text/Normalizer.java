package dev.fovea.engine.text;

import java.text.Normalizer.Form;
import java.util.List;
import java.util.Locale;

/// Rewrites a text before it is split into words. ref: tokenizers, normalizers/.
sealed interface Normalizer {
  AlignedText normalize(AlignedText text);

  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the type or one of its fields is not known
  static Normalizer of(JsonPart part) {
    return switch (part.type()) {
      case "Sequence" -> new Sequence(part.only("type", "normalizers").parts("normalizers").stream().map(Normalizer::of)
          .toList());
      case "NFC", "NFD", "NFKC", "NFKD" -> new Unicode(Form.valueOf(part.only("type").type()));
      case "Lowercase" -> new Lowercase(part.only("type"));
      case "Strip" -> {
        part.only("type", "strip_left", "strip_right");
        yield new Strip(part.bool("strip_left"), part.bool("strip_right"));
      }
      case "StripAccents" -> new StripAccents(part.only("type"));
      case "Nmt" -> new Nmt(part.only("type"));
      case "ByteLevel" -> new ByteLevel(part.only("type"));
      case "Prepend" -> new Prepend(part.only("type", "prepend").string("prepend"));
      case "Replace" -> {
        part.only("type", "pattern", "content");
        yield new Replace(TextPattern.of(part, "pattern"), part.string("content"));
      }
      case "BertNormalizer" -> Bert.of(part);
      case "Precompiled" -> new Precompiled(CharsMap.parse(part.only("type", "precompiled_charsmap"), "precompiled_charsmap"));
      default -> throw part.unknownType("Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Nmt",
          "ByteLevel", "Prepend", "Replace", "BertNormalizer", "Precompiled");
    };
  }

  record Sequence(List<Normalizer> normalizers) implements Normalizer {
    @Override
    public AlignedText normalize(AlignedText text) {
      for (var normalizer : normalizers) text = normalizer.normalize(text);
      return text;
    }
  }

  /// NFC, NFD, NFKC or NFKD.
  record Unicode(Form form) implements Normalizer {
    @Override
    public AlignedText normalize(AlignedText text) {
      return UnicodeForm.normalize(text, form);
    }
  }

  /// Lower case of each character without context: a Greek sigma at the end of a word becomes σ.
  record Lowercase() implements Normalizer {
    private static final char DOTTED_CAPITAL_I = 'İ';

    Lowercase(JsonPart ignored) {
      this();
    }

    @Override
    public AlignedText normalize(AlignedText text) {
      return lowercase(text);
    }

    static AlignedText lowercase(AlignedText source) {
      var text = source.text();
      if (Characters.isAscii(text)) return source.withChars(text.toLowerCase(Locale.ROOT));
      if (text.indexOf(DOTTED_CAPITAL_I) < 0) return source.map(Character::toLowerCase);
      var out = source.builder();
      for (int i = 0, next; i < text.length(); i = next) {
        int c = text.codePointAt(i);
        next = i + Character.charCount(c);
        if (c == DOTTED_CAPITAL_I) out.put("i\u0307", i, next);
        else out.put(Character.toLowerCase(c), i, next);
      }
      return out.build();
    }
  }

  record Strip(boolean left, boolean right) implements Normalizer {
    @Override
    public AlignedText normalize(AlignedText source) {
      var text = source.text();
      int from = 0, to = text.length();
      while (left && from < to && Characters.isWhiteSpace(text.charAt(from))) from++;
      while (right && from < to && Characters.isWhiteSpace(text.charAt(to - 1))) to--;
      return source.slice(from, to);
    }
  }

  /// Removes all combining marks. Composed characters keep theirs, so NFD has to come before it.
  record StripAccents() implements Normalizer {
    StripAccents(JsonPart ignored) {
      this();
    }

    @Override
    public AlignedText normalize(AlignedText text) {
      return text.map(c -> Characters.isMark(c) ? AlignedText.REMOVED : c);
    }
  }

  /// The cleaning by SentencePiece's `nmt` rules.
  record Nmt() implements Normalizer {
    Nmt(JsonPart ignored) {
      this();
    }

    @Override
    public AlignedText normalize(AlignedText text) {
      return text.map(Nmt::clean);
    }

    private static int clean(int c) {
      return switch (c) {
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF,
            0xFFFD -> ' ';
        case 0x0B, 0x7F, 0x8F, 0x9F -> AlignedText.REMOVED;
        default -> c > 0 && c < 0x20 ? AlignedText.REMOVED : c;
      };
    }
  }

  record ByteLevel() implements Normalizer {
    ByteLevel(JsonPart ignored) {
      this();
    }

    @Override
    public AlignedText normalize(AlignedText text) {
      return ByteAlphabet.write(text);
    }
  }

  record Prepend(String prefix) implements Normalizer {
    @Override
    public AlignedText normalize(AlignedText text) {
      return text.prepend(prefix);
    }
  }

  /// Replaces each match; the content has the origin of the match's last character.
  record Replace(TextPattern pattern, String content) implements Normalizer {
    /// Limits of growth: times the original's length, and a minimum in characters; else a few rules could exhaust memory.
    private static final int MOST_GROWTH = 100, MOST_OF_SHORT = 1 << 20;

    @Override
    public AlignedText normalize(AlignedText source) {
      var text = source.text();
      var spans = pattern.find(text).closed();
      long most = Math.max(MOST_OF_SHORT, (long) MOST_GROWTH * source.originLength());
      AlignedText.Builder out = null;
      int copied = 0;
      for (int i = 0; i < spans.size(); i++) {
        int start = spans.start(i), end = spans.end(i);
        if (!spans.isMatch(i) || end - start == content.length() && text.startsWith(content, start)) continue;
        if (out == null) out = source.builder();
        if (out.length() > most)
          throw new TokenizerException("a replacement by '" + content + "' makes more than " + most + " characters of "
              + source.originLength());
        out.copy(copied, start);
        putContent(out, text, end);
        copied = end;
      }
      if (out == null) return source;
      out.copy(copied, text.length());
      return out.build();
    }

    private void putContent(AlignedText.Builder out, String text, int end) {
      if (content.isEmpty()) return;
      // An empty match at the start has no character before it: the content has the origin of the first.
      if (end == 0) out.put(content, 0, Character.charCount(text.codePointAt(0)));
      else out.put(content, end - Character.charCount(text.codePointBefore(end)), end);
    }
  }

  /// BERT's normalisation. ref: bert/tokenization.py, BasicTokenizer.
  record Bert(boolean cleanText, boolean handleChineseChars, boolean stripAccents, boolean lowercase) implements Normalizer {
    static Bert of(JsonPart part) {
      part.only("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
      boolean lowercase = part.bool("lowercase");
      return new Bert(part.bool("clean_text"), part.bool("handle_chinese_chars"), part.bool("strip_accents", lowercase),
          lowercase);
    }

    @Override
    public AlignedText normalize(AlignedText text) {
      if (cleanText) text = text.map(Bert::clean);
      if (handleChineseChars) text = spacesAroundIdeographs(text);
      if (stripAccents)
        text = UnicodeForm.normalize(text, Form.NFD).map(c -> Characters.isNonSpacingMark(c) ? AlignedText.REMOVED : c);
      return lowercase ? Lowercase.lowercase(text) : text;
    }

    private static int clean(int c) {
      if (c > ' ' && c < 0x7F) return c;
      if (Characters.isWhiteSpace(c) && (c >= ' ' || c == '\t' || c == '\n' || c == '\r') && c != 0x85) return ' ';
      return c == 0xFFFD || Characters.isOther(c) ? AlignedText.REMOVED : c;
    }

    private static AlignedText spacesAroundIdeographs(AlignedText source) {
      var text = source.text();
      if (text.codePoints().noneMatch(Characters::isIdeograph)) return source;
      var out = source.builder();
      for (int i = 0, next; i < text.length(); i = next) {
        int c = text.codePointAt(i);
        next = i + Character.charCount(c);
        boolean spaced = Characters.isIdeograph(c);
        if (spaced) out.put(" ", i, next);
        out.copy(i, next);
        if (spaced) out.put(" ", i, next);
      }
      return out.build();
    }
  }

  record Precompiled(CharsMap map) implements Normalizer {
    @Override
    public AlignedText normalize(AlignedText text) {
      return map.normalize(text);
    }
  }
}
