package dev.fovea.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

// page: imports
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.nn.LayerNorm;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.Mlp;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.PatchEmbedding;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Workers;
// page: end
import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.kernels.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The program of `docs/adding-a-model.md`. The page shows what stands between `// page:` marks, in the same order.
class AddingAModelTest {
  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  // page: config
  /// The sizes of a patch classifier.
  ///
  /// @param imageSize side of the pictures, in pixels
  /// @param dim channels
  /// @param mlpDim hidden features of the feed-forward part
  record PatchConfig(int imageSize, int patchSize, int dim, int numHeads, int mlpDim, int numClasses) {
    PatchConfig {
      if (imageSize < 1 || patchSize < 1 || imageSize % patchSize != 0)
        throw new IllegalArgumentException("image_size " + imageSize + " is not a multiple of patch_size " + patchSize);
    }

    /// Patches along a side.
    int side() {
      return imageSize / patchSize;
    }
  }
  // page: end

  // page: load
  /// Shapes: B batch, S pixels along a side, P patches, C channels.
  ///
  /// @param positions `[P, C]`
  record PatchClassifier(PatchConfig config, PatchEmbedding patchEmbed, Tensor positions, LayerNorm norm1, MultiHeadAttention attn,
      LayerNorm norm2, Mlp mlp, LayerNorm norm, Linear head) {
    static final float EPS = 1e-6f;

    static PatchClassifier load(PatchConfig c, Weights w) {
      int dim = c.dim(), patch = c.patchSize();
      return new PatchClassifier(c,
          new PatchEmbedding(w.linear("patch_embed.proj", 3 * patch * patch, dim), 3, patch),
          w.tensor("pos_embed", c.side() * c.side(), dim),
          w.layerNorm("norm1", dim, EPS),
          new MultiHeadAttention(w.linear("attn.qkv", dim, 3 * dim), w.linear("attn.proj", dim, dim), c.numHeads()),
          w.layerNorm("norm2", dim, EPS),
          new Mlp(w.linear("mlp.fc1", dim, c.mlpDim()), Activation.GELU, w.linear("mlp.fc2", c.mlpDim(), dim)),
          w.layerNorm("norm", dim, EPS),
          w.linear("head", dim, c.numClasses()));
    }
    // page: end

    // page: forward
    /// `[B, 3, S, S]` → logits `[B, classes]`.
    Tensor forward(Tensor image, Probe probe) {
      var x = patchEmbed.forward(image).plus(positions);                              // [B, P, C]
      probe.see("hidden_states", 0, x);
      var tokens = Tokens.grid(config.side(), config.side());
      x = x.plus(attn.forward(norm1.forward(x), AttentionMask.NONE, probe.attention(0, tokens, tokens)));
      x = probe.see("hidden_states", 1, x.plus(mlp.forward(norm2.forward(x))));
      return head.forward(norm.forward(x).mean(1));                                   // [B, C] → [B, classes]
    }
  }
  // page: end

  private final Arena arena = Arena.ofShared();

  // page: random
  PatchConfig config = new PatchConfig(32, 8, 24, 3, 48, 5);

  PatchClassifier model(Arena arena) {
    return Weights.bind(new RandomWeights(arena, 1), w -> PatchClassifier.load(config, w)).model();
  }

  /// A picture of noise, between -1 and 1: `[1, 3, 32, 32]`.
  Tensor picture(Arena arena) {
    var noise = new Random(2);
    var pixels = new float[3 * 32 * 32];
    for (int i = 0; i < pixels.length; i++) pixels[i] = 2 * noise.nextFloat() - 1;
    return Tensor.of(arena, pixels, 1, 3, 32, 32);
  }
  // page: end

  // page: run
  float[] logits(PatchClassifier model, Tensor picture, KernelProvider provider, int threads) {
    try (var kernels = provider.open(Workers.threads(threads)); var workspace = new Workspace(kernels)) {
      return workspace.run("logits", picture, x -> model.forward(x, Probe.NONE), List::of).toArray();
    }
  }
  // page: end

  // page: compare
  /// The largest error, relative to the largest expected magnitude.
  static double error(float[] actual, float[] expected) {
    double error = 0, largest = 0;
    for (int i = 0; i < expected.length; i++) {
      error = Math.max(error, Math.abs(actual[i] - expected[i]));
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    return error / largest;
  }

  @Test
  void vectorComputesWhatReferenceComputes() {
    var model = model(arena);
    var picture = picture(arena);
    float[] expected = logits(model, picture, KernelProvider.REFERENCE, 1);
    float[] actual = logits(model, picture, KernelProvider.VECTOR, 1);
    assertThat(actual).hasSize(5);
    assertThat(error(actual, expected)).isLessThan(1e-5);
    assertThat(logits(model, picture, KernelProvider.VECTOR, 3)).containsExactly(actual);
  }
  // page: end

  // page: replay
  float[] replay(PatchClassifier model, Tensor picture, Kernels kernels) {
    var recording = Workspace.dryRun(x -> model.forward(x, Probe.NONE), List::of, picture.shape());
    try (var program = recording.run(kernels, Map.of("x", picture.segment()))) {
      var logits = recording.outputs().getFirst();
      var memory = program.memory(MemorySegment.ofAddress(logits.address()), logits.bytes());
      return Tensor.over(memory, 1, config.numClasses()).toArray();
    }
  }
  // page: end

  // page: probe
  @Test
  void probeKeepsTheMap() {
    var model = model(arena);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var map = workspace.run("map", picture(arena), x -> {
        var probe = Probe.of("attentions.0"::equals);
        model.forward(x, probe);
        return probe.attentions().get("attentions.0");
      }, attention -> List.of(attention.weights()));
      assertThat(map.weights().shape()).containsExactly(1, 3, 16, 16);                // [B, heads, queries, keys]
      assertThat(map.keys()).isEqualTo(Tokens.grid(4, 4));                            // key 5 is the patch at row 1, column 1
      double sum = 0;
      for (int key = 0; key < 16; key++) sum += map.weights().get(0, 2, 5, key);
      assertThat(sum).isCloseTo(1, within(1e-5));
    }
  }
  // page: end

