package dev.fovea.converter;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/// The notation of a [NameMap]'s source. `#` stands for a number of the parameter's name, and `#+1` for one more. A source may
/// have, in this order, more than its name:
///
/// | | |
/// |---|---|
/// | `name{w\|b}` | its tensors' endings, if not `.weight` and `.bias` |
/// | `name[i/n]` | part `i` of its rows, split into `n` equal parts |
/// | `name[i:]` | its rows from `i` on; the export does not know this |
/// | `name<N * 3 3>` | the published shape of its weight, if the engine's differs |
/// | `name(0 2 3 1)` | its weight with the dimensions in this order; a bias is unchanged |
/// | `name ~ norm` | with the following batch norm `norm` folded into it |
/// | `0, name` | a row of zeros, then its rows |
///
/// In a shape `N` is the parameter's number of rows, `K` of columns, `*` the remaining size, and a word a field of the model's
/// config, in which `#` stands for the first number. Only the export uses shapes.
final class NameRule {
  private static final Pattern ENDINGS = Pattern.compile("\\{(.*)\\|(.*)}");
  private static final Pattern PART = Pattern.compile("(.*)\\[(\\d+)/(\\d+)]");
  private static final Pattern FROM = Pattern.compile("(.*)\\[(\\d+):]");
  private static final Pattern SHAPE = Pattern.compile("(.*)<(.*)>");
  private static final Pattern ORDER = Pattern.compile("(.*)\\(([0-9 ]+)\\)");
  private static final String NORM = " ~ ", NEXT = "#+1", ZEROS = "0, ";
  private static final String WEIGHT = ".weight", BIAS = ".bias";

  private NameRule() {}

  /// A convolution's weight `[out, in, size, size]` as the engine reads it over pictures, whose planes have PyTorch's layout.
  ///
  /// @param size a number, or a field of the config
  static String patches(String source, String size) {
    return source + "<N * " + size + " " + size + ">";
  }

  /// A convolution's weight `[out, in, height, width]` as the engine reads it over channels-last maps: its columns in the order
  /// (row, column, channel).
  static String conv(String source) {
    return source + "(0 2 3 1)";
  }

  /// The same for a square kernel.
  ///
  /// @param size a number, or a field of the config
  static String conv(String source, String size) {
    return conv(patches(source, size));
  }

  /// A depthwise convolution's weight `[channels, 1, height, width]` as `[height, width, channels]`.
  static String depthwise(String source) {
    return source + "<* 1 3 3>(2 3 0 1)";
  }

  /// A transposed convolution's weight `[in, out, height, width]` as `[height · width · out, in]`.
  static String convTranspose(String source) {
    return source + "<K * 2 2>(2 3 1 0)";
  }

  /// The source that a rule names, with the numbers of the parameter's name in the places of `#`.
  ///
  /// @param ending `.weight`, `.bias` or empty
  static SourcePart apply(String rule, List<String> numbers, String ending) {
    boolean zeros = rule.startsWith(ZEROS);
    if (zeros) rule = rule.substring(ZEROS.length());
    int folded = rule.indexOf(NORM);
    var norm = folded < 0 ? null : numbered(rule.substring(folded + NORM.length()), numbers);
    var name = numbered(folded < 0 ? rule : rule.substring(0, folded), numbers);
    List<Integer> order = List.of();
    var ordered = ORDER.matcher(name);
    if (ordered.matches()) {
      name = ordered.group(1);
      if (!ending.equals(BIAS)) order = Arrays.stream(ordered.group(2).split(" ")).map(Integer::valueOf).toList();
    }
    List<String> shape = null;
    var shaped = SHAPE.matcher(name);
    if (shaped.matches()) {
      name = shaped.group(1);
      if (!ending.equals(BIAS)) shape = shaped.group(2).isEmpty() ? List.of() : List.of(shaped.group(2).split(" "));
    }
    var from = FROM.matcher(name);
    if (from.matches())
      return new SourcePart(named(from.group(1), ending), 0, 1, Integer.parseInt(from.group(2)), shape, order, norm, zeros);
    var part = PART.matcher(name);
    if (!part.matches()) return new SourcePart(named(name, ending), 0, 1, shape, order, norm, zeros);
    int index = Integer.parseInt(part.group(2)), count = Integer.parseInt(part.group(3));
    return new SourcePart(named(part.group(1), ending), index, count, shape, order, norm, zeros);
  }

  private static String numbered(String rule, List<String> numbers) {
    for (var number : numbers) {
      int at = rule.indexOf('#');
      if (at < 0) break;
      boolean next = rule.startsWith(NEXT, at);
      var put = next ? Long.toString(Long.parseLong(number) + 1) : number;
      rule = rule.substring(0, at) + put + rule.substring(at + (next ? NEXT.length() : 1));
    }
    return numbers.isEmpty() ? rule : rule.replace("#", numbers.getFirst());
  }

  private static String named(String rule, String ending) {
    var endings = ENDINGS.matcher(rule);
    return endings.find() ? endings.replaceFirst(endings.group(ending.equals(WEIGHT) ? 1 : 2)) : rule + ending;
  }
}
