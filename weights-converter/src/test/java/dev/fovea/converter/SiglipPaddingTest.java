package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Weight;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What SigLIP's texts are filled up with, and what its tokenizers do to them first.
class SiglipPaddingTest {
  private static final String CONFIG = "config.json", TOKENIZER = "tokenizer_config.json";

  @TempDir
  private Path place;

  private PublishedFolder silent() {
    return PublishedFolder.of("siglip-tiny", place).without(CONFIG, "text_config.pad_token_id");
  }

  private static void requirePadding(PublishedFolder folder, int padding, String why) {
    var report = Converter.plan(folder.path(), Conversion.to(Weight.Type.F32));
    assertThat(report.config().getAsJsonObject("text_config").get("pad_token_id").getAsInt()).isEqualTo(padding);
    assertThat(report.assumed()).contains("config.json: text_config.pad_token_id: " + padding + ", " + why);
  }

  @Test
  void theTokenizersWhereTheConfigIsSilent() {
    var folder = silent();
    requirePadding(folder, 1, "the default of SiglipTextConfig");
    folder.with("tokenizer.json", "padding",
        "{'strategy': 'BatchLongest', 'direction': 'Right', 'pad_to_multiple_of': null, 'pad_id': 2, "
        + "'pad_type_id': 0, 'pad_token': '<unk>'}");
    requirePadding(folder, 2, "the tokenizer's");
    folder.put("special_tokens_map.json", "{'pad_token': {'content': '</s>', 'lstrip': false}}");
    requirePadding(folder, 1, "the tokenizer's");
    folder.put(TOKENIZER, "{'pad_token': '<pad>'}");
    requirePadding(folder, 0, "the tokenizer's");
    // The config's word comes first.
    var report = Converter.plan(folder.with(CONFIG, "text_config.pad_token_id", "1").path(), Conversion.to(Weight.Type.F32));
    assertThat(report.config().getAsJsonObject("text_config").get("pad_token_id").getAsInt()).isEqualTo(1);
  }

  @Test
  void theClassesDefaults() {
    requirePadding(silent().put(TOKENIZER, "{'tokenizer_class': 'SiglipTokenizer'}"), 1, "the tokenizer's");
  }

  @Test
  void siglip2PadsWithZero() {
    requirePadding(silent().put(TOKENIZER, "{'tokenizer_class': 'GemmaTokenizer', 'do_lower_case': true}"), 0, "the tokenizer's");
  }

  @Test
  void aTokenThatThereIsNot() {
    var folder = silent().put(TOKENIZER, "{'pad_token': '[PAD]'}");
    assertThatThrownBy(() -> Converter.plan(folder.path(), Conversion.to(Weight.Type.F32))).isInstanceOf(CheckpointException.class)
        .hasMessage(folder.path().resolve("tokenizer.json") + ": there is no token '[PAD]', which is the folder's pad_token");
  }

  /// The golden tokenizer without its lower case, as SigLIP 2's are.
  @Test
  void caseAndPunctuation() {
    var folder = silent().with("tokenizer.json", "normalizer", "{'type': 'NFKC'}");
    var plain = Tokenizer.open(folder.path()).encode("a photo of a cat").ids();
    assertThat(Tokenizer.open(folder.path()).encode("A Photo, of a CAT!").ids()).isNotEqualTo(plain);
    folder.put(TOKENIZER, "{'tokenizer_class': 'GemmaTokenizerFast', 'do_lower_case': true}");
    assertThat(Tokenizer.open(folder.path()).encode("A Photo of a CAT").ids()).isEqualTo(plain);
    assertThat(Tokenizer.open(folder.path()).encode("a photo of a cat!").ids()).isNotEqualTo(plain);
    folder.put(TOKENIZER, "{'tokenizer_class': 'Siglip2Tokenizer'}");
    assertThat(Tokenizer.open(folder.path()).encode("A Photo of a CAT").ids()).isEqualTo(plain);
    folder.put(TOKENIZER, "{'tokenizer_class': 'SiglipTokenizer'}");
    assertThat(Tokenizer.open(folder.path()).encode(" A [Photo], of~ a - CAT! ").ids()).isEqualTo(plain);
    assertThat(Tokenizer.open(folder.path().resolve("tokenizer.json")).encode("A Photo, of a CAT!").ids()).isEqualTo(plain);
    var file = place.resolve("siglip.safetensors");
    Converter.convert(folder.path(), file, Weight.Type.F32);
    try (var model = Checkpoint.open(file)) {
      assertThat(Tokenizer.of(model).encode("A Photo, of a CAT!").ids()).isEqualTo(plain);
    }
  }

  @Test
  void whatATokenizerCannotBeMadeToDo() {
    var folder = silent().put(TOKENIZER, "{'tokenizer_class': 'SiglipTokenizer', 'do_lower_case': false}");
    assertThatThrownBy(() -> Tokenizer.open(folder.path())).isInstanceOf(CheckpointException.class).hasMessage(
        folder.path().resolve(TOKENIZER) + ": do_lower_case false is not supported: tokenizer.json puts texts in lower case");
  }
}
