package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import java.util.Objects;

/// The whole picture on a square: the longest side is resized to the square's, and the rest, half of it on either side, has one
/// colour (ref: transformers, `image_processing_pil_deepseek_vl.py`, `resize` and `pad_to_square`).
///
/// @param side of the square
/// @param minSide smallest side of the resized picture, at most `side`: a strip is stretched to it
/// @param colour of the padding, `0xRRGGBB`
public record PaddedSquare(int side, int minSide, Resample resample, int colour, Normalisation normalisation)
    implements PicturePreparation {
  /// @throws IllegalArgumentException if a side is not positive, `minSide` is longer than `side`, or the square is larger than
  ///   [ImageDecoder#MAX_PIXELS]
  public PaddedSquare {
    Objects.requireNonNull(resample, "resample");
    Objects.requireNonNull(normalisation, "normalisation");
    if (side < 1 || (long) side * side > ImageDecoder.MAX_PIXELS || minSide < 1 || minSide > side)
      throw new IllegalArgumentException("size and min_size: expected a square of at most " + ImageDecoder.MAX_PIXELS
          + " pixels and a side of 1 to its size, got " + side + " and " + minSide);
  }

  /// @throws CheckpointException if the picture would be neither resized nor padded, or the size is no square
  static PaddedSquare of(JsonFields json) {
    for (var field : new String[] {"do_resize", "do_pad"})
      if (!json.bool(field, true)) throw new CheckpointException(json.where() + ": '" + field + "': expected true, got false");
    var size = json.object("size");
    int side = size.integer("height");
    if (size.integer("width") != side)
      throw new CheckpointException(json.where() + ": 'size': expected a square, got " + size.json());
    var normalisation = Normalisation.of(json);
    return new PaddedSquare(side, json.integer("min_size", 14), Resample.ofCode(json.integer("resample", 3)), colour(json),
        normalisation);
  }

  /// The colour given, else that of the mean: 127 for each channel if there is none.
  private static int colour(JsonFields json) {
    int[] colour = {127, 127, 127};
    if (json.has("background_color")) colour = json.integers("background_color");
    else if (json.has("image_mean")) {
      var mean = json.numbers("image_mean");
      colour = new int[mean.length];
      // The mean is a decimal fraction in the file: as a float, 0.2 would be 50.999996 of 255.
      for (int c = 0; c < mean.length; c++) colour[c] = (int) (Double.parseDouble(Float.toString(mean[c])) * 255);
    }
    if (colour.length != 3)
      throw new CheckpointException(json.where() + ": 'background_color': expected three numbers, got " + colour.length);
    int rgb = 0;
    for (int channel : colour) {
      if (channel < 0 || channel > 255)
        throw new CheckpointException(json.where() + ": 'background_color': expected 0 to 255, got " + channel);
      rgb = rgb << 8 | channel;
    }
    return rgb;
  }

  @Override
  public Preprocessing.Size size() {
    return new Preprocessing.Size(side, side);
  }

  /// @throws ImageException if a side is more than [Preprocessing#MAX_ASPECT_RATIO] times the other
  @Override
  public Inputs apply(Picture picture) {
    Preprocessing.requireNoStrip(picture);
    double scale = (double) side / Math.max(picture.width(), picture.height());
    int width = Math.max((int) Math.rint(picture.width() * scale), minSide);
    int height = Math.max((int) Math.rint(picture.height() * scale), minSide);
    return Inputs.whole(normalisation.of(padded(resample.apply(picture, width, height))));
  }

  private Picture padded(Picture p) {
    if (p.width() == side && p.height() == side) return p;
    var rgb = new byte[3 * side * side];
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = (byte) (colour >> 16);
      rgb[i + 1] = (byte) (colour >> 8);
      rgb[i + 2] = (byte) colour;
    }
    int left = (side - p.width()) / 2, top = (side - p.height()) / 2;
    for (int y = 0; y < p.height(); y++)
      System.arraycopy(p.rgb(), 3 * y * p.width(), rgb, 3 * ((top + y) * side + left), 3 * p.width());
    return new Picture(p.name(), side, side, rgb);
  }
}
