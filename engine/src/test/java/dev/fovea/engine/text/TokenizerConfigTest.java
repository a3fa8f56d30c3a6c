package dev.fovea.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `tokenizer_config.json` says beside a vocabulary: honoured, or refused by name.
class TokenizerConfigTest {
  private static final String CONFIG = "tokenizer_config.json";
  private static final List<String> VOCABULARY = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "café", "Café", "cafe",
      "Cafe",
      "模", "型", "模型", "##型", "<s>", "</s>", "[", "]", "e1");

  @TempDir
  private Path folder;

  @BeforeEach
  void writeTheVocabulary() throws IOException {
    Files.write(folder.resolve("vocab.txt"), VOCABULARY);
  }

  private Tokenizer with(String config) throws IOException {
    Files.writeString(folder.resolve(CONFIG), config.replace('\'', '"'));
    return Tokenizer.open(folder);
  }

  private static List<String> tokens(Tokenizer tokenizer, String text) {
    var tokens = tokenizer.encode(text).tokens();
    return tokens.subList(1, tokens.size() - 1);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"{} | cafe", "{'do_lower_case': false} | Café",
      "{'strip_accents': false} | café",
      "{'do_lower_case': false, 'strip_accents': true} | Cafe", "{'do_lower_case': true, 'strip_accents': null} | cafe",
      "{'tokenizer_class': 'DistilBertTokenizerFast', 'strip_accents': false, 'never_split': []} | café"})
  void caseAndAccents(String config, String token) throws IOException {
    assertThat(tokens(with(config), "Café")).containsExactly(token);
  }

  @Test
  void chineseCharacters() throws IOException {
    assertThat(tokens(with("{}"), "模型")).containsExactly("模", "型");
    assertThat(tokens(with("{'tokenize_chinese_chars': false}"), "模型")).containsExactly("模型");
  }

  @Test
  void specialTokens() throws IOException {
    assertThat(with("{'cls_token': '<s>', 'sep_token': {'content': '</s>', 'lstrip': false}}").encode("cafe").tokens())
        .containsExactly("<s>", "cafe", "</s>");
    Files.writeString(folder.resolve("special_tokens_map.json"), "{\"cls_token\": \"</s>\"}");
    assertThat(with("{}").encode("cafe").tokens()).containsExactly("</s>", "cafe", "[SEP]");
    assertThat(tokens(with("{}"), "[e1]")).containsExactly("[", "e1", "]");
    var added = with("{'additional_special_tokens': ['e1'], 'never_split': ['e1', '[MASK]'], 'added_tokens_decoder': {'18': "
        + "{'content': '[e2]', "
        + "'lstrip': true, 'normalized': false, 'rstrip': false, 'single_word': false, 'special': true}}}");
    assertThat(added.encode("cafe [e2]cafe").ids()).containsExactly(14, 7, 18, 7, 3);
    assertThat(added.addedTokens()).contains(new AddedToken(18, "[e2]", false, true, false, false, true),
        new AddedToken(17, "e1", false, false, false, false, true));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{'tokenizer_class': 'RobertaTokenizerFast'} | tokenizer_class 'RobertaTokenizerFast' is not supported with a vocab.txt; "
          + "expected one of "
          + "BertTokenizer, DistilBertTokenizer, ElectraTokenizer, MobileBertTokenizer",
      "{'never_split': ['cafe']} | never_split: 'cafe' is not supported; expected special tokens alone",
      "{'never_split': 'cafe'} | 'never_split': expected an array",
      "{'do_basic_tokenize': false} | do_basic_tokenize false is not supported; expected true",
      "{'word_tokenizer_type': 'mecab'} | 'word_tokenizer_type' is not supported",
      "{'additional_special_tokens': ['[e2]']} | additional_special_tokens: '[e2]' is neither in vocab.txt nor in "
          + "added_tokens_decoder",
      "{'do_lower_case': 'yes'} | 'do_lower_case': expected true or false, got \"yes\"",
      "{'cls_token': 7} | 'cls_token': expected a token's text, or an object with its content"})
  void refusedByName(String config, String why) {
    assertThatThrownBy(() -> with(config)).isInstanceOf(CheckpointException.class).hasMessage(folder.resolve(CONFIG) + ": " + why);
  }

  @Test
  void aSpecialTokenThatThereIsNot() {
    assertThatThrownBy(() -> with("{'cls_token': '[BOS]'}")).isInstanceOf(CheckpointException.class)
        .hasMessage(folder.resolve("vocab.txt") + ": there is no token '[BOS]'");
  }

  @Test
  void whatIsAssumed() throws IOException {
    var vocabulary = folder.resolve("vocab.txt");
    assertThat(Tokenizer.assumedOf(vocabulary))
        .containsExactly("there is no tokenizer_config.json: vocab.txt is read in lower case, the default of BertTokenizer");
    with("{}");
    assertThat(Tokenizer.assumedOf(vocabulary))
        .containsExactly("tokenizer_config.json: do_lower_case: true, the default of BertTokenizer");
    with("{'do_lower_case': false}");
    assertThat(Tokenizer.assumedOf(vocabulary)).isEmpty();
  }

  /// Where a `tokenizer.json` says something else, the config counts.
  @Test
  void besideATokenizerJson() throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), Tokenizer.jsonOf(folder.resolve("vocab.txt")));
    assertThat(tokens(Tokenizer.open(folder), "Café")).containsExactly("cafe");
    assertThat(tokens(with("{'tokenizer_class': 'BertTokenizer', 'do_lower_case': false, 'strip_accents': false}"), "Café"))
        .containsExactly("Café");
    assertThat(tokens(with("{'tokenizer_class': 'BertTokenizer', 'tokenize_chinese_chars': false}"), "模型")).containsExactly("模型");
    // Another class's options are its own.
    assertThat(tokens(with("{'tokenizer_class': 'PreTrainedTokenizerFast', 'do_lower_case': false}"), "Café"))
        .containsExactly("cafe");
  }
}
