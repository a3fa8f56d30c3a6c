package dev.fovea.models;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.models.bert.BertConfig;
import dev.fovea.models.clip.ClipConfig;
import dev.fovea.models.dinov2.Dinov2Config;
import dev.fovea.models.grounding.GroundingDinoConfig;
import dev.fovea.models.llama.LlamaConfig;
import dev.fovea.models.sam.SamConfig;
import dev.fovea.models.segformer.SegformerConfig;
import dev.fovea.models.siglip.SiglipConfig;
import dev.fovea.models.vit.ViTConfig;
import dev.fovea.models.vlm.DeepseekVlConfig;
import dev.fovea.models.vlm.LlavaConfig;
import dev.fovea.models.vlm.SmolVlmConfig;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// A family of models: the reader of its config in a model file, and its published sizes. This class is the only registry of the
/// families.
///
/// To add a family here, write its [ModelConfig] and its [Model], which implements the interfaces of its capabilities
/// ([ClassifiesPictures], [EmbedsPictures], …), and add a constant to this class and to its list. This suffices to run, verify and
/// benchmark it. A family in another module is a [FamilyService] instead of a constant. To convert published weights, the
/// converter also needs their names and config.
///
/// Immutable and thread-safe. The first use of the registry asks the module path, or the class path, for the families of other
/// modules.
public final class Family {
  public static final Family VIT = new Family("vit", ViTConfig::of, ViTConfig.PRESETS);
  public static final Family DINOV2 = new Family("dinov2", Dinov2Config::of, Dinov2Config.PRESETS);
  public static final Family CLIP = new Family("clip", ClipConfig::of, ClipConfig.PRESETS);
  public static final Family SIGLIP = new Family("siglip", SiglipConfig::of, SiglipConfig.PRESETS);
  public static final Family BERT = new Family("bert", BertConfig::of, BertConfig.PRESETS);
  public static final Family SEGFORMER = new Family("segformer", SegformerConfig::of, SegformerConfig.PRESETS);
  public static final Family SAM = new Family("sam", SamConfig::of, SamConfig.PRESETS);
  public static final Family GROUNDING_DINO =
      new Family("grounding_dino", GroundingDinoConfig::of, GroundingDinoConfig.PRESETS);
  public static final Family LLAMA = new Family("llama", LlamaConfig::of, LlamaConfig.PRESETS);
  public static final Family DEEPSEEK_VL = new Family("deepseek_vl", DeepseekVlConfig::of, DeepseekVlConfig.PRESETS);
  public static final Family LLAVA = new Family("llava", LlavaConfig::of, LlavaConfig.PRESETS);
  public static final Family SMOLVLM = new Family("smolvlm", SmolVlmConfig::of, SmolVlmConfig.PRESETS);

  private static final List<Family> OWN = List.of(VIT, DINOV2, CLIP, SIGLIP, BERT, SEGFORMER, SAM, GROUNDING_DINO,
      LLAMA, DEEPSEEK_VL, LLAVA, SMOLVLM);

  private final String id;
  private final Function<JsonFields, ? extends ModelConfig> config;
  private final Map<String, ? extends ModelConfig> presets;

  /// @param id its name in the header of a model file
  /// @param config reads the sizes from the header of a model file; throws a [CheckpointException] if a field is missing or wrong
  /// @param presets published sizes by name; copied
  public Family(String id, Function<JsonFields, ? extends ModelConfig> config, Map<String, ? extends ModelConfig> presets) {
    this.id = Objects.requireNonNull(id, "id");
    this.config = Objects.requireNonNull(config, "config");
    this.presets = Map.copyOf(Objects.requireNonNull(presets, "presets"));
  }

  /// The families of this and of other modules, as an unmodifiable list.
  ///
  /// @throws IllegalStateException if two families or two presets have the same name
  public static List<Family> all() {
    return Known.get().families;
  }

  /// The family of this name.
  ///
  /// @throws IllegalArgumentException if there is none
  public static Family of(String id) {
    Objects.requireNonNull(id, "id");
    for (var family : all()) if (family.id.equals(id)) return family;
    throw new IllegalArgumentException("family '" + id + "' is not supported; expected one of "
        + String.join(", ", all().stream().map(Family::id).toList()));
  }

  /// The name in the header of a model file.
  public String id() {
    return id;
  }

  /// The config of the model in a file.
  ///
  /// @param where name of the file in error messages
  /// @throws CheckpointException if the family is unknown, or a field of the config is missing or wrong
  public static ModelConfig config(String where, ModelHeader header) {
    Objects.requireNonNull(where, "where");
    Objects.requireNonNull(header, "header");
    Family family;
    try {
      family = of(header.family());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(where + ": " + e.getMessage(), e);
    }
    return family.config.apply(header.config());
  }

  /// The names of the published sizes of all families.
  public static List<String> presets() {
    return List.copyOf(Known.get().presets.keySet());
  }

  /// The config of a published size.
  ///
  /// @throws IllegalArgumentException if the name is not one of [#presets()]
  public static ModelConfig preset(String name) {
    var preset = Known.get().presets.get(Objects.requireNonNull(name, "name"));
    if (preset == null) throw new IllegalArgumentException("preset '" + name + "': expected one of "
        + String.join(", ", presets()));
    return preset;
  }

  @Override
  public String toString() {
    return id;
  }

  /// All families and presets, found on first use. An error in another module's family is thrown on each use, rather than as an
  /// error in the initialisation of this class.
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
