package example;

import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.OpenOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/// What a server's application does, in a class loader that has Fovea. The host knows it by types of the JDK alone.
public final class Guest implements Function<Path, List<String>>, AutoCloseable {
  private final ImageClassifier classifier;

  public Guest(Path model) {
    classifier = ImageClassifier.open(model, OpenOptions.DEFAULT.withWarmUp(true));
  }

  /// A line for each class, with the exact score.
  @Override
  public List<String> apply(Path picture) {
    return classifier.classify(picture).stream().map(answer -> picture.getFileName() + " " + answer.label() + " "
        + Float.toHexString(answer.score())).toList();
  }

  /// Writes a picture as a PNG file.
  public static void copy(Path picture, Path to) {
    WholeFile.write(to, PictureWriter.png(Picture.read(picture)));
  }

  @Override
  public void close() {
    classifier.close();
  }
}
