package dev.fovea.engine.text;

import com.google.gson.JsonObject;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// A pattern to find in texts: a regular expression, or a class of code points.
sealed interface TextPattern {
  /// All matches in `text`, from left to right, without overlaps.
  Spans find(String text);

  /// The `pattern` of a published tokenizer: `{"Regex": …}` or `{"String": …}`.
  static TextPattern of(JsonPart part, String field) {
    if (!(part.element(field, "an object") instanceof JsonObject)) throw part.wrong(field, "{\"Regex\": …} or {\"String\": …}");
    var pattern = part.object(field).only("Regex", "String");
    if (pattern.has("Regex") == pattern.has("String")) throw part.wrong(field, "{\"Regex\": …} or {\"String\": …}");
    if (pattern.has("String")) return new Expression(Pattern.compile(Pattern.quote(pattern.string("String"))));
    var regex = pattern.string("Regex");
    try {
      return expression(regex);
    } catch (PatternSyntaxException e) {
      throw pattern.error("the regular expression '" + regex + "' is not supported: " + e.getDescription());
    }
  }

  /// @param regex in Oniguruma's syntax
  /// @throws PatternSyntaxException if Java lacks a construct, or `regex` is not a regular expression
  static TextPattern expression(String regex) {
    try {
      return new Expression(Oniguruma.compile(regex));
    } catch (StackOverflowError e) {
      throw new PatternSyntaxException("it is nested too deeply", regex, -1);
    }
  }

  static TextPattern codePoints(IntPredicate kind) {
    return new CodePoints(kind);
  }

  record Expression(Pattern pattern) implements TextPattern {
    @Override
    public Spans find(String text) {
      var spans = new Spans(text.length());
      var matcher = pattern.matcher(text);
      try {
        for (int last = -1; matcher.find();) {
          if (isEmptyWhereNoneCounts(matcher, text, last)) continue;
          last = matcher.end();
          spans.add(matcher.start(), last);
        }
      } catch (StackOverflowError e) {
        throw new TokenizerException("a regular expression needs more stack than there is for a text of "
            + text.length() + " characters; give it in parts", e);
      }
      return spans;
    }

    /// An empty match right after the last one, or within a surrogate pair.
    private static boolean isEmptyWhereNoneCounts(Matcher matcher, String text, int last) {
      int at = matcher.start();
      return at == matcher.end() && (at == last || at > 0 && at < text.length()
          && Character.isSurrogatePair(text.charAt(at - 1), text.charAt(at)));
    }
  }

  /// Each code point of the class is a match of its own.
  record CodePoints(IntPredicate kind) implements TextPattern {
    @Override
    public Spans find(String text) {
      var spans = new Spans(text.length());
      for (int i = 0, next; i < text.length(); i = next) {
        int c = text.codePointAt(i);
        next = i + Character.charCount(c);
        if (kind.test(c)) spans.add(i, next);
      }
      return spans;
    }
  }
}
