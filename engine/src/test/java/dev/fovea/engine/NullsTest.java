package dev.fovea.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.CheckpointWeights;
import dev.fovea.engine.checkpoint.CheckpointWriter;
import dev.fovea.engine.checkpoint.DType;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.RandomWeights;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.engine.feature.AttentionRollout;
import dev.fovea.engine.image.Normalisation;
import dev.fovea.engine.image.PaddedSquare;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureTiles;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.image.Resample;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.nn.CrossAttention;
import dev.fovea.engine.nn.GridAttention;
import dev.fovea.engine.nn.GroupedAttention;
import dev.fovea.engine.nn.Linear;
import dev.fovea.engine.nn.MultiHeadAttention;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.nn.RotaryPositions;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Constants;
import dev.fovea.engine.tensor.Pass;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Placement;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import dev.fovea.nulls.NullCalls;
import com.google.gson.JsonObject;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Executable;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every public method and constructor of the exported types of kernels and engine refuses a null at once with a
/// [NullPointerException] that names the parameter, except where the parameter is `@Nullable`.
///
/// Layers pass most arguments of a forward pass on to operations, which refuse them.
class NullsTest {
  private final NullCalls calls = new NullCalls();

  private <T> T sample(Class<T> type, T sample) {
    return calls.sample(type, sample);
  }

  private void makeSamples(Path folder) {
    var arena = sample(Arena.class, Arena.ofAuto());
    var segment = sample(MemorySegment.class, arena.allocate(16, 64));
    sample(String.class, "s");
    sample(Path.class, folder.resolve("s"));
    sample(AttentionRollout.class, new AttentionRollout(1, AttentionRollout.Fusion.MEAN, 0));
    sample(Object.class, "s");
    sample(ByteBuffer.class, ByteBuffer.allocate(4));
    sample(InputStream.class, new ByteArrayInputStream(new byte[0]));
    sample(IOException.class, new IOException("s"));
    sample(BufferedImage.class, new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB));
    sample(Workers.class, Workers.threads(1));
    var kernels = sample(Kernels.class, KernelProvider.REFERENCE.open(Workers.threads(1)));
    var workspace = sample(Workspace.class, new Workspace(kernels));
    var tensor = sample(Tensor.class, Tensor.over(segment, 2, 2));
    var weight = sample(Weight.class, Weight.rows(segment, 2, 2));
    sample(Window.class, Window.square(1));
    var matrices = sample(Matrices.class, Matrices.dense(segment, 1, 2, 2));
    sample(Operation.class, new Operation.Copy(matrices, matrices));
    var recording = sample(Recording.class, Workspace.dryRun(x -> x.times(2), List::of, 2, 2));
    sample(Plan.class, Plan.of(List.of(), 0));
    sample(Placement.class, new Placement(recording, arena, Map.of()));
    sample(Pass.class, workspace.prepare(Map.of("x", new int[] {2, 2}), Map.of(), in -> List.of(in.get("x").times(2))));
    sample(Constants.class, new Constants(0));
    var linear = sample(Linear.class, new Linear(weight, tensor));
    sample(MultiHeadAttention.class, new MultiHeadAttention(linear, linear, 1));
    sample(CrossAttention.class, new CrossAttention(linear, linear, linear, 1));
    sample(GridAttention.class, new GridAttention(linear, linear, 1, tensor, tensor));
    sample(RotaryPositions.Scaling.class, RotaryPositions.Scaling.NONE);
    sample(RotaryPositions.class, new RotaryPositions(2, 10, RotaryPositions.Scaling.NONE, 1));
    var both = new Linear(Weight.rows(arena.allocate(32, 64), 4, 2), null);
    sample(GroupedAttention.class, new GroupedAttention(linear, both, linear, 1, 1));
    sample(Probe.class, Probe.all());
    sample(Tokens.class, Tokens.grid(1, 1));
    var checkpoint = sample(Checkpoint.class, Checkpoint.read("s", new byte[] {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}));
    sample(CheckpointWriter.class, new CheckpointWriter());
    sample(Destination.class, Destination.of(folder.resolve("s")));
    sample(JsonFields.class, JsonFields.parse("s", "{}"));
    sample(JsonObject.class, new JsonObject());
    sample(CheckpointWeights.class, new CheckpointWeights(checkpoint, arena));
    sample(StoredTensor.class, new StoredTensor("s", DType.F32, List.of(4L), segment));
    sample(WeightSource.class, new RandomWeights(arena, 1));
    sample(RandomWeights.class, new RandomWeights(arena, 1));
    sample(Weights.class, Weights.bind(WeightSource.shapesOnly(), weights -> weights).model());
    sample(Picture.class, new Picture("s", 1, 1, new byte[3]));
    sample(Preprocessing.class,
        new Preprocessing(new Preprocessing.Resize(1, 1, 0, 0), Resample.BILINEAR, null, 1, new float[3], new float[] {1, 1, 1}));
    var normalisation = sample(Normalisation.class, new Normalisation(1, new float[3], new float[] {1, 1, 1}));
    sample(PaddedSquare.class, new PaddedSquare(1, 1, Resample.BICUBIC, 0, normalisation));
    sample(PictureTiles.class, new PictureTiles(64, 64, true, Resample.LANCZOS, normalisation));
    sample(Preprocessing.Pixels.class, new Preprocessing.Pixels(1, 1, new float[3]));
    sample(Mask.class, new Mask(1, 1, new boolean[1]));
    sample(RunLengths.class, new RunLengths(1, 1, new int[] {1}));
    sample(Tokenizer.class, Tokenizer.read("s", """
        {"model": {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
          "vocab": {"a": 0}}}""".getBytes()));
  }

  /// Methods whose arguments others check, and inner loops.
  private static boolean isExempt(Executable call) {
    var type = call.getDeclaringClass();
    // Only kernels that are opened by their provider have checks.
    return type.isInterface() && type != Kernels.class && !Modifier.isStatic(call.getModifiers())
        || type.getPackage() == Linear.class.getPackage()
        && Set.of("forward", "addedTo", "attend", "cut", "join").contains(call.getName())
        || WeightFormat.class.isAssignableFrom(type) && Set.of("encode", "decode").contains(call.getName())
        // Whatever the caller's function has made.
        || type == Weights.Bound.class;
  }

  @Test
  void nullsAreRefusedByName(@TempDir Path folder) throws Exception {
    makeSamples(folder);
    for (var module : List.of(Kernels.class.getModule(), Tensor.class.getModule())) {
      var answers = calls.ask(module, NullsTest::isExempt);
      assertThat(answers.wrong()).isEmpty();
      assertThat(answers.refused()).isGreaterThan(100);
    }
  }
}
