package dev.fovea.engine.image;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.Arrays;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The conversion of a picture to a model's input: resize, crop the centre, scale to `[0, 1]`, normalise each channel, pad.
///
/// Immutable and thread-safe as long as nobody modifies the arrays, which are not copied. It computes on the calling thread, in
/// Java's heap.
///
/// @param resize target size, or null to keep the picture's own
/// @param crop `[height, width]` of the centre crop, or null for none; black beyond the picture
/// @param rescale factor for the 8-bit samples
/// @param pad `[height, width]` after padding with zeros below and on the right, or null for none
/// @param cropRounding rounding of the crop's margins if they are not whole pixels
public record Preprocessing(@Nullable Resize resize, Resample resample, int @Nullable [] crop, float rescale, float[] mean,
    float[] std, int @Nullable [] pad, CropRounding cropRounding) {
  /// Maximum ratio of the sides: at a model's size, nothing is left of a longer strip.
  public static final int MAX_ASPECT_RATIO = 200;

  /// A target size: `height × width`, or, if these are 0, `shortestEdge` for the shorter side, or, if this is 0 too, `longestEdge`
  /// for the longer side. With both, the shorter side gets less where the longer one would exceed `longestEdge`.
  public record Resize(int height, int width, int shortestEdge, int longestEdge) {
    /// A target size without `longestEdge`.
    public Resize(int height, int width, int shortestEdge) {
      this(height, width, shortestEdge, 0);
    }
  }

  /// A size in pixels.
  public record Size(int width, int height) {}

  /// The rounding of a crop's margins: half of the pixels outside it.
  public enum CropRounding {
    /// Rounded down; around a smaller picture, the larger black margin is on the left and top (ref: transformers,
    /// `image_transforms.py`, `center_crop`).
    DOWN,
    /// Rounded half to even; around a smaller picture, the larger black margin is on the right and bottom (ref: torchvision,
    /// `transforms/functional.py`, `center_crop`, which timm and open_clip use).
    HALF_EVEN;

    /// Number of the `length` pixels before the first of the `kept` ones; negative for added pixels.
    private int before(int length, int kept) {
      int rest = length - kept;
      return switch (this) {
        case DOWN -> Math.floorDiv(rest, 2);
        case HALF_EVEN -> rest < 0 ? rest / 2 : (int) Math.rint(rest / 2.0);
      };
    }
  }

  /// @throws IllegalArgumentException if a channel has no mean, or no positive standard deviation
  public Preprocessing {
    Objects.requireNonNull(resample, "resample");
    Objects.requireNonNull(mean, "mean");
    Objects.requireNonNull(std, "std");
    Objects.requireNonNull(cropRounding, "cropRounding");
    if (mean.length != 3 || std.length != 3 || std[0] <= 0 || std[1] <= 0 || std[2] <= 0)
      throw new IllegalArgumentException("image_mean and image_std: expected three numbers each, the deviations above 0");
  }

  /// A preprocessing without padding.
  public Preprocessing(@Nullable Resize resize, Resample resample, int @Nullable [] crop, float rescale, float[] mean,
      float[] std) {
    this(resize, resample, crop, rescale, mean, std, null, CropRounding.DOWN);
  }

  /// Reads a published `preprocessor_config.json`, which is also the format in a model file. There `crop_rounding` may be
  /// `half_even`.
  ///
  /// @throws CheckpointException if a field is invalid, or names something unsupported
  public static Preprocessing of(JsonFields json) {
    try {
      var resize = json.bool("do_resize", true) ? resize(json) : null;
      int[] crop = json.bool("do_center_crop", false) ? heightAndWidth(json, "crop_size") : null;
      float rescale = json.bool("do_rescale", true) ? json.number("rescale_factor", 1 / 255f) : 1;
      boolean normalize = json.bool("do_normalize", true);
      return new Preprocessing(resize, Resample.ofCode(json.integer("resample", 2)), crop, rescale,
          normalize ? json.numbers("image_mean") : new float[3], normalize ? json.numbers("image_std") : new float[] {1, 1, 1},
          json.bool("do_pad", false) ? heightAndWidth(json, "pad_size") : null, cropRounding(json));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
  }

  private static Resize resize(JsonFields json) {
    if (!(json.json().get("size") instanceof JsonObject)) {
      int size = positive(json.integer("size"));
      return oneNumberIsTheShortestEdge(json) ? new Resize(0, 0, size, 0) : new Resize(size, size, 0, 0);
    }
    var size = json.object("size");
    int shortest = size.has("shortest_edge") ? positive(size.integer("shortest_edge")) : 0;
    int longest = size.has("longest_edge") ? positive(size.integer("longest_edge")) : 0;
    return shortest > 0 || longest > 0 ? new Resize(0, 0, shortest, longest)
        : new Resize(positive(size.integer("height")), positive(size.integer("width")), 0, 0);
  }

  /// Older configs give the size as one number, which CLIP's processor reads as the shorter side and others as both sides.
  private static boolean oneNumberIsTheShortestEdge(JsonFields json) {
    for (var field : new String[] {"image_processor_type", "feature_extractor_type"})
      if (json.has(field) && json.string(field).startsWith("CLIP")) return true;
    return false;
  }

  private static CropRounding cropRounding(JsonFields json) {
    var rounding = json.has("crop_rounding") ? json.string("crop_rounding") : "down";
    return switch (rounding) {
      case "down" -> CropRounding.DOWN;
      case "half_even" -> CropRounding.HALF_EVEN;
      default -> throw new IllegalArgumentException("crop_rounding '" + rounding + "': expected down or half_even");
    };
  }

  private static int[] heightAndWidth(JsonFields json, String field) {
    if (!(json.json().get(field) instanceof JsonObject)) {
      var both = json.heightAndWidth(field);
      return new int[] {positive(both[0]), positive(both[1])};
    }
    var size = json.object(field);
    return new int[] {positive(size.integer("height")), positive(size.integer("width"))};
  }

  private static int positive(int size) {
    if (size < 1) throw new IllegalArgumentException("expected sizes of at least 1, got " + size);
    return size;
  }

  /// JSON for [#of]: bilinear resize to this size, the usual normalisation to `[-1, 1]`.
  public static JsonObject standard(int height, int width) {
    return json(height, width, 2, new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});
  }

  /// JSON for [#of]: bicubic resize to this size, normalisation by ImageNet's statistics.
  public static JsonObject imageNet(int height, int width) {
    return json(height, width, 3, new double[] {0.485, 0.456, 0.406}, new double[] {0.229, 0.224, 0.225});
  }

  /// JSON for [#of]: bilinear resize to this size, normalisation by ImageNet's statistics.
  public static JsonObject imageNetBilinear(int height, int width) {
    var json = imageNet(height, width);
    json.addProperty("resample", 2);
    return json;
  }

  /// JSON for [#of]: bicubic resize to this size, the usual normalisation to `[-1, 1]`.
  public static JsonObject standardBicubic(int height, int width) {
    return json(height, width, 3, new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});
  }

  /// JSON for [#of]: bicubic resize of the shorter side, centre crop of this size, normalisation by the statistics of pictures from
  /// the web (ref: openai/CLIP, `clip/clip.py`, `_transform`).
  public static JsonObject centreOfShortestEdge(int height, int width) {
    var json = json(height, width, 3, new double[] {0.48145466, 0.4578275, 0.40821073},
        new double[] {0.26862954, 0.26130258, 0.27577711});
    json.add("crop_size", json.remove("size"));
    json.addProperty("do_center_crop", true);
    var size = new JsonObject();
    size.addProperty("shortest_edge", Math.max(height, width));
    json.add("size", size);
    return json;
  }

  /// JSON for [#of]: bilinear resize of the longer side, normalisation by ImageNet's statistics, zeros below or on the right up to
  /// a square.
  public static JsonObject paddedLongestEdge(int size) {
    var json = json(size, size, 2, new double[] {0.485, 0.456, 0.406}, new double[] {0.229, 0.224, 0.225});
    json.add("pad_size", json.remove("size"));
    json.addProperty("do_pad", true);
    var edge = new JsonObject();
    edge.addProperty("longest_edge", size);
    json.add("size", edge);
    return json;
  }

  /// JSON for [#of]: bilinear resize of the shorter side, or less where the longer one would exceed `longest`, normalisation by
  /// ImageNet's statistics.
  public static JsonObject betweenEdges(int shortest, int longest) {
    var json = imageNetBilinear(shortest, shortest);
    var edges = new JsonObject();
    edges.addProperty("shortest_edge", shortest);
    edges.addProperty("longest_edge", longest);
    json.add("size", edges);
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

  /// The size of the model's input for a picture, which costs nothing beside [#apply].
  ///
  /// @param minSide the smallest side that the model accepts
  /// @throws ImageException if a side is shorter after the resize, a side is more than [#MAX_ASPECT_RATIO] times the other, or the
  ///   resized picture would be larger than [ImageDecoder#MAX_PIXELS] or [#pad]
  public Size inputSize(Picture picture, int minSide) {
    int w = picture.width(), h = picture.height();
    requireNoStrip(picture);
    requireShorterSide(picture, resize == null || resize.longestEdge > 0 ? 0 : resize.shortestEdge);
    var frame = frame(picture);
    requireFewPixels(picture, frame.resizedWidth, frame.resizedHeight);
    if (Math.min(frame.resizedWidth, frame.resizedHeight) < minSide)
      throw new ImageException(picture.name() + ": the picture is " + w + "x" + h
          + (resize == null ? "" : ", resized to " + frame.resizedWidth + "x" + frame.resizedHeight)
          + ", expected at least " + minSide + "x" + minSide);
    int height = pad == null ? frame.height : pad[0], width = pad == null ? frame.width : pad[1];
    requireFewPixels(picture, width, height);
    if (frame.height > height || frame.width > width)
      throw new ImageException(picture.name() + ": preprocessed to " + frame.width + "x" + frame.height
          + ", which is more than pad_size " + width
          + "x" + height);
    return new Size(width, height);
  }

  /// The model's input, `[3, height, width]`, the caller's own. It costs time in proportion to the pixels of both.
  ///
  /// @param minSide the smallest side that the model accepts
  /// @throws ImageException as [#inputSize]
  public Pixels apply(Picture picture, int minSide) {
    var size = inputSize(picture, minSide);
    var frame = frame(picture);
    int height = size.height, width = size.width;
    var resized = resize == null ? picture : resample.apply(picture, frame.resizedWidth, frame.resizedHeight);
    var values = new float[3 * height * width];
    for (int c = 0; c < 3; c++)
      for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width; x++) {
          int fromY = frame.top + y, fromX = frame.left + x;
          boolean inside = fromY >= 0 && fromX >= 0 && fromY < resized.height() && fromX < resized.width();
          int sample = inside ? resized.rgb()[3 * (fromY * resized.width() + fromX) + c] & 0xff : 0;
          values[(c * height + y) * width + x] = (sample * rescale - mean[c]) / std[c];
        }
    return new Pixels(height, width, values);
  }

  static void requireNoStrip(Picture picture) {
    int w = picture.width(), h = picture.height();
    if (Math.max(w, h) > (long) MAX_ASPECT_RATIO * Math.min(w, h))
      throw new ImageException(picture.name() + ": the picture is " + w + "x" + h + ", expected sides at most " + MAX_ASPECT_RATIO
          + " : 1");
  }

  private static void requireFewPixels(Picture picture, int width, int height) {
    if ((long) width * height > ImageDecoder.MAX_PIXELS)
      throw new ImageException(picture.name() + ": preprocessed to " + width + "x" + height + " pixels, more than "
          + ImageDecoder.MAX_PIXELS);
  }

  /// A preprocessed picture, the input of a model. Two are equal if their sizes and all values are, NaN included.
  ///
  /// @param values `[3][height][width]`; not copied, must not be modified
  public record Pixels(int height, int width, float[] values) {
    /// @throws IllegalArgumentException if a side is not positive, or the number of values does not match
    public Pixels {
      Objects.requireNonNull(values, "values");
      if (height < 1 || width < 1 || values.length != 3L * height * width)
        throw new IllegalArgumentException("input of " + width + "x" + height + ": expected " + 3L * height * width
            + " values, got " + values.length);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Pixels p && height == p.height && width == p.width && Arrays.equals(values, p.values);
    }

    @Override
    public int hashCode() {
      return 31 * height + Arrays.hashCode(values);
    }

    @Override
    public String toString() {
      return "input of " + width + "x" + height;
    }
  }

  /// The part of a picture that a model's input covers: in the picture resized to `resizedWidth × resizedHeight`, the part
  /// `width × height` at (`left`, `top`), which may extend beyond it.
  public record Frame(int resizedWidth, int resizedHeight, int left, int top, int width, int height) {
    /// Maps results for the input, such as one pixel per patch, back to a picture of `toWidth × toHeight`: each pixel has the value
    /// of the cell that it lies in; pixels outside the input are black.
    public Picture spread(Picture cells, int toWidth, int toHeight) {
      var rgb = new byte[Math.toIntExact(3L * toWidth * toHeight)];
      for (int y = 0; y < toHeight; y++) {
        int row = cell(y, toHeight, resizedHeight, top, height, cells.height());
        for (int x = 0; x < toWidth && row >= 0; x++) {
          int col = cell(x, toWidth, resizedWidth, left, width, cells.width());
          if (col >= 0) System.arraycopy(cells.rgb(), 3 * (row * cells.width() + col), rgb, 3 * (y * toWidth + x), 3);
        }
      }
      return new Picture(cells.name(), toWidth, toHeight, rgb);
    }

    /// The cell, of `cells` along one side, that contains pixel `at` of `pixels`; -1 outside the input.
    private static int cell(int at, int pixels, int resized, int from, int length, int cells) {
      double inside = (at + 0.5) * resized / pixels - from;
      return inside < 0 || inside >= length ? -1 : (int) (inside * cells / length);
    }
  }

  /// The part of a picture that [#apply] uses, and the resized size.
  public Frame frame(Picture picture) {
    var size = resizedSize(picture.width(), picture.height());
    int height = crop == null ? size.height : crop[0], width = crop == null ? size.width : crop[1];
    return new Frame(size.width, size.height, cropRounding.before(size.width, width), cropRounding.before(size.height, height),
        width, height);
  }

  /// The size of a picture after the resize, before cropping and padding. For `shortestEdge` the other side is rounded down, for
  /// `longestEdge` to the nearest, as in the reference implementations.
  public Size resizedSize(int width, int height) {
    if (resize == null) return new Size(width, height);
    if (resize.shortestEdge > 0 && resize.longestEdge > 0) return sizeBetweenEdges(width, height);
    if (resize.longestEdge > 0) {
      double scale = (double) resize.longestEdge / Math.max(width, height);
      return new Size(Math.max(1, (int) (width * scale + 0.5)), Math.max(1, (int) (height * scale + 0.5)));
    }
    if (resize.shortestEdge == 0) return new Size(resize.width, resize.height);
    int edge = resize.shortestEdge, longer = Math.toIntExact(longerEdge(width, height, edge));
    return width <= height ? new Size(edge, longer) : new Size(longer, edge);
  }

  /// A picture whose shorter side is right already keeps its size, also where the longer one is a little too long. The order of
  /// operations decides what is rounded down (ref: transformers, `image_transforms.py`, `get_size_with_aspect_ratio`).
  private Size sizeBetweenEdges(int width, int height) {
    double shorter = Math.min(width, height), longer = Math.max(width, height);
    boolean tooLong = longer / shorter * resize.shortestEdge > resize.longestEdge;
    double exact = tooLong ? resize.longestEdge * shorter / longer : resize.shortestEdge;
    int edge = (int) Math.rint(exact);
    if (edge == Math.min(width, height)) return new Size(width, height);
    int less = Math.max(1, edge), more = Math.max(1, (int) (exact * longer / shorter));
    return width < height ? new Size(less, more) : new Size(more, less);
  }

  /// The longer edge for a shorter one of `edge`, rounded down.
  private static long longerEdge(int width, int height, int edge) {
    return (long) edge * Math.max(width, height) / Math.min(width, height);
  }

  /// @param side 0 if something else determines the size
  private static void requireShorterSide(Picture picture, int side) {
    long longer = longerEdge(picture.width(), picture.height(), side);
    long pixels = longer > Integer.MAX_VALUE ? Long.MAX_VALUE : longer * side;
    if (pixels > ImageDecoder.MAX_PIXELS)
      throw new ImageException(picture.name() + ": the picture is " + picture.width() + "x" + picture.height()
          + ", with a shorter side of " + side + " it would have " + pixels + " pixels, more than " + ImageDecoder.MAX_PIXELS);
  }

  /// This preprocessing at another size: the picture keeps its aspect ratio, and its longer side is cropped at both ends to a
  /// multiple of `multiple`.
  ///
  /// @param side of the shorter edge, a multiple of `multiple`
  /// @throws ImageException if the resized picture would be larger than [ImageDecoder#MAX_PIXELS]
  public Preprocessing atShorterSide(Picture picture, int side, int multiple) {
    var resized = new Preprocessing(new Resize(0, 0, side), resample, null, rescale, mean, std);
    requireShorterSide(picture, side);
    var size = resized.resizedSize(picture.width(), picture.height());
    int[] whole = {size.height / multiple * multiple, size.width / multiple * multiple};
    return new Preprocessing(resized.resize, resample, whole, rescale, mean, std);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Preprocessing p && Objects.equals(resize, p.resize) && resample == p.resample
        && Arrays.equals(crop, p.crop) && Float.compare(rescale, p.rescale) == 0 && Arrays.equals(mean, p.mean)
        && Arrays.equals(std, p.std) && Arrays.equals(pad, p.pad) && cropRounding == p.cropRounding;
  }

  @Override
  public int hashCode() {
    return 31 * Objects.hash(resize, resample, rescale, cropRounding) + Arrays.deepHashCode(new Object[] {crop, mean, std, pad});
  }

  @Override
  public String toString() {
    return "resize " + resize + " " + resample + ", crop " + Arrays.toString(crop) + " " + cropRounding + ", rescale " + rescale
        + ", mean " + Arrays.toString(mean) + ", std " + Arrays.toString(std) + ", pad " + Arrays.toString(pad);
  }
}
