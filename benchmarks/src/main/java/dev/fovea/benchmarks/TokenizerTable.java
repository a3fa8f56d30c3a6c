package dev.fovea.benchmarks;

import dev.fovea.engine.text.Tokenizer;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;

/// The speed of one thread that encodes English, with the tokenizers of the golden cases.
///
/// Their vocabularies are tiny: a text has two or three times as many tokens as with published ones.
final class TokenizerTable {
  private static final Path FIXTURES = Path.of("../engine/src/test/resources/fixtures");
  private static final List<String> NAMES = List.of("tokenizer-bytelevel", "tokenizer-clip", "tokenizer-unigram",
      "tokenizer-wordpiece");
  private static final String[] WORDS = """
      the quick brown fox jumps over a lazy dog while photographs of cats sitting on red sofas, and many other things;
      it's 1999 and don't forget: vision transformers attend to patches. Every picture is cut into squares, each of which
      becomes a vector, and nobody knows in advance what a photo shows,
          how large it is (or was) and who took it!""".split("\\s+");
  private static final int LENGTH = 1_000_000, SENTENCE = 20, RUNS = 15;

  private TokenizerTable() {}

  static void print(Pattern filter) {
    System.out.printf("Java %s; medians of %d runs over %d characters, CPU time of the thread.%n%n", Runtime.version(), RUNS,
        LENGTH);
    System.out.printf("| tokenizer | reach | one text | sentences of %d words | tokens a second |%n|---|---|---|---|---|%n",
        SENTENCE);
    var sentences = sentences();
    var text = String.join("", sentences);
    for (var name : NAMES) {
      if (!filter.asPredicate().test(name)) continue;
      var tokenizer = Tokenizer.open(FIXTURES.resolve(name));
      check(tokenizer, text);
      double whole = seconds(() -> tokenizer.encode(text)), parts = seconds(() -> sentences.forEach(tokenizer::encode));
      System.out.printf("| %s | >= 2 MB/s | %.1f MB/s | %.1f MB/s | %.1f million |%n", name, text.length() / whole / 1e6,
          text.length() / parts / 1e6, tokenizer.encode(text).length() / whole / 1e6);
    }
  }

  private static List<String> sentences() {
    var random = new Random(1);
    var sentences = new ArrayList<String>();
    for (int length = 0; length < LENGTH; length += sentences.getLast().length()) {
      var sentence = new StringBuilder();
      for (int i = 0; i < SENTENCE; i++) sentence.append(WORDS[random.nextInt(WORDS.length)]).append(' ');
      sentences.add(sentence.toString());
    }
    return sentences;
  }

  /// Checks that every character except white space is part of a token.
  private static void check(Tokenizer tokenizer, String text) {
    var encoding = tokenizer.encode(text, false);
    int at = 0;
    for (int i = 0; i < encoding.length(); i++) {
      if (!text.substring(Math.min(at, encoding.starts()[i]), encoding.starts()[i]).isBlank())
        throw new IllegalStateException("nothing stands for character " + at);
      at = Math.max(at, encoding.ends()[i]);
    }
    if (!text.substring(at).isBlank()) throw new IllegalStateException("nothing stands for character " + at);
  }

  private static double seconds(Runnable run) {
    var threads = ManagementFactory.getThreadMXBean();
    var seconds = new double[RUNS];
    for (int i = 0; i < RUNS; i++) {
      long start = threads.getCurrentThreadCpuTime();
      run.run();
      seconds[i] = (threads.getCurrentThreadCpuTime() - start) / 1e9;
    }
    Arrays.sort(seconds);
    return seconds[RUNS / 2];
  }
}
