package dev.fovea.models.segformer;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Conv2d;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.CrossAttention;
import dev.fovea.engine.nn.DepthwiseConv;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Interpolation;
import dev.fovea.kernels.Window;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.SavesMacs;
import dev.fovea.models.SegmentsPictures;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// SegFormer, a semantic segmentation model (Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
/// Transformers", 2021; ref: NVlabs/SegFormer `mix_transformer.py` and `segformer_head.py`, transformers
/// `models/segformer/modeling_segformer.py`).
///
/// Shapes: B batch, H × W size of a stage's feature map, N = H · W tokens, C channels of a stage, D channels of the head.
public record Segformer(SegformerConfig config, List<Stage> stages, Head head) implements Model, SegmentsPictures, SavesMacs {
  public Segformer {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(stages, "stages");
    Objects.requireNonNull(head, "head");
  }

  /// The results of a pass.
  ///
  /// @param logits `[B, H, W, classes]`, at a quarter of the picture's size
  /// @param features the feature map of each stage, `[B, H, W, C]`
  public record Output(Tensor logits, List<Tensor> features) {
    public Output {
      Objects.requireNonNull(logits, "logits");
      Objects.requireNonNull(features, "features");
    }
  }

  /// Attention with keys and values from a coarser map, the result of a convolution with a stride equal to its window.
  ///
  /// @param sr convolution `C → C`, or null for no reduction
  /// @param norm norm of the coarser map, or null for no reduction
  record Attention(CrossAttention attn, @Nullable Conv2d sr, @Nullable LayerNorm norm) {
    /// @param eps epsilon of the norm
    static Attention load(SegformerConfig.Stage s, float eps, Weights w) {
      int dim = s.dim(), ratio = s.srRatio();
      return new Attention(
          new CrossAttention(w.linear("q", dim, dim), w.linear("kv", dim, 2 * dim), w.linear("proj", dim, dim), s.numHeads()),
          ratio == 1 ? null : w.conv2d("sr", dim, dim, Window.patch(ratio)),
          ratio == 1 ? null : w.layerNorm("norm", dim, eps));
    }

    /// `residual` + attention of `x`.
    Tensor addedTo(Tensor residual, Tensor x, int index, Probe probe) {               // [B, H, W, C]
      var context = sr == null ? x : norm.forward(sr.forward(x));                     // [B, H / ratio, W / ratio, C]
      var site = probe.attention(index, probe.grid(x.dim(1), x.dim(2)), probe.grid(context.dim(1), context.dim(2)));
      return attn.addedTo(residual, tokens(x), tokens(context), site).reshape(x.shape());
    }

    private static Tensor tokens(Tensor x) {                                          // [B, N, C]
      return x.reshape(x.dim(0), x.dim(1) * x.dim(2), x.dim(3));
    }
  }

  /// The feed-forward part. Its convolution provides position information; the model has no position embedding.
  record MixFfn(Linear fc1, DepthwiseConv dwconv, Activation act, Linear fc2) {
    static MixFfn load(int dim, int hidden, Activation act, Weights w) {
      return new MixFfn(w.linear("fc1", dim, hidden), w.depthwiseConv("dwconv", hidden, Window.square(3).pad(1)), act,
          w.linear("fc2", hidden, dim));
    }

    /// `residual` + the feed-forward part of `x`.
    Tensor addedTo(Tensor residual, Tensor x) {                                       // [B, H, W, C]
      return fc2.forward(dwconv.forward(fc1.forward(x), act), residual);
    }
  }

  /// One transformer block.
  record Block(LayerNorm norm1, Attention attn, LayerNorm norm2, MixFfn mlp) {
    static Block load(SegformerConfig c, SegformerConfig.Stage s, Weights w) {
      int dim = s.dim();
      float eps = c.layerNormEps();
      return new Block(w.layerNorm("norm1", dim, eps), Attention.load(s, c.convNormEps(), w.at("attn")),
          w.layerNorm("norm2", dim, eps), MixFfn.load(dim, s.mlpRatio() * dim, c.act(), w.at("mlp")));
    }

    Tensor forward(Tensor x, int index, Probe probe) {                                // [B, H, W, C]
      x = attn.addedTo(x, norm1.forward(x), index, probe);
      return mlp.addedTo(x, norm2.forward(x));
    }
  }

