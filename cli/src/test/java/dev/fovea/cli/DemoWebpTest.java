package dev.fovea.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Workers;
import dev.fovea.models.ImageClassifier;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// Shapes are seen in lossy WebP too, which `cwebp -q 75` made of the pictures. Decoded wrongly, none of them was.
class DemoWebpTest {
  private static final Path RESOURCES = Path.of("src/test/resources");

  @Test
  void lossyPicturesShowTheSameShapes() throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/vit.safetensors");
        var kernels = KernelProvider.VECTOR.open(Workers.threads(2));
        var classifier = ImageClassifier.of(Checkpoint.read("demo", in.readAllBytes()), kernels)) {
      for (int i = 0; i < 12; i++) {
        var name = "single-%02d".formatted(i);
        var before = classifier.classify(RESOURCES.resolve("singles").resolve(name + ".png")).getFirst();
        var after = classifier.classify(RESOURCES.resolve("singles-webp").resolve(name + ".webp")).getFirst();
        assertThat(after.label()).as(name).isEqualTo(before.label());
      }
    }
  }
}
