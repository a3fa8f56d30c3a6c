package dev.fovea.engine.checkpoint;

import com.google.gson.JsonArray;
import java.util.List;

/// What a model file says of itself in its metadata.
///
/// @param family such as `vit`; decides which model reads the tensors
/// @param config the model's sizes
/// @param preprocessing how a picture becomes the model's input
/// @param labels names of the classes, in order; empty where there are none
public record ModelHeader(String family, JsonFields config, JsonFields preprocessing, List<String> labels) {
  /// Version of the form, in the metadata's `fovea`.
  public static final String VERSION = "1";

  /// @throws CheckpointException if the checkpoint is no model in Fovea's form
  public static ModelHeader of(Checkpoint checkpoint) {
    var metadata = checkpoint.metadata();
    var version = metadata.get("fovea");
    if (version == null)
      throw new CheckpointException(checkpoint.name() + ": not a Fovea model; convert the published checkpoint with 'fovea convert'");
    if (!version.equals(VERSION))
      throw new CheckpointException(checkpoint.name() + ": expected version " + VERSION + " of Fovea's form, got " + version);
    return new ModelHeader(entry(checkpoint, "family"),
        JsonFields.parse(checkpoint.name() + ": config", entry(checkpoint, "config")),
        JsonFields.parse(checkpoint.name() + ": preprocessing", entry(checkpoint, "preprocessing")),
        JsonFields.strings(checkpoint.name() + ": labels", metadata.getOrDefault("labels", "[]")));
  }

  private static String entry(Checkpoint checkpoint, String key) {
    var value = checkpoint.metadata().get(key);
    if (value == null) throw new CheckpointException(checkpoint.name() + ": the metadata has no '" + key + "'");
    return value;
  }

  /// Adds this header to a file that is being written.
  public void addTo(CheckpointWriter writer) {
    var names = new JsonArray();
    labels.forEach(names::add);
    writer.metadata("format", "pt").metadata("fovea", VERSION).metadata("family", family)
        .metadata("config", config.json().toString()).metadata("preprocessing", preprocessing.json().toString())
        .metadata("labels", names.toString());
  }

}
