package dev.fovea.engine.text;

import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.fovea.engine.checkpoint.CheckpointException;
import java.util.List;
import java.util.function.Function;
import org.jetbrains.annotations.Nullable;

/// Reads Hugging Face's `tokenizer.json`: an object with a part for each step of tokenization.
///
/// Each part reads its own fields and rejects unknown ones by name.
final class TokenizerJson {
  private static final String VERSION = "1.0";

  private TokenizerJson() {}

  static Tokenizer read(String name, String json) {
    try {
      return of(JsonPart.of(name, JsonParser.parseString(json)));
    } catch (JsonParseException | IllegalStateException e) {
      throw new CheckpointException(name + ": expected a tokenizer.json: it is no JSON", e);
    } catch (TokenizerException e) {
      throw new CheckpointException(name + ": an added token cannot be normalised: " + e.getMessage(), e);
    }
  }

  static Tokenizer of(JsonPart file) {
    file.only("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "model", "post_processor",
        "decoder");
    if (file.has("version")) file.choice("version", VERSION);
    var normalizer = part(file, "normalizer", Normalizer::of);
    var tokens = file.has("added_tokens") ? file.parts("added_tokens").stream().map(AddedToken::of).toList()
        : List.<AddedToken>of();
    var model = Model.of(file.object("model"), tokens);
    var added = new AddedTokens(file.where(), tokens, model.vocabulary(), normalizer);
    var postProcessor = part(file, "post_processor", PostProcessor::of);
    return new Tokenizer(added, part(file, "pre_tokenizer", PreTokenizer::of), model, postProcessor,
        part(file, "decoder", Decoder::of),
        part(file, "truncation", Truncation::of), part(file, "padding", Padding::of));
  }

  private static <T> @Nullable T part(JsonPart file, String field, Function<JsonPart, T> reader) {
    return file.has(field) ? reader.apply(file.object(field)) : null;
  }
}
