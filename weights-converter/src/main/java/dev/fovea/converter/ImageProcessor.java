package dev.fovea.converter;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.models.Family;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Hugging Face's image processor classes with their defaults for fields missing from `preprocessor_config.json` (ref:
/// transformers, `image_processing_*.py`; `image_processing_auto.py` for each family's class).
enum ImageProcessor {
  VIT("ViT", Edge.BOTH, 224, Edge.BOTH, Codes.BILINEAR, 0, 0, Statistics.STANDARD),
  DEIT("DeiT", Edge.BOTH, 256, Edge.BOTH, Codes.BICUBIC, 224, 0, Statistics.STANDARD),
  BEIT("Beit", Edge.BOTH, 256, Edge.BOTH, Codes.BICUBIC, 224, 0, Statistics.STANDARD),
  BIT("Bit", Edge.SHORTEST, 224, Edge.SHORTEST, Codes.BICUBIC, 224, 0, Statistics.CLIP),
  CLIP("CLIP", Edge.SHORTEST, 224, Edge.SHORTEST, Codes.BICUBIC, 224, 0, Statistics.CLIP),
  SIGLIP("Siglip", Edge.BOTH, 224, Edge.SHORTEST, Codes.BICUBIC, 0, 0, Statistics.STANDARD),
  SEGFORMER("Segformer", Edge.BOTH, 512, Edge.BOTH, Codes.BILINEAR, 0, 0, Statistics.IMAGE_NET),
  SAM("Sam", Edge.LONGEST, 1024, Edge.LONGEST, Codes.BILINEAR, 0, 1024, Statistics.IMAGE_NET),
  DEEPSEEK_VL("DeepseekVL", Edge.BOTH, 384, Edge.BOTH, Codes.BICUBIC, 0, 0, Statistics.CLIP),
  SMOLVLM("SmolVLM", Edge.LONGEST, 4 * Codes.TILE, Edge.LONGEST, Codes.LANCZOS, 0, 0, Statistics.STANDARD),
  IDEFICS3("Idefics3", Edge.LONGEST, 4 * Codes.TILE, Edge.LONGEST, Codes.LANCZOS, 0, 0, Statistics.STANDARD),
  GROUNDING_DINO("GroundingDino", Edge.SHORTEST_AND_LONGEST, 800, Edge.SHORTEST_AND_LONGEST, Codes.BILINEAR, 0, 0,
      Statistics.IMAGE_NET);

  private static final String FILE = "preprocessor_config.json";
  /// The class for each family, if the file names none.
  private static final Map<Family, ImageProcessor> USUAL = Map.of(Family.VIT, VIT, Family.DINOV2, BIT, Family.CLIP, CLIP,
      Family.SIGLIP, SIGLIP, Family.SEGFORMER, SEGFORMER, Family.SAM, SAM, Family.DEEPSEEK_VL, DEEPSEEK_VL, Family.LLAVA, CLIP,
      Family.SMOLVLM, SMOLVLM, Family.GROUNDING_DINO, GROUNDING_DINO);

  /// The edge that a size refers to.
  private enum Edge {
    BOTH, SHORTEST, LONGEST,
    /// The shorter one, unless the longer one would exceed its limit.
    SHORTEST_AND_LONGEST
  }

  /// PIL's filter codes, the side of a tile and of the smallest picture, and the limit of a longer edge.
  private static final class Codes {
    static final int LANCZOS = 1, BILINEAR = 2, BICUBIC = 3;
    static final int TILE = 364, MIN_SIZE = 14, LONGEST = 1333;
  }

  /// Means and deviations of the three channels.
  private enum Statistics {
    STANDARD(new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5}),
    IMAGE_NET(new double[] {0.485, 0.456, 0.406}, new double[] {0.229, 0.224, 0.225}),
    CLIP(new double[] {0.48145466, 0.4578275, 0.40821073}, new double[] {0.26862954, 0.26130258, 0.27577711});

