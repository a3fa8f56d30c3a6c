package dev.fovea.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;

/// ONNX Runtime with all of its optimisations, through its Java API. Weights are constants, which it packs when it loads.
final class OnnxPeer implements Computation {
  private final OrtSession session;
  private final OnnxTensor input;

  private OnnxPeer(byte[] model, float[] values, int threads, long... shape) {
    try (var options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      var environment = OrtEnvironment.getEnvironment();
      session = environment.createSession(model, options);
      input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  static String version() {
    return OrtEnvironment.getEnvironment().getVersion();
  }

  static Computation product(Product p, int threads) {
    var g = new OnnxGraph();
    var x = g.input("x", p.m(), p.k());
    g.output(g.node("MatMul", List.of(x, g.constant(VitWeights.transposed(p.w(), p.n(), p.k()), p.k(), p.n()))), p.m(), p.n());
    return new OnnxPeer(g.toBytes(), p.x(), threads, p.m(), p.k());
  }

  static Computation vit(VitWeights weights, float[] image, int threads) {
    var c = weights.config();
    return new OnnxPeer(OnnxVit.model(weights), image, threads, 1, c.numChannels(), c.imageHeight(), c.imageWidth());
  }

  @Override
  public void run() {
    result().close();
  }

  @Override
  public float[] output() {
    try (var result = result()) {
      var buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
      var values = new float[buffer.remaining()];
      buffer.get(values);
      return values;
    }
  }

  private OrtSession.Result result() {
    try {
      return session.run(Map.of(session.getInputNames().iterator().next(), input));
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    try {
      input.close();
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
