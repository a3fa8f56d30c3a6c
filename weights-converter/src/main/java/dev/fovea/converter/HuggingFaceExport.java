package dev.fovea.converter;

import com.google.common.collect.Sets;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.Family;
import dev.fovea.models.ModelConfig;
import dev.fovea.models.bert.BertConfig;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jetbrains.annotations.Nullable;

/// Exports a model file as a folder for Hugging Face's transformers and other tools: `model.safetensors`, `config.json` and, if the
/// model has them, `preprocessor_config.json`, `tokenizer.json` and `chat_template.jinja`.
///
/// Elements keep their type and bits; those in 8 bits become float32, which is exact. Tensors that a conversion left out are not
/// restored, except those without which transformers would re-initialise others; these are zeros. A folded batch norm is exported
/// as one that does nothing.
public final class HuggingFaceExport {
  private static final Gson PRETTY = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().serializeNulls().create();

  private HuggingFaceExport() {}

  /// The result of an export.
  ///
  /// @param parameters number of parameters
  /// @param decoded number of matrices that became float32 because they were stored in 8 bits
  /// @param added tensors without data of the model, with reasons
  public record Report(String family, long parameters, int decoded, Map<String, String> added) {
    public Report {
      Objects.requireNonNull(family, "family");
      Objects.requireNonNull(added, "added");
    }
  }

  /// Writes the folder, all of it or nothing.
  ///
  /// @param model a Fovea model file
  /// @param folder a new or empty folder
  /// @throws CheckpointException if the file is no model, Hugging Face's form cannot express it, or the folder is not empty or
  /// cannot be written
  public static Report write(Path model, Path folder) {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(folder, "folder");
    WholeFolder.requirePlace(folder);
    try (var checkpoint = Checkpoint.open(model)) {
      return checkpoint.reading(() -> write(checkpoint, folder));
    }
  }

  private static Report write(Checkpoint model, Path folder) {
    var header = ModelHeader.of(model);
    var config = Family.config(model.name(), header);
    var form = HuggingFaceForm.of(model.name(), config, header.labels());
    var source = new UnmappedSource(model, form.names(), new JsonFields(model.name() + ": config", config.toJson()));
    var bound = Weights.bind(source, config::load);
    var writer = new CheckpointWriter().metadata("format", "pt");
    var added = new TreeMap<String, String>();
    source.addTo(writer);
    source.norms().forEach((norm, weight) -> added.put(norm, "does nothing, for it was folded into " + weight));
    form.zeros().forEach((name, zeros) -> {
      zeros.addTo(writer, name);
      added.put(name, zeros.why());
    });
    form.config().addProperty("torch_dtype", torchName(source.matrixTypes()));
    WholeFolder.write(folder, place -> {
      writer.write(place.resolve("model.safetensors"));
      write(place.resolve("config.json"), form.config());
      var preprocessing = header.preprocessing().json();
      if (!preprocessing.isEmpty()) write(place.resolve("preprocessor_config.json"), preprocessor(preprocessing, config.family()));
      var tokenizer = model.tensors().get(Tokenizer.TENSOR);
      if (tokenizer != null) WholeFile.write(place.resolve("tokenizer.json"), tokenizer.data().toArray(ValueLayout.JAVA_BYTE));
      var template = ModelHeader.chatTemplate(model);
      if (template != null) WholeFile.write(place.resolve(PublishedTemplate.FILE), template.getBytes(StandardCharsets.UTF_8));
      if (config instanceof BertConfig bert && bert.sentence() != null)
        for (var file : SentenceFolder.files(bert.sentence(), bert.encoder().blocks().dim()).entrySet()) {
          Files.createDirectories(place.resolve(file.getKey()).getParent());
          write(place.resolve(file.getKey()), file.getValue());
        }
      requireSame(model.name(), config, place);
    });
    return new Report(config.family().id(), bound.parameters(), source.decoded(), added);
  }

  /// The `torch_dtype` for these types; float32 if there are several.
  private static String torchName(Set<DType> types) {
    return types.equals(Set.of(DType.F16)) ? "float16" : types.equals(Set.of(DType.BF16)) ? "bfloat16" : "float32";
  }

  private static void write(Path file, JsonElement json) {
    WholeFile.write(file, (PRETTY.toJson(json) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /// transformers selects an image processor by name; its defaults are written out. If none was published, one that does the same
  /// is named.
  private static JsonObject preprocessor(JsonObject published, Family family) {
    return ImageProcessor.complete(new JsonFields("preprocessing", named(published)), family).config().json();
  }

  private static JsonObject named(JsonObject published) {
    if (published.has("image_processor_type") || published.has("feature_extractor_type")) return published;
    var fields = new JsonFields("preprocessing", published);
    var json = published.deepCopy();
    boolean crop = fields.bool("do_center_crop", false);
    boolean edge = published.get("size") instanceof JsonObject size && size.has("shortest_edge");
    boolean both = edge && published.getAsJsonObject("size").has("longest_edge") && !crop;
    json.addProperty("image_processor_type", fields.bool("do_pad", false) ? "SamImageProcessor"
        : both ? "GroundingDinoImageProcessor" : crop || edge ? "CLIPImageProcessor" : "ViTImageProcessor");
    json.addProperty("do_center_crop", crop);
    return json;
  }

  /// @throws CheckpointException if the folder would be read as another model
  private static void requireSame(String model, ModelConfig config, Path folder) {
    var lost = new ArrayList<String>();
    addDifferences("", config.toJson(), Converter.plan(folder, Conversion.to(WeightFormat.F32)).config(), lost);
    if (!lost.isEmpty())
      throw new CheckpointException(model + ": Hugging Face's form has no place for " + String.join(", ", lost));
  }

  private static void addDifferences(String path, JsonObject here, JsonObject there, List<String> lost) {
    for (var field : new TreeSet<>(Sets.union(here.keySet(), there.keySet()))) {
      @Nullable JsonElement ours = here.get(field), theirs = there.get(field);
      if (ours instanceof JsonObject a && theirs instanceof JsonObject b) addDifferences(path + field + ".", a, b, lost);
      else if (ours == null || !ours.equals(theirs))
        lost.add("'" + path + field + "' " + ours + ", which would be read as " + theirs);
    }
  }
}
