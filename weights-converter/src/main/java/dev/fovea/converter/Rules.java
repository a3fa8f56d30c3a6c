package dev.fovea.converter;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A builder of the rules of a [NameMap].
class Rules {
  final Map<String, List<String>> byName = new TreeMap<>();

  void add(String name, String... sources) {
    byName.put(name, List.of(sources));
  }
}