  /// The embedding of overlapping patches of the previous map, and the blocks of the stage.
  record Stage(Conv2d patchEmbed, LayerNorm patchNorm, List<Block> blocks, LayerNorm norm) {
    static Stage load(SegformerConfig c, int index, Weights w) {
      var s = c.stages().get(index);
      var proj = index == 0 ? w.pictureConv2d("patch_embed.proj", c.numChannels(), s.dim(), s.window())
          : w.conv2d("patch_embed.proj", c.stages().get(index - 1).dim(), s.dim(), s.window());
      return new Stage(proj, w.layerNorm("patch_embed.norm", s.dim(), c.convNormEps()),
          IntStream.range(0, s.depth()).mapToObj(i -> Block.load(c, s, w.at("blocks").at(i))).toList(),
          w.layerNorm("norm", s.dim(), c.layerNormEps()));
    }

    /// @param first index of the first block among the blocks of all stages
    Tensor forward(Tensor x, int first, Probe probe) {                                // picture or previous map → [B, H, W, C]
      x = patchNorm.forward(patchEmbed.forward(x));
      for (int i = 0; i < blocks.size(); i++) x = blocks.get(i).forward(x, first + i, probe);
      return norm.forward(x);
    }
  }

  /// The head. In the paper, each stage's map is projected to `D` channels (`linearC`) and resized to the first map's size; the
  /// maps are concatenated, and `linearFuse` projects them to `D` channels. All of these steps are linear and resizing does not mix
  /// channels, so here the matrices are multiplied in advance, maps are resized as late as possible, and the parts of the sum are
  /// added: the same result up to rounding, for a third of the arithmetic of a large model. mmsegmentation's head has a ReLU after
  /// each `linearC`, so its two matrices stay separate; the rest is the same (ref: mmsegmentation `segformer_head.py`).
  ///
  /// @param linearC `[D, C]` for each stage
  /// @param linearCBias `[D]` for each stage
  /// @param linearFuse `[D, stages · D]`, including the following batch norm; columns for the coarsest map first, in
  /// mmsegmentation's head for the finest first
  /// @param linearFuseBias `[D]`
  /// @param linearPred `D → classes`
  record Head(List<Tensor> linearC, List<Tensor> linearCBias, Tensor linearFuse, Tensor linearFuseBias, Linear linearPred,
      boolean mmseg) {
    static Head load(SegformerConfig c, Weights w) {
      int count = c.stages().size(), dim = c.decoderDim();
      return new Head(
          IntStream.range(0, count).mapToObj(i -> w.at("linear_c").at(i).tensor("weight", dim, c.stages().get(i).dim())).toList(),
          IntStream.range(0, count).mapToObj(i -> w.at("linear_c").at(i).tensor("bias", dim)).toList(),
          w.normedTensor("linear_fuse.weight", dim, count * dim), w.tensor("linear_fuse.bias", dim),
          w.linear("linear_pred", dim, c.numClasses()), c.mmsegHead());
    }

    Tensor forward(List<Tensor> features) {                                           // [B, H, W, C] each
      int last = features.size() - 1, height = features.getFirst().dim(1), width = features.getFirst().dim(2);
      Tensor x = null, bias = linearFuseBias;
      for (int i = 0; i <= last; i++) {
        Tensor part;                                                                  // [B, H, W, D]
        if (mmseg) {
          var map = project(features.get(i), linearC.get(i).transposed(0, 1)).plus(linearCBias.get(i)).activate(Activation.RELU);
          part = project(map, columns(i));
        } else {
          var fused = fused(i, features.get(i).workspace());
          bias = fused.bias.plus(bias);
          part = project(features.get(i), fused.columns);
        }
        // Resizing preserves constants, so the biases of all maps are added to the smallest.
        if (i == last) part = part.plus(bias);
        x = x == null ? part : x.plus(part.resize(height, width, Interpolation.BILINEAR));
      }
      return linearPred.forward(x.activate(Activation.RELU));                         // [B, H, W, classes]
    }

    /// The product of a stage's `linearC` and its columns of `linearFuse`.
    ///
    /// @param columns `[C, D]`
    /// @param bias `[D]`
    private record Fused(Tensor columns, Tensor bias) {}

    /// The product for one stage. It depends only on weights, so it is computed once.
    private Fused fused(int stage, Workspace workspace) {
      int channels = linearC.get(stage).dim(1);
      var both = workspace.constant(List.of("fused", linearC.get(stage)), linearC.get(stage), c ->
          withBias(stage, c).matmul(columns(stage), 1));
      return new Fused(both.slice(0, 0, channels), both.select(0, channels));
    }

    /// The stage's `linearC`, transposed, followed by its bias: `[C + 1, D]`.
    private Tensor withBias(int stage, Tensor weight) {
      int dim = weight.dim(0), channels = weight.dim(1);
      var both = weight.allocate(channels + 1, dim);
      both.slice(0, 0, channels).set(weight.transposed(0, 1));
      both.slice(0, channels, channels + 1).set(linearCBias.get(stage).reshape(1, dim));
      return both;
    }

    /// The columns of `linearFuse` for a stage, `[D, D]`, transposed.
    private Tensor columns(int stage) {
      int dim = linearFuse.dim(0), from = (mmseg ? stage : linearC.size() - 1 - stage) * dim;
      return linearFuse.slice(1, from, from + dim).transposed(0, 1);
    }

    private static Tensor project(Tensor map, Tensor columns) {
      int batch = map.dim(0), height = map.dim(1), width = map.dim(2);
      return map.reshape(batch * height * width, map.dim(3)).matmul(columns, 1).reshape(batch, height, width, columns.dim(1));
    }
  }

