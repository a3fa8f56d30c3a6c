package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The steps of a tokenizer one by one. Expected values are the reference implementation's.
class TokenizerTest {
  private static final String WORDS =
      "'model': {'type': 'WordLevel', 'unk_token': '?', 'vocab': {'?': 0, 'a': 1, 'b': 2, 'c': 3}}";

  @TempDir
  private Path folder;

  private static Tokenizer read(String json) {
    return Tokenizer.read("file", json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  /// What a pre-tokenizer makes of a text.
  private static List<String> words(String preTokenizer, String text) {
    var encoding = read("{'pre_tokenizer': " + preTokenizer
        + ", 'model': {'type': 'Unigram', 'unk_id': 0, 'vocab': [['?', 0]]}}").encode(text);
    return encoding.tokens();
  }

  private static String split(String regex, String behavior, boolean invert) {
    return "{'type': 'Split', 'pattern': {'Regex': '" + regex + "'}, 'behavior': '" + behavior + "', 'invert': " + invert + "}";
  }

  @ParameterizedTest
  @CsvSource({"Removed,the|final|countdown,false", "Isolated,the|-|final|-|-|countdown,false",
      "MergedWithPrevious,the-|final-|-|countdown,false",
      "MergedWithNext,the|-final|-|-countdown,false", "Contiguous,the|-|final|--|countdown,false", "Removed,-|-|-,true"})
  void splitBehaviors(String behavior, String expected, boolean invert) {
    assertThat(words(split("-", behavior, invert), "the-final--countdown")).containsExactly(expected.split("\\|"));
  }

  @Test
  void preTokenizers() {
    assertThat(words("{'type': 'Whitespace'}", "Hey, man! é\u0301")).containsExactly("Hey", ",", "man", "!", "é\u0301");
    assertThat(words("{'type': 'BertPreTokenizer'}", "a$b c\u3000d")).containsExactly("a", "$", "b", "c", "d");
    assertThat(words("{'type': 'Digits', 'individual_digits': false}", "ab12½c")).containsExactly("ab", "12½", "c");
    assertThat(words("{'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'first'}", "a  b"))
        .containsExactly("▁a", "▁", "▁b");
    assertThat(words("{'type': 'Metaspace', 'replacement': '_', 'add_prefix_space': false}", "a b")).containsExactly("a", "_b");
    assertThat(words("{'type': 'FixedLength', 'length': 2}", "ab🙂cd")).containsExactly("ab", "🙂c", "d");
    assertThat(words("{'type': 'UnicodeScripts'}", "abc どこで 漢字ー")).containsExactly("abc ", "どこで 漢字ー");
    assertThat(words("{'type': 'CharDelimiterSplit', 'delimiter': '|'}", "a|b||c")).containsExactly("a", "b", "c");
  }

  @Test
  void regularExpressionsAreOnigurumas() {
    assertThat(words(split("\\\\h+", "Isolated", false), "xbadx")).containsExactly("x", "bad", "x");
    assertThat(words(split("[[:alpha:]]+", "Removed", true), "ab, cd")).containsExactly("ab", "cd");
    assertThat(words(split("\\\\p{Han}", "Isolated", false), "a漢b")).containsExactly("a", "漢", "b");
    assertThat(words(split("(?m:a.)", "Isolated", false), "a\u2028a\n")).containsExactly("a\u2028", "a\n");
    assertThat(words(split("^.", "Isolated", false), "ab\ncd")).containsExactly("a", "b\n", "c", "d");
    assertThat(words(split("x{,2}y", "Isolated", false), "xxxy{")).containsExactly("x", "xxy", "{");
    assertThat(words(split("(?i:ß|'S)".replace("'", ""), "Isolated", false), "aſb")).containsExactly("a", "ſ", "b");
    for (var regex : List.of("\\\\K", "(a", "(?<n>a)\\\\g<n>", "(?s:.)", "a{1,2}+", "[[:nothing:]]"))
      assertThatThrownBy(() -> words(split(regex, "Isolated", false), "a")).isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith("file: pre_tokenizer: pattern: the regular expression '")
              .hasMessageContaining("is not supported");
  }

  @ParameterizedTest
  @CsvSource(quoteCharacter = '"', value = {"\"\",x <t> y,\"x ,<t>, y\"", "\"'lstrip': true\",x <t> y,\"x, <t>, y\"",
      "\"'rstrip': true\",x <t> y,\"x ,<t> ,y\"",
      "\"'single_word': true\",x<t> <t> y,\"x<t> ,<t>, y\""})
  void addedTokens(String flags, String text, String expected) {
    var tokenizer = read("{'added_tokens': [{'id': 1, 'content': '<t>'" + (flags.isEmpty() ? "" : ", " + flags)
        + "}], 'model': {'type': 'Unigram', 'unk_id': 0, 'vocab': [['?', 0]]}}");
    assertThat(String.join(",", tokenizer.encode(text).tokens())).isEqualTo(expected);
    assertThat(tokenizer.id("<t>")).isOne();
    assertThat(tokenizer.vocabularySize()).isEqualTo(2);
  }

  @Test
  void normalizedTokensAreFoundInTheNormalizedText() {
    var json = "{'normalizer': {'type': 'Lowercase'}, 'added_tokens': [{'id': 4, 'content': 'Day', 'normalized': %s}], "
        + "'pre_tokenizer': {'type': 'WhitespaceSplit'}, " + WORDS + "}";
    assertThat(read(json.formatted("true")).encode("A DAY day").ids()).containsExactly(1, 4, 4);
    assertThat(read(json.formatted("false")).encode("A DAY Day").ids()).containsExactly(1, 0, 4);
  }

  @Test
  void truncationAndPadding() {
    var tokenizer = read("{'pre_tokenizer': {'type': 'WhitespaceSplit'}, " + WORDS + "}");
    var cut = tokenizer.withTruncation(new Truncation(3, Truncation.Strategy.LONGEST_FIRST, 1, false)).encode("a b c a b");
    assertThat(cut.ids()).containsExactly(1, 2, 3);
    assertThat(cut.overflowing()).singleElement().returns(List.of("c", "a", "b"), Encoding::tokens);
    var left = tokenizer.withTruncation(new Truncation(3, Truncation.Strategy.LONGEST_FIRST, 0, true)).encode("a b c a b");
    assertThat(left.tokens()).containsExactly("c", "a", "b");
    assertThat(left.starts()).containsExactly(4, 6, 8);
    assertThat(tokenizer.withTruncation(Truncation.to(5)).encode("a b c a", "b c").ids()).containsExactly(1, 2, 3, 2, 3);
    var second = tokenizer.withTruncation(new Truncation(3, Truncation.Strategy.ONLY_SECOND, 0, false));
    assertThat(second.encode("a b", "c c").ids()).containsExactly(1, 2, 3);
    assertThatThrownBy(() -> second.encode("a b c a")).isInstanceOf(TokenizerException.class)
        .hasMessageContaining("there is only one");
    var padded = tokenizer.withPadding(new Padding(0, 2, 9, 1, "<pad>", false)).encodeBatch(List.of("a", "a b c"));
    assertThat(padded.get(0).ids()).containsExactly(1, 9, 9, 9);
    assertThat(padded.get(0).attentionMask()).containsExactly(1, 0, 0, 0);
    assertThat(padded.get(1).ids()).containsExactly(1, 2, 3, 9);
    assertThat(tokenizer.withPadding(new Padding(3, 1, 9, 1, "<pad>", true)).encode("a").tokens())
        .containsExactly("<pad>", "<pad>", "a");
  }

  @Test
  void mergesInBothFormsAndUnknownBytes() {
    var json = "{'decoder': {'type': 'Sequence', 'decoders': [{'type': 'ByteFallback'}, {'type': 'Fuse'}]}, "
        + "'model': {'type': 'BPE', 'byte_fallback': true, 'unk_token': '?', 'fuse_unk': true, "
        + "'vocab': {'?': 0, 'a': 1, 'b': 2, 'ab': 3, 'aba': 4, '<0xC3>': 5, '<0xA9>': 6}, 'merges': %s}}";
    for (var merges : List.of("['a b', 'ab a']", "[['a', 'b'], ['ab', 'a']]")) {
      var tokenizer = read(json.formatted(merges));
      var encoding = tokenizer.encode("abaébxy");
      assertThat(encoding.ids()).containsExactly(4, 5, 6, 2, 0);
      assertThat(encoding.starts()).containsExactly(0, 3, 3, 4, 5);
      assertThat(encoding.ends()).containsExactly(3, 4, 4, 5, 7);
      assertThat(tokenizer.decode(encoding.ids(), true)).isEqualTo("abaéb?");
      var stream = tokenizer.stream(true);
      assertThat(List.of(stream.add(4), stream.add(5), stream.add(6), stream.add(5), stream.finish()))
          .containsExactly("aba", "", "é", "", "\uFFFD\uFFFD");
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "{'model': {'type': 'Foo'}} | file: model: type 'Foo' is not known, expected one of BPE, Unigram, WordLevel, WordPiece",
      "{'pre_tokenizer': {'type': 'Foo'}, M} | file: pre_tokenizer: type 'Foo' is not known, expected one of",
      "{'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFC'}, {'type': 'Foo'}]}, M} | "
          + "file: normalizer: normalizers[1]: type 'Foo' is not known",
      "{'decoder': {'type': 'Fuse', 'more': 1}, M} | file: decoder: field 'more' is not known, expected one of type",
      "{'post_processor': {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': 'x', 'type_id': 0}}], "
          + "'pair': [], 'special_tokens': {}}, M} | "
          + "there is no 'x' among the special_tokens",
      "{'version': '2.0', M} | file: 'version': '2.0' is not known, expected one of 1.0",
      "{'added_tokens': [{'id': 2, 'content': 'a'}], M} | file: added_tokens[0]: 'a' has the id 2, but 1 in the vocabulary",
      "{'added_tokens': [{'id': 2, 'content': 'z'}], M} | has the id 2, which is that of 'b' in the vocabulary",
      "{'model': {'type': 'BPE', 'vocab': {'a': 0, 'b': 0}, 'merges': []}} | file: model: vocab: 'a' and 'b' have the same id 0",
      "{'model': {'type': 'BPE', 'vocab': {'a': 0}, 'merges': ['a b']}} | file: model: merges[0]: 'b' is not in the vocabulary",
      "{'model': {'type': 'BPE', 'vocab': {'a': 0}, 'merges': ['a']}} | file: model: merges[0]: expected two tokens",
      "{'model': {'type': 'BPE', 'dropout': 0.1, 'vocab': {}, 'merges': []}} | file: model: 'dropout': expected null or 0",
      "{'model': {'type': 'WordPiece', 'unk_token': 'x', 'vocab': {}}} | file: model: the unk_token 'x' is not in the vocabulary",
      "{'model': {'type': 'Unigram', 'vocab': [['a', 0]]}} | file: model: 'unk_id' is missing",
      "{'normalizer': {'type': 'Precompiled', 'precompiled_charsmap': 'AAAA'}, M} | "
          + "file: normalizer: 'precompiled_charsmap': expected the size of a trie",
      "{'truncation': {'max_length': 4, 'stride': 4, 'strategy': 'LongestFirst'}, M} | "
          + "file: truncation: 'stride': expected less than the max_length 4",
      "[1] | file: expected an object, got [1]"})
  void whatIsNotKnownIsRefusedByName(String json, String expected) {
    assertThatThrownBy(() -> read(json.replace(", M}", ", " + WORDS + "}"))).isInstanceOf(CheckpointException.class)
        .hasMessageContaining(expected);
  }

  @Test
  void clipsAndBertsVocabularies() throws IOException {
    var golden = Tokenizers.FIXTURES.resolve("tokenizer-clip/tokenizer.json");
    var model = com.google.gson.JsonParser.parseString(Files.readString(golden)).getAsJsonObject().getAsJsonObject("model");
    Files.writeString(folder.resolve("vocab.json"), model.get("vocab").toString());
    var merges = new StringBuilder("#version: 0.2\n");
    for (var merge : model.getAsJsonArray("merges"))
      merges.append(merge.isJsonArray() ? merge.getAsJsonArray().get(0).getAsString() + " "
          + merge.getAsJsonArray().get(1).getAsString() : merge.getAsString()).append('\n');
    Files.writeString(folder.resolve("merges.txt"), merges);
    Tokenizer clip = Tokenizer.open(folder), reference = Tokenizer.open(golden);
    for (var text : List.of("A Photo OF a CAT!!", "naïve café — déjà vu", "  it's  3.14 🙂 <|endoftext|>"))
      assertThat(clip.encode(text).ids()).isEqualTo(reference.encode(text).ids());
    assertThat(clip.decode(clip.encode("A photo of a cat").ids(), true)).isEqualTo("a photo of a cat");

    var vocab = folder.resolve("vocab.txt");
    Files.writeString(vocab, String.join("\n", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "##s", "Cat"));
    assertThat(Tokenizer.open(vocab).encode("Cats [SEP] dog", "cat").ids()).containsExactly(2, 4, 5, 3, 1, 3, 4, 3);
    assertThat(Tokenizer.bert(vocab, false).encode("Cats").ids()).containsExactly(2, 6, 5, 3);
  }

  @Test
  void aModelFileHoldsATokenizer() throws IOException {
    var json = Files.readAllBytes(Tokenizers.FIXTURES.resolve("tokenizer-unigram/tokenizer.json"));
    var file = folder.resolve("model.safetensors");
    new CheckpointWriter().tensor(Tokenizer.TENSOR, DType.U8, new long[] {json.length},
        () -> MemorySegment.ofArray(json)).write(file);
    assertThat(Tokenizer.open(file).encode("a cat").tokens()).containsExactly("▁a", "▁ca", "t", "</s>");
    new CheckpointWriter().tensor("x", DType.U8, new long[] {1}, () -> MemorySegment.ofArray(new byte[1])).write(file);
    try (var checkpoint = Checkpoint.open(file)) {
      assertThatThrownBy(() -> Tokenizer.of(checkpoint)).hasMessage(file
          + ": holds no tokenizer: there is no tensor 'tokenizer.json'");
    }
  }
}
