package dev.fovea.engine.image;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Preprocessing.Pixels;
import java.util.List;
import java.util.Objects;

/// The conversion of a picture to what the picture tower of a language model takes: one input, or tiles and the whole.
///
/// | | |
/// |---|---|
/// | [Single] | one input by a [Preprocessing], such as the centre of the picture |
/// | [PaddedSquare] | the whole picture, its longest side at the tower's size, on a square of one colour |
/// | [PictureTiles] | squares cut from the enlarged picture, row by row, then the whole picture as one square |
///
/// Immutable and thread-safe. It computes on the calling thread, in Java's heap.
public sealed interface PicturePreparation permits PicturePreparation.Single, PaddedSquare, PictureTiles {
  /// The inputs for one picture.
  ///
  /// @param rows rows of tiles; 0 if the picture is not cut
  /// @param columns tiles in a row; 0 if the picture is not cut
  /// @param pixels the tiles of the first row from left to right, then the next rows, then the whole picture; all of one size
  record Inputs(int rows, int columns, List<Pixels> pixels) {
    /// @throws IllegalArgumentException unless there is one input for each tile and one for the whole
    public Inputs {
      pixels = List.copyOf(Objects.requireNonNull(pixels, "pixels"));
      if (rows < 0 || columns < 0 || pixels.size() != rows * columns + 1)
        throw new IllegalArgumentException("pixels: expected " + rows + "x" + columns + " tiles and the whole, got " + pixels.size()
            + " inputs");
    }

    static Inputs whole(Pixels pixels) {
      return new Inputs(0, 0, List.of(pixels));
    }
  }

  /// The inputs for a picture, the caller's own. It costs time in proportion to the pixels of both.
  ///
  /// @throws ImageException if a side is more than [Preprocessing#MAX_ASPECT_RATIO] times the other, or the picture is unsuitable
  ///   for another reason that the implementation names
  Inputs apply(Picture picture);

  /// The size of each input.
  ///
  /// @throws CheckpointException if it depends on the picture, which suits no language model
  Preprocessing.Size size();

  /// One input, by a [Preprocessing] with a fixed size.
  record Single(Preprocessing preprocessing) implements PicturePreparation {
    public Single {
      Objects.requireNonNull(preprocessing, "preprocessing");
    }

    @Override
    public Inputs apply(Picture picture) {
      return Inputs.whole(preprocessing.apply(picture, 1));
    }

    @Override
    public Preprocessing.Size size() {
      var resize = preprocessing.resize();
      for (var size : new int[][] {preprocessing.pad(), preprocessing.crop()})
        if (size != null) return new Preprocessing.Size(size[1], size[0]);
      if (resize == null || resize.height() == 0)
        throw new CheckpointException("preprocessing: expected a fixed size of the model's input, got " + preprocessing);
      return new Preprocessing.Size(resize.width(), resize.height());
    }
  }

  /// Reads a published `preprocessor_config.json`: with `max_image_size`, that of [PictureTiles]; with `background_color` or
  /// `min_size`, that of [PaddedSquare]; else that of [Preprocessing#of].
  ///
  /// @throws CheckpointException if a field is missing or invalid, or names something unsupported
  static PicturePreparation of(JsonFields json) {
    Objects.requireNonNull(json, "json");
    try {
      if (json.has("high_res_size") || json.has("high_res_image_mean"))
        throw new CheckpointException(json.where() + ": two sizes of one picture, 'high_res_size', are not supported");
      if (json.has("max_image_size")) return PictureTiles.of(json);
      if (json.has("background_color") || json.has("min_size")) return PaddedSquare.of(json);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(json.where() + ": " + e.getMessage(), e);
    }
    return new Single(Preprocessing.of(json));
  }
}