    private final double[] mean, std;

    Statistics(double[] mean, double[] std) {
      this.mean = mean;
      this.std = std;
    }
  }

  private final String name;
  private final Edge edge;
  private final int size;
  private final Edge oneNumber;
  private final int resample;
  private final int crop;
  private final int pad;
  private final Statistics statistics;

  /// @param name the class name without `ImageProcessor`
  /// @param edge the edge of the default `size`
  /// @param oneNumber the edge of a size given as one number, as in older configs
  /// @param crop side of the centre crop; 0 for none
  /// @param pad side of the padded square; 0 for none
  ImageProcessor(String name, Edge edge, int size, Edge oneNumber, int resample, int crop, int pad, Statistics statistics) {
    this.name = name + "ImageProcessor";
    this.edge = edge;
    this.size = size;
    this.oneNumber = oneNumber;
    this.resample = resample;
    this.crop = crop;
    this.pad = pad;
    this.statistics = statistics;
  }

  /// A complete config.
  ///
  /// @param assumed the class's defaults used for missing fields, a line each
  record Told(JsonFields config, List<String> assumed) {}

  /// Completes a published `preprocessor_config.json` with its class's defaults.
  ///
  /// @param family whose class is used if the file names none
  /// @throws CheckpointException if it names a class that is not known
  static Told complete(JsonFields published, Family family) {
    var type = type(published);
    var assumed = new ArrayList<String>();
    var json = published.json().deepCopy();
    var processor = type == null ? of(family) : named(published.where(), type);
    if (type == null) {
      json.addProperty("image_processor_type", processor.name);
      assumed.add(FILE + ": image_processor_type: " + processor.name + ", that of the family " + family.id());
    }
    processor.fill(new JsonFields(published.where(), json), assumed);
    return new Told(new JsonFields(published.where(), json), List.copyOf(assumed));
  }

  /// The complete config of this class.
  JsonObject usual() {
    var json = new JsonObject();
    json.addProperty("image_processor_type", name);
    fill(new JsonFields("preprocessing", json), new ArrayList<>());
    return json;
  }

  /// The complete config of this class with a field of the model's.
  JsonObject with(String field, JsonElement value) {
    return with(field, value, field, value);
  }

  /// The complete config of this class with two fields of the model's.
  JsonObject with(String field, JsonElement value, String other, JsonElement otherValue) {
    var json = new JsonObject();
    json.addProperty("image_processor_type", name);
    json.add(field, value);
    json.add(other, otherValue);
    fill(new JsonFields("preprocessing", json), new ArrayList<>());
    return json;
  }

  private static @Nullable String type(JsonFields published) {
    for (var field : new String[] {"image_processor_type", "feature_extractor_type"})
      if (published.has(field)) return published.string(field);
    return null;
  }

  private static ImageProcessor named(String where, String type) {
    var name = type.replace("FeatureExtractor", "ImageProcessor").replaceFirst("ImageProcessor(Fast|Pil)$", "ImageProcessor");
    for (var each : values()) if (each.name.equals(name)) return each;
    throw new CheckpointException(where + ": '" + type + "' is not supported; expected one of "
        + String.join(", ", Arrays.stream(values()).map(each -> each.name).toList()));
  }

  private static ImageProcessor of(Family family) {
    var processor = USUAL.get(family);
    if (processor == null) throw new IllegalArgumentException("family '" + family + "' has no usual image processor");
    return processor;
  }

  /// Adds missing fields that have an effect, and converts older forms of sizes and statistics.
  private void fill(JsonFields fields, List<String> assumed) {
    if (this == GROUNDING_DINO) withoutPaddingOfBatches(fields);
    if (decides(fields, "do_resize", true, assumed)) {
      otherwise(fields, "size", sizes(edge, size), assumed);
      otherwise(fields, "resample", new JsonPrimitive(resample), assumed);
    }
    if (decides(fields, "do_center_crop", crop > 0, assumed))
      otherwise(fields, "crop_size", sizes(Edge.BOTH, crop > 0 ? crop : size), assumed);
    if (decides(fields, "do_rescale", true, assumed)) otherwise(fields, "rescale_factor", new JsonPrimitive(1 / 255.0), assumed);
    if (decides(fields, "do_normalize", true, assumed)) {
      otherwise(fields, "image_mean", numbers(statistics.mean), assumed);
      otherwise(fields, "image_std", numbers(statistics.std), assumed);
    }
    switch (this) {
      case DEEPSEEK_VL -> otherwise(fields, "min_size", new JsonPrimitive(Codes.MIN_SIZE), assumed);
      case SMOLVLM, IDEFICS3 -> {
        otherwise(fields, "do_image_splitting", new JsonPrimitive(true), assumed);
        otherwise(fields, "max_image_size", sizes(Edge.LONGEST, Codes.TILE), assumed);
      }
      default -> { }
    }
    if (decides(fields, "do_pad", pad > 0, assumed) && pad > 0) otherwise(fields, "pad_size", sizes(Edge.BOTH, pad), assumed);
    sizeInOneForm(fields, "size", oneNumber);
    sizeInOneForm(fields, "crop_size", Edge.BOTH);
    sizeInOneForm(fields, "pad_size", Edge.BOTH);
    for (var field : new String[] {"image_mean", "image_std"})
      if (fields.json().get(field) instanceof JsonPrimitive each && each.isNumber())
        fields.json().add(field, numbers(each.getAsDouble(), each.getAsDouble(), each.getAsDouble()));
  }

  /// The class fills pictures of several sizes up to those of the largest. Here each size is a batch of its own.
  private static void withoutPaddingOfBatches(JsonFields fields) {
    if (fields.has("pad_size"))
      throw new CheckpointException(fields.where() + ": pad_size: expected none, as pictures of one size are not padded, got "
          + fields.json().get("pad_size"));
    for (var field : new String[] {"do_pad", "pad_and_return_pixel_mask", "pad_size"}) fields.json().remove(field);
  }

  /// Whether a step is done. Steps that the class skips by default are not reported.
  private boolean decides(JsonFields fields, String step, boolean otherwise, List<String> assumed) {
    if (otherwise) otherwise(fields, step, new JsonPrimitive(true), assumed);
    return fields.bool(step, false);
  }

  private void otherwise(JsonFields fields, String field, JsonElement value, List<String> assumed) {
    if (fields.has(field)) return;
    fields.json().add(field, value);
    assumed.add(FILE + ": " + field + ": " + value + ", the default of " + name);
  }

  private static void sizeInOneForm(JsonFields fields, String field, Edge oneNumber) {
    if (!fields.has(field) || fields.json().get(field).isJsonObject()) return;
    var size = fields.heightAndWidth(field);
    var json = fields.json();
    json.add(field, json.get(field).isJsonArray() ? heightAndWidth(size[0], size[1]) : sizes(oneNumber, size[0]));
  }

  private static JsonObject sizes(Edge edge, int size) {
    var json = new JsonObject();
    switch (edge) {
      case BOTH -> json = heightAndWidth(size, size);
      case SHORTEST -> json.addProperty("shortest_edge", size);
      case LONGEST -> json.addProperty("longest_edge", size);
      case SHORTEST_AND_LONGEST -> {
        json.addProperty("shortest_edge", size);
        json.addProperty("longest_edge", Codes.LONGEST);
      }
    }
    return json;
  }

  private static JsonObject heightAndWidth(int height, int width) {
    var json = new JsonObject();
    json.addProperty("height", height);
    json.addProperty("width", width);
    return json;
  }

  private static JsonArray numbers(double... values) {
    var array = new JsonArray();
    for (double value : values) array.add(value);
    return array;
  }
}
