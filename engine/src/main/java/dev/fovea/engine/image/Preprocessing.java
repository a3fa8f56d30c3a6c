package dev.fovea.engine.image;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import org.jetbrains.annotations.Nullable;

/// How a picture becomes a model's input: resize, crop the centre, scale to `[0, 1]`, normalise each channel.
///
/// @param resize target size, or null to keep the picture's own
/// @param crop `[height, width]` of the centre that is kept, or null for all; what lies outside is black
/// @param rescale factor for the 8-bit samples
public record Preprocessing(@Nullable Resize resize, Resample resample, int @Nullable [] crop, float rescale, float[] mean, float[] std) {
  /// Sides longer than this times the other are refused: nothing of such a strip is left at a model's size.
  public static final int MAX_ASPECT_RATIO = 200;

  /// A target size: exactly `height × width`, or, where these are 0, the shorter side `shortestEdge` long.
  public record Resize(int height, int width, int shortestEdge) {}

  /// @throws IllegalArgumentException if a channel has no mean or a deviation that is not positive
  public Preprocessing {
    if (mean.length != 3 || std.length != 3 || std[0] <= 0 || std[1] <= 0 || std[2] <= 0)
      throw new IllegalArgumentException("image_mean and image_std: expected three numbers each, the deviations above 0");
  }

  /// Reads a published `preprocessor_config.json`, which is also the form in a model file.
  ///
  /// @throws CheckpointException if a field is wrong, or names something that is not supported
  public static Preprocessing of(JsonFields json) {
    try {
      var resize = json.bool("do_resize", true) ? resize(json) : null;
      int[] crop = json.bool("do_center_crop", false) ? crop(json) : null;
      float rescale = json.bool("do_rescale", true) ? json.number("rescale_factor", 1 / 255f) : 1;
      boolean normalize = json.bool("do_normalize", true);
      return new Preprocessing(resize, Resample.ofCode(json.integer("resample", 2)), crop, rescale,
          normalize ? json.numbers("image_mean") : new float[3], normalize ? json.numbers("image_std") : new float[] {1, 1, 1});
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static Resize resize(JsonFields json) {
    if (!(json.json().get("size") instanceof JsonObject)) {
      int size = positive(json.integer("size"));
      return oneNumberIsTheShortestEdge(json) ? new Resize(0, 0, size) : new Resize(size, size, 0);
    }
    var size = json.object("size");
    return size.has("shortest_edge") ? new Resize(0, 0, positive(size.integer("shortest_edge")))
        : new Resize(positive(size.integer("height")), positive(size.integer("width")), 0);
  }

  /// Older configs say the size in one number, which CLIP's processor reads as the shorter side and others as both sides.
  private static boolean oneNumberIsTheShortestEdge(JsonFields json) {
    for (var field : new String[] {"image_processor_type", "feature_extractor_type"})
      if (json.has(field) && json.string(field).startsWith("CLIP")) return true;
    return false;
  }

  private static int[] crop(JsonFields json) {
    if (!(json.json().get("crop_size") instanceof JsonObject)) {
      var both = json.heightAndWidth("crop_size");
      return new int[] {positive(both[0]), positive(both[1])};
    }
    var size = json.object("crop_size");
    return new int[] {positive(size.integer("height")), positive(size.integer("width"))};
  }

  private static int positive(int size) {
    if (size < 1) throw new IllegalArgumentException("expected sizes of at least 1, got " + size);
    return size;
  }

  /// The JSON that [#of] reads, for a bilinear resize to this size and the usual normalisation to `[-1, 1]`.
  public static JsonObject standard(int height, int width) {
    return json(height, width, 2, new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});
  }

  /// The JSON that [#of] reads, for a bicubic resize to this size and a normalisation by ImageNet's statistics.
  public static JsonObject imageNet(int height, int width) {
    return json(height, width, 3, new double[] {0.485, 0.456, 0.406}, new double[] {0.229, 0.224, 0.225});
  }

  /// The JSON that [#of] reads, for SegFormer: a bilinear resize to this size and a normalisation by ImageNet's statistics.
  public static JsonObject segformer(int height, int width) {
    var json = imageNet(height, width);
    json.addProperty("resample", 2);
    return json;
  }

  /// The JSON that [#of] reads, for SigLIP: a bicubic resize to this size and the usual normalisation to `[-1, 1]`.
  public static JsonObject siglip(int height, int width) {
    return json(height, width, 3, new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});
  }

  /// The JSON that [#of] reads, for CLIP: a bicubic resize of the shorter side, the centre of this size, and a normalisation by
  /// the statistics of what CLIP was trained on.
  public static JsonObject clip(int height, int width) {
    var json = json(height, width, 3, new double[] {0.48145466, 0.4578275, 0.40821073}, new double[] {0.26862954, 0.26130258, 0.27577711});
    json.add("crop_size", json.remove("size"));
    json.addProperty("do_center_crop", true);
    var size = new JsonObject();
    size.addProperty("shortest_edge", Math.max(height, width));
    json.add("size", size);
    return json;
  }

  private static JsonObject json(int height, int width, int resample, double[] mean, double[] std) {
    var json = new JsonObject();
    var edges = new JsonObject();
    edges.addProperty("height", height);
    edges.addProperty("width", width);
    json.add("size", edges);
    json.addProperty("resample", resample);
    json.add("image_mean", array(mean));
    json.add("image_std", array(std));
    return json;
  }

  private static JsonArray array(double[] values) {
    var array = new JsonArray();
    for (double value : values) array.add(value);
    return array;
  }

  /// The model's input, `[3, height, width]`.
  ///
  /// @param minSide the smallest side that the model can make something of
  /// @throws ImageException if a side is shorter, or [#MAX_ASPECT_RATIO] times longer than the other
  public Input apply(Picture picture, int minSide) {
    int w = picture.width(), h = picture.height();
    if (Math.min(w, h) < minSide)
      throw new ImageException(picture.name() + ": the picture is " + w + "x" + h + ", expected at least " + minSide + "x" + minSide);
    if (Math.max(w, h) > (long) MAX_ASPECT_RATIO * Math.min(w, h))
      throw new ImageException(picture.name() + ": the picture is " + w + "x" + h + ", expected sides at most " + MAX_ASPECT_RATIO + " : 1");
    var resized = resized(picture);
    int height = crop == null ? resized.height() : crop[0], width = crop == null ? resized.width() : crop[1];
    int top = Math.floorDiv(resized.height() - height, 2), left = Math.floorDiv(resized.width() - width, 2);
    var values = new float[3 * height * width];
    for (int c = 0, to = 0; c < 3; c++)
      for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++, to++) {
          boolean inside = y >= 0 && x >= 0 && y < resized.height() && x < resized.width();
          int sample = inside ? resized.rgb()[3 * (y * resized.width() + x) + c] & 0xff : 0;
          values[to] = (sample * rescale - mean[c]) / std[c];
        }
    return new Input(height, width, values);
  }

  /// Numbers for a model, `[3][height][width]`.
  public record Input(int height, int width, float[] values) {}

  private Picture resized(Picture p) {
    if (resize == null) return p;
    if (resize.shortestEdge == 0) return resample.apply(p, resize.width, resize.height);
    int edge = resize.shortestEdge;
    return p.width() <= p.height() ? resample.apply(p, edge, (int) ((long) edge * p.height() / p.width()))
        : resample.apply(p, (int) ((long) edge * p.width() / p.height()), edge);
  }
}
