package dev.fovea.engine.text;

import com.google.common.base.Utf8;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Converts tokens to text: the concatenation of the returned strings. ref: tokenizers, decoders/.
sealed interface Decoder {
  List<String> decode(List<String> tokens);

  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the type or one of its fields is not known
  static Decoder of(JsonPart part) {
    return switch (part.type()) {
      case "Sequence" -> new Sequence(part.only("type", "decoders").parts("decoders").stream().map(Decoder::of).toList());
      case "ByteLevel" -> new ByteLevel(part.only("type", "add_prefix_space", "trim_offsets", "use_regex"));
      case "ByteFallback" -> new ByteFallback(part.only("type"));
      case "Fuse" -> new Fuse(part.only("type"));
      case "BPEDecoder" -> new WordEnds(part.only("type", "suffix").string("suffix"));
      case "WordPiece" -> {
        part.only("type", "prefix", "cleanup");
        yield new WordPiece(part.string("prefix"), part.bool("cleanup"));
      }
      case "Metaspace" -> {
        var space = PreTokenizer.Metaspace.of(part);
        yield new Metaspace(space.replacement(), space.prepend() != PreTokenizer.Metaspace.Prepend.NEVER);
      }
      case "Strip" -> {
        part.only("type", "content", "start", "stop");
        yield new Strip(part.character("content"), part.count("start", Integer.MAX_VALUE), part.count("stop", Integer.MAX_VALUE));
      }
      case "Replace" -> {
        part.only("type", "pattern", "content");
        yield new Replace(new Normalizer.Replace(TextPattern.of(part, "pattern"), part.string("content")));
      }
      case "CTC" -> {
        part.only("type", "pad_token", "word_delimiter_token", "cleanup");
        yield new Ctc(part.string("pad_token"), part.string("word_delimiter_token"), part.bool("cleanup"));
      }
      default -> throw part.unknownType("Sequence", "ByteLevel", "ByteFallback", "Fuse", "BPEDecoder", "WordPiece", "Metaspace",
          "Strip",
          "Replace", "CTC");
    };
  }

  record Sequence(List<Decoder> decoders) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      for (var decoder : decoders) tokens = decoder.decode(tokens);
      return tokens;
    }
  }

  /// Joins the tokens' bytes; invalid UTF-8 becomes U+FFFD.
  record ByteLevel() implements Decoder {
    ByteLevel(JsonPart ignored) {
      this();
    }

    @Override
    public List<String> decode(List<String> tokens) {
      var bytes = new ByteArrayOutputStream();
      for (var token : tokens) bytes.writeBytes(ByteAlphabet.toBytes(token));
      return List.of(bytes.toString(StandardCharsets.UTF_8));
    }
  }

  /// Decodes runs of byte tokens such as `<0xE2>` as UTF-8; an invalid run becomes one U+FFFD per byte.
  record ByteFallback() implements Decoder {
    private static final int TOKEN = "<0x00>".length();

    ByteFallback(JsonPart ignored) {
      this();
    }

    @Override
    public List<String> decode(List<String> tokens) {
      var out = new ArrayList<String>();
      var run = new ByteArrayOutputStream();
      for (var token : tokens) {
        int b = toByte(token);
        if (b >= 0) {
          run.write(b);
          continue;
        }
        flush(run, out);
        out.add(token);
      }
      flush(run, out);
      return out;
    }

    /// The byte of a byte token; -1 for other tokens.
    private static int toByte(String token) {
      if (token.length() != TOKEN || !token.startsWith("<0x") || token.charAt(TOKEN - 1) != '>') return -1;
      int high = Character.digit(token.charAt(3), 16), low = Character.digit(token.charAt(4), 16);
      return token.charAt(3) < 0x80 && token.charAt(4) < 0x80 && high >= 0 && low >= 0 ? 16 * high + low : -1;
    }

    private static void flush(ByteArrayOutputStream run, List<String> out) {
      if (run.size() == 0) return;
      if (Utf8.isWellFormed(run.toByteArray())) out.add(run.toString(StandardCharsets.UTF_8));
      else out.addAll(Collections.nCopies(run.size(), "\uFFFD"));
      run.reset();
    }
  }

  record Fuse() implements Decoder {
    Fuse(JsonPart ignored) {
      this();
    }

    @Override
    public List<String> decode(List<String> tokens) {
      return List.of(String.join("", tokens));
    }
  }

  /// Replaces the suffix that marks word ends by a space, or by nothing in the last token.
  record WordEnds(String suffix) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      if (suffix.isEmpty()) return tokens;
      var out = new ArrayList<String>();
      for (var token : tokens) out.add(token.replace(suffix, out.size() == tokens.size() - 1 ? "" : " "));
      return out;
    }
  }

  /// Separates words by spaces; a token with the prefix continues a word.
  record WordPiece(String prefix, boolean cleanup) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      var out = new ArrayList<String>();
      for (var token : tokens) {
        var text = out.isEmpty() ? token : token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token;
        out.add(cleanup ? cleanUp(text) : text);
      }
      return out;
    }

    /// Removes spaces before punctuation and English contractions.
    static String cleanUp(String text) {
      if (text.indexOf(' ') < 0) return text;
      return text.replace(" .", ".").replace(" ?", "?").replace(" !", "!").replace(" ,", ",").replace(" ' ", "'").replace(" n't",
          "n't")
          .replace(" 'm", "'m").replace(" do not", " don't").replace(" 's", "'s").replace(" 've", "'ve").replace(" 're", "'re");
    }
  }

  record Metaspace(String replacement, boolean prepended) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      var out = new ArrayList<String>();
      for (var token : tokens) out.add(token.replace(replacement, out.isEmpty() && prepended ? "" : " "));
      return out;
    }
  }

  /// Removes up to `start` leading and `stop` trailing `content` characters from each token.
  record Strip(int content, int start, int stop) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      return tokens.stream().map(this::stripped).toList();
    }

    private String stripped(String token) {
      int[] chars = token.codePoints().toArray();
      int from = 0, to = chars.length;
      while (from < Math.min(start, chars.length) && chars[from] == content) from++;
      while (to > from && chars.length - to < stop && chars[to - 1] == content) to--;
      return new String(chars, from, to - from);
    }
  }

  record Replace(Normalizer.Replace rule) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      return tokens.stream().map(token -> rule.normalize(AlignedText.of(token)).text()).toList();
    }
  }

  /// CTC decoding, for speech: collapses repeated tokens and removes the padding token.
  record Ctc(String padToken, String wordDelimiter, boolean cleanup) implements Decoder {
    @Override
    public List<String> decode(List<String> tokens) {
      var out = new ArrayList<String>();
      String last = null;
      for (var token : tokens) {
        if (token.equals(last)) continue;
        last = token;
        var text = padToken.isEmpty() ? token : token.replace(padToken, "");
        if (cleanup) text = WordPiece.cleanUp(text);
        if (cleanup && !wordDelimiter.isEmpty()) text = text.replace(wordDelimiter, " ");
        if (!text.isEmpty()) out.add(text);
      }
      return out;
    }
  }
}
