package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.converter.source.Source;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Converts a published checkpoint: weights in any form that [Source] opens, and beside them `config.json` of Hugging Face's or
/// timm's and, where there is one, `preprocessor_config.json`.
public final class Converter {
  private Converter() {}

  /// What a conversion did.
  ///
  /// @param dropped source tensors that were left out on purpose
  /// @param nonFinite how many elements of the written parameters are NaN or infinite, by name
  public record Report(String family, long parameters, List<String> dropped, Map<String, Long> nonFinite) {}

  /// Writes the model in `source` to `target`, all of it or nothing.
  ///
  /// @param source the folder, or the file or index of the weights in it
  /// @param type element type of the matrices
  /// @throws CheckpointException if something is missing, unknown or left over, or `target` cannot be written
  public static Report convert(Path source, Path target, Weight.Type type) {
    if (!Files.exists(source)) throw new CheckpointException(source + ": no such file or folder");
    var folder = Files.isDirectory(source) ? source : source.toAbsolutePath().getParent();
    var config = folder.resolve("config.json");
    var file = folder.resolve("preprocessor_config.json");
    var preprocessor = Files.exists(file) ? json(file) : null;
    try (var checkpoint = Source.open(source)) {
      return checkpoint.reading(() -> convert(checkpoint, folder, preprocessor,
          published(checkpoint, config, preprocessor), target, type));
    }
  }

  private static HuggingFace published(Source checkpoint, Path config, @Nullable JsonFields preprocessor) {
    if (!Files.exists(config) && OpenAiClip.recognises(checkpoint)) return OpenAiClip.read(checkpoint);
    return HuggingFace.read(json(config), preprocessor, checkpoint);
  }

  private static Report convert(Source checkpoint, Path folder, @Nullable JsonFields preprocessor, HuggingFace published, Path target,
      Weight.Type type) {
    var config = published.config();
    var preprocessing = preprocessing(preprocessor, published.preprocessing());
    var writer = new CheckpointWriter();
    var source = new MappedSource(checkpoint, published.names(), type, writer);
    var bound = Weights.bind(source, config::load);
    var dropped = Stream.concat(checkpoint.leftOut().stream(), source.finish().stream()).toList();
    addTokenizer(folder, writer);
    new ModelHeader(config.family().id(), new JsonFields("config", config.toJson()), preprocessing, published.labels(),
        published.palette()).addTo(writer);
    writer.write(target);
    return new Report(config.family().id(), bound.parameters(), dropped, source.nonFinite());
  }

  /// Puts the folder's tokenizer, where it has one, into the file.
  private static void addTokenizer(Path folder, CheckpointWriter writer) {
    var json = Tokenizer.jsonOf(folder);
    if (json == null) return;
    var bytes = json.getBytes(StandardCharsets.UTF_8);
    Tokenizer.read(folder.toString(), bytes);   // Refuses here what the engine would refuse later.
    writer.tensor(Tokenizer.TENSOR, DType.U8, new long[] {bytes.length}, () -> Arena.ofAuto().allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes)));
  }

  private static JsonFields preprocessing(@Nullable JsonFields published, JsonObject otherwise) {
    var json = published == null || otherwise.isEmpty() ? new JsonFields("preprocessing", otherwise) : published;
    if (otherwise.isEmpty()) return json;
    Preprocessing.of(json);   // Refuses here what the engine would refuse later.
    return json;
  }

  /// Reads a file of JSON.
  ///
  /// @throws CheckpointException if there is none, or it holds something else
  static JsonFields json(Path file) {
    try {
      return JsonFields.parse(file.toString(), Files.readString(file));
    } catch (java.nio.file.NoSuchFileException e) {
      throw new CheckpointException(file + ": no such file; weights alone do not tell what a model is: put its config.json beside them", e);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
