import dev.fovea.models.ImageClassifier;
import java.nio.file.Path;

/// A line for each class of each picture, with the exact score: the other consumers print the same.
final class Exact {
  public static void main(String[] arguments) {
    try (var classifier = ImageClassifier.open(Path.of(arguments[0]))) {
      for (int i = 1; i < arguments.length; i++) {
        var picture = Path.of(arguments[i]);
        for (var answer : classifier.classify(picture))
          System.out.println(picture.getFileName() + " " + answer.label() + " " + Float.toHexString(answer.score()));
      }
    }
  }
}
