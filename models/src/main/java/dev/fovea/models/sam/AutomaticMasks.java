package dev.fovea.models.sam;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.Components;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.tensor.CancelledException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

/// The masks of everything in a picture: a grid of points is asked for, in the whole picture and in overlapping parts of it, and
/// of the answers those stay that the model is sure of and that no better one repeats (ref: segment_anything
/// `automatic_mask_generator.py`, `utils/amg.py`).
public final class AutomaticMasks {
  /// A part's sides within as many pixels of a mask's box cut the mask.
  private static final float CUT_TOLERANCE = 20;
  private static final float THRESHOLD = 0;

  private final MaskPredictor predictor;
  private final Settings settings;

  /// What is asked for and what stays.
  ///
  /// @param pointsPerSide points across and down; their square is asked for
  /// @param minPredictedIou a mask stays that the model expects to agree better with the truth
  /// @param minStability a mask stays that hardly changes when the threshold does, see `stabilityOffset`
  /// @param stabilityOffset by how much the threshold of logits is moved up and down
  /// @param boxNms of masks whose boxes agree better, the surest stays
  /// @param cropLayers layer `i` asks again in `4ⁱ` parts of the picture; 0 for the whole picture only
  /// @param cropNms as `boxNms`, for masks of different parts
  /// @param cropOverlap how far parts of the first layer overlap, as a share of the picture's shorter side
  /// @param cropPointsDownscale layer `i` has as many times fewer points across to the power of `i`
  /// @param minRegionArea smaller islands are removed and smaller holes filled; 0 for none
  public record Settings(int pointsPerSide, double minPredictedIou, double minStability, float stabilityOffset, double boxNms,
      int cropLayers,
      double cropNms, double cropOverlap, int cropPointsDownscale, int minRegionArea) {
    public static final Settings DEFAULT = new Settings(32, 0.88, 0.95, 1, 0.7, 0, 0.7, 512.0 / 1500, 1, 0);

    /// @throws IllegalArgumentException if a number makes no sense
    public Settings {
      if (pointsPerSide < 1 || cropPointsDownscale < 1) throw new IllegalArgumentException("points: expected at least 1 a side");
      if (cropLayers < 0 || cropLayers > 6) throw new IllegalArgumentException("crop layers: expected 0 to 6, got " + cropLayers);
      if (minRegionArea < 0)
        throw new IllegalArgumentException("smallest region: expected at least 0 pixels, got " + minRegionArea);
    }
  }

  /// A mask of something in a picture.
  ///
  /// @param mask at the picture's size
  /// @param box its first and last columns and rows
  /// @param predictedIou how well the model expects it to agree with the truth
  /// @param stability how much of it stays when the threshold moves, in `[0, 1]`
  /// @param point the point that gave it
  /// @param crop the part of the picture that the model saw
  public record Found(RunLengths mask, Box box, float predictedIou, double stability, Prompt.Point point, Box crop) {}

  public AutomaticMasks(MaskPredictor predictor, Settings settings) {
    this.predictor = predictor;
    this.settings = settings;
  }

  /// @param progress told the share that is done
  /// @throws CancelledException if the thread is interrupted
  public List<Found> of(Picture picture, DoubleConsumer progress) {
    var crops = crops(picture.width(), picture.height(), settings);
    double all = crops.stream().mapToDouble(crop -> Math.pow(points(crop.layer), 2)).sum(), done = 0;
    var found = new ArrayList<Found>();
    try (var session = predictor.session()) {
      for (var crop : crops) {
        double before = done, here = Math.pow(points(crop.layer), 2);
        found.addAll(inCrop(session, picture, crop, share -> progress.accept((before + share * here) / all)));
        done += here;
      }
    }
    var kept = crops.size() == 1 ? found : keep(found, found.stream().mapToDouble(f -> 1 / f.crop.area()).toArray(),
        settings.cropNms);
    return settings.minRegionArea == 0 ? kept : withoutSmallRegions(kept);
  }

  /// A part of the picture.
  record Crop(int layer, int left, int top, int width, int height) {
    private Box box() {
      return new Box(left, top, left + width, top + height);
    }
  }

  /// The whole picture, then for each layer its parts, column by column (ref: `generate_crop_boxes`).
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

  /// The masks of a point that the model is sure of. What goes on beyond the part is left to the part that sees it whole.
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

  /// Cleans masks up; where they then repeat each other, those that needed no cleaning stay (ref: `postprocess_small_regions`).
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
