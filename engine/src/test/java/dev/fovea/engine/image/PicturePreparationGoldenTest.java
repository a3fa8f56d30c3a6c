package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the language models' published preprocessing makes of a picture that is not square, pixel by pixel.
class PicturePreparationGoldenTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

  @ParameterizedTest
  @CsvSource({"deepseek-vl-tiny-picture,0,0", "llava-tiny,0,0", "smolvlm-tiny,2,2"})
  void pixelsEqualTheReference(String name, int rows, int columns) throws IOException {
    var folder = FIXTURES.resolve(name);
    var config = JsonFields.parse(name, Files.readString(folder.resolve("preprocessor_config.json")));
    var preparation = PicturePreparation.of(config);
    var inputs = preparation.apply(Picture.read(folder.resolve("image.png")));
    try (var reference = Checkpoint.open(folder.resolve("reference.safetensors"))) {
      var expected = reference.tensor("input.pixel_values");
      assertThat(inputs.rows()).isEqualTo(rows);
      assertThat(inputs.columns()).isEqualTo(columns);
      var size = preparation.size();
      assertThat(expected.shape().subList(expected.shape().size() - 2, expected.shape().size()))
          .isEqualTo(List.of((long) size.height(), (long) size.width()));
      var values = Floats.concat(inputs.pixels().stream().map(pixels -> pixels.values()).toArray(float[][]::new));
      assertThat(values).containsExactly(expected.toFloats(), within(2e-6f));
    }
  }
}
