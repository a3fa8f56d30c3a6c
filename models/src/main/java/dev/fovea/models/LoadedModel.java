package dev.fovea.models;

import com.google.common.collect.Maps;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/// A model with its parameters, ready for passes in a [Workspace]: from a file, of a published size, or written by the caller.
///
/// ```java
/// var model = new LoadedModel("mine", new MyModel(weights), parameters);
/// try (var workspace = new Workspace(kernels)) {
///   var outputs = model.run(workspace, model.randomInputs(1, 0, arena), Probe.NONE);
/// }
/// ```
///
/// Immutable: any number of threads may use it, each with its own workspace. Its parameters are in the memory of the checkpoint and
/// the arena that it was made with, which must stay open while it is in use.
///
/// @param name the file or preset, for messages and reports
/// @param parameters number of parameters
public record LoadedModel(String name, Model model, long parameters) {
  public LoadedModel {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(model, "model");
  }

  /// The model in a file. Most weights are used where the checkpoint has them, so this takes milliseconds.
  ///
  /// @param checkpoint must stay open while the model is in use
  /// @param arena a shared or automatic one; owns weights that have to be copied
  /// @throws CheckpointException if the file is not a model of a known family, or its config or a weight is wrong
  public static LoadedModel of(Checkpoint checkpoint, Arena arena) {
    Objects.requireNonNull(arena, "arena");
    return of(checkpoint, ModelHeader.of(Objects.requireNonNull(checkpoint, "checkpoint")), arena);
  }

  /// The model in a file with an already parsed header.
  ///
  /// @param checkpoint must stay open while the model is in use
  /// @param arena a shared or automatic one; owns weights that have to be copied
  /// @throws CheckpointException if the file is not a model of a known family, or its config or a weight is wrong
  public static LoadedModel of(Checkpoint checkpoint, ModelHeader header, Arena arena) {
    Objects.requireNonNull(checkpoint, "checkpoint");
    Objects.requireNonNull(header, "header");
    Objects.requireNonNull(arena, "arena");
    return of(checkpoint.name(), Family.config(checkpoint.name(), header), new CheckpointWeights(checkpoint, arena));
  }

  /// A model of a published size with random parameters, the same in each call. All of them are generated here, which takes seconds
  /// and gigabytes for a large one.
  ///
  /// @param arena a shared or automatic one; owns the parameters
  /// @throws IllegalArgumentException if there is no such preset
  public static LoadedModel preset(String name, Arena arena) {
    return preset(name, WeightFormat.F32, arena);
  }

  /// A model of a published size with random parameters, whose matrices are stored as a conversion to `format` stores them: with
  /// [WeightFormat#Q8], only those of a language model are in 8 bits, and the others are float16.
  ///
  /// @param arena a shared or automatic one; owns the parameters
  /// @throws IllegalArgumentException if there is no such preset
  public static LoadedModel preset(String name, WeightFormat format, Arena arena) {
    Objects.requireNonNull(arena, "arena");
    Objects.requireNonNull(format, "format");
    var config = Family.preset(name);
    return of(name, config, new RandomWeights(arena, 1, parameter ->
        config.isOfLanguageModel(parameter) ? format : format.withoutBlocks()));
  }

  /// A model of a published size whose parameters have shapes but no memory, for counting.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  public static LoadedModel shapesOfPreset(String name) {
    return of(name, Family.preset(name), WeightSource.shapesOnly());
  }

  /// A model with this config and the parameters of `source`, whose memory must stay open while the model is in use.
  ///
  /// @throws CheckpointException if parameters are missing, misshapen or unused; it lists all of them
  public static LoadedModel of(String name, ModelConfig config, WeightSource source) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(config, "config");
    var bound = Weights.bind(Objects.requireNonNull(source, "source"), config::load);
    return new LoadedModel(name, bound.model(), bound.parameters());
  }

  /// Records a forward pass without computing it, which takes milliseconds and no native memory.
  ///
  /// @param size side of the pictures in pixels, or 0 for the model's default size
  /// @throws InputException if the model does not accept pictures of that size
  public Recording dryRun(int batch, int size) {
    var inputs = model.prepared(Maps.transformValues(model.inputs(batch, size), input -> Tensor.shapeOnly(input.shape())));
    return Workspace.dryRun(Maps.transformValues(inputs, Tensor::shape),
        given -> model.outputs(given, Probe.NONE), Map::values);
  }

  /// Multiply-accumulates of the published architecture, which may be more than those of [#dryRun], and cost as much.
  ///
  /// @param size side of the pictures in pixels, or 0 for the model's default size
  /// @throws InputException if the model does not accept pictures of that size
  public long publishedMacs(int batch, int size) {
    return dryRun(batch, size).macs() + (model instanceof SavesMacs saves ? saves.savedMacs(batch, size) : 0);
  }

  /// Inputs for benchmarks, identical on each call: samples in `[-1, 1)`, random tokens, no padding.
  ///
  /// @param size side of the pictures in pixels, or 0 for the model's default size
  /// @param arena a shared or automatic one; owns the inputs
  /// @throws InputException as [Model#inputs]
  /// @throws ArithmeticException if an input has more values than an array can hold
  public Map<String, Tensor> randomInputs(int batch, int size, Arena arena) {
    Objects.requireNonNull(arena, "arena");
    var random = new SplittableRandom(1);
    var inputs = new LinkedHashMap<String, Tensor>();
    model.inputs(batch, size).forEach((name, input) -> {
      var values = new float[Math.toIntExact(Arrays.stream(input.shape()).asLongStream().reduce(1, Math::multiplyExact))];
      for (int i = 0; i < values.length; i++)
        values[i] = switch (input.kind()) {
          case PIXELS, COORDINATES -> (float) random.nextDouble(-1, 1);
          case TOKENS -> input.token(i, random.nextInt(input.vocabulary()));
          case MASK -> 0;
        };
      inputs.put(name, Tensor.of(arena, values, input.shape()));
    });
    return inputs;
  }

  /// Runs the model: a pass of `workspace`, whose exceptions are thrown. With a mapped file it is best called in
  /// [Checkpoint#reading], which reports a truncation meanwhile.
  ///
  /// @param probe selects hidden states and attention maps by name; the outputs include them
  /// @return the outputs by name, valid until the next pass in `workspace`
  /// @throws InputException if the model does not accept the shape of an input
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the workspace is closed or a pass is running in it
  public Map<String, Tensor> run(Workspace workspace, Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(workspace, "workspace");
    Objects.requireNonNull(inputs, "inputs");
    Objects.requireNonNull(probe, "probe");
    model.check(inputs);
    return workspace.run(probe, model.prepared(inputs), given -> model.outputs(given, probe), Map::values);
  }
}
