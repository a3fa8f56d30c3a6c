package dev.fovea.converter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whatever stands in the JSON beside the weights, the error is one line.
class SidecarFuzzTest {
  private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
  private static final String CHARACTERS = "\n\r\t\u001b\u2028\\\"',:{}[]0129-eE.atnrufls";
  private static final int ROUNDS = 250;

  @TempDir
  private Path folder;

  /// @return whether the folder was accepted
  private boolean survives(String file, String json) throws IOException {
    Files.writeString(folder.resolve(file), json);
    try {
      Converter.plan(folder, Conversion.to(Weight.Type.F32));
      return true;
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).as(json).isNotEmpty().doesNotContainPattern("[\\p{Cntrl}\\x80-\\x9f\\u2028\\u2029]");
      return false;
    } catch (Throwable e) {
      return fail(json, e);
    }
  }

  @ParameterizedTest
  @CsvSource({"vit-tiny,config.json", "vit-tiny,preprocessor_config.json", "clip-tiny,config.json", "vit-tiny.timm,config.json",
      "segformer-tiny,preprocessor_config.json", "vit-tiny.sharded,model.safetensors.index.json"})
  void changedCharacters(String model, String file) throws IOException {
    try (var files = Files.list(FIXTURES.resolve(model))) {
      for (var each : (Iterable<Path>) files::iterator) Files.copy(each, folder.resolve(each.getFileName()));
    }
    var original = Files.readString(folder.resolve(file));
    assertThat(survives(file, original)).isTrue();
    var random = new Random(file.hashCode());
    int accepted = 0;
    for (int i = 0; i < ROUNDS; i++) {
      var json = new StringBuilder(original);
      for (int n = random.nextInt(3); n >= 0; n--) {
        int at = random.nextInt(json.length());
        char c = CHARACTERS.charAt(random.nextInt(CHARACTERS.length()));
        if (random.nextBoolean()) json.setCharAt(at, c);
        else json.insert(at, c);
      }
      if (survives(file, json.toString())) accepted++;
    }
    assertThat(accepted).isBetween(1, ROUNDS - 1);
  }
}
