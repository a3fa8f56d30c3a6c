package dev.fovea.engine.text;

import java.nio.file.Path;
import java.util.List;

/// The tokenizers of the golden cases.
final class Tokenizers {
  static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  private Tokenizers() {}

  static List<String> names() {
    return List.of("tokenizer-bytelevel", "tokenizer-clip", "tokenizer-unigram", "tokenizer-wordpiece");
  }

  static Tokenizer named(String name) {
    return Tokenizer.open(FIXTURES.resolve(name));
  }
}
