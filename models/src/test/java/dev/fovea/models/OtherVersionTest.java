package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Weights;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A task that is not made closes its model, also after an error, such as that of another module's family that was compiled with
/// another version of Fovea.
class OtherVersionTest {
  @TempDir
  private Path folder;

  /// A model of all tasks, none of whose methods is there.
  public static final class Outdated implements FamilyService {
    private record Config() implements ModelConfig {
      @Override
      public Family family() {
        return Family.of("outdated");
      }

      @Override
      public Model load(Weights weights) {
        weights.tensor("w", 1);
        Class<?>[] all = {Model.class, ClassifiesPictures.class, ClassifiesText.class, JoinsPicturesAndText.class,
            SegmentsPictures.class};
        return (Model) Proxy.newProxyInstance(Outdated.class.getClassLoader(), all, (_, method, _) -> {
          throw new AbstractMethodError(method.getName());
        });
      }

      @Override
      public JsonObject toJson() {
        return new JsonObject();
      }
    }

    @Override
    public Family family() {
      return new Family("outdated", _ -> new Config(), Map.of());
    }
  }

  /// The program: tries to open the model of a file for each task, and prints why not, and how many threads are left.
  public static void main(String... arguments) throws InterruptedException {
    var file = Path.of(arguments[0]);
    for (var open : List.<Function<Path, AutoCloseable>>of(ImageClassifier::open, TextClassifier::open, TextEmbedder::open,
        ZeroShotClassifier::open, Segmenter::open)) {
      try {
        System.out.println(open.apply(file));
      } catch (AbstractMethodError e) {
        Thread.sleep(200);
        System.out.println(e.getMessage() + ", threads "
            + Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("fovea-")).count());
      }
    }
  }

  @Test
  void nothingIsLeft() throws IOException, InterruptedException {
    var file = folder.resolve("outdated.safetensors");
    var writer = new CheckpointWriter();
    new ModelHeader("outdated", new JsonFields("config", new JsonObject()), new JsonFields("preprocessing", new JsonObject()),
        List.of("one")).addTo(writer);
    writer.tensor("w", DType.F32, new long[] {1}, () -> MemorySegment.ofArray(new byte[4])).write(file);
    assertThat(Program.run(folder, List.of(Outdated.class), OtherVersionTest.class, file.toString())).containsExactly(
        "numClasses, threads 0", "numClasses, threads 0", "readsText, threads 0", "readsText, threads 0", "numClasses, threads 0");
  }
}
