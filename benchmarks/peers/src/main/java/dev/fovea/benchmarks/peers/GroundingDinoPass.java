package dev.fovea.benchmarks.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A Grounding DINO for pictures of one size without padding and one text (ref: transformers `modeling_grounding_dino.py`,
/// `GroundingDinoForObjectDetection`), with eager attention and deformable attention by `grid_sample`. What depends on the size and
/// the text alone is constant, as after an export; masks of padding, which hide nothing here, are left out, and so are the results
/// that only training needs.
///
/// Shapes: S samples of all levels, N tokens, Q queries, C channels, D = C / heads, L levels, P points.
final class GroundingDinoPass<V> {
  private static final float BOX_EPS = 1e-5f, CLAMP = 50_000, BOX_TEMPERATURE = 10_000;
  private static final int GROUPS = 32;

  private final Operations<V> ops;
  private final GroundingDinoSizes c;
  private final SwinPass<V> swin;
  private final BertPass<V> bert;
  private final List<Level> levels = new ArrayList<>();
  private final int samples;
  private final int tokens;
  private final V positions;
  private final V centres;
  private final V sizes;
  private final V textPositions;
  private final V textMask;
  private final V valid;
  private final V proposals;
  private final V queries;
  private final V frequencies;
  private final V noTokens;

  /// A feature map and the place of its first sample.
  private record Level(int rows, int cols, int start) {}

  /// What a pass finds.
  ///
  /// @param logits `[1, Q, maxTextLen]`, `-∞` beyond the text
  /// @param boxes `[1, Q, 4]`
  /// @param vision `[1, S, C]`, the encoder's features of the picture
  /// @param text `[1, N, C]`, the encoder's features of the text
  /// @param first `[1, Q, 4]`, boxes before the decoder
  record Found<V>(V logits, V boxes, V vision, V text, V first) {}

  /// The encoder's features.
  private record Pair<V>(V vision, V text) {}

  GroundingDinoPass(Operations<V> ops, Parameters parameters, GroundingDinoSizes sizes, DetectorInput input) {
    this.ops = ops;
    c = sizes;
    int dim = c.dim();
    int height = input.height(), width = input.width();
    var phrases = input.phrases();
    tokens = input.tokens().length;
    swin = new SwinPass<>(ops, parameters, c.swin(), "model.backbone.conv_encoder.model.", height, width);
    bert = new BertPass<>(ops, parameters, c.bert(), "model.text_backbone.", phrases);
    int rows = Math.ceilDiv(height, 2 * c.swin().patch()), cols = Math.ceilDiv(width, 2 * c.swin().patch()), count = 0;
    for (int i = 0; i < c.levels(); i++, count += levels.getLast().rows * levels.getLast().cols) {
      levels.add(new Level(rows, cols, count));
      rows = Math.ceilDiv(rows, 2);
      cols = Math.ceilDiv(cols, 2);
    }
    samples = count;
    positions = ops.constant(positions(parameters.get("model.level_embed", c.levels(), dim)), 1, samples, dim);
    var normalizers = new float[2 * c.levels()];
    for (int i = 0; i < c.levels(); i++) {
      normalizers[2 * i] = levels.get(i).cols;
      normalizers[2 * i + 1] = levels.get(i).rows;
    }
    this.sizes = ops.constant(normalizers, 1, 1, 1, c.levels(), 1, 2);
    var places = new float[2 * samples];
    var boxes = new float[4 * samples];
    var inside = new float[samples];
    propose(places, boxes, inside);
    centres = ops.constant(places, 1, samples, 1, 1, 1, 2);
    proposals = ops.constant(boxes, 1, samples, 4);
    valid = ops.constant(inside, 1, samples, 1);
    textPositions = ops.constant(phrases.embedding(), 1, tokens, dim);
    textMask = ops.constant(phrases.mask(), 1, 1, tokens, tokens);
    queries = ops.constant(parameters.get("model.query_position_embeddings.weight", c.queries(), dim), 1, c.queries(), dim);
    var scales = SinePositions.frequencies(dim / 2, BOX_TEMPERATURE);
    var floats = new float[scales.length];
    for (int i = 0; i < scales.length; i++) floats[i] = (float) scales[i];
    frequencies = ops.constant(floats, scales.length);
    var rest = new float[c.queries() * (c.maxTextLen() - tokens)];
    Arrays.fill(rest, Float.NEGATIVE_INFINITY);
    noTokens = ops.constant(rest, 1, c.queries(), c.maxTextLen() - tokens);
    for (int i = 0; i < c.encoderLayers(); i++)
      pointAway(parameters, "model.encoder.layers." + i + ".deformable_layer.self_attn", c.encoder());
    for (int i = 0; i < c.decoderLayers(); i++)
      pointAway(parameters, "model.decoder.layers." + i + ".encoder_attn", c.decoder());
  }

  /// The number of samples of all levels.
  int samples() {
    return samples;
  }

  private void pointAway(Parameters parameters, String name, GroundingDinoSizes.Part part) {
    parameters.pointAway(name + ".sampling_offsets.bias", part.heads(), c.levels(), part.points());
  }

  /// `[S, C]`: places in the map, and the level's own numbers.
  private float[] positions(float[] levelEmbed) {
    int dim = c.dim();
    var all = new float[samples * dim];
    for (int i = 0; i < c.levels(); i++) {
      var level = levels.get(i);
      var map = SinePositions.ofMap(level.rows, level.cols, dim, c.temperature());
      for (int j = 0; j < map.length; j++) all[level.start * dim + j] = map[j] + levelEmbed[i * dim + j % dim];
    }
    return all;
  }

  /// Each sample's centre, its box before the sigmoid, and 1 where the box is well inside, as float32 arithmetic says.
  private void propose(float[] places, float[] boxes, float[] inside) {
    for (int i = 0; i < c.levels(); i++) {
      var level = levels.get(i);
      float side = 0.05f * (1 << i);
      for (int y = 0, at = level.start; y < level.rows; y++)
        for (int x = 0; x < level.cols; x++, at++) {
          var box = new float[] {(x + 0.5f) / level.cols, (y + 0.5f) / level.rows, side, side};
          System.arraycopy(box, 0, places, 2 * at, 2);
          inside[at] = 1;
          for (float number : box) if (!(number > 0.01f && number < 0.99f)) inside[at] = 0;
          for (int j = 0; j < 4; j++)
            boxes[4 * at + j] = inside[at] > 0 ? (float) Math.log(box[j] / (1 - box[j])) : Float.POSITIVE_INFINITY;
        }
    }
  }

  /// @param pixels `[1, 3, height, width]`
  /// @param ids `[1, N]`, the text's
  Found<V> forward(V pixels, V ids) {
    int dim = c.dim();
    var text = ops.part(() -> ops.linear(bert.forward(ids), "model.text_projection", c.bert().dim(), dim));   // [1, N, C]
    var vision = ops.part(() -> maps(swin.forward(pixels)));                                                    // [1, S, C]
    var features = new Pair<>(vision, text);
    for (int i = 0; i < c.encoderLayers(); i++) features = encoderLayer(features, "model.encoder.layers." + i + ".");
    var encoded = features;
    var first = ops.part(() -> firstBoxes(encoded));                                                            // [1, Q, 4]
    var found = decoded(encoded, first);
    return new Found<>(found.getFirst(), found.getLast(), encoded.vision, encoded.text, first);
  }

  /// The maps of all levels, one after the other; the last level is made of the backbone's last stage.
  private V maps(List<SwinPass.Features<V>> stages) {
    var all = new ArrayList<V>();
    for (int i = 0; i < c.levels(); i++) {
      boolean extra = i == stages.size();
      var from = stages.get(extra ? i - 1 : i);
      var level = levels.get(i);
      var name = "model.input_proj_vision." + i;
      var x = ops.transpose(ops.reshape(from.values(), 1, from.rows(), from.cols(), from.dim()), 0, 3, 1, 2);
      x = extra ? ops.convolution(x, name + ".0", from.dim(), c.dim(), 3, 2, 1)
          : ops.convolution(x, name + ".0", from.dim(), c.dim(), 1, 1, 0);
      x = ops.groupNorm(x, name + ".1", GROUPS, c.dim(), level.rows, level.cols);
      all.add(ops.transpose(ops.reshape(x, 1, c.dim(), (long) level.rows * level.cols), 0, 2, 1));
    }
    return ops.concat(1, all);
  }

  private Pair<V> encoderLayer(Pair<V> in, String at) {
    var out = ops.scope(() -> {
      var fused = fused(in, at + "fusion_layer.");
      return List.of(deformableLayer(fused.vision, at + "deformable_layer."), textLayer(fused.text, at + "text_enhancer_layer."));
    });
    return new Pair<>(out.getFirst(), out.getLast());
  }

  /// Attention from the picture to the text and back, with the same scores.
  private Pair<V> fused(Pair<V> in, String at) {
    int dim = c.dim(), wide = c.encoder().mlp() / 2, heads = c.encoder().heads() / 2;
    var name = at + "attn.";
    var vision = layerNorm(in.vision, at + "layer_norm_vision");
    var text = layerNorm(in.text, at + "layer_norm_text");
    var q = ops.times(ops.linear(vision, name + "vision_proj", dim, wide), (float) (1 / Math.sqrt((double) wide / heads)));
    var k = heads(ops.linear(text, name + "text_proj", dim, wide), tokens, wide, heads);
    var scores = ops.matMul(heads(q, samples, wide, heads), ops.transpose(k, 0, 1, 3, 2));          // [1, heads, S, N]
    scores = ops.clip(ops.minus(scores, ops.max(scores)), -CLAMP, CLAMP);
    var back = ops.transpose(scores, 0, 1, 3, 2);
    back = ops.clip(ops.minus(back, ops.maxOfLast(back)), -CLAMP, CLAMP);
    var visionValues = heads(ops.linear(vision, name + "values_vision_proj", dim, wide), samples, wide, heads);
    var textValues = heads(ops.linear(text, name + "values_text_proj", dim, wide), tokens, wide, heads);
    var toVision = joined(ops.matMul(ops.softmax(scores), textValues), samples, wide);
    var toText = joined(ops.matMul(ops.softmax(back), visionValues), tokens, wide);
    var visionDelta = ops.linear(toVision, name + "out_vision_proj", wide, dim);
    var textDelta = ops.linear(toText, name + "out_text_proj", wide, dim);
    return new Pair<>(ops.plus(vision, ops.scaled(visionDelta, at + "vision_param", dim)),
        ops.plus(text, ops.scaled(textDelta, at + "text_param", dim)));
  }

  private V textLayer(V in, String at) {
    int dim = c.dim(), wide = c.encoder().mlp() / 2;
    var q = ops.plus(in, textPositions);
    var x = ops.plus(in, attention(q, tokens, q, in, tokens, c.encoder().heads() / 2, textMask, at + "self_attn."));
    x = layerNorm(x, at + "layer_norm_before");
    var hidden = ops.relu(ops.linear(x, at + "fc1", dim, wide));
    return layerNorm(ops.plus(ops.linear(hidden, at + "fc2", wide, dim), x), at + "layer_norm_after");
  }

  private V deformableLayer(V in, String at) {
    int heads = c.encoder().heads(), points = c.encoder().points();
    var name = at + "self_attn.";
    var x = ops.part(() -> {
      var q = ops.plus(in, positions);
      var places = ops.plus(ops.over(offsets(q, samples, heads, points, name), sizes), centres);   // [1, S, heads, L, P, 2]
      return ops.plus(in, deformable(q, samples, in, places, heads, points, name));
    });
    return ops.part(() -> feedForward(layerNorm(x, at + "self_attn_layer_norm"), c.encoder().mlp(), at));
  }

  /// `[1, n, C]` → `[1, n, heads, L, P, 2]`.
  private V offsets(V q, int n, int heads, int points, String name) {
    return ops.reshape(ops.linear(q, name + "sampling_offsets", c.dim(), heads * c.levels() * points * 2), 1, n, heads, c.levels(),
        points, 2);
  }

  /// Weighted samples of all levels' values.
  ///
  /// @param q `[1, n, C]`
  /// @param values `[1, S, C]`
  /// @param places `[1, n, heads, L, P, 2]`, as shares of each map's width and height
  private V deformable(V q, int n, V values, V places, int heads, int points, String name) {
    int dim = c.dim(), depth = dim / heads, all = c.levels() * points;
    var v = ops.linear(values, name + "value_proj", dim, dim);
    var weights = ops.softmax(ops.reshape(ops.linear(q, name + "attention_weights", dim, heads * all), 1, n, heads, all));
    var grids = ops.plus(ops.times(places, 2), -1);
    var sampled = new ArrayList<V>();
    for (int i = 0; i < c.levels(); i++) {
      var level = levels.get(i);
      var map = ops.transpose(ops.slice(v, 1, level.start, level.start + level.rows * level.cols, 1), 0, 2, 1);
      map = ops.reshape(map, heads, depth, level.rows, level.cols);
      var grid = ops.reshape(ops.slice(grids, 3, i, i + 1, 1), 1, n, heads, points, 2);
      grid = ops.reshape(ops.transpose(grid, 0, 2, 1, 3, 4), heads, n, points, 2);
      sampled.add(ops.sampled(map, grid));                                                          // [heads, D, n, P]
    }
    weights = ops.reshape(ops.transpose(weights, 0, 2, 1, 3), heads, 1, n, all);
    var sums = ops.sumOfLast(ops.times(ops.concat(3, sampled), weights));                           // [heads, D, n]
    return ops.linear(ops.transpose(ops.reshape(sums, 1, dim, n), 0, 2, 1), name + "output_proj", dim, dim);
  }

  /// The boxes of the samples that fit the text best, `[1, Q, 4]`.
  private V firstBoxes(Pair<V> encoded) {
    int dim = c.dim();
    var x = ops.linear(ops.times(encoded.vision, valid), "model.enc_output", dim, dim);
    x = layerNorm(x, "model.enc_output_norm");
    var fit = ops.maxOfLast(ops.matMul(x, ops.transpose(encoded.text, 0, 2, 1)));                   // [1, S, 1]
    var best = ops.top(ops.reshape(fit, 1, samples), c.queries());
    var boxes = ops.plus(boxHead(x, "model.encoder_output_bbox_embed."), proposals);
    return ops.sigmoid(ops.rows(boxes, best, c.queries()));
  }

  /// Logits and boxes of the last layer; each layer starts from the boxes of the one before.
  private List<V> decoded(Pair<V> encoded, V first) {
    return ops.scope(() -> {
      var x = queries;
      var boxes = first;
      for (int i = 0; i < c.decoderLayers(); i++) {
        if (i > 0) boxes = refined(x, boxes);
        x = decoderLayer(x, boxes, encoded, "model.decoder.layers." + i + ".");
      }
      x = layerNorm(x, "model.decoder.layer_norm");
      var logits = ops.concat(2, List.of(ops.matMul(x, ops.transpose(encoded.text, 0, 2, 1)), noTokens));
      return List.of(logits, refined(x, boxes));
    });
  }

  private V refined(V x, V boxes) {
    var inner = ops.clip(boxes, BOX_EPS, 1 - BOX_EPS);
    var logit = ops.log(ops.over(inner, ops.plus(ops.times(inner, -1), 1)));
    return ops.sigmoid(ops.plus(boxHead(x, "bbox_embed.0."), logit));
  }

  private V decoderLayer(V in, V boxes, Pair<V> encoded, String at) {
    int n = c.queries(), heads = c.decoder().heads(), points = c.decoder().points();
    return ops.part(() -> {
      var position = boxPositions(boxes);
      var q = ops.plus(in, position);
      var x = ops.plus(in, attention(q, n, q, in, n, heads, null, at + "self_attn."));
      x = layerNorm(x, at + "self_attn_layer_norm");
      var text = encoded.text;
      x = ops.plus(x, attention(ops.plus(x, position), n, text, text, tokens, heads, null, at + "encoder_attn_text."));
      x = layerNorm(x, at + "encoder_attn_text_layer_norm");
      q = ops.plus(x, position);
      var name = at + "encoder_attn.";
      var around = ops.over(offsets(q, n, heads, points, name), points);
      around = ops.times(ops.times(around, ops.reshape(ops.slice(boxes, 2, 2, 4, 1), 1, n, 1, 1, 1, 2)), 0.5f);
      var places = ops.plus(around, ops.reshape(ops.slice(boxes, 2, 0, 2, 1), 1, n, 1, 1, 1, 2));
      x = ops.plus(x, deformable(q, n, encoded.vision, places, heads, points, name));
      return feedForward(layerNorm(x, at + "encoder_attn_layer_norm"), c.decoder().mlp(), at);
    });
  }

  /// Sines of centre y, centre x, width and height, through two linear layers: `[1, Q, 4]` → `[1, Q, C]`.
  private V boxPositions(V boxes) {
    int n = c.queries(), dim = c.dim(), pairs = dim / 4;
    var name = "model.decoder.reference_points_head.layers.";
    var order = List.of(ops.slice(boxes, 2, 1, 2, 1), ops.slice(boxes, 2, 0, 1, 1), ops.slice(boxes, 2, 2, 4, 1));
    var angles = ops.times(ops.reshape(ops.concat(2, order), 1, n, 4, 1), frequencies);
    var sines = ops.reshape(ops.sin(angles), 1, n, 4, pairs, 1);
    var cosines = ops.reshape(ops.cos(angles), 1, n, 4, pairs, 1);
    var x = ops.reshape(ops.concat(4, List.of(sines, cosines)), 1, n, 2L * dim);
    return ops.linear(ops.relu(ops.linear(x, name + "0", 2 * dim, dim)), name + "1", dim, dim);
  }

  private V boxHead(V x, String at) {
    int dim = c.dim();
    for (int i = 0; i < 2; i++) x = ops.relu(ops.linear(x, at + "layers." + i, dim, dim));
    return ops.linear(x, at + "layers.2", dim, 4);
  }

  private V feedForward(V x, int wide, String at) {
    var hidden = ops.relu(ops.linear(x, at + "fc1", c.dim(), wide));
    return layerNorm(ops.plus(x, ops.linear(hidden, at + "fc2", wide, c.dim())), at + "final_layer_norm");
  }

  private V attention(V queries, int n, V keys, V values, int keyCount, int heads, V mask, String name) {
    int dim = c.dim();
    var q = heads(ops.linear(queries, name + "query", dim, dim), n, dim, heads);
    var k = ops.reshape(ops.linear(keys, name + "key", dim, dim), 1, keyCount, heads, dim / heads);
    var v = heads(ops.linear(values, name + "value", dim, dim), keyCount, dim, heads);
    var scores = ops.over(ops.matMul(q, ops.transpose(k, 0, 2, 3, 1)), (float) Math.sqrt((double) dim / heads));
    if (mask != null) scores = ops.plus(scores, mask);
    return ops.linear(joined(ops.matMul(ops.softmax(scores), v), n, dim), name + "out_proj", dim, dim);
  }

  /// `[1, n, C]` → `[1, heads, n, D]`.
  private V heads(V x, int n, int dim, int heads) {
    return ops.transpose(ops.reshape(x, 1, n, heads, dim / heads), 0, 2, 1, 3);
  }

  /// `[1, heads, n, D]` → `[1, n, C]`.
  private V joined(V x, int n, int dim) {
    return ops.reshape(ops.transpose(x, 0, 2, 1, 3), 1, n, dim);
  }

  private V layerNorm(V x, String name) {
    return ops.layerNorm(x, name, c.dim(), c.eps());
  }
}
