package dev.fovea.models.grounding;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.DeformableAttention;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.LayerScale;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/// The encoder: in each layer, the positions of the picture's maps and the tokens of the text look at each other, then the tokens
/// at those of their sub-sentence, then the positions at a few points of all maps (ref: transformers
/// `models/grounding_dino/modeling_grounding_dino.py`, `GroundingDinoEncoderLayer`).
///
/// Shapes: B batch, S positions of all maps, N tokens, C channels, E inner channels of the fusion, h heads.
record Encoder(List<Layer> layers) {
  /// Positions of the maps, and tokens.
  record State(Tensor vision, Tensor text) {}

  /// Attention from the picture to the text and back, with the same scores (Li et al., "Grounded Language-Image Pre-training",
  /// 2022). As in the reference, the results are added to the normed inputs.
  ///
  /// The reference subtracts the largest score of a picture and cuts scores at ±50,000, for the sake of half precision. Softmax
  /// does not depend on the first, and the second changes a weight only where all scores of a query are 50,000 below the largest
  /// one, so that both are left out.
  ///
  /// @param vision `C → E`, queries of positions and keys for tokens
  /// @param text `C → E`, queries of tokens and keys for positions
  record Fusion(LayerNorm visionNorm, LayerNorm textNorm, Linear vision, Linear text, Linear visionValue, Linear textValue,
      Linear visionProj, Linear textProj, LayerScale visionScale, LayerScale textScale, int numHeads) {
    static Fusion load(GroundingDinoConfig c, Weights w) {
      int dim = c.dim(), inner = c.encoder().mlpDim() / 2;
      return new Fusion(w.layerNorm("vision_norm", dim, c.layerNormEps()), w.layerNorm("text_norm", dim, c.layerNormEps()),
          w.linear("vision", dim, inner), w.linear("text", dim, inner), w.linear("vision_value", dim, inner),
          w.linear("text_value", dim, inner), w.linear("vision_proj", inner, dim), w.linear("text_proj", inner, dim),
          w.layerScale("vision_scale", dim), w.layerScale("text_scale", dim), c.encoder().numHeads() / 2);
    }

    State forward(State x, Pass pass, Probe probe, int index) {
      Tensor seen = visionNorm.forward(x.vision), said = textNorm.forward(x.text);
      Tensor places = heads(vision.forward(seen)), words = heads(text.forward(said));   // [B, h, S, E / h], [B, h, N, E / h]
      var toText = Attention.attend(places, words, heads(textValue.forward(said)), pass.padding(),
          site(probe, index, "vision_to_text", pass.places(), pass.tokens()));
      var toVision = Attention.attend(words, places, heads(visionValue.forward(seen)), pass.mapPadding(),
          site(probe, index, "text_to_vision", pass.tokens(), pass.places()));
      return new State(seen.plus(visionScale.forward(visionProj.forward(toText))),
          said.plus(textScale.forward(textProj.forward(toVision))));
    }

    private Tensor heads(Tensor x) {
      return Attention.heads(x, numHeads);
    }
  }

  /// A transformer block on the text.
  record TextBlock(TextAttention attn, LayerNorm norm1, Mlp mlp, LayerNorm norm2) {
    static TextBlock load(GroundingDinoConfig c, Weights w) {
      int dim = c.dim(), hidden = c.encoder().mlpDim() / 2;
      return new TextBlock(TextAttention.load(dim, c.encoder().numHeads() / 2, w.at("attn")),
          w.layerNorm("norm1", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, hidden), c.act(), w.linear("mlp.fc2", hidden, dim)),
          w.layerNorm("norm2", dim, c.layerNormEps()));
    }

    Tensor forward(Tensor x, Pass pass, Probe.Site site) {                            // [B, N, C]
      var asking = x.plus(pass.textPositions());
      x = norm1.forward(attn.addedTo(x, asking, asking, x, pass.subSentences(attn.numHeads()), site));
      return norm2.forward(mlp.addedTo(x, x));
    }
  }

  /// A transformer block on the maps.
  record MapBlock(DeformableAttention attn, LayerNorm norm1, Mlp mlp, LayerNorm norm2) {
    static MapBlock load(GroundingDinoConfig c, Weights w) {
      int dim = c.dim(), hidden = c.encoder().mlpDim();
      return new MapBlock(GroundingDino.deformable(c, c.encoder(), w.at("attn")), w.layerNorm("norm1", dim, c.layerNormEps()),
          new Mlp(w.linear("mlp.fc1", dim, hidden), c.act(), w.linear("mlp.fc2", hidden, dim)),
          w.layerNorm("norm2", dim, c.layerNormEps()));
    }

    Tensor forward(Tensor x, Pass pass, Probe probe, int index) {                     // [B, S, C]
      x = norm1.forward(attn.addedTo(x, pass.mapPositions(), x, pass.sizes(), pass.references(), pass.visible(), probe, index));
      return norm2.forward(mlp.addedTo(x, x));
    }
  }

  /// One layer.
  record Layer(Fusion fusion, TextBlock text, MapBlock vision) {
    State forward(State x, Pass pass, Probe probe, int index) {
      x = fusion.forward(x, pass, probe, index);
      return new State(vision.forward(x.vision, pass, probe, index),
          text.forward(x.text, pass, site(probe, index, "text", pass.tokens(), pass.tokens())));
    }
  }

  static Encoder load(GroundingDinoConfig c, Weights w) {
    return new Encoder(IntStream.range(0, c.encoder().depth()).mapToObj(i -> w.at("layers").at(i)).map(layer ->
        new Layer(Fusion.load(c, layer.at("fusion")), TextBlock.load(c, layer.at("text")), MapBlock.load(c, layer.at("vision"))))
        .toList());
  }

  /// @param probe receives for layer N the attentions `layers.N.vision_to_text`, `layers.N.text_to_vision` and `layers.N.text`, the
  ///     `sampling_points.N` and `sampling_weights.N`, and `vision_hidden_states.N`, `text_hidden_states.N` before it
  State forward(State x, Pass pass, Probe probe) {
    see(x, 0, probe);
    for (int i = 0; i < layers.size(); i++) {
      x = layers.get(i).forward(x, pass, probe, i);
      see(x, i + 1, probe);
    }
    return x;
  }

  private static void see(State x, int index, Probe probe) {
    probe.see("vision_hidden_states", index, x.vision);
    probe.see("text_hidden_states", index, x.text);
  }

  /// The site of the attention called `name` of layer `index`, of encoder or decoder.
  static Probe.Site site(Probe probe, int index, String name, Tokens queries, Tokens keys) {
    return probe == Probe.NONE ? Probe.Site.NOWHERE : probe.attention("layers." + index + "." + name, queries, keys);
  }
}
