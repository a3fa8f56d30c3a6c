package dev.fovea.benchmarks.peers;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;

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
}
