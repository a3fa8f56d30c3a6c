package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing.Pixels;
import dev.fovea.engine.image.Preprocessing.Size;
import java.util.ArrayList;
import java.util.Objects;

/// Squares cut from a picture, so that a tower of a small fixed size sees details, then the whole picture as one such square (ref:
/// transformers, `image_processing_pil_smolvlm.py`, `resize`, `resize_for_vision_encoder` and `split_images`).
///
/// The picture is resized so that its longest side is `longestEdge`, then so that both sides are multiples of `tile`, which may
/// stretch it. If that is one tile, it is the only input; if not, the tiles are followed by the whole, squeezed into a square.
///
/// @param tile side of a square
/// @param longestEdge of the picture before it is cut; 0 to start from the picture's own size
/// @param split whether the picture is cut; otherwise the whole is the only input
public record PictureTiles(int tile, int longestEdge, boolean split, Resample resample, Normalisation normalisation)
    implements PicturePreparation {
  /// Longest side of a picture before it is cut (ref: `image_processing_smolvlm.py`, `MAX_IMAGE_SIZE`).
  public static final int MAX_SIDE = 4096;
  /// Maximum number of tiles in a row or column.
  public static final int MAX_TILES = 64;

  /// @throws IllegalArgumentException if a side is not positive, a tile is longer than [#MAX_SIDE], or there may be more than
  ///   [#MAX_TILES] in a row
  public PictureTiles {
    Objects.requireNonNull(resample, "resample");
    Objects.requireNonNull(normalisation, "normalisation");
    if (tile < 1 || tile > MAX_SIDE || longestEdge < 0)
      throw new IllegalArgumentException("max_image_size and size: expected a tile of 1 to " + MAX_SIDE
          + " pixels and a positive size, got " + tile + " and " + longestEdge);
    int longest = longestEdge == 0 ? MAX_SIDE : Math.min(longestEdge, MAX_SIDE);
    if (split && (longest + tile - 1) / tile > MAX_TILES)
      throw new IllegalArgumentException("max_image_size: expected at most " + MAX_TILES + " tiles in a row, got "
          + (longest + tile - 1) / tile + " of " + tile + " pixels");
  }

  static PictureTiles of(JsonFields json) {
    int tile = json.object("max_image_size").integer("longest_edge"), edge = 0;
    if (json.bool("do_resize", true)) {
      edge = json.object("size").integer("longest_edge");
      if (edge < 1) throw new CheckpointException(json.where() + ": size: expected a longest edge of at least 1, got " + edge);
    }
    return new PictureTiles(tile, edge, json.bool("do_image_splitting", true), Resample.ofCode(json.integer("resample", 1)),
        Normalisation.of(json));
  }

  /// This preparation without the cutting, for fewer tokens a picture.
  public PictureTiles unsplit() {
    return new PictureTiles(tile, longestEdge, false, resample, normalisation);
  }

  @Override
  public Size size() {
    return new Size(tile, tile);
  }

  /// @throws ImageException if a side is more than [Preprocessing#MAX_ASPECT_RATIO] times the other
  @Override
  public Inputs apply(Picture picture) {
    Preprocessing.requireNoStrip(picture);
    var first = first(new Size(picture.width(), picture.height()));
    var resized = resample.apply(picture, first.width(), first.height());
    if (!split) return Inputs.whole(whole(resized));
    var cut = multiples(first);
    var enlarged = resample.apply(resized, cut.width(), cut.height());
    int rows = cut.height() / tile, columns = cut.width() / tile;
    if (rows == 1 && columns == 1) return Inputs.whole(normalisation.of(enlarged));
    var pixels = new ArrayList<Pixels>();
    for (int row = 0; row < rows; row++)
      for (int column = 0; column < columns; column++)
        pixels.add(normalisation.of(enlarged.part(column * tile, row * tile, tile, tile)));
    pixels.add(whole(enlarged));
    return new Inputs(rows, columns, pixels);
  }

  /// Rows and columns of tiles, as width and height, for a picture of a size, without its pixels; 0 × 0 if it is not cut.
  public Size grid(int width, int height) {
    if (width < 1 || height < 1) throw new IllegalArgumentException("expected a picture, got " + width + "x" + height);
    var cut = multiples(first(new Size(width, height)));
    boolean one = !split || cut.width() == tile && cut.height() == tile;
    return one ? new Size(0, 0) : new Size(cut.width() / tile, cut.height() / tile);
  }

  private Pixels whole(Picture p) {
    return normalisation.of(resample.apply(p, tile, tile));
  }

  /// The size with the longest edge asked for, the other one even, and none above [#MAX_SIDE].
  private Size first(Size of) {
    var size = of;
    if (longestEdge > 0) {
      size = scaled(of, longestEdge);
      size = atLeastOne(of.width() >= of.height() ? new Size(size.width(), size.height() + size.height() % 2)
          : new Size(size.width() + size.width() % 2, size.height()));
    }
    return Math.max(size.width(), size.height()) <= MAX_SIDE ? size : atLeastOne(scaled(size, MAX_SIDE));
  }

  /// Both sides rounded up to multiples of a tile; the shorter one follows the longer before it is rounded.
  private Size multiples(Size of) {
    var size = atLeastOne(scaled(of, up(Math.max(of.width(), of.height()))));
    return new Size(up(size.width()), up(size.height()));
  }

  private int up(int side) {
    return (side + tile - 1) / tile * tile;
  }

  /// The size whose longer side is `longest`; the other is rounded down, to 0 for a strip.
  private static Size scaled(Size of, int longest) {
    double ratio = (double) of.width() / of.height();
    return of.width() >= of.height() ? new Size(longest, (int) (longest / ratio)) : new Size((int) (longest * ratio), longest);
  }

  private static Size atLeastOne(Size size) {
    return new Size(Math.max(1, size.width()), Math.max(1, size.height()));
  }
}
