package dev.fovea.engine.text;

import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Translates regular expressions of Oniguruma, the library of published tokenizers, to Java's.
///
/// Most syntax is the same. Constructs that mean something else in Java are rewritten; those that Java lacks are rejected. ref:
/// Oniguruma, doc/RE and doc/SYNTAX.md, Ruby syntax, UTF-8.
final class Oniguruma {
  /// In Ruby's syntax `^` and `$` match at line boundaries, and only `\n` ends a line.
  private static final int FLAGS = Pattern.UNICODE_CHARACTER_CLASS | Pattern.MULTILINE | Pattern.UNIX_LINES;

  private static final Map<String, String> CATEGORIES = Map.ofEntries(Map.entry("Letter", "L"),
      Map.entry("Uppercase_Letter", "Lu"),
      Map.entry("Lowercase_Letter", "Ll"), Map.entry("Titlecase_Letter", "Lt"), Map.entry("Modifier_Letter", "Lm"),
      Map.entry("Other_Letter", "Lo"), Map.entry("Mark", "M"), Map.entry("Nonspacing_Mark", "Mn"), Map.entry("Number", "N"),
      Map.entry("Decimal_Number", "Nd"), Map.entry("Punctuation", "P"), Map.entry("Symbol", "S"), Map.entry("Separator", "Z"),
      Map.entry("Other", "C"), Map.entry("Alnum", "Alnum"), Map.entry("Alpha", "Alpha"), Map.entry("Digit", "Nd"),
      Map.entry("Space", "IsWhite_Space"), Map.entry("Upper", "IsUppercase"), Map.entry("Lower", "IsLowercase"),
      Map.entry("Alphabetic", "IsAlphabetic"), Map.entry("White_Space", "IsWhite_Space"), Map.entry("Any", "IsAssigned"));
  private static final Map<String, String> BRACKETS = Map.of("alpha", "\\p{IsAlphabetic}", "digit", "\\p{Nd}", "alnum",
      "\\p{Alnum}",
      "space", "\\s", "upper", "\\p{IsUppercase}", "lower", "\\p{IsLowercase}", "xdigit", "0-9A-Fa-f", "cntrl", "\\p{Cc}",
      "punct", "\\p{P}\\p{S}");
  /// Escapes with the same meaning in both.
  private static final String SAME = "dDwWsSbBAzZGRXtnrfaexukpP";
  /// Supported after `(?`: non-capturing groups, lookahead, lookbehind, atomic groups, options.
  private static final Pattern GROUP = Pattern.compile("[:=!>]|<[=!]|[imx]+(-[imx]+)?:?|-[imx]+:?");

  private final String regex;
  private final StringBuilder java = new StringBuilder();
  private int at, depth;

  private Oniguruma(String regex) {
    this.regex = regex;
  }

  /// @throws PatternSyntaxException if Java lacks a construct, or `regex` is not a regular expression
  static Pattern compile(String regex) {
    return Pattern.compile(new Oniguruma(regex).translate(), FLAGS);
  }

  private String translate() {
    while (at < regex.length()) {
      char c = regex.charAt(at);
      switch (c) {
        case '\\' -> escape();
        case '[' -> bracket();
        case ']' -> closing();
        case '(' -> group();
        case '{' -> brace();
        default -> copy(1);
      }
    }
    return java.toString();
  }

  private void copy(int count) {
    java.append(regex, at, at += count);
  }

  private PatternSyntaxException unsupported(String what) {
    return new PatternSyntaxException(what, regex, at);
  }

  private void escape() {
    if (at + 1 == regex.length()) throw unsupported("it ends within an escape");
    char c = regex.charAt(at + 1);
    switch (c) {
      case 'h' -> replace(2, depth > 0 ? "0-9A-Fa-f" : "[0-9A-Fa-f]");
      case 'H' -> replace(2, "[^0-9A-Fa-f]");
      case 'v' -> replace(2, "\\x0B");
      case 'p', 'P' -> property();
      default -> {
        boolean letter = c < 0x80 && Character.isLetter(c);
        if (letter && SAME.indexOf(c) < 0) throw unsupported("\\" + c + " is not known");
        copy(2);
      }
    }
  }

  private void replace(int count, String replacement) {
    at += count;
    java.append(replacement);
  }

  /// `\p{Name}` and `\p{^Name}`: categories have the same names in Java, scripts need a prefix.
  private void property() {
    int end = regex.indexOf('}', at);
    if (end < 0 || regex.charAt(at + 2) != '{') throw unsupported("\\p without {name}");
    var name = regex.substring(at + 3, end);
    boolean negated = name.startsWith("^");
    if (negated) name = name.substring(1);
    negated ^= regex.charAt(at + 1) == 'P';
    name = CATEGORIES.getOrDefault(name, name);
    java.append(negated ? "\\P{" : "\\p{").append(known(name) ? name : "Is" + name).append('}');
    at = end + 1;
  }

  private static boolean known(String name) {
    try {
      Pattern.compile("\\p{" + name + "}");
      return true;
    } catch (PatternSyntaxException e) {
      return false;
    }
  }

  /// The start of a character class, which may be nested, or `[:name:]`.
  private void bracket() {
    if (depth > 0 && regex.startsWith("[:", at)) {
      int end = regex.indexOf(":]", at);
      var name = end < 0 ? "" : regex.substring(at + 2, end);
      if (!BRACKETS.containsKey(name)) throw unsupported("[:" + name + ":] is not known");
      replace(name.length() + 4, BRACKETS.get(name));
      return;
    }
    depth++;
    copy(regex.startsWith("[^", at) ? 2 : 1);
    if (regex.startsWith("]", at)) replace(1, "\\]");
  }

  private void closing() {
    if (depth > 0) depth--;
    else java.append('\\');
    copy(1);
  }

  private void group() {
    if (depth > 0 || !regex.startsWith("(?", at)) {
      copy(1);
      return;
    }
    int end = at + 2;
    while (end < regex.length() && "imx-".indexOf(regex.charAt(end)) >= 0) end++;
    if (end == at + 2 && regex.startsWith("<", end)) end++;
    if (end < regex.length() && regex.charAt(end) != ')') end++;
    var kind = regex.substring(at + 2, Math.min(end, regex.length()));
    boolean named = kind.startsWith("<") && kind.length() == 2 && Character.isLetter(kind.charAt(1));
    if (!named && !GROUP.matcher(kind).matches()) throw unsupported("the group (?" + kind + " is not known");
    // Ruby's m, with which a dot matches line ends, is Java's s.
    replace(end - at, "(?" + (named ? kind : kind.replace("m", "s")));
  }

  /// A quantifier, or a literal brace.
  private void brace() {
    if (depth > 0) {
      replace(1, "\\{");
      return;
    }
    var quantifier = Pattern.compile("\\{(\\d+(,\\d*)?|,\\d+)}").matcher(regex).region(at, regex.length());
    if (!quantifier.lookingAt()) {
      replace(1, "\\{");
      return;
    }
    if (regex.startsWith("+", quantifier.end())) throw unsupported("a + after {n,m} means two things");
    var bounds = quantifier.group(1);
    replace(quantifier.end() - at, "{" + (bounds.startsWith(",") ? "0" : "") + bounds + "}");
  }
}
