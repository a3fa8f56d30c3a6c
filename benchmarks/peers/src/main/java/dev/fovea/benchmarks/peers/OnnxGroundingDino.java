package dev.fovea.benchmarks.peers;

/// A Grounding DINO as an ONNX model for one size and one text.
final class OnnxGroundingDino {
  static final String PIXELS = "pixel_values", TOKENS = "input_ids";

  private OnnxGroundingDino() {}

  /// A model whose outputs are logits and boxes.
  static byte[] model(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input) {
    return model(sizes, parameters, input, false);
  }

  /// @param all whether the encoder's features and the first boxes are outputs too
  static byte[] model(GroundingDinoSizes sizes, Parameters parameters, DetectorInput input, boolean all) {
    var g = new OnnxGraph();
    int n = input.tokens().length;
    var pixels = g.input(PIXELS, 1, 3, input.height(), input.width());
    var ids = g.integers(TOKENS, 1, n);
    var pass = new GroundingDinoPass<>(new OnnxOperations(g, parameters), parameters, sizes, input);
    var found = pass.forward(pixels, ids);
    g.output(found.logits(), 1, sizes.queries(), sizes.maxTextLen());
    g.output(found.boxes(), 1, sizes.queries(), 4);
    if (all) {
      g.output(found.vision(), 1, pass.samples(), sizes.dim());
      g.output(found.text(), 1, n, sizes.dim());
      g.output(found.first(), 1, sizes.queries(), 4);
    }
    return g.toBytes();
  }
}
