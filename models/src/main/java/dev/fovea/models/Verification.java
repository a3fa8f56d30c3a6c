package dev.fovea.models;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.llama.DecoderState;
import dev.fovea.models.llama.NextToken;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// A comparison of a model with another implementation. The reference file contains inputs as `input.*` and expected outputs as
/// `output.*`, with the names of [Model].
///
/// Thread-safe: each call has its own memory. If the reference or the model's file is mapped, calls are best made in
/// [Checkpoint#reading], which reports a truncation meanwhile.
///
/// @param reference must stay open while the verification is in use
public record Verification(Model model, Checkpoint reference) {
  private static final String INPUT = "input.", OUTPUT = "output.";
  private static final String GENERATED = "generated";
  private static final String SEGMENTATION = "segmentation", UPSAMPLED_LOGITS = "upsampled_logits";

  public Verification {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(reference, "reference");
  }

  /// Runs the model on every `input.*` of the reference and compares every `output.*`. It costs a pass, whose memory is freed at
  /// the end. `output.generated` are the tokens with which the model continues its inputs, each the most probable one, a pass a
  /// token.
  ///
  /// @param kernels stay open
  /// @return one comparison per output, in the order of their names
  /// @throws CheckpointException if an input is missing, unknown or wrong, or an output is unknown or of another shape
  /// @throws CancelledException if the thread is interrupted
  /// @throws IllegalStateException if the reference is closed
  public List<Comparison> compare(Kernels kernels) {
    Objects.requireNonNull(kernels, "kernels");
    try (var workspace = new Workspace(kernels); var arena = Arena.ofShared()) {
      var size = pictureSize();
      var inputs = inputs(arena);
      model.check(inputs);
      var generated = generated(kernels, inputs, arena);
      var probe = Probe.of(Set.copyOf(names(OUTPUT))::contains);
      var ours = new HashMap<>(
          workspace.run("comparison", model.prepared(inputs), given -> withMaps(model.outputs(given, probe), size), Map::values));
      if (generated != null) ours.put(GENERATED, generated);
      return names(OUTPUT).stream().map(name -> {
        var expected = reference.tensor(OUTPUT + name);
        var actual = ours.get(name);
        if (actual == null)
          throw new CheckpointException(reference.name() + ": '" + OUTPUT + name + "': the model has no such output");
        if (!expected.shape().equals(Arrays.stream(actual.shape()).mapToObj(i -> (long) i).toList()))
          throw new CheckpointException(reference.name() + ": '" + OUTPUT + name + "': the model gives " + actual
              + ", the reference holds " + expected.shape());
        return switch (name) {
          case SEGMENTATION -> Comparison.ofClasses(name, actual, expected.toFloats(), ours.get(UPSAMPLED_LOGITS));
          case GENERATED -> Comparison.ofTokens(name, actual, expected.toFloats());
          default -> Comparison.of(name, actual, expected.toFloats());
        };
      }).toList();
    } catch (InputException e) {
      throw new CheckpointException(reference.name() + ": " + e.getMessage(), e);
    }
  }

  /// The tokens that continue the inputs, each the most probable one, as many as the reference has: `[1, N]`; null if it has none.
  private @Nullable Tensor generated(Kernels kernels, Map<String, Tensor> inputs, Arena arena) {
    var expected = reference.tensors().get(OUTPUT + GENERATED);
    if (expected == null || expected.shape().isEmpty() || !(model instanceof ContinuesText continues)) return null;
    int count = Math.toIntExact(expected.shape().getLast());
    try (var workspace = new Workspace(kernels)) {
      var prompt = workspace.run("prompt", inputs, continues::prompt, List::of).copy(arena);
      try (var text = new DecoderState(continues.language(), prompt.dim(1) + count)) {
        text.read(workspace, prompt);
        var tokens = new float[count];
        for (int i = 0; i < count; i++) tokens[i] = text.next(workspace, NextToken.GREEDY);
        return Tensor.of(arena, tokens, 1, count);
      }
    }
  }

  private Map<String, Tensor> withMaps(Map<String, Tensor> outputs, @Nullable Size size) {
    if (size == null || !(model instanceof SegmentsPictures segments)) return outputs;
    var all = new LinkedHashMap<>(outputs);
    all.putAll(segments.atPictureSize(outputs, size));
    return all;
  }

  /// The picture size of the reference's segmentation outputs, or null if there are none.
  private @Nullable Size pictureSize() {
    var map = reference.tensors().get(OUTPUT + SEGMENTATION);
    if (map == null) map = reference.tensors().get(OUTPUT + UPSAMPLED_LOGITS);
    if (map == null || map.shape().size() < 2) return null;
    var shape = map.shape().reversed();
    return new Size(Math.toIntExact(shape.get(0)), Math.toIntExact(shape.get(1)));
  }

  /// The model's inputs from the `input.*` of the reference.
  ///
  /// @param arena a shared or automatic one; owns the inputs
  /// @throws CheckpointException if an input is missing or unknown, or contains a token outside the vocabulary or an invalid mask
  public Map<String, Tensor> inputs(Arena arena) {
    Objects.requireNonNull(arena, "arena");
    var given = Set.copyOf(names(INPUT));
    var known = model instanceof TakesPrompts prompted ? prompted.inputs(given) : model.inputs(1, 0);
    for (var name : given)
      if (!known.containsKey(name))
        throw new CheckpointException(reference.name() + ": '" + INPUT + name + "': the model has no such input");
    var inputs = new LinkedHashMap<String, Tensor>();
    known.forEach((name, input) -> {
      boolean isGiven = input.like() == null || reference.tensors().containsKey(INPUT + name);
      var stored = reference.tensor(INPUT + (isGiven ? name : input.like()));
      var values = stored.toFloats();
      if (!isGiven) Arrays.fill(values, input.otherwise());
      check(reference.name() + ": '" + INPUT + name + "'", input, values);
      if (input.kind() == ModelInput.Kind.TOKENS && model instanceof JoinsPicturesAndText joins && joins.endOfText() >= 0)
        requireEnds(reference.name() + ": '" + INPUT + name + "'", values, Math.toIntExact(stored.shape().getLast()),
            joins.endOfText());
      inputs.put(name, Tensor.of(arena, values, stored.shape().stream().mapToInt(Math::toIntExact).toArray()));
    });
    return inputs;
  }

  /// Checks that each text of `tokens` tokens contains the token `end`.
  private static void requireEnds(String where, float[] values, int tokens, int end) {
    for (int text = 0; text < values.length; text += tokens)
      if (!Floats.asList(values).subList(text, text + tokens).contains((float) end))
        throw new CheckpointException(where + ": expected token " + end
            + ", the model's eos_token_id, in each text, got none in text " + text / tokens);
  }

  /// Checks token ids and masks, and converts masks to terms added to the scores.
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

  /// The names of the reference's tensors with `prefix`, without it.
  private List<String> names(String prefix) {
    return reference.tensors().keySet().stream().filter(name -> name.startsWith(prefix))
        .map(name -> name.substring(prefix.length())).sorted().toList();
  }
}
