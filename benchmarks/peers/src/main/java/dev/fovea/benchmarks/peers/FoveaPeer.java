package dev.fovea.benchmarks.peers;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import com.google.common.collect.Maps;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.nn.Probe;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.Model;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Fovea on its vector kernels.
final class FoveaPeer {
  private FoveaPeer() {}

  static Computation product(Product p, int threads) {
    var arena = Arena.ofShared();
    var kernels = KernelProvider.VECTOR.open(Workers.threads(threads));
    var x = arena.allocateFrom(JAVA_FLOAT, p.x());
    var panels = arena.allocate(Weight.bytes(WeightFormat.F32, Weight.Layout.PANELS, p.n(), p.k()), 64);
    Weight.pack(arena.allocateFrom(JAVA_FLOAT, p.w()), panels, p.n(), p.k());
    var weight = new Weight(panels, WeightFormat.F32, Weight.Layout.PANELS, p.n(), p.k());
    var out = arena.allocate(4L * p.m() * p.n(), 64);
    return new Computation() {
      @Override
      public void run() {
        kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, out, p.m()));
      }

      @Override
      public float[] output() {
        run();
        return out.toArray(JAVA_FLOAT);
      }

      @Override
      public void close() {
        kernels.close();
        arena.close();
      }
    };
  }

  static Computation vit(VitWeights weights, float[] image, int threads) {
    var arena = Arena.ofShared();
    var kernels = KernelProvider.VECTOR.open(Workers.threads(threads));
    var workspace = new Workspace(kernels);
    var c = weights.config();
    var input = Tensor.of(arena, image, 1, c.numChannels(), c.imageHeight(), c.imageWidth());
    return new Computation() {
      private Tensor logits() {
        return workspace.run("logits", input, weights.model()::logits, List::of);
      }

      @Override
      public void run() {
        logits();
      }

      @Override
      public float[] output() {
        return logits().toArray();
      }

      @Override
      public void close() {
        workspace.close();
        kernels.close();
        arena.close();
      }
    };
  }

  /// A detector in a model file.
  static Computation detector(Path file, DetectorInput input, int threads) {
    var arena = Arena.ofShared();
    var checkpoint = Checkpoint.open(file, Residency.LOADED);
    var loaded = LoadedModel.of(checkpoint, arena);
    var kernels = KernelProvider.VECTOR.open(Workers.threads(threads));
    var workspace = new Workspace(kernels);
    var inputs = inputs(loaded.model(), input, arena);
    return new Computation() {
      private Map<String, Tensor> outputs() {
        return loaded.run(workspace, inputs, Probe.NONE);
      }

      @Override
      public void run() {
        outputs();
      }

      @Override
      public float[] output() {
        var outputs = outputs();
        return input.rows(outputs.get("logits").toArray(), outputs.get("pred_boxes").toArray());
      }

      @Override
      public void close() {
        workspace.close();
        kernels.close();
        checkpoint.close();
        arena.close();
      }
    };
  }

  /// Floating-point operations of a detector's pass.
  static double flops(Path file, DetectorInput input) {
    try (var arena = Arena.ofShared(); var checkpoint = Checkpoint.open(file, Residency.MAPPED)) {
      var model = LoadedModel.of(checkpoint, arena).model();
      var shapes = Maps.transformValues(inputs(model, input, arena), each -> Tensor.shapeOnly(each.shape()));
      return 2.0 * Workspace.dryRun(Maps.transformValues(model.prepared(shapes), Tensor::shape),
          inputs -> model.outputs(inputs, Probe.NONE), Map::values).macs();
    }
  }

  /// A picture and a text without padding, and zeros for what else is asked about the text.
  private static Map<String, Tensor> inputs(Model model, DetectorInput input, Arena arena) {
    var tokens = new float[input.tokens().length];
    for (int i = 0; i < tokens.length; i++) tokens[i] = input.tokens()[i];
    var inputs = new HashMap<String, Tensor>();
    inputs.put(Model.PIXEL_VALUES, Tensor.of(arena, input.pixels(), 1, 3, input.height(), input.width()));
    inputs.put(Model.INPUT_IDS, Tensor.of(arena, tokens, 1, tokens.length));
    model.inputs(1, 0).forEach((name, each) -> {
      if (Model.INPUT_IDS.equals(each.like())) inputs.put(name, Tensor.zeros(arena, 1, tokens.length));
    });
    return inputs;
  }
}
