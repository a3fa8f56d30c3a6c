package dev.fovea.cli;

import dev.fovea.engine.feature.Vectors;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/// Texts by similarity to a text, the most similar first.
record TextRanking(String query, List<Similar> similar) {
  /// @param line number of the text among the given ones, from 1 on
  record Similar(String text, int line, double cosine) {}

  /// @param top number of texts
  static TextRanking of(Embedding query, List<Embedding> texts, int top) {
    return new TextRanking(query.name(), IntStream.range(0, texts.size())
        .mapToObj(i -> new Similar(texts.get(i).name(), i + 1, Vectors.cosine(query.embedding(), texts.get(i).embedding())))
        .sorted(Comparator.comparingDouble(each -> -each.cosine)).limit(top).toList());
  }

  static String text(List<TextRanking> rankings) {
    var text = new StringBuilder();
    for (var ranking : rankings) {
      text.append(ranking.query).append(System.lineSeparator());
      for (var s : ranking.similar) text.append(String.format(Locale.ROOT, "  %7.4f  %6d  %s%n", s.cosine, s.line, s.text));
    }
    return text.toString();
  }
}
