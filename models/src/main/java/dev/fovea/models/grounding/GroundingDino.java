package dev.fovea.models.grounding;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Conv2d;
import dev.fovea.engine.nn.DeformableAttention;
import dev.fovea.engine.nn.GroupNorm;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.MapSize;
import dev.fovea.kernels.Window;
import dev.fovea.models.DetectsPhrases;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.bert.Bert;
import dev.fovea.models.swin.Swin;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;

/// Grounding DINO, which finds in a picture what a text names (Liu et al., "Grounding DINO: Marrying DINO with Grounded
/// Pre-Training for Open-Set Object Detection", 2023; ref: transformers `models/grounding_dino/modeling_grounding_dino.py`), and MM
/// Grounding DINO (Zhao et al., "An Open and Comprehensive Pipeline for Unified Object Grounding and Detection", 2024; ref:
/// transformers `models/mm_grounding_dino`).
///
/// A picture becomes maps of several sizes, a text becomes tokens. The encoder lets both look at each other. The positions of the
/// maps that fit the text best become the first boxes, which the decoder refines. A box's scores are its products with the tokens.
///
/// Shapes: B pictures with a text each, S positions of all L maps, N tokens, Q boxes, C channels.
///
/// @param text without a pooler
/// @param textProj to `C` channels
/// @param inputProjs of each map to `C` channels
/// @param levelEmbed `[L, C]`, added to the position embeddings of each map
/// @param queryProj of positions that may become boxes
/// @param proposalHead `C → 4`, moves the boxes around the chosen positions
/// @param queries `[Q, C]`, the boxes' first features; null if those are the chosen positions' own
/// @param scoreBias `[1]`, added to all scores; null in the original model
public record GroundingDino(GroundingDinoConfig config, Swin backbone, Bert text, Linear textProj, List<InputProj> inputProjs,
    Tensor levelEmbed, Encoder encoder, Linear queryProj, LayerNorm queryNorm, Perceptron proposalHead, @Nullable Tensor queries,
    Decoder decoder, @Nullable Tensor scoreBias) implements Model, DetectsPhrases {
  /// Name of the input with the padding of the pictures, `[B, H, W]`: 0 for pixels, `-∞` for padding.
  public static final String PIXEL_MASK = "pixel_mask";

  /// Name of the input that tells how BERT's sub-sentences are kept apart, `[B, N]`. With 1, as in the eager attention of
  /// transformers 5, which adds its mask of booleans: the scores of tokens of the same sub-sentence are greater by 1. With 0, or
  /// without this input, as in its other attentions and in all implementations before: the others are hidden.
  public static final String EAGER = "eager_attention";

  static final String TEXT = "text";
  /// Groups of the norms of the projected maps.
  static final int GROUPS = 32;
  private static final float GROUP_NORM_EPS = 1e-5f;

  private static final String SELF_MASK = "text_self_attention_masks",
      BERT_MASK = "text_backbone_mask", POSITION_IDS = "position_ids",
      TEXT_POSITIONS = "text_position_embedding";
  private static final String MAP_POSITIONS = "vision_position_embedding", REFERENCES = "reference_points",
      PROPOSALS = "output_proposals", KEPT = "output_proposals_valid", HIDDEN = "vision_attention_mask", SHARES = "valid_ratios";

  /// Tokens and pictures of the inputs for measuring.
  private static final int TOKENS = 16, HEIGHT = 800, WIDTH = 1066;

  public GroundingDino {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(backbone, "backbone");
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(textProj, "textProj");
    Objects.requireNonNull(inputProjs, "inputProjs");
    Objects.requireNonNull(levelEmbed, "levelEmbed");
    Objects.requireNonNull(encoder, "encoder");
    Objects.requireNonNull(queryProj, "queryProj");
    Objects.requireNonNull(queryNorm, "queryNorm");
    Objects.requireNonNull(proposalHead, "proposalHead");
    Objects.requireNonNull(decoder, "decoder");
  }

  /// The projection of a map.
  record InputProj(Conv2d conv, GroupNorm norm) {
    static InputProj load(int in, int dim, Window window, Weights w) {
      return new InputProj(w.conv2d("conv", in, dim, window), w.groupNorm("norm", dim, GROUPS, GROUP_NORM_EPS));
    }

    Tensor forward(Tensor map) {
      return norm.forward(conv.forward(map));
    }
  }

  /// The results of a pass.
  ///
  /// @param logits `[B, Q, N]`
  /// @param features `[B, Q, C]`
  /// @param firstBoxes `[B, Q, 4]`, before the decoder
  record Output(Tensor logits, Tensor boxes, Tensor features, Tensor firstBoxes, Encoder.State encoded) {}

  static GroundingDino load(GroundingDinoConfig c, Weights w) {
    int dim = c.dim();
    return new GroundingDino(c, Swin.load(c.backbone(), w.at("backbone")), Bert.load(c.text(), w.at(TEXT)),
        w.linear("text_proj", c.text().encoder().blocks().dim(), dim), inputProjs(c, w.at("input_projs")),
        w.tensor("level_embed", c.levels(), dim), Encoder.load(c, w.at("encoder")), w.linear("query_proj", dim, dim),
        w.layerNorm("query_norm", dim, c.layerNormEps()), Perceptron.load(dim, dim, 4, 3, w.at("proposal_head")),
        c.learntQueries() ? w.tensor("queries", c.numQueries(), dim) : null, Decoder.load(c, w.at("decoder")),
        c.mm() ? w.tensor("score_bias", 1) : null);
  }

  private static List<InputProj> inputProjs(GroundingDinoConfig c, Weights w) {
    var dims = c.backbone().outDims();
    var projs = new ArrayList<InputProj>();
    for (int i = 0; i < c.levels(); i++) {
      int in = i < dims.size() ? dims.get(i) : i == dims.size() ? dims.getLast() : c.dim();
      var window = i < dims.size() ? Window.square(1) : Window.square(3).stride(2).pad(1);
      projs.add(InputProj.load(in, c.dim(), window, w.at(i)));
    }
    return projs;
  }

  /// Deformable attention of encoder or decoder.
  static DeformableAttention deformable(GroundingDinoConfig c, GroundingDinoConfig.Layers layers, Weights w) {
    int dim = c.dim(), samples = layers.numHeads() * c.levels() * layers.points();
    return new DeformableAttention(w.linear("value", dim, dim), w.linear("offsets", dim, 2 * samples),
        w.linear("weights", dim, samples), w.linear("proj", dim, dim), layers.numHeads(), layers.points());
  }

  @Override
  public int maxTokens() {
    return Math.min(config.maxTokens(), config.text().encoder().maxTokens());
  }

  @Override
  public int vocabSize() {
    return config.text().encoder().vocabSize();
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    int tokens = Math.min(TOKENS, maxTokens());
    return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, config.backbone().numChannels(), HEIGHT, WIDTH, size),
        INPUT_IDS, ModelInput.tokens(vocabSize(), batch, tokens),
        ATTENTION_MASK, ModelInput.mask(INPUT_IDS, batch, tokens),
        TOKEN_TYPE_IDS, ModelInput.tokens(Math.max(1, config.text().typeVocabSize()), batch, tokens).zerosLike(INPUT_IDS),
        EAGER, new ModelInput(new int[] {batch, tokens}, ModelInput.Kind.TOKENS, 2, INPUT_IDS, 1),
        PIXEL_MASK, ModelInput.mask(PIXEL_VALUES, batch, size == 0 ? HEIGHT : size, size == 0 ? WIDTH : size));
  }

  /// Adds the sub-sentences of the texts, which are cut to the longest one that the model reads, and the places of the maps in
  /// padded pictures.
  ///
  /// @throws InputException if a padded picture has no pixels
  @Override
  public Map<String, Tensor> prepared(Map<String, Tensor> inputs) {
    var ids = inputs.get(INPUT_IDS);
    if (ids == null) return inputs;
    if (ids.rank() != 2 || ids.dim(1) < 1) throw new InputException("expected tokens [B, 1 or more], got " + ids);
    var all = new HashMap<>(inputs);
    int tokens = Math.min(ids.dim(1), maxTokens());
    if (tokens < ids.dim(1))
      for (var name : List.of(INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS))
        all.computeIfPresent(name, (_, text) -> host(text, text.slice(1, 0, tokens)::toArray, text.dim(0), tokens));
    addText(ids, tokens, all.remove(EAGER), all);
    var mask = all.remove(PIXEL_MASK);
    var picture = inputs.get(PIXEL_VALUES);
    if (mask != null && !mask.isShapeOnly() && picture.rank() == 4) addPadding(mask, picture, all);
    return all;
  }

  private void addText(Tensor ids, int tokens, @Nullable Tensor eager, Map<String, Tensor> inputs) {
    int batch = ids.dim(0), dim = config.dim();
    var release = config.textPositions();
    var parts = ids.isShapeOnly() ? null : SubSentences.of(ids.toArray(), batch, ids.dim(1), tokens, release);
    inputs.put(SELF_MASK, host(ids, () -> parts.terms(0, Float.NEGATIVE_INFINITY), batch, tokens, tokens));
    if (eager != null && (eager.isShapeOnly() || eager.size() > 0 && eager.toArray()[0] == 1))
      inputs.put(BERT_MASK, host(ids, () -> parts.terms(1, 0), batch, tokens, tokens));
    inputs.put(POSITION_IDS, host(ids, () -> parts.positions(), batch, tokens));
    inputs.put(TEXT_POSITIONS, host(ids, () -> parts.embeddings(dim, release), batch, tokens, dim));
  }

  /// A tensor of computed values, or its shape if `from` has no memory.
  private static Tensor host(Tensor from, Supplier<float[]> values, int... shape) {
    return from.isShapeOnly() ? Tensor.shapeOnly(shape) : Tensor.of(Arena.ofAuto(), values.get(), shape);
  }

  private void addPadding(Tensor mask, Tensor picture, Map<String, Tensor> inputs) {
    var values = mask.toArray();
    boolean isPadded = false;
    for (float value : values) isPadded |= value != 0;
    if (!isPadded) return;
    int batch = picture.dim(0), height = picture.dim(2), width = picture.dim(3);
    if (mask.size() != (long) batch * height * width)
      throw new InputException("expected a mask of pixels [" + batch + ", " + height + ", " + width + "], got " + mask);
    var sizes = sizes(height, width);
    var all = IntStream.range(0, batch).mapToObj(i ->
        MapGeometry.padded(sizes, values, i * height * width, height, width)).toList();
    if (!all.stream().allMatch(MapGeometry::isAnythingVisible))
      throw new InputException("expected pixels in the first row and column of each map, got a picture that is all padding");
    int positions = all.getFirst().positions(), dim = config.dim();
    inputs.put(MAP_POSITIONS, batch(all, each -> each.embeddings(dim, config.temperature()), positions, dim));
    inputs.put(REFERENCES, batch(all, MapGeometry::references, positions, sizes.size(), 2));
    inputs.put(PROPOSALS, batch(all, MapGeometry::proposals, positions, 4));
    inputs.put(KEPT, batch(all, MapGeometry::kept, positions));
    inputs.put(HIDDEN, batch(all, MapGeometry::hidden, positions));
    inputs.put(SHARES, batch(all, MapGeometry::shares, sizes.size(), 4));
  }

  private static Tensor batch(List<MapGeometry> all, Function<MapGeometry, float[]> values, int... shape) {
    var parts = all.stream().map(values).toList();
    var whole = new float[parts.size() * parts.getFirst().length];
    for (int i = 0; i < parts.size(); i++) System.arraycopy(parts.get(i), 0, whole, i * parts.get(i).length, parts.get(i).length);
    return Tensor.of(Arena.ofAuto(), whole, IntStream.concat(IntStream.of(parts.size()), IntStream.of(shape)).toArray());
  }

  /// The sizes of the maps of a picture, in positions.
  private List<MapSize> sizes(int height, int width) {
    var c = config.backbone();
    int rows = Math.ceilDiv(height, c.patchSize()), cols = Math.ceilDiv(width, c.patchSize());
    var sizes = new ArrayList<MapSize>();
    for (int stage = 1; stage <= c.outIndices().getLast(); stage++) {
      if (stage > 1) {
        rows = Math.ceilDiv(rows, 2);
        cols = Math.ceilDiv(cols, 2);
      }
      if (c.outIndices().contains(stage)) sizes.add(new MapSize(rows, cols));
    }
    while (sizes.size() < config.levels()) {
      rows = Math.ceilDiv(rows, 2);
      cols = Math.ceilDiv(cols, 2);
      sizes.add(new MapSize(rows, cols));
    }
    return sizes;
  }

  @Override
  public Boxes boxes(Map<String, Tensor> inputs) {
    var output = forward(inputs, Probe.NONE);
    return new Boxes(output.logits, output.boxes);
  }

  /// The logits `[B, Q, longest text]`, `-∞` for padding; `pred_boxes` and `init_reference_points` `[B, Q, 4]`;
  /// `encoder_last_hidden_state_vision` `[B, S, C]`, `encoder_last_hidden_state_text` `[B, N, C]` and `last_hidden_state`
  /// `[B, Q, C]`. A probe can select the attentions and hidden states of the backbone, `backbone.…`, of BERT, `text.…`, of the
  /// encoder, `encoder.…`, and of the decoder, `decoder.…`.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var output = forward(inputs, probe);
    var named = new LinkedHashMap<>(probe.tensors());
    named.put("logits", padded(output.logits));
    named.put("pred_boxes", output.boxes);
    named.put("init_reference_points", output.firstBoxes);
    named.put("encoder_last_hidden_state_vision", output.encoded.vision());
    named.put("encoder_last_hidden_state_text", output.encoded.text());
    named.put("last_hidden_state", output.features);
    return named;
  }

  private Tensor padded(Tensor logits) {
    int batch = logits.dim(0), count = logits.dim(1), rest = config.maxTokens() - logits.dim(2);
    if (rest <= 0) return logits;
    var padding = Tensor.of(Arena.ofAuto(), new float[] {Float.NEGATIVE_INFINITY}, 1).select(0, 0).expand(rest).expand(count)
        .expand(batch);
    return Tensor.concat(2, logits, padding);
  }

  private Output forward(Map<String, Tensor> inputs, Probe probe) {
    var picture = inputs.get(PIXEL_VALUES);
    var maps = new ArrayList<>(backbone.forward(picture, probe.at("backbone.")));
    var last = maps.getLast();
    int batch = picture.dim(0);
    var flat = new ArrayList<Tensor>();
    var sizes = new ArrayList<MapSize>();
    for (int i = 0; i < inputProjs.size(); i++) {
      last = inputProjs.get(i).forward(i < maps.size() ? maps.get(i) : last);
      sizes.add(new MapSize(last.dim(1), last.dim(2)));
      flat.add(last.reshape(batch, last.dim(1) * last.dim(2), config.dim()));
      if (i + 1 == maps.size()) last = maps.getLast();
    }
    return forward(Tensor.concat(1, flat.toArray(Tensor[]::new)), sizes, inputs, probe);
  }

  /// @param vision the projected maps, `[B, S, C]`
  Output forward(Tensor vision, List<MapSize> sizes, Map<String, Tensor> inputs, Probe probe) {
    int batch = vision.dim(0), dim = config.dim(), count = config.numQueries();
    var picture = inputs.get(PIXEL_VALUES);
    if (vision.dim(1) < count)
      throw new InputException("expected pictures whose maps have at least " + count + " positions, got "
          + picture.dim(3) + "x" + picture.dim(2) + " with " + vision.dim(1));
    var pass = pass(inputs, sizes, batch, vision.workspace(), probe);
    var seen = Pass.scores(inputs.getOrDefault(BERT_MASK, pass.selfMask()), config.text().encoder().blocks().numHeads());
    var words = text.features(inputs.get(INPUT_IDS), inputs.get(TOKEN_TYPE_IDS), inputs.get(POSITION_IDS), seen,
        probe.at("text."));
    var encoded = encoder.forward(new Encoder.State(vision, textProj.forward(words)), pass, probe.at("encoder."));
    var chosen = queryNorm.forward(queryProj.forward(encoded.vision().times(pass.kept())));
    var best = scores(chosen, encoded.text(), pass).topRows(count).reshape(batch * count);
    var candidates = chosen.rows(best).reshape(batch, count, dim);
    var proposals = proposals(pass, batch).rows(best).reshape(batch, count, 4);
    var first = proposalHead.forward(candidates).plus(proposals).activate(Activation.SIGMOID);
    var output = decoder.forward(queries == null ? candidates : repeated(queries, candidates), first, encoded, pass,
        probe.at("decoder."));
    return new Output(scores(output.features(), encoded.text(), pass), output.boxes(), output.features(), first, encoded);
  }

  private static Tensor repeated(Tensor queries, Tensor like) {
    var all = like.allocate(like.shape());
    all.set(queries.expand(like.dim(0)));
    return all;
  }

  /// How well each token fits each row: `[B, M, C]` and `[B, N, C]` → `[B, M, N]`.
  private Tensor scores(Tensor x, Tensor words, Pass pass) {
    var scores = x.matmul(words.transposed(1, 2), scoreBias == null ? 1 : (float) (1 / Math.sqrt(config.dim())));
    var terms = pass.attentionMask();                                                 // [B, N]
    if (scoreBias != null) terms = terms.reshape(terms.dim(0), terms.dim(1), 1).plus(scoreBias).reshape(terms.shape());
    var out = x.allocate(scores.shape());
    for (int i = 0; i < x.dim(0); i++) out.select(0, i).set(scores.select(0, i).plus(terms.select(0, i)));
    return out;
  }

  private static Tensor proposals(Pass pass, int batch) {
    var proposals = pass.proposals();
    return proposals.rank() == 3 ? proposals : proposals.expand(batch).contiguous();
  }

  private Pass pass(Map<String, Tensor> inputs, List<MapSize> sizes, int batch, Workspace workspace, Probe probe) {
    var places = Tokens.NONE;
    for (var size : sizes) places = places.and(probe.grid(size.height(), size.width()));
    var ids = inputs.get(INPUT_IDS);
    var tokens = probe.tokens(Tokens.Kind.TEXT, ids.dim(1));
    Tensor attentionMask = inputs.get(ATTENTION_MASK), selfMask = inputs.get(SELF_MASK), textPositions = inputs.get(TEXT_POSITIONS);
    if (inputs.containsKey(HIDDEN)) {
      var hidden = inputs.get(HIDDEN);
      var visible = hidden.activate(Activation.SIGMOID).times(2);                     // 1 and 0
      return new Pass(sizes, places, tokens, attentionMask, selfMask, textPositions,
          inputs.get(MAP_POSITIONS).plus(levels(sizes, hidden)), inputs.get(REFERENCES), inputs.get(PROPOSALS),
          channels(inputs.get(KEPT)), hidden, channels(visible), inputs.get(SHARES));
    }
    int positions = Math.toIntExact(MapSize.cells(sizes)), dim = config.dim();
    var mapPositions = workspace.constant(List.of("positions", this, sizes), levelEmbed, levels ->
        of(levels, MapGeometry.whole(sizes).embeddings(dim, config.temperature()), positions, dim).plus(levels(sizes, levels)));
    var references = constant("references", sizes, workspace, MapGeometry::references, positions, sizes.size(), 2);
    var proposals = constant("proposals", sizes, workspace, MapGeometry::proposals, positions, 4);
    var kept = constant("kept", sizes, workspace, MapGeometry::kept, positions);
    return new Pass(sizes, places, tokens, attentionMask, selfMask, textPositions, mapPositions,
        references.expand(batch).contiguous(), proposals, channels(kept), null, null, null);
  }

  /// Values that all pictures without padding have in common; they are computed for the first one of its size.
  private Tensor constant(String name, List<MapSize> sizes, Workspace workspace, Function<MapGeometry, float[]> values,
      int... shape) {
    return workspace.constant(List.of(name, this, sizes), levelEmbed, x -> of(x, values.apply(MapGeometry.whole(sizes)), shape));
  }

  /// A tensor of the pass of `x` with given values.
  private static Tensor of(Tensor x, float[] values, int... shape) {
    var tensor = x.allocate(shape);
    tensor.set(Tensor.of(Arena.ofAuto(), values, shape));
    return tensor;
  }

  /// The embedding of each position's map: `[S, C]`.
  private Tensor levels(List<MapSize> sizes, Tensor home) {
    int at = 0;
    var all = home.allocate(Math.toIntExact(MapSize.cells(sizes)), config.dim());
    for (int i = 0; i < sizes.size(); i++) {
      int count = Math.toIntExact(sizes.get(i).cells());
      all.slice(0, at, at + count).set(levelEmbed.select(0, i).expand(count));
      at += count;
    }
    return all;
  }

  /// A number for each position as one for each of its channels: `[…, S]` → `[…, S, C]`.
  private Tensor channels(Tensor x) {
    int rank = x.rank();
    var each = x.expand(config.dim());
    for (int i = 0; i < rank; i++) each = each.transposed(i, i + 1);
    return each.contiguous();
  }
}
