package dev.fovea.benchmarks.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// ONNX Runtime with all of its optimisations, through its Java API. Weights are constants, which it packs when it loads.
final class OnnxPeer implements Computation {
  private final OrtSession session;
  private final Map<String, OnnxTensor> inputs;
  private final Function<List<float[]>, float[]> output;

  private OnnxPeer(byte[] model, Map<String, OnnxTensor> inputs, Function<List<float[]>, float[]> output, int threads) {
    this.inputs = inputs;
    this.output = output;
    try (var options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      session = OrtEnvironment.getEnvironment().createSession(model, options);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private static OnnxTensor tensor(float[] values, long... shape) {
    try {
      return OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), FloatBuffer.wrap(values), shape);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private static OnnxTensor integers(long[] values, long... shape) {
    try {
      return OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), LongBuffer.wrap(values), shape);
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
    return new OnnxPeer(g.toBytes(), Map.of(x, tensor(p.x(), p.m(), p.k())), List::getFirst, threads);
  }

  static Computation vit(VitWeights weights, float[] image, int threads) {
    var c = weights.config();
    return new OnnxPeer(OnnxVit.model(weights),
        Map.of(OnnxVit.IMAGE, tensor(image, 1, c.numChannels(), c.imageHeight(), c.imageWidth())), List::getFirst, threads);
  }

  /// @param model [OnnxGroundingDino#model]'s
  static Computation groundingDino(byte[] model, DetectorInput input, int threads) {
    return new OnnxPeer(model, inputs(input), results -> input.rows(results.getFirst(), results.getLast()), threads);
  }

  /// All results of one pass, in the order of [OnnxGroundingDino#model]'s outputs.
  static List<float[]> groundingDinoInFull(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input) {
    try (var peer = new OnnxPeer(OnnxGroundingDino.model(sizes, parameters, input, true), inputs(input), List::getFirst, 1)) {
      return peer.results();
    }
  }

  private static Map<String, OnnxTensor> inputs(DetectorInput input) {
    return Map.of(OnnxGroundingDino.PIXELS, tensor(input.pixels(), 1, 3, input.height(), input.width()),
        OnnxGroundingDino.TOKENS, integers(input.tokens(), 1, input.tokens().length));
  }

  @Override
  public void run() {
    result().close();
  }

  @Override
  public float[] output() {
    return output.apply(results());
  }

  private List<float[]> results() {
    var all = new ArrayList<float[]>();
    try (var result = result()) {
      for (var each : result) {
        var buffer = ((OnnxTensor) each.getValue()).getFloatBuffer();
        var values = new float[buffer.remaining()];
        buffer.get(values);
        all.add(values);
      }
    }
    return all;
  }

  private OrtSession.Result result() {
    try {
      return session.run(inputs);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    try {
      inputs.values().forEach(OnnxTensor::close);
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
