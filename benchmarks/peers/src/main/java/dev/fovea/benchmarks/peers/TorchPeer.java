package dev.fovea.benchmarks.peers;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.pytorch.jni.JniUtils;
import java.util.function.UnaryOperator;

/// PyTorch's operations, one after the other and without gradients, through DJL.
final class TorchPeer implements Computation {
  private final NDManager manager;
  private final NDArray input;
  private final UnaryOperator<NDArray> forward;

  private TorchPeer(NDManager manager, NDArray input, UnaryOperator<NDArray> forward) {
    this.manager = manager;
    this.input = input;
    this.forward = forward;
  }

  static String version() {
    return Engine.getEngine("PyTorch").getVersion();
  }

  static Computation product(Product p, int threads) {
    var manager = manager(threads);
    var w = manager.create(p.w(), new Shape(p.n(), p.k()));
    return new TorchPeer(manager, manager.create(p.x(), new Shape(p.m(), p.k())), x -> Linear.linear(x, w).singletonOrThrow());
  }

  static Computation vit(VitWeights weights, float[] image, int threads) {
    var manager = manager(threads);
    var c = weights.config();
    var input = manager.create(image, new Shape(1, c.numChannels(), c.imageHeight(), c.imageWidth()));
    return new TorchPeer(manager, input, new TorchVit(weights, manager)::forward);
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
      pass.tempAttachAll(input);   // so that results belong to the pass
      forward.apply(input);
    }
  }

  @Override
  public float[] output() {
    try (var pass = manager.newSubManager()) {
      pass.tempAttachAll(input);
      return forward.apply(input).toFloatArray();
    }
  }

  @Override
  public void close() {
    manager.close();
  }
}
