package dev.fovea.benchmarks.peers;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.pytorch.jni.JniUtils;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/// PyTorch's operations, one after the other and without gradients, through DJL.
final class TorchPeer implements Computation {
  private final NDManager manager;
  private final NDList inputs;
  private final Function<NDManager, NDList> forward;
  private final Function<List<float[]>, float[]> output;

  /// @param forward computes the results, which belong to the manager of the pass
  private TorchPeer(NDManager manager, NDList inputs, Function<NDManager, NDList> forward,
      Function<List<float[]>, float[]> output) {
    this.manager = manager;
    this.inputs = inputs;
    this.forward = forward;
    this.output = output;
  }

  private static TorchPeer of(NDManager manager, NDArray input, UnaryOperator<NDArray> forward) {
    return new TorchPeer(manager, new NDList(input), _ -> new NDList(forward.apply(input)), List::getFirst);
  }

  static String version() {
    return Engine.getEngine("PyTorch").getVersion();
  }

  static Computation product(Product p, int threads) {
    var manager = manager(threads);
    var w = manager.create(p.w(), new Shape(p.n(), p.k()));
    return of(manager, manager.create(p.x(), new Shape(p.m(), p.k())), x -> Linear.linear(x, w).singletonOrThrow());
  }

  static Computation vit(VitWeights weights, float[] image, int threads) {
    var manager = manager(threads);
    var c = weights.config();
    var input = manager.create(image, new Shape(1, c.numChannels(), c.imageHeight(), c.imageWidth()));
    return of(manager, input, new TorchVit(weights, manager)::forward);
  }

  static Computation groundingDino(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input, int threads) {
    return groundingDino(sizes, parameters, input, threads, results -> input.rows(results.get(0), results.get(1)));
  }

  /// All results of one pass, in the order of [GroundingDinoPass.Found].
  static List<float[]> groundingDinoInFull(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input) {
    try (var peer = groundingDino(sizes, parameters, input, 1, List::getFirst)) {
      return peer.results();
    }
  }

  private static TorchPeer groundingDino(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input, int threads,
      Function<List<float[]>, float[]> output) {
    var manager = manager(threads);
    var pixels = manager.create(input.pixels(), new Shape(1, 3, input.height(), input.width()));
    var ids = manager.create(input.tokens(), new Shape(1, input.tokens().length));
    var operations = new TorchOperations(manager, parameters);
    var model = new GroundingDinoPass<>(operations, parameters, sizes, input);
    return new TorchPeer(manager, new NDList(pixels, ids), pass -> operations.in(pass, () -> {
      var found = model.forward(pixels, ids);
      return new NDList(found.logits(), found.boxes(), found.vision(), found.text(), found.first());
    }), output);
  }

  private static NDManager manager(int threads) {
    var manager = Engine.getEngine("PyTorch").newBaseManager();
    JniUtils.setGradMode(false);
    JniUtils.setNumThreads(threads);
    return manager;
  }

  @Override
  public void run() {
    try (var pass = manager.newSubManager()) {
      results(pass);
    }
  }

  @Override
  public float[] output() {
    return output.apply(results());
  }

  private List<float[]> results() {
    try (var pass = manager.newSubManager()) {
      return results(pass).stream().map(NDArray::toFloatArray).toList();
    }
  }

  private NDList results(NDManager pass) {
    pass.tempAttachAll(inputs);   // so that results belong to the pass
    return forward.apply(pass);
  }

  @Override
  public void close() {
    manager.close();
  }
}
