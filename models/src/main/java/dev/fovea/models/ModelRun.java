package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.tensor.Recording;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.vit.ViT;
import dev.fovea.models.vit.ViTConfig;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/// A model of any family, for what treats all alike: counting, measuring, and comparing with a reference.
///
/// @param name the file or the preset
/// @param parameters how many numbers it has
public record ModelRun(String name, ViT model, long parameters) {
  private static final String INPUT = "pixel_values";

  /// The model in a file.
  ///
  /// @param arena owns what has to be copied
  /// @throws CheckpointException if the file holds no model that is known
  public static ModelRun of(Checkpoint checkpoint, Arena arena) {
    var header = ModelHeader.of(checkpoint);
    if (!header.family().equals("vit"))
      throw new CheckpointException(checkpoint.name() + ": family '" + header.family() + "' is not supported; expected vit");
    var config = ViTConfig.of(header.config(), header.config().integer("num_labels"));
    return of(checkpoint.name(), config, new CheckpointWeights(checkpoint, arena));
  }

  /// A published size with random parameters.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  public static ModelRun preset(String name, Arena arena) {
    return of(name, presetConfig(name), new RandomWeights(arena, 1));
  }

  /// A published size with parameters that have shapes and no memory, for counting.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  public static ModelRun shapesOfPreset(String name) {
    return of(name, presetConfig(name), WeightSource.shapesOnly());
  }

  private static ViTConfig presetConfig(String name) {
    if (!ViTConfig.PRESETS.contains(name))
      throw new IllegalArgumentException("preset '" + name + "': expected one of " + String.join(", ", ViTConfig.PRESETS.stream().sorted().toList()));
    return ViTConfig.preset(name);
  }

  private static ModelRun of(String name, ViTConfig config, WeightSource source) {
    var bound = Weights.bind(source, w -> ViT.load(config, w));
    return new ModelRun(name, bound.model(), bound.parameters());
  }

  /// Shape of the input that the model was made for, `[batch, channels, height, width]`.
  public int[] inputShape(int batch) {
    var c = model.config();
    return new int[] {batch, c.numChannels(), c.imageHeight(), c.imageWidth()};
  }

  /// What a forward pass at the default input does.
  public Recording dryRun(int batch) {
    return Workspace.dryRun(x -> model.forward(x, ViT.Keep.LOGITS), ViT.Output::tensors, inputShape(batch));
  }

  /// Runs the model for its logits.
  public Tensor logits(Workspace workspace, Tensor input) {
    return workspace.run("logits", input, x -> model.forward(x, ViT.Keep.LOGITS), ViT.Output::tensors).logits();
  }

  /// Runs the model on `input.*` of a reference file.
  ///
  /// @return every output under the reference implementation's name, valid as long as the workspace
  /// @throws CheckpointException if the reference has no input for this family
  public Map<String, Tensor> outputs(Checkpoint reference, Workspace workspace, Arena arena) {
    var stored = reference.tensor("input." + INPUT);
    if (stored.shape().size() != 4) throw new CheckpointException(reference.name() + ": input." + INPUT + ": expected [B, C, H, W], got " + stored.shape());
    var shape = stored.shape().stream().mapToInt(Math::toIntExact).toArray();
    var output = workspace.run("all", Tensor.of(arena, stored.toFloats(), shape), x -> model.forward(x, ViT.Keep.ALL), ViT.Output::tensors);
    var named = new LinkedHashMap<String, Tensor>();
    named.put("logits", output.logits());
    for (int i = 0; i < output.hiddenStates().size(); i++) named.put("hidden_states." + i, output.hiddenStates().get(i));
    for (int i = 0; i < output.attentions().size(); i++) named.put("attentions." + i, output.attentions().get(i));
    return named;
  }

  /// How far a model's output is from the reference's.
  ///
  /// @param maxAbs largest magnitude of the reference
  /// @param maxError largest difference; infinite where only one is finite or the infinities differ
  public record Comparison(String name, int[] shape, double maxAbs, double maxError) {}

  /// Runs the model and compares every `output.*`.
  ///
  /// @throws CheckpointException if the reference has an output that the model does not, or of another shape
  public java.util.List<Comparison> compare(Checkpoint reference, Kernels kernels) {
    try (var workspace = new Workspace(kernels); var arena = Arena.ofShared()) {
      var ours = outputs(reference, workspace, arena);
      return reference.tensors().keySet().stream().filter(name -> name.startsWith("output.")).sorted().map(name -> {
        var expected = reference.tensor(name);
        var actual = ours.get(name.substring("output.".length()));
        if (actual == null) throw new CheckpointException(reference.name() + ": '" + name + "': the model has no such output");
        if (!expected.shape().equals(Arrays.stream(actual.shape()).mapToObj(i -> (long) i).toList()))
          throw new CheckpointException(reference.name() + ": '" + name + "': the model gives " + actual + ", the reference holds " + expected.shape());
        return compare(name.substring("output.".length()), actual, expected.toFloats());
      }).toList();
    }
  }

  private static Comparison compare(String name, Tensor actual, float[] expected) {
    double maxAbs = 0, maxError = 0;
    var values = actual.toArray();
    for (int i = 0; i < expected.length; i++) {
      if (Float.compare(values[i], expected[i]) == 0) {
        if (Float.isFinite(expected[i])) maxAbs = Math.max(maxAbs, Math.abs(expected[i]));
      } else if (!Float.isFinite(values[i]) || !Float.isFinite(expected[i])) {
        maxError = Double.POSITIVE_INFINITY;
      } else {
        maxAbs = Math.max(maxAbs, Math.abs(expected[i]));
        maxError = Math.max(maxError, Math.abs((double) values[i] - expected[i]));
      }
    }
    return new Comparison(name, actual.shape(), maxAbs, maxError);
  }
}
