package dev.fovea.cli;

import com.google.common.collect.Lists;
import dev.fovea.models.TextEmbedder;
import dev.fovea.models.TextPooling;
import dev.fovea.models.TextSettings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Embeds texts in parts, so that an interrupted run can be resumed.
///
/// @param settings of the texts
/// @param queries settings of the texts that others are compared with
record TextEmbedRun(TextEmbedder embedder, TextSettings settings, TextSettings queries, Terminal.ProgressBar bar) {
  /// Texts of a part; those of a model of pictures and words are all padded to its length.
  private static final int PART = 512, PADDED_PART = 32;
  private static final String STDIN = "-", QUERY = "query";

  /// @param pool name of the pooling; null for the model's
  /// @param prompt name of a published prompt, or a prompt that ends with a space or a colon; null for the model's
  /// @throws Fovea.UsageException if the model has no such pooling or prompt
  static TextEmbedRun of(TextEmbedder embedder, @Nullable String pool, boolean normalized, @Nullable String prompt,
      Terminal.ProgressBar bar) {
    var settings = embedder.settings();
    if (pool != null) settings = settings.withPooling(pooling(embedder, pool));
    if (settings.pooling() != null) settings = settings.withNormalized(normalized);
    else if (!normalized) throw new Fovea.UsageException("--no-normalize: the texts' vectors of this model have length 1");
    var prompted = prompt == null ? settings : settings.withPrompt(prompt(embedder, prompt));
    var query = embedder.prompts().get(QUERY);
    return new TextEmbedRun(embedder, prompted, query == null ? settings : settings.withPrompt(query), bar);
  }

  private static TextPooling pooling(TextEmbedder embedder, String name) {
    if (embedder.settings().pooling() == null)
      throw new Fovea.UsageException("--pool: this model of pictures and words has one vector of a text, expected no --pool");
    for (var pooling : TextPooling.values()) if (pooling.toString().equals(name)) return pooling;
    throw new Fovea.UsageException("--pool: expected one of " + Arrays.stream(TextPooling.values()).map(TextPooling::toString)
        .collect(Collectors.joining(", ")) + " for texts, got " + name);
  }

  private static String prompt(TextEmbedder embedder, String name) {
    var published = embedder.prompts().get(name);
    if (published != null) return published;
    if (name.endsWith(" ") || name.endsWith(":") || name.isEmpty()) return name;
    throw new Fovea.UsageException("--prompt: expected " + (embedder.prompts().isEmpty() ? "" : "one of "
        + String.join(", ", embedder.prompts().keySet()) + " or ") + "a text that ends with a space or a colon, got " + name);
  }

  /// The lines of a file, or of stdin.
  ///
  /// @throws Fovea.UsageException if it cannot be read, is empty, or is not UTF-8
  static List<String> lines(Path file) {
    boolean stdin = file.toString().equals(STDIN);
    try (var reader = new BufferedReader(stdin ? strict() : Files.newBufferedReader(file))) {
      var lines = reader.lines().toList();
      if (lines.isEmpty()) throw new Fovea.UsageException("--texts: " + file + ": expected at least one line, got none");
      return lines;
    } catch (NoSuchFileException e) {
      throw new Fovea.UsageException("--texts: " + file + ": no such file");
    } catch (CharacterCodingException e) {
      throw notUtf8(file);
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof CharacterCodingException) throw notUtf8(file);
      throw new Fovea.UsageException("--texts: " + file + ": cannot be read: " + e.getCause().getMessage());
    } catch (IOException e) {
      throw new Fovea.UsageException("--texts: " + file + ": cannot be read: " + e.getMessage());
    }
  }

  private static Reader strict() {
    return new InputStreamReader(System.in, StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT));
  }

  private static Fovea.UsageException notUtf8(Path file) {
    return new Fovea.UsageException("--texts: " + (file.toString().equals(STDIN) ? "stdin" : file) + ": expected text in UTF-8");
  }

  /// The vectors of texts, in their order.
  ///
  /// @param journal of vectors computed before, or null
  List<Embedding> embed(List<String> texts, @Nullable EmbedJournal journal) {
    tellTruncated(texts);
    var embeddings = new Embedding[texts.size()];
    var waiting = new ArrayList<Integer>();
    for (int i = 0; i < embeddings.length; i++) {
      var known = journal == null ? null : journal.known(texts.get(i));
      if (known == null) waiting.add(i);
      else embeddings[i] = new Embedding(texts.get(i), known);
    }
    double before = embeddings.length - waiting.size();
    for (var part : Lists.partition(waiting, settings.pooling() == null ? PADDED_PART : PART)) {
      double done = before;
      var vectors = embedder.embed(part.stream().map(texts::get).toList(), settings, (now, total) ->
          bar.update((done + part.size() * (double) now / Math.max(1, total)) / embeddings.length, embeddings.length + " texts"));
      for (int i = 0; i < part.size(); i++) {
        embeddings[part.get(i)] = new Embedding(texts.get(part.get(i)), vectors.get(i));
        if (journal != null) journal.add(embeddings[part.get(i)]);
      }
      before += part.size();
    }
    return List.of(embeddings);
  }

  /// The vectors of texts that others are compared with.
  List<Embedding> queries(List<String> texts) {
    var vectors = embedder.embed(texts, queries, (_, _) -> {});
    return IntStream.range(0, texts.size()).mapToObj(i -> new Embedding(texts.get(i), vectors.get(i))).toList();
  }

  private void tellTruncated(List<String> texts) {
    if (settings.pooling() == null) return;   // Texts that are too long for a model of pictures and words are refused.
    long longer = texts.stream().filter(text -> text.length() > embedder.maxTokens() / 2
        && embedder.countTokens(settings.prompt() + text) > embedder.maxTokens()).count();
    if (longer > 0)
      bar.complain(longer + " of " + texts.size() + " texts have more than " + embedder.maxTokens()
          + " tokens, which is all that the model reads of a text");
  }

  /// Everything that the vectors depend on besides the texts.
  Map<String, String> about() {
    return Map.of("pooling", String.valueOf(settings.pooling()), "normalized", String.valueOf(settings.normalized()), "prompt",
        settings.prompt());
  }
}