  // page: model
  /// The classifier with named inputs and outputs.
  record PatchModel(PatchClassifier classifier) implements Model {
    @Override
    public Map<String, ModelInput> inputs(int batch, int size) {
      int side = classifier.config().imageSize();
      return Map.of(PIXEL_VALUES, ModelInput.pixels(batch, 3, side, side, size));
    }

    @Override
    public Map<String, Tensor> outputs(Map<String, Tensor> inputs, Probe probe) {
      var logits = classifier.forward(inputs.get(PIXEL_VALUES), probe);
      var outputs = new HashMap<>(probe.tensors());
      outputs.put("logits", logits);
      return outputs;
    }
  }

  LoadedModel loaded(Arena arena) {
    var bound = Weights.bind(new RandomWeights(arena, 1), w -> new PatchModel(PatchClassifier.load(config, w)));
    return new LoadedModel("patches", bound.model(), bound.parameters());
  }
  // page: end

  @AfterEach
  void close() {
    arena.close();
  }

  @ParameterizedTest
  @EnumSource
  void replayNeedsNoModel(KernelProvider provider) {
    var model = model(arena);
    var picture = picture(arena);
    try (var kernels = provider.open(Workers.threads(1))) {
      assertThat(replay(model, picture, kernels)).containsExactly(logits(model, picture, provider, 1));
    }
  }

  @Test
  void loadedModelRuns() {
    var picture = picture(arena);
    var loaded = loaded(arena);
    assertThat(loaded.dryRun(1, 0).macs()).isEqualTo(
        Workspace.dryRun(x -> model(arena).forward(x, Probe.NONE), List::of, picture.shape()).macs());
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var outputs = loaded.run(workspace, Map.of(Model.PIXEL_VALUES, picture), Probe.of("attentions.0"::equals));
      assertThat(outputs).containsOnlyKeys("logits", "attentions.0");
      assertThat(outputs.get("logits").toArray()).containsExactly(logits(model(arena), picture, KernelProvider.VECTOR, 1));
    }
  }

  @Test
  void probeChangesNoResult() {
    var model = model(arena);
    var picture = picture(arena);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      var probed = workspace.run("probed", picture, x -> model.forward(x, Probe.all()), List::of).toArray();
      assertThat(probed).containsExactly(logits(model, picture, KernelProvider.VECTOR, 1));
    }
  }

  /// What the page says of errors.
  @Test
  void saysWhatDoesNotFit() {
    assertThatThrownBy(() -> new PatchConfig(30, 8, 24, 3, 48, 5)).hasMessage("image_size 30 is not a multiple of patch_size 8");
    var model = model(arena);
    var grey = Tensor.zeros(arena, 1, 1, 32, 32);
    try (var kernels = KernelProvider.REFERENCE.open(Workers.threads(1)); var workspace = new Workspace(kernels)) {
      assertThatThrownBy(() -> workspace.run("grey", grey, x -> model.forward(x, Probe.NONE), List::of))
          .isInstanceOf(InputException.class).hasMessage("expected pictures [B, 3, H, W], got [1, 1, 32, 32]");
    }
    assertThatThrownBy(() -> Weights.bind(withAnExtraTensor(), w -> PatchClassifier.load(config, w)))
        .isInstanceOf(CheckpointException.class).hasMessageContaining("'extra': not used by the model");
  }

  private static WeightSource withAnExtraTensor() {
    var shapes = WeightSource.shapesOnly();
    return new WeightSource() {
      @Override
      public Set<String> names() {
        return Set.of("extra");
      }

      @Override
      public String description() {
        return shapes.description();
      }

      @Override
      public Tensor tensor(String name, Initial initial, int... shape) {
        return shapes.tensor(name, initial, shape);
      }

      @Override
      public Weight matrix(String name, int n, int k) {
        return shapes.matrix(name, n, k);
      }
    };
  }

  @Test
  void pageShowsThisProgram() throws IOException {
    var page = blocks(Files.readAllLines(ROOT.resolve("docs/adding-a-model.md")), "```java", "```");
    var source = ROOT.resolve("models/src/test/java/dev/fovea/models/AddingAModelTest.java");
    assertThat(page).isNotEmpty().isEqualTo(blocks(Files.readAllLines(source), "// page: ", "// page: end"));
  }

  /// The lines between each line that begins with `begin` and the next that is `end`, without common indentation.
  private static List<String> blocks(List<String> lines, String begin, String end) {
    var blocks = new ArrayList<String>();
    ArrayList<String> block = null;
    for (var line : lines) {
      var words = line.strip();
      if (block == null) {
        if (words.startsWith(begin)) block = new ArrayList<>();
      } else if (words.equals(end)) {
        blocks.add(String.join("\n", block).stripIndent());
        block = null;
      } else {
        block.add(line);
      }
    }
    assertThat(block).as("a block that does not end").isNull();
    return blocks;
  }
}
