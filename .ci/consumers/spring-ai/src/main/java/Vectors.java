import dev.fovea.models.TextEmbedder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.springframework.ai.document.Document;

/// The page's ten lines give each text the vector that Fovea gives it.
final class Vectors {
  public static void main(String[] arguments) {
    try (var texts = TextEmbedder.open(Path.of(arguments[0]))) {
      var model = new FoveaEmbeddings(texts);
      var expected = texts.embed("two dogs run");
      var found = List.of(model.embed("two dogs run"), model.embed(new Document("two dogs run")));
      for (var each : found) if (!Arrays.equals(each, expected)) throw new IllegalStateException(Arrays.toString(each));
      System.out.println("vectors of " + model.dimensions() + " numbers");
    }
  }
}
