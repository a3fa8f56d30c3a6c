package dev.fovea.models.sam;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.Components;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.tensor.CancelledException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

/// Masks of all objects in a picture: a grid of point prompts in the whole picture and in overlapping crops of it, of whose masks
/// the confident ones without a better duplicate are kept (ref: segment_anything `automatic_mask_generator.py`, `utils/amg.py`).
///
/// Thread-safe. A null argument is refused with a [NullPointerException] that names the parameter.
public final class AutomaticMasks {
  /// A mask counts as cut by a crop if its box is within this many pixels of a side of the crop.
  private static final float CUT_TOLERANCE = 20;
  private static final float THRESHOLD = 0;

  private final MaskPredictor predictor;
  private final Settings settings;

  /// The prompts and the criteria to keep a mask.
  ///
  /// @param pointsPerSide rows and columns of the grid of points in the whole picture
  /// @param minPredictedIou a mask is kept only if its predicted IoU is larger
  /// @param minStability a mask is kept only if its stability is at least this, see `stabilityOffset`
  /// @param stabilityOffset shift of the logit threshold for the stability, up and down
  /// @param boxNms of masks whose boxes have a larger IoU, only the one with the best predicted IoU is kept
  /// @param cropLayers layer `i` adds `4ⁱ` crops of the picture; 0 for the whole picture only
  /// @param cropNms the same for masks of different crops, where the one of the smaller crop is kept
  /// @param cropOverlap overlap of the crops of the first layer, as a fraction of the picture's shorter side
  /// @param cropPointsDownscale layer `i` has `pointsPerSide / cropPointsDownscaleⁱ` points per side
  /// @param minRegionArea smaller islands are removed and smaller holes filled; 0 for none
  public record Settings(int pointsPerSide, double minPredictedIou, double minStability, float stabilityOffset, double boxNms,
      int cropLayers,
      double cropNms, double cropOverlap, int cropPointsDownscale, int minRegionArea) {
    /// Those of the reference implementation.
    public static final Settings DEFAULT = new Settings(32, 0.88, 0.95, 1, 0.7, 0, 0.7, 512.0 / 1500, 1, 0);

    /// @throws IllegalArgumentException if `pointsPerSide` or `cropPointsDownscale` is below 1, `cropLayers` is not 0 to 6, or
    ///     `minRegionArea` is negative
    public Settings {
      if (pointsPerSide < 1 || cropPointsDownscale < 1) throw new IllegalArgumentException("points: expected at least 1 a side");
      if (cropLayers < 0 || cropLayers > 6) throw new IllegalArgumentException("crop layers: expected 0 to 6, got " + cropLayers);
      if (minRegionArea < 0)
        throw new IllegalArgumentException("smallest region: expected at least 0 pixels, got " + minRegionArea);
    }
  }

  /// A mask of an object in a picture.
  ///
  /// @param mask mask at the picture's size
  /// @param box its first and last column and row
  /// @param predictedIou the model's prediction of the IoU with the true mask
  /// @param stability area above the raised threshold divided by the area above the lowered one, in `[0, 1]`
  /// @param point its point prompt
  /// @param crop the crop of the picture in the model's input
  public record Found(RunLengths mask, Box box, float predictedIou, double stability, Prompt.Point point, Box crop) {
    public Found {
      Objects.requireNonNull(mask, "mask");
      Objects.requireNonNull(box, "box");
      Objects.requireNonNull(point, "point");
      Objects.requireNonNull(crop, "crop");
    }
  }

  /// Masks from a predictor, which the caller closes.
  public AutomaticMasks(MaskPredictor predictor, Settings settings) {
    this.predictor = Objects.requireNonNull(predictor, "predictor");
    this.settings = Objects.requireNonNull(settings, "settings");
  }

  /// The masks of a picture. They cost a pass of the image encoder per crop, and of the mask decoder per point. Each call has a
  /// session of its own, and is one call of the predictor: closing that waits until this has ended.
  ///
  /// @param progress receives the completed fraction on the calling thread, after each point
  /// @return the caller's own
  /// @throws ImageException if the picture or a crop of it is too elongated
  /// @throws CancelledException if the thread is interrupted
  /// @throws CheckpointException if the model file was truncated after it was opened
  /// @throws IllegalStateException if the predictor is closed
  public List<Found> of(Picture picture, DoubleConsumer progress) {
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(progress, "progress");
    var crops = crops(picture.width(), picture.height(), settings);
    double all = crops.stream().mapToDouble(crop -> Math.pow(points(crop.layer), 2)).sum();
    var found = new ArrayList<Found>();
    try (var session = predictor.session()) {
      session.use(() -> {
        double done = 0;
        for (var crop : crops) {
          double before = done, here = Math.pow(points(crop.layer), 2);
          found.addAll(inCrop(session, picture, crop, share -> progress.accept((before + share * here) / all)));
          done += here;
        }
        return found;
      });
    }
    var kept = crops.size() == 1 ? found : keep(found, found.stream().mapToDouble(f -> 1 / f.crop.area()).toArray(),
        settings.cropNms);
    return settings.minRegionArea == 0 ? kept : withoutSmallRegions(kept);
  }

