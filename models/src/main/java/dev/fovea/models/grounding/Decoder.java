package dev.fovea.models.grounding;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.DeformableAttention;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.SinePositions;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// The decoder: boxes look at each other, at the text, and at a few points of the maps around themselves, and each layer moves them
/// (ref: transformers `models/grounding_dino/modeling_grounding_dino.py`, `GroundingDinoDecoder`).
///
/// Shapes: B batch, Q boxes, S positions of all maps, N tokens, C channels.
///
/// @param positionHead `2 C → C`, from the sines and cosines of a box
/// @param boxHeads `C → 4` for each layer, maybe the same one
/// @param waves of the boxes' embeddings
record Decoder(List<Layer> layers, LayerNorm norm, Perceptron positionHead, List<Perceptron> boxHeads, SinePositions waves) {
  /// Boxes by centre, width and height, and the features that the text is compared with.
  ///
  /// @param features `[B, Q, C]`
  /// @param boxes `[B, Q, 4]`
  record Output(Tensor features, Tensor boxes) {}

  /// One layer.
  record Layer(TextAttention selfAttn, LayerNorm norm1, TextAttention textAttn, LayerNorm norm2, DeformableAttention mapAttn,
      LayerNorm norm3, Mlp mlp, LayerNorm norm4) {
    static Layer load(GroundingDinoConfig c, Weights w) {
      int dim = c.dim(), heads = c.decoder().numHeads(), hidden = c.decoder().mlpDim();
      float eps = c.layerNormEps();
      return new Layer(TextAttention.load(dim, heads, w.at("self_attn")), w.layerNorm("norm1", dim, eps),
          TextAttention.load(dim, heads, w.at("text_attn")), w.layerNorm("norm2", dim, eps),
          GroundingDino.deformable(c, c.decoder(), w.at("map_attn")), w.layerNorm("norm3", dim, eps),
          new Mlp(w.linear("mlp.fc1", dim, hidden), c.act(), w.linear("mlp.fc2", hidden, dim)), w.layerNorm("norm4", dim, eps));
    }

    /// @param positions of the boxes, `[B, Q, C]`
    /// @param references the boxes in each map, `[B, Q, L, 4]`
    Tensor forward(Tensor x, Tensor positions, Tensor references, Encoder.State encoded, Pass pass, Probe probe, int index) {
      var boxes = probe.tokens(Tokens.Kind.QUERY, x.dim(1));
      var asking = x.plus(positions);
      x = norm1.forward(selfAttn.addedTo(x, asking, asking, x, AttentionMask.NONE,
          Encoder.site(probe, index, "self", boxes, boxes)));
      x = norm2.forward(textAttn.addedTo(x, x.plus(positions), encoded.text(), encoded.text(), pass.padding(),
          Encoder.site(probe, index, "text", boxes, pass.tokens())));
      x = norm3.forward(mapAttn.addedTo(x, positions, encoded.vision(), pass.sizes(), references, pass.visible(), probe, index));
      return norm4.forward(mlp.addedTo(x, x));
    }
  }

  static Decoder load(GroundingDinoConfig c, Weights w) {
    int dim = c.dim(), depth = c.decoder().depth();
    var shared = c.sharedBoxHead() ? Perceptron.load(dim, dim, 4, 3, w.at("box_head")) : null;
    return new Decoder(IntStream.range(0, depth).mapToObj(i -> Layer.load(c, w.at("layers").at(i))).toList(),
        w.layerNorm("norm", dim, c.layerNormEps()), Perceptron.load(2 * dim, dim, dim, 2, w.at("position_head")),
        IntStream.range(0, depth).mapToObj(i -> boxHead(dim, i, shared, w)).toList(), SineEmbedding.waves(dim / 2));
  }

  private static Perceptron boxHead(int dim, int index, @Nullable Perceptron shared, Weights w) {
    return shared != null ? shared : Perceptron.load(dim, dim, 4, 3, w.at("box_heads").at(index));
  }

  /// The last layer refines the boxes from its normed result, as in the reference, where the others refine them from the result
  /// itself ("look forward twice": Zhang et al., "DINO: DETR with Improved DeNoising Anchor Boxes", 2022).
  ///
  /// @param x the first features of the boxes, `[B, Q, C]`
  /// @param boxes the first boxes, `[B, Q, 4]`
  /// @param probe receives for layer N the attentions `layers.N.self` and `layers.N.text`, `sampling_points.N`,
  ///     `sampling_weights.N`, and the boxes before it, `boxes.N`
  Output forward(Tensor x, Tensor boxes, Encoder.State encoded, Pass pass, Probe probe) {
    for (int i = 0; i < layers.size(); i++) {
      probe.see("boxes", i, boxes);
      var references = pass.inMaps(boxes);                                            // [B, Q, L, 4]
      var positions = positionHead.forward(SineEmbedding.ofBoxes(references.select(2, 0).contiguous(), waves));
      x = layers.get(i).forward(x, positions, references, encoded, pass, probe, i);
      if (i + 1 < layers.size()) boxes = refined(boxes, x, i);
    }
    var features = norm.forward(x);
    return new Output(features, refined(boxes, features, layers.size() - 1));
  }

  private Tensor refined(Tensor boxes, Tensor features, int index) {
    return boxHeads.get(index).forward(features).plus(boxes.activate(Activation.LOGIT)).activate(Activation.SIGMOID);
  }
}
