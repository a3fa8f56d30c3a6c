package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.feature.PatchColours;
import dev.fovea.engine.feature.PatchFeatures;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.engine.image.Preprocessing;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Pictures side by side, with their patches' principal components as colours.
final class PatchDrawing {
  /// The geometry that puts a picture's patches back in their place.
  private record Place(Preprocessing.Frame frame, int width, int height) {}

  private final List<Place> places = new ArrayList<>();
  private final List<PatchFeatures> patches = new ArrayList<>();

  void add(EmbedRun.Readable picture, PatchFeatures features) {
    places.add(new Place(picture.prepared().frame(), picture.width(), picture.height()));
    patches.add(features);
  }

  /// Writes the drawing as PNG; none if no picture was added.
  void write(Path file, boolean background) {
    if (patches.isEmpty()) return;
    var colours = PatchColours.of(patches, background);
    var drawn = new ArrayList<Picture>();
    for (int i = 0; i < places.size(); i++) {
      var place = places.get(i);
      drawn.add(place.frame.spread(colours.get(i), place.width, place.height));
    }
    WholeFile.write(file, PictureWriter.png(PictureWriter.row("--pca", drawn)));
  }
}
