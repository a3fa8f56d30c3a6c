package dev.fovea.engine.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.WeightSource;
import dev.fovea.engine.checkpoint.Weights;
import dev.fovea.kernels.Operation;
import dev.fovea.engine.tensor.Tensor;
import dev.fovea.engine.tensor.Workspace;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.Convolution.Layout;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Window;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The layers on maps so small that their results can be worked out by hand.
class ConvolutionLayersTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  private Tensor of(int[] shape, float... values) {
    return Tensor.of(arena, values, shape);
  }

  private Weight rows(int n, int k, float... values) {
    return Weight.rows(of(new int[] {n, k}, values).segment(), n, k);
  }

  private static int[] shape(int... shape) {
    return shape;
  }

  private static Tensor run(KernelProvider provider, Tensor x, UnaryOperator<Tensor> layer, int[] shape, float... expected) {
    try (var kernels = provider.open(Workers.threads(2)); var workspace = new Workspace(kernels)) {
      var out = workspace.run("layer", x, layer::apply, List::of);
      assertThat(out.shape()).isEqualTo(shape);
      assertThat(out.toArray()).isEqualTo(expected);
      return out;
    }
  }

  /// A picture of two channels, `0 … 5` and ten times that; each output takes one sample of the window and a bias.
  @ParameterizedTest
  @EnumSource
  void conv2d(KernelProvider provider) {
    var planes = of(shape(1, 2, 2, 3), 0, 1, 2, 3, 4, 5, 0, 10, 20, 30, 40, 50);
    var map = of(shape(1, 2, 3, 2), 0, 0, 1, 10, 2, 20, 3, 30, 4, 40, 5, 50);
    var bias = of(shape(2), 0.5f, -7);
    // Output 0: channel 0 of sample (0, 1). Output 1: channel 1 of sample (1, 0).
    var overMap = new Conv2d(rows(2, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0), bias, 2, Window.square(2), 1, Layout.CHANNELS_LAST);
    var overPlanes = new Conv2d(rows(2, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0), bias, 2, Window.square(2), 1, Layout.PLANES);
    run(provider, map, overMap::forward, shape(1, 1, 2, 2), 1.5f, 23, 2.5f, 33);
    run(provider, planes, overPlanes::forward, shape(1, 1, 2, 2), 1.5f, 23, 2.5f, 33);
    var grouped = new Conv2d(rows(2, 1, 2, 3), bias, 2, Window.square(1).stride(2), 2, Layout.CHANNELS_LAST);
    run(provider, map, x -> grouped.forward(x, Activation.RELU), shape(1, 1, 2, 2), 0.5f, 0, 4.5f, 53);
    assertThatThrownBy(() -> run(provider, planes, overMap::forward, shape())).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("convolution: expected [B, H, W, 2], got [1, 2, 2, 3]");
    assertThatThrownBy(() -> run(provider, of(shape(1, 1, 1, 2), 1, 2), overPlanes::forward, shape())).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("convolution: expected [B, 2, H, W], got [1, 1, 1, 2]");
  }

  @ParameterizedTest
  @EnumSource
  void depthwise(KernelProvider provider) {
    var map = of(shape(1, 2, 2, 2), 1, 10, 2, 20, 3, 30, 4, 40);
    // Channel 0 takes its left neighbour, channel 1 the one below.
    var weight = of(shape(3, 3, 2), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
    var layer = new DepthwiseConv(weight, of(shape(2), 0.5f, -35), Window.square(3).pad(1));
    run(provider, map, layer::forward, shape(1, 2, 2, 2), 0.5f, -5, 1.5f, 5, 0.5f, -35, 3.5f, -35);
    run(provider, map, x -> layer.forward(x, Activation.RELU), shape(1, 2, 2, 2), 0.5f, 0, 1.5f, 5, 0.5f, 0, 3.5f, 0);
    assertThatThrownBy(() -> run(provider, of(shape(1, 1, 3), 1, 2, 3), layer::forward, shape())).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("depthwise convolution: expected [B, H, W, 2], got [1, 1, 3]");
  }

  @ParameterizedTest
  @EnumSource
  void transposed(KernelProvider provider) {
    var map = of(shape(1, 1, 2, 1), 1, 2);
    var layer = new ConvTranspose2d(rows(4, 1, 1, 10, 100, -1000), of(shape(1), 0.5f), 2);
    run(provider, map, layer::forward, shape(1, 2, 4, 1), 1.5f, 10.5f, 2.5f, 20.5f, 100.5f, -999.5f, 200.5f, -1999.5f);
    run(provider, map, x -> layer.forward(x, Activation.RELU), shape(1, 2, 4, 1), 1.5f, 10.5f, 2.5f, 20.5f, 100.5f, 0, 200.5f, 0);
    assertThatThrownBy(() -> run(provider, of(shape(1, 1, 1, 2), 1, 2), layer::forward, shape())).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("transposed convolution: expected [B, H, W, 1], got [1, 1, 1, 2]");
  }

  @ParameterizedTest
  @EnumSource
  void patchEmbedding(KernelProvider provider) {
    var planes = of(shape(1, 1, 2, 4), 1, 2, 3, 4, 5, 6, 7, 8);
    var layer = new PatchEmbedding(new Linear(rows(1, 4, 1, 10, 100, 1000), of(shape(1), 0.5f)), 1, 2);
    run(provider, planes, layer::forward, shape(1, 2, 1), 6521.5f, 8743.5f);
  }

  /// SegFormer-B0's first stage at 512 pixels, SAM's upscaling: parameters, shapes and multiply-accumulates.
  @Test
  void loadedAndCounted() {
    record Layers(Conv2d embed, Conv2d reduce, DepthwiseConv depthwise, ConvTranspose2d up) {}
    var bound = Weights.bind(WeightSource.shapesOnly(), w -> new Layers(w.pictureConv2d("embed", 3, 32, Window.square(7).stride(4).pad(3)),
        w.conv2d("sr", 32, 64, Window.patch(8), false), w.depthwiseConv("dw", 64, Window.square(3).pad(1)), w.convTranspose2d("up", 64, 16, 2)));
    assertThat(bound.parameters()).isEqualTo((32 * 147 + 32) + 64 * 2048 + (9 * 64 + 64) + (4 * 16 * 64 + 16));
    var layers = bound.model();
    var recording = Workspace.dryRun(x -> layers.up.forward(layers.depthwise.forward(layers.reduce.forward(layers.embed.forward(x)))),
        List::of, 2, 3, 512, 512);
    assertThat(recording.operations()).extracting(Operation::description).containsExactly(
        "convolve[2, 128, 128, 32, 147] " + 2L * 128 * 128 * 32 * 147 + " MACs",
        "convolve[2, 16, 16, 64, 2048] " + 2L * 16 * 16 * 64 * 2048 + " MACs",
        "depthwise[2, 16, 16, 64, 9] " + 2L * 16 * 16 * 64 * 9 + " MACs",
        "transposedConvolution[2, 16, 16, 64, 64] " + 2L * 16 * 16 * 64 * 64 + " MACs");
  }
}
