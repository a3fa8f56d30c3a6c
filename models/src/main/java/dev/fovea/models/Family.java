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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// A family of models: how a model file becomes a model, and which sizes were published. It is the one place that says that a
/// family exists.
///
/// To add a family here, write its [ModelConfig] and its [Model], which implements what it is able to do ([ClassifiesPictures],
/// [EmbedsPictures], …), and add a constant to this class and to its list. That is all that running, verifying and benchmarking
/// need. A family of another module is a [FamilyService] instead of a constant. To convert published weights, the converter
/// needs their names and config as well.
public final class Family {
  public static final Family VIT = new Family("vit", ViTConfig::of, ViTConfig.PRESETS);
  public static final Family DINOV2 = new Family("dinov2", Dinov2Config::of, Dinov2Config.PRESETS);
  public static final Family CLIP = new Family("clip", ClipConfig::of, ClipConfig.PRESETS);
  public static final Family SIGLIP = new Family("siglip", SiglipConfig::of, SiglipConfig.PRESETS);
  public static final Family BERT = new Family("bert", BertConfig::of, BertConfig.PRESETS);
  public static final Family SEGFORMER = new Family("segformer", SegformerConfig::of, SegformerConfig.PRESETS);
  public static final Family SAM = new Family("sam", SamConfig::of, SamConfig.PRESETS);

  private static final List<Family> OWN = List.of(VIT, DINOV2, CLIP, SIGLIP, BERT, SEGFORMER, SAM);

  private final String id;
  private final Function<JsonFields, ? extends ModelConfig> config;
  private final Map<String, ? extends ModelConfig> presets;

  /// @param id the name in a model file's header
  /// @param config reads the sizes from a model file's header, and throws a [CheckpointException] where a field is missing or wrong
  /// @param presets published sizes by name
  public Family(String id, Function<JsonFields, ? extends ModelConfig> config, Map<String, ? extends ModelConfig> presets) {
    this.id = id;
    this.config = config;
    this.presets = Map.copyOf(presets);
  }

  /// The families of this module, and those of other modules.
  ///
  /// @throws IllegalStateException if two have the same name, or two of their presets have
  public static List<Family> all() {
    return Known.get().families;
  }

  /// The family of this name.
  ///
  /// @throws IllegalArgumentException if there is none
  public static Family of(String id) {
    for (var family : all()) if (family.id.equals(id)) return family;
    throw new IllegalArgumentException("family '" + id + "' is not supported; expected one of "
        + String.join(", ", all().stream().map(Family::id).toList()));
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
    Family family;
    try {
      family = of(header.family());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(where + ": " + e.getMessage(), e);
    }
    return family.config.apply(header.config());
  }

  /// The published sizes of all families, by name.
  public static List<String> presets() {
    return List.copyOf(Known.get().presets.keySet());
  }

  /// A published size.
  ///
  /// @throws IllegalArgumentException if the name is not one of [#presets()]
  public static ModelConfig preset(String name) {
    var preset = Known.get().presets.get(name);
    if (preset == null) throw new IllegalArgumentException("preset '" + name + "': expected one of "
        + String.join(", ", presets()));
    return preset;
  }

  @Override
  public String toString() {
    return id;
  }

  /// All families and presets, once they are asked for. What is wrong with one of another module is said each time, and not by an
  /// error of this class's initialisation.
  private record Known(List<Family> families, Map<String, ModelConfig> presets) {
    private static volatile @Nullable Known known;

    static Known get() {
      var found = known;
      if (found == null) known = found = find();
      return found;
    }

    private static Known find() {
      var others = ServiceLoader.load(FamilyService.class, FamilyService.class.getClassLoader());
      var families = Stream.concat(OWN.stream(), others.stream().map(found -> found.get().family())).toList();
      var presets = new TreeMap<String, ModelConfig>();
      var ids = new HashSet<String>();
      for (var family : families) {
        if (!ids.add(family.id)) throw new IllegalStateException("there are two families '" + family.id + "'");
        family.presets.forEach((name, preset) -> {
          if (presets.put(name, preset) != null) throw new IllegalStateException("there are two presets '" + name + "'");
        });
      }
      return new Known(families, presets);
    }
  }
}
