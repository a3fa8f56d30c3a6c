package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
import dev.fovea.models.bert.Bert;
import dev.fovea.models.sam.MaskPredictor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The way from a model file to passes that all tasks go, and a caller's own can.
class OpenModelTest {
  @TempDir
  private Path folder;

  private Path write(SmallModel model) {
    return model.write(folder.resolve("model.safetensors"));
  }

  private static OpenModel.Input picture(int height, int width) {
    var values = new float[3 * height * width];
    for (int i = 0; i < values.length; i++) values[i] = (float) Math.sin(i);
    return new OpenModel.Input(values, 1, 3, height, width);
  }

  /// A task of the caller's own: a pass with two inputs and two results.
  @Test
  void runsWhatIsAskedFor() {
    var file = write(SmallModel.VIT);
    for (var residency : Residency.values())
      try (var opened = OpenModel.open(file, OpenOptions.DEFAULT.withResidency(residency))) {
        var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
        Map<String, OpenModel.Input> inputs = Map.of("a", picture(32, 32), "b", picture(48, 40));
        var results = opened.run("both", inputs, x -> List.of(model.logits(x.get("a")), model.logits(x.get("b"))), Progress.NONE);
        assertThat(results).hasSize(2);
        for (int i = 0; i < 2; i++) {
          var name = i == 0 ? "a" : "b";
          var expected = SmallModel.compute(file, inputs, (same, x) -> ((ClassifiesPictures) same).logits(x.get(name)));
          assertThat(results.get(i)).as(name).isEqualTo(expected);
          assertThat(opened.run("one", inputs.get(name), model::logits, Progress.NONE)).as(name).isEqualTo(expected);
        }
        assertThat(opened.parameters()).isEqualTo(parameters(file));
        assertThat(opened.name()).isEqualTo(file.toString());
        assertThat(opened.header().labels()).isEqualTo(SmallModel.VIT.labels());
        assertThat(opened.checkpoint().residency()).isEqualTo(residency);
      }
  }

  private static long parameters(Path file) {
    try (var checkpoint = Checkpoint.open(file)) {
      return checkpoint.tensors().values().stream().mapToLong(StoredTensor::size).sum();
    }
  }

  /// Each call has a workspace of its own; what a pass computed is copied before another runs.
  @Test
  void eightThreadsShareIt() throws Exception {
    try (var opened = OpenModel.open(write(SmallModel.VIT)); var pool = Executors.newFixedThreadPool(8)) {
      var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
      var pictures = List.of(picture(32, 32), picture(40, 32), picture(48, 48));
      var expected = new ArrayList<float[]>();
      for (var each : pictures) expected.add(opened.run("one", each, model::logits, Progress.NONE));
      var calls = new ArrayList<Future<float[]>>();
      for (int i = 0; i < 200; i++) {
        var each = pictures.get(i % 3);
        Callable<float[]> call = () -> opened.run("one", each, model::logits, Progress.NONE);
        calls.add(pool.submit(call));
      }
      for (int i = 0; i < calls.size(); i++) assertThat(calls.get(i).get()).isEqualTo(expected.get(i % 3));
    }
  }

  @Test
  void anotherKindOfModel() {
    var file = write(SmallModel.BERT);
    try (var opened = OpenModel.open(file)) {
      assertThat(opened.model(Bert.class, "a BERT")).isSameAs(opened.model());
      assertThatThrownBy(() -> opened.model(EmbedsPictures.class, "a model that gives features of pictures"))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": expected a model that gives features of pictures, got family bert");
    }
  }

  /// The tokenizer neither cuts nor fills texts, which its file asks for: that is the tasks' affair.
  @Test
  void itsTokenizer() {
    try (var opened = OpenModel.open(write(SmallModel.BERT))) {
      assertThat(opened.tokenizer().encode("two dogs").ids()).containsExactly(2, 21, 10, 3);
      assertThat(opened.tokenizer().encode("dogs ".repeat(600)).length()).isEqualTo(602);
    }
    var file = write(SmallModel.VIT);
    try (var opened = OpenModel.open(file)) {
      assertThatThrownBy(opened::tokenizer).isInstanceOf(CheckpointException.class)
          .hasMessage(file + ": holds no tokenizer: there is no tensor 'tokenizer.json'");
    }
  }

  @Test
  void inputsThatDoNotFitAndCancellation() {
    try (var opened = OpenModel.open(write(SmallModel.VIT))) {
      var model = opened.model(ClassifiesPictures.class, "a model that classifies pictures");
      var expected = opened.run("one", picture(32, 32), model::logits, Progress.NONE);
      assertThatThrownBy(() -> opened.run("one", picture(33, 32), model::logits, Progress.NONE)).isInstanceOf(InputException.class);
      assertThatThrownBy(() -> opened.run("one", picture(32, 32), model::logits, (_, _) -> Thread.currentThread().interrupt()))
          .isInstanceOf(CancelledException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(opened.run("one", picture(32, 32), model::logits, Progress.NONE)).isEqualTo(expected);
    }
  }

  /// The checkpoint is closed with the model, also where it holds none that can be used; kernels that were given stay open.
  @Test
  void whatIsClosed() {
    var file = write(SmallModel.VIT);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1))) {
      var checkpoint = Checkpoint.open(file);
      var opened = OpenModel.of(checkpoint, kernels);
      opened.session().close();
      opened.close();
      opened.close();
      assertThatThrownBy(opened::session).isInstanceOf(IllegalStateException.class).hasMessage(file + ": the model is closed");
      requireClosed(checkpoint);
      // The kernels still run.
      var again = OpenModel.of(Checkpoint.open(file), kernels);
      var model = again.model(ClassifiesPictures.class, "a model that classifies pictures");
      assertThat(again.run("one", picture(32, 32), model::logits, Progress.NONE)).hasSize(5);
      again.close();

      var unknown = Checkpoint.open(ofNoFamily());
      assertThatThrownBy(() -> OpenModel.of(unknown, kernels)).isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(unknown.name() + ": family 'vgg' is not supported; expected one of vit, ");
      requireClosed(unknown);
      List<BiFunction<Checkpoint, Kernels, AutoCloseable>> tasks = List.of(ImageClassifier::of, PictureEmbedder::of, Segmenter::of,
          MaskPredictor::of, ZeroShotClassifier::of);
      for (var task : tasks) requireRefusalCloses(task, write(SmallModel.BERT), kernels);
      requireRefusalCloses(TextClassifier::of, write(SmallModel.VIT), kernels);
      requireRefusalCloses(TextEmbedder::of, write(SmallModel.VIT), kernels);
    }
  }

  private static void requireRefusalCloses(BiFunction<Checkpoint, Kernels, AutoCloseable> task, Path file, Kernels kernels) {
    var checkpoint = Checkpoint.open(file);
    assertThatThrownBy(() -> task.apply(checkpoint, kernels)).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": expected a");
    requireClosed(checkpoint);
  }

  private static void requireClosed(Checkpoint checkpoint) {
    var tensor = checkpoint.tensors().values().iterator().next();
    assertThatThrownBy(tensor::toFloats).isInstanceOf(IllegalStateException.class);
  }

  private Path ofNoFamily() {
    var writer = new CheckpointWriter();
    var nothing = new JsonFields("nothing", new JsonObject());
    new ModelHeader("vgg", nothing, nothing, List.of()).addTo(writer);
    writer.tensor("x", DType.F32, new long[] {1}, () -> Arena.ofAuto().allocate(4));
    var file = folder.resolve("vgg.safetensors");
    writer.write(file);
    return file;
  }
}
