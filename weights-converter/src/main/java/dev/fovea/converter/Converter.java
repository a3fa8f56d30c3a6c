package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.kernels.Weight;
import dev.fovea.models.vit.ViT;
import dev.fovea.models.vit.ViTConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Converts a Hugging Face folder: `config.json`, `model.safetensors`, `preprocessor_config.json`.
public final class Converter {
  private Converter() {}

  /// What a conversion did.
  ///
  /// @param dropped source tensors that were left out on purpose
  public record Report(String family, long parameters, List<String> dropped) {}

  /// Writes the model in `source` to `target`, all of it or nothing.
  ///
  /// @param source the folder, or the safetensors file in it
  /// @param type element type of the matrices
  /// @throws CheckpointException if something is missing, unknown or left over, or `target` cannot be written
  public static Report convert(Path source, Path target, Weight.Type type) {
    if (!Files.exists(source)) throw new CheckpointException(source + ": no such file or folder");
    var folder = Files.isDirectory(source) ? source : source.toAbsolutePath().getParent();
    var weights = Files.isDirectory(source) ? source.resolve("model.safetensors") : source;
    var config = json(folder.resolve("config.json"));
    if (!config.has("model_type")) throw new CheckpointException(config.where() + ": 'model_type' is missing: only Hugging Face folders are converted yet");
    if (!config.string("model_type").equals("vit"))
      throw new CheckpointException(config.where() + ": model_type '" + config.string("model_type") + "' is not supported; expected vit");
    try (var checkpoint = Checkpoint.open(weights)) {
      return checkpoint.reading(() -> vit(checkpoint, config, preprocessing(folder, config), target, type));
    }
  }

  private static Report vit(Checkpoint checkpoint, JsonFields published, JsonFields preprocessing, Path target, Weight.Type type) {
    if (!checkpoint.tensors().containsKey("classifier.weight"))
      throw new CheckpointException(checkpoint.name() + ": there is no 'classifier.weight': only ViTs with a classification head are supported");
    var labels = labels(published, Math.toIntExact(checkpoint.tensor("classifier.weight").shape().getFirst()));
    var config = ViTConfig.of(published, labels.size());
    var writer = new CheckpointWriter();
    var source = new MappedSource(checkpoint, NameMap.HUGGING_FACE_VIT, type, writer);
    var bound = Weights.bind(source, w -> ViT.load(config, w));
    var dropped = source.finish();
    new ModelHeader("vit", new JsonFields("config", config.toJson()), preprocessing, labels).addTo(writer);
    writer.write(target);
    return new Report("vit", bound.parameters(), dropped);
  }

  /// The labels in `id2label`, or numbers where the config has none.
  private static List<String> labels(JsonFields config, int classes) {
    var labels = new ArrayList<String>();
    var names = config.has("id2label") ? config.object("id2label") : new JsonFields(config.where(), new JsonObject());
    for (int i = 0; i < classes; i++) labels.add(names.has(Integer.toString(i)) ? names.string(Integer.toString(i)) : Integer.toString(i));
    return labels;
  }

  private static JsonFields preprocessing(Path folder, JsonFields config) {
    var file = folder.resolve("preprocessor_config.json");
    var json = Files.exists(file) ? json(file) : new JsonFields(file.toString(), Preprocessing.standard(config.integer("image_size")));
    Preprocessing.of(json);   // Refuses here what the engine would refuse later.
    return json;
  }

  private static JsonFields json(Path file) {
    try {
      return JsonFields.parse(file.toString(), Files.readString(file));
    } catch (java.nio.file.NoSuchFileException e) {
      throw new CheckpointException(file + ": no such file", e);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
