package dev.fovea.models.sam;

import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// The cheap part of Segment Anything as a separate model: masks for a point in a picture with a precomputed embedding, as in
/// [SamSession], and one of them resized to the model's picture. This is the work per mouse move in an interactive program.
///
/// Shapes: N = G² locations of the map, C channels, I channels of attention between tokens and map, M masks, S × S pixels.
///
/// @param sam the whole model
public record PointPrompt(Sam sam) implements Model {
  public PointPrompt {
    Objects.requireNonNull(sam, "sam");
  }

  private static final String MAP = "map", KEYS = "keys", VALUES = "values", QUERIES = "queries", POINT = "point", LABEL = "label";

  /// Creates the cheap part from the whole model, with the same parameters; the parameter count is that of the whole.
  ///
  /// @throws IllegalArgumentException if `whole` is not a Segment Anything model
  public static LoadedModel of(LoadedModel whole) {
    if (!(whole.model() instanceof Sam sam))
      throw new IllegalArgumentException("only a Segment Anything model takes points, and " + whole.name() + " is none");
    return new LoadedModel(whole.name() + ", a point", new PointPrompt(sam), whole.parameters());
  }

  /// The map `[N, C]`, its projections in the first layer, `[N, I]` each, and a point.
  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    sam.inputs(batch, size);
    var c = sam.config();
    int places = c.vision().gridSize() * c.vision().gridSize(), inner = c.dim() / c.masks().downsampleRate();
    var inputs = new LinkedHashMap<String, ModelInput>();
    inputs.put(MAP, ModelInput.coordinates(places, c.dim()));
    for (var name : List.of(KEYS, VALUES, QUERIES)) inputs.put(name, ModelInput.coordinates(places, inner));
    inputs.put(POINT, ModelInput.coordinates(1, 2));
    inputs.put(LABEL, ModelInput.tokens(2, 1));
    return inputs;
  }

  /// `pred_masks` `[M, 4 G, 4 G]`, `iou_scores` `[M]`, and `mask` `[S, S]`, the first mask resized.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var projected = new MaskDecoder.ProjectedMap(inputs.get(MAP), inputs.get(KEYS), inputs.get(VALUES), inputs.get(QUERIES));
    var positions = sam.positions(projected.map().workspace());
    var output = sam.predict(projected, positions, inputs.get(POINT), inputs.get(LABEL), null, true, probe);
    int side = output.masks().dim(1), size = sam.config().vision().imageSize();
    var mask = output.masks().slice(0, 0, 1).reshape(1, side, side, 1).resize(size, size, Interpolation.BILINEAR)
        .reshape(size, size);
    var outputs = new LinkedHashMap<>(probe.tensors());
    outputs.putAll(Map.of("pred_masks", output.masks(), "iou_scores", output.iou(), "mask", mask));
    return outputs;
  }
}
