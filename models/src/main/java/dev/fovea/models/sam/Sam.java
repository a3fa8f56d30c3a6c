package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.models.Model;
import dev.fovea.models.ModelInput;
import dev.fovea.models.SavesMacs;
import dev.fovea.models.TakesPrompts;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// Segment Anything, which predicts the mask of the object at a point, in a box or in a rough mask (Kirillov et al., "Segment
/// Anything", 2023; ref: segment_anything `modeling/sam.py`; transformers `models/sam/modeling_sam.py`). The expensive part depends
/// only on the picture, so that further prompts are cheap.
///
/// Shapes: S × S pixels, G × G locations of the map, C channels, M masks.
public record Sam(SamConfig config, ImageEncoder imageEncoder, PromptEncoder promptEncoder,
    MaskDecoder maskDecoder) implements Model, TakesPrompts, SavesMacs {
  public Sam {
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(imageEncoder, "imageEncoder");
    Objects.requireNonNull(promptEncoder, "promptEncoder");
    Objects.requireNonNull(maskDecoder, "maskDecoder");
  }

  private static final String EMBEDDINGS = "image_embeddings";
  private static final String POINTS = "input_points", LABELS = "input_labels", BOXES = "input_boxes", MASKS = "input_masks";
  private static final Pattern PROMPT = Pattern.compile("(.+)\\.(" + String.join("|", POINTS, LABELS, BOXES, MASKS) + ")");

  static Sam load(SamConfig config, Weights w) {
    return new Sam(config, ImageEncoder.load(config, w.at("image_encoder")), PromptEncoder.load(config, w.at("prompt_encoder")),
        MaskDecoder.load(config, w.at("mask_decoder")));
  }

  /// Pictures `[B, channels, S, S]` → feature maps `[B, G, G, C]`.
  ///
  /// @throws InputException if the pictures have another size
  public Tensor embed(Tensor image) {
    return imageEncoder.forward(image, Probe.NONE);
  }

  /// The projections of the map's position embedding, the same for all pictures: computed once per model and cached.
  public MaskDecoder.Positions positions(Workspace workspace) {
    return maskDecoder.positions(workspace, promptEncoder.mapPositions(workspace));
  }

  /// A map `[G, G, C]` with the projections common to all prompts with this mask.
  ///
  /// @param mask logits `[4 G, 4 G]`; null for none
  public MaskDecoder.ProjectedMap project(Tensor map, @Nullable Tensor mask, MaskDecoder.Positions positions) {
    Objects.requireNonNull(map, "map");
    Objects.requireNonNull(positions, "positions");
    return maskDecoder.project(promptEncoder.map(map, mask), positions);
  }

  /// The masks of one prompt.
  ///
  /// @param points `[P, 2]`, `(x, y)` in pixels of the model's picture; null for none
  /// @param labels `[P]`: 1 on the object, 0 on the background; null for none
  /// @param box `[n, 4]`, `(x0, y0, x1, y1)`; null for none
  /// @param multimask whether to return the masks of an ambiguous prompt instead of the single one
  /// @param probe receives the decoder's attention maps by name
  /// @return tensors of the running pass
  public MaskDecoder.Output predict(MaskDecoder.ProjectedMap map, MaskDecoder.Positions positions, @Nullable Tensor points,
      @Nullable Tensor labels, @Nullable Tensor box, boolean multimask, Probe probe) {
    Objects.requireNonNull(map, "map");
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(probe, "probe");
    return maskDecoder.forward(map, positions, promptEncoder.tokens(points, labels, box), multimask, probe);
  }

  @Override
  public Map<String, ModelInput> inputs(int batch, int size) {
    int side = config.vision().imageSize();
    if (size != 0 && size != side) throw new InputException("expected pictures of " + side + " pixels, got " + size);
    return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, config.vision().numChannels(), side, side, 0));
  }

  /// The published image encoder also projects the padding of windows beyond the map's border.
  @Override
  public long savedMacs(int batch, int size) {
    var c = config.vision();
    long filled = (long) Math.ceilDiv(c.gridSize(), c.windowSize()) * c.windowSize(), grid = c.gridSize();
    int windowed = c.depth() - c.globalAttention().size();
    return batch * windowed * (filled * filled - grid * grid) * 4 * c.embedDim() * c.embedDim();
  }

  /// Any number of named prompts for a picture: `<prompt>.input_points` `[1, n, P, 2]`, `.input_labels` `[1, n, P]`, `.input_boxes`
  /// `[1, n, 4]`, `.input_masks` `[1, 1, 4 G, 4 G]`, where each has `n` parts.
  @Override
  public Map<String, ModelInput> inputs(Set<String> given) {
    var inputs = new LinkedHashMap<>(inputs(1, 0));
    for (var name : given) {
      var prompt = PROMPT.matcher(name);
      if (!prompt.matches()) continue;
      inputs.put(name, switch (prompt.group(2)) {
        case LABELS -> ModelInput.tokens(2, 1, 1, 1);
        case BOXES -> ModelInput.coordinates(1, 1, 4);
        case MASKS -> ModelInput.coordinates(1, 1, config.maskSize(), config.maskSize());
        default -> ModelInput.coordinates(1, 1, 1, 2);
      });
    }
    return inputs;
  }

  /// The feature maps, and for each prompt `<prompt>.multi.pred_masks`, `.iou_scores`, and the same in `<prompt>.single.…`. A probe
  /// can select `vision_hidden_states.N`, `vision_attentions.N`, and the decoder's attentions `<prompt>.multi.mask_decoder.N.…`,
  /// with `N` as the index of the prompt's part.
  @Override
  public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
    Objects.requireNonNull(probe, "probe");
    var maps = imageEncoder.forward(inputs.get(PIXEL_VALUES), probe.at("vision_"));   // [B, G, G, C]
    int batch = maps.dim(0), grid = maps.dim(1), dim = maps.dim(3);
    var outputs = new LinkedHashMap<String, Tensor>();
    outputs.put(EMBEDDINGS, maps.reshape(batch, grid * grid, dim).transposed(1, 2).contiguous().reshape(batch, dim, grid, grid));
    var prompts = new TreeSet<String>();
    inputs.keySet().forEach(name -> PROMPT.matcher(name).results().forEach(match -> prompts.add(match.group(1))));
    if (!prompts.isEmpty() && batch != 1) throw new InputException("expected one picture for prompts, got " + batch);
    for (var prompt : prompts) answer(prompt, inputs, maps.select(0, 0), positions(maps.workspace()), outputs, probe);
    outputs.putAll(probe.tensors());
    return outputs;
  }

  private void check(String prompt, @Nullable Tensor points, @Nullable Tensor labels, @Nullable Tensor boxes,
      @Nullable Tensor mask) {
    int side = config.maskSize(), count = points != null && points.rank() == 4 ? points.dim(1) : 1;
    if ((points == null) != (labels == null))
      throw new InputException("prompt " + prompt + ": expected points and labels together");
    if (points != null) {
      expect(prompt, points, 1, count, points.dim(-2), 2);
      expect(prompt, labels, 1, count, points.dim(-2));
    }
    if (boxes != null) expect(prompt, boxes, 1, points == null ? boxes.dim(1) : count, 4);
    if (mask != null) expect(prompt, mask, 1, 1, side, side);
  }

  private static void expect(String prompt, Tensor input, int... shape) {
    if (!Arrays.equals(input.shape(), shape))
      throw new InputException("prompt " + prompt + ": expected " + Arrays.toString(shape) + ", got " + input);
  }

  private void answer(String prompt, Map<String, Tensor> inputs, Tensor map, MaskDecoder.Positions positions,
      Map<String, Tensor> outputs, Probe probe) {
    Tensor points = inputs.get(prompt + "." + POINTS), labels = inputs.get(prompt + "." + LABELS);
    var boxes = inputs.get(prompt + "." + BOXES);
    var mask = inputs.get(prompt + "." + MASKS);
    check(prompt, points, labels, boxes, mask);
    var projected = project(map, mask == null ? null : mask.select(0, 0).select(0, 0), positions);
    int count = points != null ? points.dim(1) : boxes != null ? boxes.dim(1) : 1, side = config.maskSize();
    for (boolean multimask : new boolean[] {true, false}) {
      int masks = multimask ? config.masks().multimaskOutputs() : 1;
      var name = prompt + (multimask ? ".multi" : ".single");
      Tensor all = map.allocate(1, count, masks, side, side), iou = map.allocate(1, count, masks);
      for (int i = 0; i < count; i++) {
        var output = predict(projected, positions, points == null ? null : points.select(0, 0).select(0, i),
            labels == null ? null : labels.select(0, 0).select(0, i), boxes == null ? null : boxes.select(0, 0).slice(0, i, i + 1),
            multimask, probe == Probe.NONE ? probe : probe.at(name + ".mask_decoder." + i + "."));
        all.select(0, 0).select(0, i).set(output.masks());
        iou.select(0, 0).select(0, i).set(output.iou());
      }
      outputs.put(name + ".pred_masks", all);
      outputs.put(name + ".iou_scores", iou);
    }
  }
}
