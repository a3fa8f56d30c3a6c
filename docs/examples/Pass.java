import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.nn.AttentionMap;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.WarmUp;
import dev.fovea.kernels.Workers;
import dev.fovea.models.ContinuesText;
import dev.fovea.models.LoadedModel;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// One pass of a model, which keeps intermediate tensors by name. They are valid until it is closed.
///
/// An input is a picture's file, a text, or a point `x,y`. A language model reads a text without a picture, too.
final class Pass implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final Workspace workspace;
  private final Set<String> names = new TreeSet<>();
  private final Probe probe;
  private Map<String, Tensor> outputs = Map.of();
  /// The picture among the inputs, and the tokens of the text.
  Picture picture;
  List<String> tokens = List.of();

  /// @param wanted names of the tensors to keep
  Pass(String model, List<String> inputs, String... wanted) {
    WarmUp.start();   // without it, vector loops are slow until they are compiled
    checkpoint = Checkpoint.open(Path.of(model));
    kernels = KernelProvider.named("auto", Workers.threads(Runtime.getRuntime().availableProcessors()));
    workspace = new Workspace(kernels);
    probe = Probe.of(name -> {
      names.add(name);
      return List.of(wanted).contains(name);
    });
    run(LoadedModel.of(checkpoint, arena), inputs);
  }

  private void run(LoadedModel model, List<String> inputs) {
    var tensors = new HashMap<String, Tensor>();
    for (var input : inputs) {
      if (Files.exists(Path.of(input))) addPicture(input, tensors);
      else if (input.matches("\\d+,\\d+")) addPoint(input.split(","), tensors);
      else addText(input, tensors);
    }
    if (tokens.isEmpty() && model.model().inputs(1, 0).containsKey("input_ids"))
      throw new IllegalArgumentException("this model reads a text, too");
    if (picture == null && model.model() instanceof ContinuesText decoder) {
      workspace.run("text", tensors.get("input_ids"), ids -> {
        decoder.language().forward(decoder.language().embed(ids), probe);
        return probe;
      }, kept -> List.copyOf(kept.tensors().values()));
    } else {
      outputs = model.run(workspace, tensors, probe);
    }
  }

  private void addPicture(String file, Map<String, Tensor> inputs) {
    picture = Picture.read(Path.of(file));
    var pixels = Preprocessing.of(ModelHeader.of(checkpoint).preprocessing()).apply(picture, 1);
    inputs.put("pixel_values", Tensor.of(arena, pixels.values(), 1, 3, pixels.height(), pixels.width()));
  }

  private void addPoint(String[] xy, Map<String, Tensor> inputs) {
    inputs.put("point.input_points", Tensor.of(arena, new float[] {Float.parseFloat(xy[0]), Float.parseFloat(xy[1])}, 1, 1, 1, 2));
    inputs.put("point.input_labels", Tensor.of(arena, new float[] {1}, 1, 1, 1));
  }

  private void addText(String text, Map<String, Tensor> inputs) {
    var encoding = Tokenizer.of(checkpoint).encode(text);
    int count = encoding.length();
    var ids = new float[count];
    for (int i = 0; i < count; i++) ids[i] = encoding.ids()[i];
    tokens = new ArrayList<>(encoding.tokens());
    inputs.put("input_ids", Tensor.of(arena, ids, 1, count));
    inputs.put("attention_mask", Tensor.zeros(arena, 1, count));
    inputs.put("token_type_ids", Tensor.zeros(arena, 1, count));
  }

  /// A kept attention map. If there is none of that name, the program ends and prints the names that there are.
  AttentionMap attention(String name) {
    var map = probe.attentions().get(name);
    if (map == null) end(name);
    return map;
  }

  /// Another kept tensor, or an output.
  Tensor tensor(String name) {
    var tensor = probe.tensors().getOrDefault(name, outputs.get(name));
    if (tensor == null) end(name);
    return tensor;
  }

  private void end(String name) {
    System.err.println("the model has no " + name + "; it has " + String.join(" ", names));
    System.exit(2);
  }

  @Override
  public void close() {
    workspace.close();
    kernels.close();
    checkpoint.close();
    arena.close();
  }
}
