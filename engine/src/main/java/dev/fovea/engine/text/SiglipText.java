package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import org.jetbrains.annotations.Nullable;

/// Adds the normalisation of SigLIP's tokenizers to a `tokenizer.json` that lacks it: both generations use lower case, and the
/// first removes ASCII punctuation (ref: transformers, SiglipTokenizer, `canonicalize_text`, and Siglip2Tokenizer).
final class SiglipText {
  private static final String FIRST = "SiglipTokenizer";
  /// The same characters as Python's `string.punctuation`.
  private static final String PUNCTUATION = "[!-/:-@\\[-`{-~]";

  private SiglipText() {}

  /// @param file contents of a `tokenizer.json`
  /// @param config from the same folder
  /// @throws CheckpointException if the config keeps capitals, but the `tokenizer.json` does not
  static JsonObject withOptions(String where, JsonObject file, TokenizerConfig config) {
    boolean canonical = FIRST.equals(config.tokenizerClass());
    boolean lower = config.fields().bool("do_lower_case", true);
    var normalizer = file.get("normalizer") instanceof JsonObject given ? given : null;
    var known = normalizer == null ? null : Normalizer.of(JsonPart.of(where + ": normalizer", normalizer));
    if (!lower && !rewritten(known, "A").contains("A"))
      throw new CheckpointException(config.fields().where()
          + ": do_lower_case false is not supported: tokenizer.json puts texts in lower case");
    var before = new JsonArray();
    if (lower && rewritten(known, "A").contains("A")) before.add(TokenizerFiles.object("{'type': 'Lowercase'}"));
    if (canonical && rewritten(known, "a!b").contains("!")) {
      before.add(replace(PUNCTUATION, ""));
      before.add(replace("\\s+", " "));
      before.add(TokenizerFiles.object("{'type': 'Strip', 'strip_left': true, 'strip_right': true}"));
    }
    if (before.isEmpty()) return file;
    if (normalizer != null) before.add(normalizer);
    var sequence = TokenizerFiles.object("{'type': 'Sequence'}");
    sequence.add("normalizers", before);
    var changed = file.deepCopy();
    changed.add("normalizer", sequence);
    return changed;
  }

  private static String rewritten(@Nullable Normalizer normalizer, String text) {
    return normalizer == null ? text : normalizer.normalize(AlignedText.of(text)).text();
  }

  private static JsonObject replace(String regex, String content) {
    var pattern = new JsonObject();
    pattern.addProperty("Regex", regex);
    var replace = TokenizerFiles.object("{'type': 'Replace'}");
    replace.add("pattern", pattern);
    replace.addProperty("content", content);
    return replace;
  }
}
