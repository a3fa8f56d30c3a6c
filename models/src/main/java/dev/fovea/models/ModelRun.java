package dev.fovea.models;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Recording;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.Keep.Size;
import dev.fovea.models.sam.PointPrompt;
import dev.fovea.models.sam.Sam;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jetbrains.annotations.Nullable;

/// A model of any family with its parameters: the one way from a file or a preset to something that runs.
///
/// @param name the file or the preset
/// @param parameters how many numbers it has
public record ModelRun(String name, Model model, long parameters) {
  private static final String INPUT = "input.", OUTPUT = "output.";
  private static final String SEGMENTATION = "segmentation", UPSAMPLED_LOGITS = "upsampled_logits";

  /// The model in a file.
  ///
  /// @param arena owns what has to be copied
  /// @throws CheckpointException if the file holds no model that is known
  public static ModelRun of(Checkpoint checkpoint, Arena arena) {
    return of(checkpoint, ModelHeader.of(checkpoint), arena);
  }

  /// The model in a file whose header has been read.
  ///
  /// @param arena owns what has to be copied
  /// @throws CheckpointException if the file holds no model that is known
  public static ModelRun of(Checkpoint checkpoint, ModelHeader header, Arena arena) {
    return of(checkpoint.name(), Family.config(checkpoint.name(), header), new CheckpointWeights(checkpoint, arena));
  }

