package dev.fovea.converter;

import com.google.common.collect.Maps;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Maps Fovea's parameters to tensors of a published checkpoint by rules ([NameRule]). Each `#` stands for a number, in the same
/// order on both sides; rules without `#` take precedence. Several sources are concatenated by rows.
///
/// @param rules source rules by Fovea's name, both without `.weight` and `.bias`
/// @param dropped source names that the model does not use, with reasons; `#` stands for any number
record NameMap(Map<String, List<String>> rules, Map<String, String> dropped) {
  private static final Pattern NUMBER = Pattern.compile("(?<=\\.)\\d+(?=\\.|$)");
  private static final Pattern SUFFIX = Pattern.compile("\\.(weight|bias)$");

  /// Names that are the same on both sides.
  static Map<String, List<String>> same(String... names) {
    return Maps.toMap(List.of(names), name -> List.of(name));
  }

  @SafeVarargs
  static Map<String, List<String>> all(Map<String, List<String>>... parts) {
    var all = new HashMap<String, List<String>>();
    for (var part : parts) all.putAll(part);
    return Map.copyOf(all);
  }

  static Map.Entry<String, List<String>> one(String name, String source) {
    return Map.entry(name, List.of(source));
  }

  /// Why a source tensor is left out; null if it is not.
  @Nullable String reasonToDrop(String name) {
    return dropped.getOrDefault(name, dropped.get(NUMBER.matcher(name).replaceAll("#")));
  }

  /// The sources of a Fovea parameter.
  ///
  /// @throws IllegalStateException if no rule matches
  List<SourcePart> sources(String name) {
    var suffix = SUFFIX.matcher(name);
    var ending = suffix.find() ? suffix.group() : "";
    var stem = name.substring(0, name.length() - ending.length());
    var numbers = NUMBER.matcher(stem).results().map(MatchResult::group).toList();
    var sources = rules.getOrDefault(stem, rules.get(NUMBER.matcher(stem).replaceAll("#")));
    if (sources == null) throw new IllegalStateException("no rule for '" + name + "'");
    return sources.stream().map(source -> NameRule.apply(source, numbers, ending)).toList();
  }
}
