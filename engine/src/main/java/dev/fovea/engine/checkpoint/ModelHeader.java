package dev.fovea.engine.checkpoint;

import com.google.gson.JsonArray;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The description of a model in the metadata of its file. Thread-safe as long as nobody changes the JSON in it.
///
/// @param family such as `vit`; selects the model that reads the tensors
/// @param config the model's sizes
/// @param preprocessing how to convert a picture to the model's input
/// @param labels names of the classes, in order; empty if there are none
/// @param palette colours of the classes, `0xRRGGBB`; empty if there are none
public record ModelHeader(String family, JsonFields config, JsonFields preprocessing, List<String> labels, List<Integer> palette) {
  /// Version of the file format, stored as the metadata entry `fovea`.
  public static final String VERSION = "1";
  /// The metadata entry of a published chat template, if there is one.
  public static final String CHAT_TEMPLATE = "chat_template";
  private static final String KEY = "fovea";

  public ModelHeader {
    Objects.requireNonNull(family, "family");
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(preprocessing, "preprocessing");
    Objects.requireNonNull(labels, "labels");
    Objects.requireNonNull(palette, "palette");
  }

  /// A header without a palette.
  public ModelHeader(String family, JsonFields config, JsonFields preprocessing, List<String> labels) {
    this(family, config, preprocessing, labels, List.of());
  }

  /// Opens a model in Fovea's format, mapped; only the header is read.
  ///
  /// @return the checkpoint, which the caller closes; null if there is no such file, or it is not such a model
  public static @Nullable Checkpoint open(Path file) {
    Objects.requireNonNull(file, "file");
    if (Files.isDirectory(file)) return null;
    Checkpoint checkpoint;
    try {
      checkpoint = Checkpoint.open(file);
    } catch (CheckpointException _) {
      return null;
    }
    if (isIn(checkpoint)) return checkpoint;
    checkpoint.close();
    return null;
  }

  /// Whether the checkpoint is marked as a model in Fovea's format, of any version.
  public static boolean isIn(Checkpoint checkpoint) {
    return checkpoint.metadata().containsKey(KEY);
  }

  /// Reads the description; the checkpoint may be closed afterwards.
  ///
  /// @throws CheckpointException if the checkpoint is not a model in Fovea's format
  public static ModelHeader of(Checkpoint checkpoint) {
    var metadata = checkpoint.metadata();
    var version = metadata.get(KEY);
    if (version == null)
      throw new CheckpointException(checkpoint.name()
          + ": not a Fovea model; convert the published checkpoint with 'fovea convert'");
    if (!version.equals(VERSION))
      throw new CheckpointException(checkpoint.name() + ": expected version " + VERSION + " of Fovea's form, got " + version);
    return new ModelHeader(entry(checkpoint, "family"),
        JsonFields.parse(checkpoint.name() + ": config", entry(checkpoint, "config")),
        JsonFields.parse(checkpoint.name() + ": preprocessing", entry(checkpoint, "preprocessing")),
        JsonFields.strings(checkpoint.name() + ": labels", metadata.getOrDefault("labels", "[]")),
        palette(checkpoint.name() + ": palette", metadata.getOrDefault("palette", "[]")));
  }

  /// The template that makes a text of the turns of a conversation: Jinja, as published with the model; null if there is none.
  public static @Nullable String chatTemplate(Checkpoint checkpoint) {
    return Objects.requireNonNull(checkpoint, "checkpoint").metadata().get(CHAT_TEMPLATE);
  }

  private static List<Integer> palette(String where, String json) {
    return JsonFields.strings(where, json).stream().map(colour -> {
      if (!colour.matches("#[0-9a-fA-F]{6}")) throw new CheckpointException(where + ": expected colours as #ff8000, got '" + colour
          + "'");
      return Integer.parseInt(colour.substring(1), 16);
    }).toList();
  }

  private static String entry(Checkpoint checkpoint, String key) {
    var value = checkpoint.metadata().get(key);
    if (value == null) throw new CheckpointException(checkpoint.name() + ": the metadata has no '" + key + "'");
    return value;
  }

  /// Adds this header to the metadata of a file to write.
  public void addTo(CheckpointWriter writer) {
    var names = new JsonArray();
    labels.forEach(names::add);
    writer.metadata("format", "pt").metadata(KEY, VERSION).metadata("family", family)
        .metadata("config", config.json().toString()).metadata("preprocessing", preprocessing.json().toString())
        .metadata("labels", names.toString());
    if (palette.isEmpty()) return;
    var colours = new JsonArray();
    for (int colour : palette) colours.add(String.format("#%06x", colour));
    writer.metadata("palette", colours.toString());
  }
}
