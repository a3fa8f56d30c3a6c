package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.ConvTranspose2d;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.Operation;
import java.util.List;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Makes masks of a picture's map and a prompt's tokens: both attend to each other, then a token of each mask becomes the product
/// that finds it in the enlarged map (ref: segment_anything `modeling/mask_decoder.py`, `modeling/transformer.py`).
///
/// Wherever the map's places are queries or keys, their positions are added. Projections are linear, so the positions'
/// projections are computed once, see [Positions], and added to the product as it is made; and what the first layer makes of the
/// map is the same for every prompt without a mask, see [Picture].
///
/// Shapes: T tokens, N = G² places, C channels, h heads, D channels of a head, M masks.
///
/// @param iouToken `[1, C]`
/// @param maskTokens `[M, C]`
/// @param hypernetworks one a mask, `C → C / 8`
/// @param iouHead `C → M`
public record MaskDecoder(Tensor iouToken, Tensor maskTokens, List<Layer> layers, Attention finalAttn, LayerNorm finalNorm,
    ConvTranspose2d upscale1, LayerNorm upscaleNorm, ConvTranspose2d upscale2, List<Head> hypernetworks, Head iouHead) {

  private static final float UPSCALE_EPS = 1e-6f, FINAL_EPS = 1e-5f;

  /// What the map's positions add where keys and queries are made of it.
  ///
  /// @param keys `[N, h · D]` for each layer, and for the final attention
  /// @param queries `[N, h · D]` for each layer
  public record Positions(List<Tensor> keys, List<Tensor> queries) {}

  /// A map with what the first layer makes of it.
  ///
  /// @param map `[N, C]`
  /// @param keys `[N, h · D]`
  /// @param values `[N, h · D]`
  /// @param queries `[N, h · D]`
  public record Picture(Tensor map, Tensor keys, Tensor values, Tensor queries) {}

  /// What a prompt gives.
  ///
  /// @param masks logits `[M, 4 G, 4 G]`
  /// @param iou predicted agreement of each mask with the truth, `[M]`
  public record Output(Tensor masks, Tensor iou) {}

  /// Three linear maps with ReLU between.
  record Head(Linear fc1, Linear fc2, Linear fc3) {
    static Head load(int in, int hidden, int out, Weights w) {
      return new Head(w.linear("fc1", in, hidden), w.linear("fc2", hidden, hidden), w.linear("fc3", hidden, out));
    }

    Tensor forward(Tensor x) {
      return fc3.forward(fc2.forward(fc1.forward(x, Activation.RELU), Activation.RELU));
    }
  }

  /// Attention whose queries, keys and values may all be made of different tokens, in fewer channels.
  record Attention(Linear q, Linear k, Linear v, Linear proj, int numHeads) {
    static Attention load(int dim, int inner, int numHeads, Weights w) {
      return new Attention(w.linear("q", dim, inner), w.linear("k", dim, inner), w.linear("v", dim, inner), w.linear("proj",
          inner, dim), numHeads);
    }

    /// Projected queries `[T, h · D]`, keys and values `[N, h · D]` → `[T, h · D]`, before the last projection.
    Tensor attend(Tensor queries, Tensor keys, Tensor values) {
      var out = queries.allocate(queries.shape());
      int depth = queries.dim(1) / numHeads;
      queries.workspace().kernels().run(new Operation.Attention(heads(queries).matrices(), heads(keys).matrices(), heads(values).matrices(),
          AttentionMask.NONE, heads(out).matrices(), (float) (1 / Math.sqrt(depth))));
      return out;
    }

    /// `[T, h · D]` → `[h, T, D]`
    private Tensor heads(Tensor x) {
      return x.reshape(x.dim(0), numHeads, x.dim(1) / numHeads).transposed(0, 1);
    }
  }

  /// The tokens attend to themselves, then to the map; the map attends to the tokens.
  record Layer(Attention selfAttn, LayerNorm norm1, Attention tokenToImage, LayerNorm norm2, Mlp mlp, LayerNorm norm3,
      Attention imageToToken, LayerNorm norm4) {
    static Layer load(SamConfig config, Weights w) {
      var c = config.masks();
      int dim = config.dim(), inner = dim / c.downsampleRate();
      float eps = c.layerNormEps();
      return new Layer(
          Attention.load(dim, dim, c.numHeads(), w.at("self_attn")), w.layerNorm("norm1", dim, eps),
          Attention.load(dim, inner, c.numHeads(), w.at("token_to_image")), w.layerNorm("norm2", dim, eps),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), c.act(), w.linear("mlp.fc2", c.mlpDim(), dim)), w.layerNorm("norm3",
              dim, eps),
          Attention.load(dim, inner, c.numHeads(), w.at("image_to_token")), w.layerNorm("norm4", dim, eps));
    }

    Picture picture(Tensor map, Tensor keyPositions, Tensor queryPositions) {
      return new Picture(map, tokenToImage.k.forward(map, keyPositions), tokenToImage.v.forward(map),
          imageToToken.q.forward(map, queryPositions));
    }

    /// @param asked the prompt's tokens as they came, which serve as their positions
    /// @param first whether the tokens are still these, so that nothing is added to them
    Tensor tokens(Tensor tokens, Tensor asked, boolean first, Picture picture) {
      var at = first ? tokens : tokens.plus(asked);
      var attended = selfAttn.attend(selfAttn.q.forward(at), selfAttn.k.forward(at), selfAttn.v.forward(tokens));
      tokens = norm1.forward(first ? selfAttn.proj.forward(attended) : selfAttn.proj.forward(attended, tokens));
      attended = tokenToImage.attend(tokenToImage.q.forward(tokens.plus(asked)), picture.keys, picture.values);
      tokens = norm2.forward(tokenToImage.proj.forward(attended, tokens));
      return norm3.forward(tokens.plus(mlp.forward(tokens)));
    }

    Tensor map(Picture picture, Tensor tokens, Tensor asked) {
      var attended = imageToToken.attend(picture.queries, imageToToken.k.forward(tokens.plus(asked)),
          imageToToken.v.forward(tokens));
      return norm4.forward(imageToToken.proj.forward(attended, picture.map));
    }
  }

  static MaskDecoder load(SamConfig config, Weights w) {
    var c = config.masks();
    int dim = config.dim(), masks = c.maskTokens();
    return new MaskDecoder(w.tensor("iou_token", 1, dim), w.tensor("mask_tokens", masks, dim),
        IntStream.range(0, c.depth()).mapToObj(i -> Layer.load(config, w.at("layers").at(i))).toList(),
        Attention.load(dim, dim / c.downsampleRate(), c.numHeads(), w.at("final_attn")), w.layerNorm("final_norm", dim,
            FINAL_EPS),
        w.convTranspose2d("upscale1", dim, dim / 4, 2), w.layerNorm("upscale_norm", dim / 4, UPSCALE_EPS),
        w.convTranspose2d("upscale2", dim / 4, dim / 8, 2),
        IntStream.range(0, masks).mapToObj(i -> Head.load(dim, dim, dim / 8, w.at("hypernetworks").at(i))).toList(),
        Head.load(dim, c.iouHiddenDim(), masks, w.at("iou_head")));
  }

  /// The projections of the map's positions `[N, C]`.
  public Positions positions(Tensor positions) {
    var keys = IntStream.rangeClosed(0, layers.size())
        .mapToObj(i -> unbiased(i < layers.size() ? layers.get(i).tokenToImage.k : finalAttn.k).forward(positions)).toList();
    return new Positions(keys, layers.stream().map(layer -> unbiased(layer.imageToToken.q).forward(positions)).toList());
  }

  private static Linear unbiased(Linear linear) {
    return new Linear(linear.weight(), null);
  }

  /// What the first layer makes of a map `[N, C]`.
  public Picture picture(Tensor map, Positions positions) {
    return layers.getFirst().picture(map, positions.keys.getFirst(), positions.queries.getFirst());
  }

  /// @param prompt its tokens, `[…, C]`; null for none
  /// @param multimask whether to give the masks of an ambiguous prompt instead of the one
  public Output forward(Picture picture, Positions positions, @Nullable Tensor prompt, boolean multimask) {
    var map = picture.map;
    var asked = asked(map, prompt);                                                   // [T, C]
    var tokens = asked;
    for (int i = 0; i < layers.size(); i++) {
      var layer = layers.get(i);
      if (i > 0) picture = layer.picture(map, positions.keys.get(i), positions.queries.get(i));
      tokens = layer.tokens(tokens, asked, i == 0, picture);
      map = layer.map(picture, tokens, asked);
    }
    var attended = finalAttn.attend(finalAttn.q.forward(tokens.plus(asked)), finalAttn.k.forward(map, positions.keys.getLast()),
        finalAttn.v.forward(map));
    tokens = finalNorm.forward(finalAttn.proj.forward(attended, tokens));
    int from = multimask ? 1 : 0, to = multimask ? maskTokens.dim(0) : 1;
    return new Output(masks(map, tokens, from, to), iouHead.forward(tokens.slice(0, 0, 1)).reshape(maskTokens.dim(0)).slice(0,
        from, to).contiguous());
  }

  /// A token for the ratings, one for each mask, and the prompt's.
  private Tensor asked(Tensor map, @Nullable Tensor prompt) {
    int own = 1 + maskTokens.dim(0), all = own + (prompt == null ? 0 : prompt.dim(0));
    var asked = map.allocate(all, map.dim(1));
    asked.slice(0, 0, 1).set(iouToken);
    asked.slice(0, 1, own).set(maskTokens);
    if (prompt != null) asked.slice(0, own, all).set(prompt);
    return asked;
  }

  private Tensor masks(Tensor map, Tensor tokens, int from, int to) {
    int grid = (int) Math.sqrt(map.dim(0)), dim = map.dim(1);
    var x = upscaleNorm.forward(upscale1.forward(map.reshape(1, grid, grid, dim))).activate(Activation.GELU);
    x = upscale2.forward(x, Activation.GELU).reshape(16 * map.dim(0), dim / 8);       // [16 N, C/8]
    var products = IntStream.range(from, to).mapToObj(i -> hypernetworks.get(i).forward(tokens.slice(0, 1 + i, 2
        + i))).toArray(Tensor[]::new);
    return Tensor.concat(0, products).matmul(x.transposed(0, 1), 1).reshape(to - from, 4 * grid, 4 * grid);
  }
}
