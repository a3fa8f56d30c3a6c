package dev.fovea.langchain4j;

import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Weight;
import dev.fovea.models.EncoderBlock;
import dev.fovea.models.SentenceConfig;
import dev.fovea.models.TextTowerConfig;
import dev.fovea.models.bert.BertConfig;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jetbrains.annotations.Nullable;

/// A small BERT of pairs, whose parameters are random and always the same.
final class CrossEncoder {
  static final List<String> WORDS = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "how", "many", "people", "live", "in",
      "berlin", "has", "inhabitants", "the", "moon", "is", "cheese", "dogs", "run", "across", "a", "field");

  private CrossEncoder() {}

  /// @param labels one for each class
  static Path write(Path folder, List<String> labels) throws IOException {
    return write(folder, labels, null);
  }

  /// @param sentence how the model makes vectors of texts; or null
  static Path write(Path folder, List<String> labels, @Nullable SentenceConfig sentence) throws IOException {
    var sizes = new EncoderBlock.Sizes(48, 4, 96, true, Activation.GELU, 1e-12f);
    var config = new BertConfig(new TextTowerConfig(WORDS.size(), 40, 2, sizes), 2, true, labels.size(), sentence);
    var writer = new CheckpointWriter();
    new ModelHeader("bert", new JsonFields("config", config.toJson()), new JsonFields("preprocessing", new JsonObject()), labels)
        .addTo(writer);
    var random = new Random(7);
    var shapes = WeightSource.shapesOnly();
    Weights.bind(new WeightSource() {
      @Override
      public Set<String> names() {
        return Set.of();
      }

      @Override
      public String description() {
        return shapes.description();
      }

      @Override
      public Tensor tensor(String name, Initial initial, int... shape) {
        var sides = new long[shape.length];
        for (int i = 0; i < shape.length; i++) sides[i] = shape[i];
        add(name, initial == Initial.ONES ? 1 : 0, 0.2, sides);
        return shapes.tensor(name, initial, shape);
      }

      @Override
      public Weight matrix(String name, int n, int k) {
        add(name, 0, 1 / Math.sqrt(k), n, k);
        return shapes.matrix(name, n, k);
      }

      private void add(String name, double mean, double deviation, long... shape) {
        long size = 1;
        for (long side : shape) size *= side;
        var values = new float[(int) size];
        for (int i = 0; i < values.length; i++) values[i] = (float) (mean + deviation * random.nextGaussian());
        writer.tensor(name, DType.F32, shape, () -> Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values));
      }
    }, config::load);
    var words = Files.createDirectories(folder.resolve("words")).resolve("vocab.txt");
    var tokenizer = Tokenizer.jsonOf(Files.write(words, WORDS)).getBytes(StandardCharsets.UTF_8);
    writer.tensor(Tokenizer.TENSOR, DType.U8, new long[] {tokenizer.length}, () -> MemorySegment.ofArray(tokenizer));
    var file = folder.resolve("cross-encoder.safetensors");
    writer.write(file);
    return file;
  }
}
