package dev.fovea.models.sam;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Interpolation;
import dev.fovea.models.Keep;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// The light part of Segment Anything by itself: a point in a picture whose embedding is ready, as [SamSession] keeps it, gives
/// masks, and one of them becomes as large as the model's picture. This is what a move of the mouse costs.
///
/// Shapes: N places of the map, C channels, I channels of attention between tokens and map, M masks.
///
/// @param sam the model that the decoder belongs to
public record PointPrompt(Sam sam) implements Model {
  private static final String MAP = "map", KEYS = "keys", VALUES = "values", QUERIES = "queries", POINT = "point", LABEL = "label";
  private static final String KEY_POSITIONS = "key_positions.", QUERY_POSITIONS = "query_positions.";

  /// The map `[N, C]`, what the first layer makes of it, `[N, I]` each, the projections of positions `[N, I]`, and a point.
  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    sam.inputs(batch, size);
    var c = sam.config();
    int places = c.vision().gridSize() * c.vision().gridSize(), inner = c.dim() / c.masks().downsampleRate();
    var inputs = new LinkedHashMap<String, ModelInput>();
    inputs.put(MAP, ModelInput.coordinates(places, c.dim()));
    for (var name : List.of(KEYS, VALUES, QUERIES)) inputs.put(name, ModelInput.coordinates(places, inner));
    for (int i = 0; i <= c.masks().depth(); i++) inputs.put(KEY_POSITIONS + i, ModelInput.coordinates(places, inner));
    for (int i = 0; i < c.masks().depth(); i++) inputs.put(QUERY_POSITIONS + i, ModelInput.coordinates(places, inner));
    inputs.put(POINT, ModelInput.coordinates(1, 2));
    inputs.put(LABEL, ModelInput.tokens(2, 1));
    return inputs;
  }

  /// `pred_masks` `[M, 4 G, 4 G]`, `iou_scores` `[M]`, and `mask` `[S, S]`, the first of them.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Keep keep) {
    var picture = new MaskDecoder.Picture(inputs.get(MAP), inputs.get(KEYS), inputs.get(VALUES), inputs.get(QUERIES));
    int depth = sam.config().masks().depth(), size = sam.config().vision().imageSize();
    var positions = new MaskDecoder.Positions(
        IntStream.rangeClosed(0, depth).mapToObj(i -> inputs.get(KEY_POSITIONS + i)).toList(),
        IntStream.range(0, depth).mapToObj(i -> inputs.get(QUERY_POSITIONS + i)).toList());
    var output = sam.predict(picture, positions, inputs.get(POINT), inputs.get(LABEL), null, true);
    int side = output.masks().dim(1);
    var mask = output.masks().slice(0, 0, 1).reshape(1, side, side, 1).resize(size, size, Interpolation.BILINEAR).reshape(size, size);
    return Map.of("pred_masks", output.masks(), "iou_scores", output.iou(), "mask", mask);
  }
}
