package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Attention;
import dev.fovea.engine.nn.ConvTranspose2d;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;

/// Computes masks from the feature map of a picture and the tokens of a prompt: both attend to each other, then each mask is the
/// product of a mask token and the upscaled map (ref: segment_anything `modeling/mask_decoder.py`, `modeling/transformer.py`).
///
/// The position embedding of the map is added wherever its locations are queries or keys. Projections are linear, so those of the
/// positions are computed once, see [Positions], and added as residuals of the product. The first layer's projections of the map
/// are the same for all prompts without a mask, see [ProjectedMap].
///
/// Shapes: T tokens, N = G² locations of the map, C channels, h heads, D head size, M masks.
///
/// @param iouToken `[1, C]`
/// @param maskTokens `[M, C]`
/// @param hypernetworks one per mask, `C → C / 8`
/// @param iouHead `C → M`
public record MaskDecoder(Tensor iouToken, Tensor maskTokens, List<Layer> layers, TokenAttention finalAttn, LayerNorm finalNorm,
    ConvTranspose2d upscale1, LayerNorm upscaleNorm, ConvTranspose2d upscale2, List<Head> hypernetworks, Head iouHead) {
  public MaskDecoder {
    Objects.requireNonNull(iouToken, "iouToken");
    Objects.requireNonNull(maskTokens, "maskTokens");
    Objects.requireNonNull(layers, "layers");
    Objects.requireNonNull(finalAttn, "finalAttn");
    Objects.requireNonNull(finalNorm, "finalNorm");
    Objects.requireNonNull(upscale1, "upscale1");
    Objects.requireNonNull(upscaleNorm, "upscaleNorm");
    Objects.requireNonNull(upscale2, "upscale2");
    Objects.requireNonNull(hypernetworks, "hypernetworks");
    Objects.requireNonNull(iouHead, "iouHead");
  }

  private static final float UPSCALE_EPS = 1e-6f, FINAL_EPS = 1e-5f;

  /// The projections of the position embedding that are added to the map's keys and queries.
  ///
  /// @param keys `[N, h · D]` for each layer and for the final attention
  /// @param queries `[N, h · D]` for each layer
  public record Positions(List<Tensor> keys, List<Tensor> queries) {
    public Positions {
      Objects.requireNonNull(keys, "keys");
      Objects.requireNonNull(queries, "queries");
    }
  }

  /// A feature map with its projections in the first layer.
  ///
  /// @param map `[N, C]`
  /// @param keys `[N, h · D]`
  /// @param values `[N, h · D]`
  /// @param queries `[N, h · D]`
  public record ProjectedMap(Tensor map, Tensor keys, Tensor values, Tensor queries) {
    public ProjectedMap {
      Objects.requireNonNull(map, "map");
      Objects.requireNonNull(keys, "keys");
      Objects.requireNonNull(values, "values");
      Objects.requireNonNull(queries, "queries");
    }
  }

  /// The masks of a prompt.
  ///
  /// @param masks logits `[M, 4 G, 4 G]`
  /// @param iou predicted IoU of each mask with the true one, `[M]`
  public record Output(Tensor masks, Tensor iou) {
    public Output {
      Objects.requireNonNull(masks, "masks");
      Objects.requireNonNull(iou, "iou");
    }
  }

  /// A multi-layer perceptron: three linear layers with ReLU between them.
  record Head(Linear fc1, Linear fc2, Linear fc3) {
    static Head load(int in, int hidden, int out, Weights w) {
      return new Head(w.linear("fc1", in, hidden), w.linear("fc2", hidden, hidden), w.linear("fc3", hidden, out));
    }

    Tensor forward(Tensor x) {
      return fc3.forward(fc2.forward(fc1.forward(x, Activation.RELU), Activation.RELU));
    }
  }

  /// Attention with separate inputs for queries, keys and values, optionally in fewer channels.
  record TokenAttention(Linear q, Linear k, Linear v, Linear proj, int numHeads) {
    static TokenAttention load(int dim, int inner, int numHeads, Weights w) {
      return new TokenAttention(w.linear("q", dim, inner), w.linear("k", dim, inner), w.linear("v", dim, inner), w.linear("proj",
          inner, dim), numHeads);
    }

    /// Projected queries `[T, h · D]`, keys and values `[N, h · D]` → `[T, h · D]`, before the output projection.
    Tensor attend(Tensor queries, Tensor keys, Tensor values, Probe.Site site) {
      return Attention.attend(heads(queries), heads(keys), heads(values), AttentionMask.NONE, site).reshape(queries.shape());
    }

    private Tensor heads(Tensor x) {                                                  // [T, h · D] → [1, h, T, D]
      return Attention.heads(x.reshape(1, x.dim(0), x.dim(1)), numHeads);
    }
  }

  /// A two-way layer: the tokens attend to themselves, then to the map; then the map attends to the tokens.
  record Layer(TokenAttention selfAttn, LayerNorm norm1, TokenAttention tokenToImage, LayerNorm norm2, Mlp mlp, LayerNorm norm3,
      TokenAttention imageToToken, LayerNorm norm4) {
    static Layer load(SamConfig config, Weights w) {
      var c = config.masks();
      int dim = config.dim(), inner = dim / c.downsampleRate();
      float eps = c.layerNormEps();
      return new Layer(
          TokenAttention.load(dim, dim, c.numHeads(), w.at("self_attn")), w.layerNorm("norm1", dim, eps),
          TokenAttention.load(dim, inner, c.numHeads(), w.at("token_to_image")), w.layerNorm("norm2", dim, eps),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), c.act(), w.linear("mlp.fc2", c.mlpDim(), dim)), w.layerNorm("norm3",
              dim, eps),
          TokenAttention.load(dim, inner, c.numHeads(), w.at("image_to_token")), w.layerNorm("norm4", dim, eps));
    }

    ProjectedMap project(Tensor map, Tensor keyPositions, Tensor queryPositions) {
      return new ProjectedMap(map, tokenToImage.k.forward(map, keyPositions), tokenToImage.v.forward(map),
          imageToToken.q.forward(map, queryPositions));
    }

    /// @param asked the input tokens of the decoder, which serve as position embeddings of the tokens
    /// @param first whether this is the first layer, where `tokens` equals `asked` and no positions are added
    Tensor tokens(Tensor tokens, Tensor asked, boolean first, ProjectedMap projected, Sites sites) {
      var at = first ? tokens : tokens.plus(asked);
      var attended = selfAttn.attend(selfAttn.q.forward(at), selfAttn.k.forward(at), selfAttn.v.forward(tokens), sites.selfAttn());
      tokens = norm1.forward(first ? selfAttn.proj.forward(attended) : selfAttn.proj.forward(attended, tokens));
      attended = tokenToImage.attend(tokenToImage.q.forward(tokens.plus(asked)), projected.keys, projected.values,
          sites.tokenToImage());
      tokens = norm2.forward(tokenToImage.proj.forward(attended, tokens));
      return norm3.forward(mlp.addedTo(tokens, tokens));
    }

    Tensor map(ProjectedMap projected, Tensor tokens, Tensor asked, Sites sites) {
      var attended = imageToToken.attend(projected.queries, imageToToken.k.forward(tokens.plus(asked)),
          imageToToken.v.forward(tokens), sites.imageToToken());
      return norm4.forward(imageToToken.proj.forward(attended, projected.map));
    }
  }

  /// The probe sites of the three attentions of layer `index`: `layers.index.self_attn`, `.token_to_image`, `.image_to_token`.
  private record Sites(Probe.Site selfAttn, Probe.Site tokenToImage, Probe.Site imageToToken) {
    static final Sites NOWHERE = new Sites(Probe.Site.NOWHERE, Probe.Site.NOWHERE, Probe.Site.NOWHERE);

    static Sites of(int index, Tokens tokens, Tokens map, Probe probe) {
      if (probe == Probe.NONE) return NOWHERE;
      var layer = "layers." + index + ".";
      return new Sites(probe.attention(layer + "self_attn", tokens, tokens), probe.attention(layer + "token_to_image", tokens, map),
          probe.attention(layer + "image_to_token", map, tokens));
    }
  }

  static MaskDecoder load(SamConfig config, Weights w) {
    var c = config.masks();
    int dim = config.dim(), masks = c.maskTokens();
    return new MaskDecoder(w.tensor("iou_token", 1, dim), w.tensor("mask_tokens", masks, dim),
        IntStream.range(0, c.depth()).mapToObj(i -> Layer.load(config, w.at("layers").at(i))).toList(),
        TokenAttention.load(dim, dim / c.downsampleRate(), c.numHeads(), w.at("final_attn")), w.layerNorm("final_norm", dim,
            FINAL_EPS),
        w.convTranspose2d("upscale1", dim, dim / 4, 2), w.layerNorm("upscale_norm", dim / 4, UPSCALE_EPS),
        w.convTranspose2d("upscale2", dim / 4, dim / 8, 2),
        IntStream.range(0, masks).mapToObj(i -> Head.load(dim, dim, dim / 8, w.at("hypernetworks").at(i))).toList(),
        Head.load(dim, c.iouHiddenDim(), masks, w.at("iou_head")));
  }

  /// The projections of the map's position embedding, which depend only on weights.
  ///
  /// @param positions `[N, C]`
  public Positions positions(Workspace workspace, Tensor positions) {
    Objects.requireNonNull(workspace, "workspace");
    Objects.requireNonNull(positions, "positions");
    var keys = Stream.concat(layers.stream().map(layer -> layer.tokenToImage), Stream.of(finalAttn)).map(TokenAttention::k);
    var queries = layers.stream().map(layer -> layer.imageToToken.q);
    return new Positions(keys.map(linear -> project(workspace, linear, positions)).toList(),
        queries.map(linear -> project(workspace, linear, positions)).toList());
  }

  private static Tensor project(Workspace workspace, Linear linear, Tensor positions) {
    return workspace.constant(List.of("positions", linear), positions, unbiased(linear)::forward);
  }

  private static Linear unbiased(Linear linear) {
    return new Linear(linear.weight(), null);
  }

  /// A map `[N, C]` with its projections in the first layer.
  public ProjectedMap project(Tensor map, Positions positions) {
    Objects.requireNonNull(map, "map");
    Objects.requireNonNull(positions, "positions");
    return layers.getFirst().project(map, positions.keys.getFirst(), positions.queries.getFirst());
  }

  /// @param prompt tokens of the prompt, `[…, C]`; null for none
  /// @param multimask whether to return the masks of an ambiguous prompt instead of the single one
  /// @param probe receives all attentions: `layers.N.self_attn`, `layers.N.token_to_image`, `layers.N.image_to_token`, `final_attn`
  public Output forward(ProjectedMap projected, Positions positions, @Nullable Tensor prompt, boolean multimask, Probe probe) {
    Objects.requireNonNull(projected, "projected");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(probe, "probe");
    var map = projected.map;
    var asked = asked(map, prompt);                                                   // [T, C]
    var tokens = asked;
    int own = 1 + maskTokens.dim(0), grid = (int) Math.sqrt(map.dim(0));
    var asking = probe.tokens(Tokens.Kind.QUERY, own).and(probe.tokens(Tokens.Kind.PROMPT, asked.dim(0) - own));
    var places = probe.grid(grid, grid);
    for (int i = 0; i < layers.size(); i++) {
      var layer = layers.get(i);
      var sites = Sites.of(i, asking, places, probe);
      if (i > 0) projected = layer.project(map, positions.keys.get(i), positions.queries.get(i));
      tokens = layer.tokens(tokens, asked, i == 0, projected, sites);
      map = layer.map(projected, tokens, asked, sites);
    }
    var attended = finalAttn.attend(finalAttn.q.forward(tokens.plus(asked)), finalAttn.k.forward(map, positions.keys.getLast()),
        finalAttn.v.forward(map), probe.attention("final_attn", asking, places));
    tokens = finalNorm.forward(finalAttn.proj.forward(attended, tokens));
    int from = multimask ? 1 : 0, to = multimask ? maskTokens.dim(0) : 1;
    return new Output(masks(map, tokens, from, to), iouHead.forward(tokens.slice(0, 0, 1)).reshape(maskTokens.dim(0)).slice(0,
        from, to).contiguous());
  }

  /// The input tokens: one for the predicted IoU, one for each mask, and those of the prompt.
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