  /// A published size with random parameters.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  public static ModelRun preset(String name, Arena arena) {
    return of(name, Family.preset(name), new RandomWeights(arena, 1));
  }

  /// A published size with parameters that have shapes and no memory, for counting.
  ///
  /// @throws IllegalArgumentException if there is no such preset
  public static ModelRun shapesOfPreset(String name) {
    return of(name, Family.preset(name), WeightSource.shapesOnly());
  }

  private static ModelRun of(String name, ModelConfig config, WeightSource source) {
    var bound = Weights.bind(source, config::load);
    return new ModelRun(name, bound.model(), bound.parameters());
  }

  /// Segment Anything's light part by itself: what a point costs where the picture's embedding is ready.
  ///
  /// @throws IllegalArgumentException if this is another model
  public ModelRun ofPoint() {
    if (!(model instanceof Sam sam)) throw new IllegalArgumentException("only a Segment Anything model takes points, and " + name + " is none");
    return new ModelRun(name + ", a point", new PointPrompt(sam), parameters);
  }

  /// What a forward pass does.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  /// @throws InputException if the model cannot take pictures of that size
  public Recording dryRun(int batch, int size) {
    var shapes = new LinkedHashMap<String, int[]>();
    model.inputs(batch, size).forEach((name, input) -> shapes.put(name, input.shape()));
    return Workspace.dryRun(shapes, inputs -> model.outputs(inputs, Keep.NOTHING), Map::values);
  }

  /// Inputs for measuring, always the same: samples in `[-1, 1)`, any tokens, none of them padding.
  ///
  /// @param size side of the pictures in pixels, or 0 for the size that the model was made for
  /// @param arena owns them
  public Map<String, Tensor> randomInputs(int batch, int size, Arena arena) {
    var random = new SplittableRandom(1);
    var inputs = new LinkedHashMap<String, Tensor>();
    model.inputs(batch, size).forEach((name, input) -> {
      var values = new float[Math.toIntExact(Arrays.stream(input.shape()).asLongStream().reduce(1, Math::multiplyExact))];
      for (int i = 0; i < values.length; i++)
        values[i] = switch (input.kind()) {
          case PIXELS, COORDINATES -> (float) random.nextDouble(-1, 1);
          case TOKENS -> random.nextInt(input.vocabulary());
          case MASK -> 0;
        };
      inputs.put(name, Tensor.of(arena, values, input.shape()));
    });
    return inputs;
  }

  /// Runs the model.
  ///
  /// @return its outputs by name, valid until the next pass in `workspace`
  /// @throws InputException if an input has a shape that the model cannot take
  public Map<String, Tensor> run(Workspace workspace, Map<String, Tensor> inputs, Keep keep) {
    return workspace.run(keep, inputs, given -> model.outputs(given, keep), Map::values);
  }

  /// Runs the model on every `input.*` of a reference and compares every `output.*`.
  ///
  /// @throws CheckpointException if an input is missing, unknown or of a wrong shape, or an output is unknown or of another shape
  public List<Comparison> compare(Checkpoint reference, Kernels kernels) {
    try (var workspace = new Workspace(kernels); var arena = Arena.ofShared()) {
      var ours = run(workspace, inputs(reference, arena), Keep.ALL.maps(pictureSize(reference)));
      return names(reference, OUTPUT).stream().map(name -> {
        var expected = reference.tensor(OUTPUT + name);
        var actual = ours.get(name);
        if (actual == null)
          throw new CheckpointException(reference.name() + ": '" + OUTPUT + name + "': the model has no such output");
        if (!expected.shape().equals(Arrays.stream(actual.shape()).mapToObj(i -> (long) i).toList()))
          throw new CheckpointException(reference.name() + ": '" + OUTPUT + name + "': the model gives " + actual
              + ", the reference holds " + expected.shape());
        return name.equals(SEGMENTATION) ? Comparison.ofClasses(name, actual, expected.toFloats(), ours.get(UPSAMPLED_LOGITS))
            : Comparison.of(name, actual, expected.toFloats());
      }).toList();
    } catch (InputException e) {
      throw new CheckpointException(reference.name() + ": " + e.getMessage(), e);
    }
  }

  /// The size of the pictures that a reference has maps for, or null where it has none.
  private static @Nullable Size pictureSize(Checkpoint reference) {
    var map = reference.tensors().get(OUTPUT + SEGMENTATION);
    if (map == null) map = reference.tensors().get(OUTPUT + UPSAMPLED_LOGITS);
    if (map == null || map.shape().size() < 2) return null;
    var shape = map.shape().reversed();
    return new Size(Math.toIntExact(shape.get(1)), Math.toIntExact(shape.get(0)));
  }

  /// The model's inputs, from the `input.*` of a reference.
  ///
  /// @param arena owns them
  /// @throws CheckpointException if an input is missing or unknown, or holds a token that the model does not know
  public Map<String, Tensor> inputs(Checkpoint reference, Arena arena) {
    var known = model.inputs(Set.copyOf(names(reference, INPUT)));
    for (var name : names(reference, INPUT))
      if (!known.containsKey(name))
        throw new CheckpointException(reference.name() + ": '" + INPUT + name + "': the model has no such input");
    var inputs = new LinkedHashMap<String, Tensor>();
    known.forEach((name, input) -> {
      boolean given = input.like() == null || reference.tensors().containsKey(INPUT + name);
      var stored = reference.tensor(INPUT + (given ? name : input.like()));
      var values = stored.toFloats();
      if (!given) Arrays.fill(values, input.otherwise());
      check(reference.name() + ": '" + INPUT + name + "'", input, values);
      if (input.kind() == ModelInput.Kind.TOKENS && model instanceof JoinsPicturesAndText joins && joins.endOfText() >= 0)
        requireEnds(reference.name() + ": '" + INPUT + name + "'", values, Math.toIntExact(stored.shape().getLast()),
            joins.endOfText());
      inputs.put(name, Tensor.of(arena, values, stored.shape().stream().mapToInt(Math::toIntExact).toArray()));
    });
    return inputs;
  }

  /// Checks that each text of `tokens` has the one that ends it.
  private static void requireEnds(String where, float[] values, int tokens, int end) {
    for (int text = 0; text < values.length; text += tokens) {
      boolean ends = false;
      for (int i = text; i < text + tokens; i++) ends |= values[i] == end;
      if (!ends)
        throw new CheckpointException(where + ": expected token " + end
            + ", the model's eos_token_id, in each text, got none in text "
            + text / tokens);
    }
  }

  /// Checks token numbers, and makes of a mask what is added to scores.
  private static void check(String where, ModelInput input, float[] values) {
    for (int i = 0; i < values.length; i++)
      switch (input.kind()) {
        case PIXELS, COORDINATES -> { }
        case TOKENS -> {
          if (!(values[i] >= 0 && values[i] < input.vocabulary() && values[i] == (int) values[i]))
            throw new CheckpointException(where + ": expected tokens from 0 to " + (input.vocabulary() - 1) + ", got " + values[i]);
        }
        case MASK -> {
          if (values[i] != 0 && values[i] != 1) throw new CheckpointException(where + ": expected 0 or 1, got " + values[i]);
          values[i] = values[i] == 1 ? 0 : Float.NEGATIVE_INFINITY;
        }
      }
  }

  /// What follows `prefix` in the names of a reference's tensors.
  private static List<String> names(Checkpoint reference, String prefix) {
    return reference.tensors().keySet().stream().filter(name -> name.startsWith(prefix))
        .map(name -> name.substring(prefix.length())).sorted().toList();
  }
}
