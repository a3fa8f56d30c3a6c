package dev.fovea.benchmarks.peers;

import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Weight;
import dev.fovea.models.vit.ViT;
import dev.fovea.models.vit.ViTConfig;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Random parameters that remember under which name the model took them, so that the same model can be built elsewhere.
final class VitWeights implements WeightSource {
  private final WeightSource random;
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final Map<String, Weight> matrices = new HashMap<>();
  private final ViTConfig config;
  private final ViT model;

  /// @param arena owns the parameters' memory
  VitWeights(String preset, Arena arena) {
    random = new RandomWeights(arena, 1);
    config = ViTConfig.PRESETS.get(preset);
    model = Weights.bind(this, w -> ViT.load(config, w)).model();
  }

  ViTConfig config() {
    return config;
  }

  /// Fovea's model with these parameters.
  ViT model() {
    return model;
  }

  /// Floating-point operations of a pass over one picture.
  double flops() {
    return 2.0 * Workspace.dryRun(model::logits, List::of, 1, config.numChannels(), config.imageHeight(), config.imageWidth())
        .macs();
  }

  /// The numbers of a tensor.
  float[] tensor(String name) {
    return tensors.get(name).toArray();
  }

  /// A matrix as PyTorch keeps it, `[N, K]`.
  float[] rows(String name) {
    var weight = matrices.get(name);
    var values = new float[weight.n() * weight.k()];
    for (int row = 0; row < weight.n(); row++)
      for (int column = 0; column < weight.k(); column++) values[row * weight.k() + column] = weight.get(row, column);
    return values;
  }

  /// A matrix as ONNX multiplies by it, `[K, N]`.
  float[] columns(String name) {
    return transposed(rows(name), matrices.get(name).n(), matrices.get(name).k());
  }

  /// `[rows, cols]` → `[cols, rows]`.
  static float[] transposed(float[] values, int rows, int cols) {
    var out = new float[values.length];
    for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) out[c * rows + r] = values[r * cols + c];
    return out;
  }

  @Override
  public Set<String> names() {
    return random.names();
  }

  @Override
  public String description() {
    return random.description();
  }

  @Override
  public Tensor tensor(String name, Initial initial, int... shape) {
    var tensor = random.tensor(name, initial, shape);
    tensors.put(name, tensor);
    return tensor;
  }

  @Override
  public Weight matrix(String name, int n, int k) {
    var weight = random.matrix(name, n, k);
    matrices.put(name, weight);
    return weight;
  }
}
