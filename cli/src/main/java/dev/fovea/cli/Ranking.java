package dev.fovea.cli;

import dev.fovea.engine.feature.Vectors;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// Pictures by their likeness to a picture or a text, the likest first.
record Ranking(String query, List<Similar> similar) {
  record Similar(String image, double cosine) {}

  /// All pictures but the query itself, by whichever path it is named.
  static Ranking of(Embedding query, List<Embedding> pictures) {
    return ofText(query, pictures.stream().filter(picture -> !file(picture.name()).equals(file(query.name()))).toList());
  }

  /// All pictures by their likeness to a text.
  static Ranking ofText(Embedding query, List<Embedding> pictures) {
    return new Ranking(query.name(), pictures.stream()
        .map(picture -> new Similar(picture.name(), Vectors.cosine(query.embedding(), picture.embedding())))
        .sorted(Comparator.comparingDouble(s -> -s.cosine)).toList());
  }

  private static Path file(String name) {
    return Path.of(name).toAbsolutePath().normalize();
  }

  static String text(List<Ranking> rankings) {
    var text = new StringBuilder();
    for (var ranking : rankings) {
      text.append(ranking.query).append(System.lineSeparator());
      for (var s : ranking.similar) text.append(String.format(Locale.ROOT, "  %7.4f  %s%n", s.cosine, s.image));
    }
    return text.toString();
  }
}
