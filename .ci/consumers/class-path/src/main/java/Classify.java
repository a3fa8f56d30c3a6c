import dev.fovea.models.ImageClassifier;
import java.nio.file.Path;

/// The README's five lines, on the class path.
final class Classify {
  public static void main(String[] arguments) {
    try (var classifier = ImageClassifier.open(Path.of(arguments[0]))) {
      for (var answer : classifier.classify(Path.of(arguments[1])).subList(0, 3))
        System.out.printf("%.3f %s%n", answer.score(), answer.label());
    }
  }
}