  /// A crop of the picture.
  record Crop(int layer, int left, int top, int width, int height) {
    private Box box() {
      return new Box(left, top, left + width, top + height);
    }
  }

  /// The whole picture, then the crops of each layer, column by column (ref: `generate_crop_boxes`).
  static List<Crop> crops(int width, int height, Settings settings) {
    var crops = new ArrayList<Crop>();
    crops.add(new Crop(0, 0, 0, width, height));
    for (int layer = 1; layer <= settings.cropLayers; layer++) {
      int side = 1 << layer, overlap = (int) (settings.cropOverlap * Math.min(width, height) * (2.0 / side));
      int cropWidth = Math.ceilDiv(overlap * (side - 1) + width, side);
      int cropHeight = Math.ceilDiv(overlap * (side - 1) + height, side);
      for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
          int left = (cropWidth - overlap) * i, top = (cropHeight - overlap) * j;
          crops.add(new Crop(layer, left, top, Math.min(cropWidth, width - left), Math.min(cropHeight, height - top)));
        }
    }
    return crops;
  }

  private int points(int layer) {
    return Math.max(1, (int) (settings.pointsPerSide / Math.pow(settings.cropPointsDownscale, layer)));
  }

  private List<Found> inCrop(SamSession session, Picture picture, Crop crop, DoubleConsumer progress) {
    session.setImage(picture.part(crop.left, crop.top, crop.width, crop.height));
    var found = new ArrayList<Found>();
    int side = points(crop.layer);
    for (int i = 0; i < side * side; i++) {
      float x = (float) ((i % side + 0.5) / side * crop.width), y = (float) ((i / side + 0.5) / side * crop.height);
      found.addAll(atPoint(session, picture, crop, x, y));
      progress.accept((i + 1.0) / (side * side));
    }
    return keep(found, found.stream().mapToDouble(Found::predictedIou).toArray(), settings.boxNms);
  }

  /// The confident masks of a point. A mask cut by the crop is dropped; a crop with the whole object yields it.
  private List<Found> atPoint(SamSession session, Picture picture, Crop crop, float x, float y) {
    var found = new ArrayList<Found>();
    var whole = new Box(0, 0, picture.width(), picture.height());
    for (var answer : session.answers(Prompt.point(x, y), true)) {
      if (!(answer.iou() > settings.minPredictedIou)) continue;
      var logits = session.atPictureSize(answer);
      double stability = (double) Mask.countAbove(THRESHOLD + settings.stabilityOffset, logits)
          / Mask.countAbove(THRESHOLD - settings.stabilityOffset, logits);
      if (!(stability >= settings.minStability)) continue;
      var mask = Mask.above(THRESHOLD, logits);
      var box = mask.box().moved(crop.left, crop.top);
      if (box.isCutBy(crop.box(), whole, CUT_TOLERANCE)) continue;
      found.add(new Found(RunLengths.of(mask.inside(crop.left, crop.top, picture.width(), picture.height())), box, answer.iou(),
          stability,
          new Prompt.Point(x + crop.left, y + crop.top, true), crop.box()));
    }
    return found;
  }

  private static List<Found> keep(List<Found> found, double[] scores, double threshold) {
    return Box.keep(found.stream().map(Found::box).toList(), scores, threshold).stream().map(found::get).toList();
  }

  /// Removes small islands and holes; of duplicates, unchanged masks are preferred (ref: `postprocess_small_regions`).
  private List<Found> withoutSmallRegions(List<Found> found) {
    var clean = found.stream().map(f -> {
      var before = f.mask.mask();
      var after = Components.withoutIslands(Components.withoutHoles(before, settings.minRegionArea), settings.minRegionArea);
      return after.equals(before) ? f : new Found(RunLengths.of(after), after.box(), f.predictedIou, f.stability, f.point,
          f.crop);
    }).toList();
    var untouched = IntStream.range(0, clean.size()).mapToDouble(i -> clean.get(i) == found.get(i) ? 1 : 0).toArray();
    return keep(clean, untouched, Math.max(settings.boxNms, settings.cropNms));
  }
}
