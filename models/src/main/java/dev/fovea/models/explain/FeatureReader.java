package dev.fovea.models.explain;

import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.feature.PrincipalComponents;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The patches' features of a pass, and what a model has learnt of patches and their positions.
record FeatureReader(OpenModel model, Probe probe, Map<String, Tensor> outputs) {
  private static final String PROJECTION = "patch_embed.proj.weight";
  private static final List<String> SCOPES = List.of("", "visual.");
  private static final int COMPONENTS = 3, FILTERS = 28, MAX_CELLS = 900;

  /// The grid of patches that all layers of the picture encoder see; null if there is none.
  private Tokens.@Nullable Run grid() {
    var first = probe.attentions().get("attentions.0");
    if (first == null) first = probe.attentions().get("vision_model_output.attentions.0");
    if (first == null || first.windows() != null) return null;
    var grids = first.keys().runs().stream().filter(run -> run.kind() == Tokens.Kind.PATCH).toList();
    return grids.size() == 1 ? grids.getFirst() : null;
  }

  private @Nullable StoredTensor stored(String name) {
    for (var scope : SCOPES) {
      var found = model.checkpoint().tensors().get(scope + name);
      if (found != null) return found;
    }
    return null;
  }

  Explanation.@Nullable Similarities positions() {
    var table = stored("pos_embed");
    if (table == null || table.shape().size() != 2 || !(model.model() instanceof EmbedsPictures)) return null;
    int channels = Math.toIntExact(table.shape().get(1)), all = Math.toIntExact(table.shape().get(0));
    var pixels = model.model().inputs(1, 0).get(Model.PIXEL_VALUES).shape();
    int patch = ((EmbedsPictures) model.model()).patchSize(), rows = pixels[2] / patch, cols = pixels[3] / patch;
    int extra = all - rows * cols;
    if (extra < 0 || extra > 1) return null;
    var values = model.checkpoint().reading(table::toFloats);
    return similarities(Arrays.copyOfRange(values, extra * channels, values.length), rows, cols, channels);
  }

  Explanation.@Nullable Filters filters() {
    var table = stored("pos_embed");
    if (table == null || !(model.model() instanceof EmbedsPictures embeds) || stored(PROJECTION) == null) return null;
    int size = embeds.patchSize(), channels = model.model().inputs(1, 0).get(Model.PIXEL_VALUES).shape()[1];
    int inputs = channels * size * size, count = Math.toIntExact(table.shape().getLast());
    var weight = new CheckpointWeights(model.checkpoint(), Arena.ofAuto()).matrix(stored(PROJECTION).name(), count, inputs);
    var values = new float[count * inputs];
    for (int i = 0; i < values.length; i++) values[i] = weight.get(i / inputs, i % inputs);
    var components = PrincipalComponents.of(values, inputs, Math.min(FILTERS, Math.min(inputs, count)));
    double all = variance(values, inputs);
    var flat = new float[components.axes().length * inputs];
    for (int i = 0; i < flat.length; i++) flat[i] = (float) components.axes()[i / inputs][i % inputs];
    return new Explanation.Filters(size, channels, Arrays.stream(components.variances()).map(v -> v / all).toArray(), flat);
  }

  Explanation.@Nullable Features features() {
    var grid = grid();
    var state = outputs.get(outputs.containsKey("vision_model_output.last_hidden_state") ? "vision_model_output.last_hidden_state"
        : "last_hidden_state");
    if (state == null) state = last();
    if (grid == null || state == null || state.rank() != 3 || state.dim(1) < grid.count()) return null;
    int channels = state.dim(2), count = grid.count();
    var values = state.select(0, 0).slice(0, state.dim(1) - count, state.dim(1)).toArray();   // [P, C]
    if (count < 2) return null;
    var components = PrincipalComponents.of(values, channels, COMPONENTS);
    var projected = components.project(values);
    int kept = components.axes().length;
    var flat = new float[count * COMPONENTS];
    for (int i = 0; i < count; i++) for (int k = 0; k < kept; k++) flat[i * COMPONENTS + k] = (float) projected[i][k];
    double all = variance(values, channels);
    return new Explanation.Features(grid.rows(), grid.cols(), flat,
        Arrays.stream(components.variances()).map(v -> all == 0 ? 0 : v / all).toArray(),
        similarities(values, grid.rows(), grid.cols(), channels));
  }

  /// The tokens after the last block, of a model that does not hand out normed ones.
  private @Nullable Tensor last() {
    Tensor last = null;
    for (int i = 0; probe.tensors().containsKey("hidden_states." + i); i++) last = probe.tensors().get("hidden_states." + i);
    return last;
  }

  /// The sum of the channels' variances.
  private static double variance(float[] values, int channels) {
    int count = values.length / channels;
    double sum = 0;
    for (int c = 0; c < channels; c++) {
      double mean = 0, squares = 0;
      for (int i = 0; i < count; i++) mean += values[i * channels + c];
      mean /= count;
      for (int i = 0; i < count; i++) squares += (values[i * channels + c] - mean) * (values[i * channels + c] - mean);
      sum += squares / count;
    }
    return sum;
  }

  static Explanation.Similarities similarities(float[] values, int rows, int cols, int channels) {
    int block = 1;
    while (Math.ceilDiv(rows, block) * Math.ceilDiv(cols, block) > MAX_CELLS) block++;
    int high = Math.ceilDiv(rows, block), wide = Math.ceilDiv(cols, block), cells = high * wide;
    var sums = new double[cells][channels];
    for (int i = 0; i < rows * cols; i++) {
      var sum = sums[i / cols / block * wide + i % cols / block];
      for (int c = 0; c < channels; c++) sum[c] += values[i * channels + c];
    }
    for (var sum : sums) {
      double length = Math.sqrt(dot(sum, sum));
      for (int c = 0; c < channels && length > 0; c++) sum[c] /= length;
    }
    var cosines = new float[cells * cells];
    for (int i = 0; i < cells; i++) for (int j = 0; j < cells; j++) cosines[i * cells + j] = (float) dot(sums[i], sums[j]);
    return new Explanation.Similarities(high, wide, block, cosines);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int c = 0; c < a.length; c++) sum += a[c] * b[c];
    return sum;
  }
}
