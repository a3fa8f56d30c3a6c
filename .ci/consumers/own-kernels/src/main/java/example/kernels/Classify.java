package example.kernels;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.Classification;
import dev.fovea.models.ImageClassifier;
import java.nio.file.Path;
import java.util.List;

/// A model runs on the kernels of this module, which answer as the reference does; kernels that cannot run say why.
final class Classify {
  public static void main(String[] arguments) {
    Path model = Path.of(arguments[0]), picture = Path.of(arguments[1]);
    System.out.println(KernelProvider.names());
    var own = answers(model, picture, "counting");
    if (!own.equals(answers(model, picture, "reference"))) throw new AssertionError("other answers than the reference's: " + own);
    System.out.println(Counting.COUNTS + " " + own.getFirst().label());
    try (var kernels = KernelProvider.named("unavailable", Workers.threads(1))) {
      throw new AssertionError(kernels.name() + " opened");
    } catch (UnsupportedOperationException e) {
      System.out.println(e.getMessage());
    }
  }

  private static List<Classification> answers(Path model, Path picture, String kernels) {
    try (var opened = KernelProvider.named(kernels, Workers.threads(1));
        var classifier = ImageClassifier.of(Checkpoint.open(model), opened)) {
      return classifier.classify(picture);
    }
  }
}
