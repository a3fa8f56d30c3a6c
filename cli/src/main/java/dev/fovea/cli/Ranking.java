package dev.fovea.cli;

import dev.fovea.engine.feature.Vectors;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// Pictures by similarity to a picture or a text, the most similar first.
record Ranking(String query, List<Similar> similar) {
  record Similar(String image, double cosine) {}

  /// All pictures except the query itself, by any path.
  static Ranking of(Embedding query, List<Embedding> pictures) {
    return ofText(query, pictures.stream().filter(picture -> !file(picture.name()).equals(file(query.name()))).toList());
  }

  /// All pictures by similarity to a text.
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