  /// As [dev.fovea.models.ModelConfig#load].
  public static Segformer load(SegformerConfig c, Weights w) {
    return new Segformer(c, IntStream.range(0, c.stages().size()).mapToObj(i -> Stage.load(c, i, w.at("stages").at(i))).toList(),
        Head.load(c, w.at("head")));
  }

  /// `[B, channels, H, W]` → logits at a quarter of the size. H and W must be at least [SegformerConfig#minSide()].
  ///
  /// @throws InputException if the picture has another number of channels or is smaller
  public Output forward(Tensor image, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    int least = config.minSide();
    if (image.rank() != 4 || image.dim(1) != config.numChannels() || image.dim(2) < least || image.dim(3) < least)
      throw new InputException("expected pictures [B, " + config.numChannels() + ", H, W] of at least " + least + "x" + least
          + ", got " + image);
    var features = new ArrayList<Tensor>();
    int first = 0;
    for (var stage : stages) {
      features.add(stage.forward(features.isEmpty() ? image : features.getLast(), first, probe));
      first += stage.blocks.size();
    }
    for (int i = 0; i < features.size(); i++) probe.see("hidden_states", i, features.get(i));
    return new Output(head.forward(features), features);
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, config.numChannels(), config.imageHeight(), config.imageWidth(), size));
  }

  /// The published head fuses `stages · D` channels at the resolution of the finest map. This one multiplies the matrices in
  /// advance, or fuses mmsegmentation's maps at their own resolutions.
  @Override
  public long savedMacs(int batch, int size) {
    int height = size == 0 ? config.imageHeight() : size, width = size == 0 ? config.imageWidth() : size;
    long published = 0, done = 0, samples = 0;
    for (int i = 0; i < config.stages().size(); i++) {
      var stage = config.stages().get(i);
      height = stage.window().rows(height);
      width = stage.window().cols(width);
      if (i == 0) samples = (long) batch * height * width;
      published += samples;
      if (config.mmsegHead()) done += (long) batch * height * width;
    }
    return (published - done) * config.decoderDim() * config.decoderDim();
  }

  /// `logits`, and if requested `hidden_states.N` of stages and `attentions.N` of blocks; maps are channels-first, as in the
  /// reference.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var logits = planes(forward(inputs.get(PIXEL_VALUES), probe).logits);
    var named = new LinkedHashMap<String, Tensor>();
    probe.tensors().forEach((name, tensor) -> named.put(name, probe.attentions().containsKey(name) ? tensor : planes(tensor)));
    named.put("logits", logits);
    return named;
  }

  @Override
  public Map<String, Tensor> atPictureSize(Map<String, Tensor> outputs, Preprocessing.Size size) {
    Objects.requireNonNull(size, "size");
    var logits = outputs.get("logits").transposed(1, 2).transposed(2, 3).contiguous();   // [B, H, W, classes]
    return Map.of("upsampled_logits", planes(logits.resize(size.height(), size.width(), Interpolation.BILINEAR)),
        "segmentation", logits.argmax(size.height(), size.width(), Interpolation.BILINEAR));
  }

  private static Tensor planes(Tensor map) {                                          // [B, H, W, C] → [B, C, H, W]
    return map.transposed(2, 3).transposed(1, 2).contiguous();
  }

  @Override
  public int numClasses() {
    return config.numClasses();
  }

  @Override
  public int minSide() {
    return config.stages().getFirst().stride();
  }

  @Override
  public Tensor logits(Tensor image) {
    return forward(image, Probe.NONE).logits;
  }
}
