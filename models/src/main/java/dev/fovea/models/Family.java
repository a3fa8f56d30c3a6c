package dev.fovea.models;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/// A family of models: how a model file becomes a model, and which sizes were published.
public enum Family {
  VIT("vit", ViTConfig::of, ViTConfig.PRESETS),
  DINOV2("dinov2", Dinov2Config::of, Dinov2Config.PRESETS),
  CLIP("clip", ClipConfig::of, ClipConfig.PRESETS),
  SIGLIP("siglip", SiglipConfig::of, SiglipConfig.PRESETS),
  BERT("bert", BertConfig::of, BertConfig.PRESETS),
  SEGFORMER("segformer", SegformerConfig::of, SegformerConfig.PRESETS),
  SAM("sam", SamConfig::of, SamConfig.PRESETS);

  private final String id;
  private final Function<JsonFields, ModelConfig> config;
  private final Map<String, ? extends ModelConfig> presets;

  Family(String id, Function<JsonFields, ModelConfig> config, Map<String, ? extends ModelConfig> presets) {
    this.id = id;
    this.config = config;
    this.presets = presets;
  }

  /// The name in a model file's header.
  public String id() {
    return id;
  }

  /// The sizes of the model in a file.
  ///
  /// @param where what error messages call the file
  /// @throws CheckpointException if the family is not known, or a field of the config is missing or wrong
  public static ModelConfig config(String where, ModelHeader header) {
    for (var family : values()) if (family.id.equals(header.family())) return family.config.apply(header.config());
    throw new CheckpointException(where + ": family '" + header.family() + "' is not supported; expected one of "
        + String.join(", ", Arrays.stream(values()).map(Family::id).toList()));
  }

  /// The published sizes of all families, by name.
  public static List<String> presets() {
    return List.copyOf(allPresets().keySet());
  }

  /// A published size.
  ///
  /// @throws IllegalArgumentException if the name is not one of [#presets()]
  public static ModelConfig preset(String name) {
    var preset = allPresets().get(name);
    if (preset == null) throw new IllegalArgumentException("preset '" + name + "': expected one of " + String.join(", ", presets()));
    return preset;
  }

  private static Map<String, ModelConfig> allPresets() {
    var all = new TreeMap<String, ModelConfig>();
    for (var family : values()) all.putAll(family.presets);
    return all;
  }
}
