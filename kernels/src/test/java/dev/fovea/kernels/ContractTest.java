package dev.fovea.kernels;

import static dev.fovea.kernels.Buffers.empty;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What [Kernels] refuses, with the message that says so, whatever the provider.
class ContractTest {
  private static void refused(String message, Runnable operation) {
    assertThatThrownBy(operation::run).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }

  @ParameterizedTest
  @EnumSource
  void wrongSizes(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var weight = Weight.rows(empty(6), 2, 3);
      refused("x: expected 48 bytes for [4, 3], got 44", () -> kernels.run(new Operation.Linear(empty(11), weight, null, Activation.NONE, null, empty(8), 4)));
      refused("out: expected 32 bytes for [4, 2], got 36", () -> kernels.run(new Operation.Linear(empty(12), weight, null, Activation.NONE, null, empty(9), 4)));
      refused("bias: expected 8 bytes for [2], got 12", () -> kernels.run(new Operation.Linear(empty(12), weight, empty(3), Activation.NONE, null, empty(8), 4)));
      refused("residual: expected 32 bytes", () -> kernels.run(new Operation.Linear(empty(12), weight, null, Activation.NONE, empty(2), empty(8), 4)));
      refused("m: expected a size of at least 0, got -1", () -> kernels.run(new Operation.Linear(empty(0), weight, null, Activation.NONE, null, empty(0), -1)));
      refused("b: expected [1, 1, 3, 4], got [1, 1, 2, 4]", () -> kernels.run(new Operation.Matmul(Matrices.dense(empty(6), 1, 2, 3),
          Matrices.dense(empty(8), 1, 2, 4), Matrices.dense(empty(8), 1, 2, 4), 1)));
      refused("period: expected a divisor of n = 7, got 2", () -> kernels.run(new Operation.Add(empty(7), empty(2), empty(7), 7, 2)));
      refused("weight: expected 24 bytes for [2, 3] F32 in ROWS, got 20", () ->
          kernels.run(new Operation.Linear(empty(12), Weight.rows(empty(5), 2, 3), null, Activation.NONE, null, empty(8), 4)));
      refused("an input: expected at least 24 bytes, got 20", () ->
          kernels.run(new Operation.Copy(Matrices.dense(empty(5), 1, 2, 3), Matrices.dense(empty(6), 1, 2, 3))));
      refused("gamma: expected 12 bytes", () -> kernels.run(new Operation.LayerNorm(empty(6), empty(2), null, 0, empty(6), 2, 3)));
      refused("gamma: expected 12 bytes", () -> kernels.run(new Operation.RmsNorm(empty(6), empty(2), 0, empty(6), 2, 3)));
      refused("out: expected 24 bytes for [2, 3], got 20", () -> kernels.run(new Operation.Gather(weight, empty(2), empty(5), 2)));
      refused("out: expected 8 bytes for [2], got 12", () -> kernels.run(new Operation.Find(empty(6), 0, empty(3), 2, 3)));
      refused("basis: expected 24 bytes for [2, 3], got 20", () -> kernels.run(new Operation.Fourier(empty(8), 1, 0, empty(5), empty(24), 4, 2, 3)));
      refused("out: expected 96 bytes for [4, 6], got 48", () -> kernels.run(new Operation.Fourier(empty(8), 1, 0, empty(6), empty(12), 4, 2, 3)));
      refused("out: expected 48 bytes for [2, 6], got 44", () -> kernels.run(new Operation.RotaryTable(empty(3), empty(1), empty(11), 2, 3)));
      refused("start: expected 4 bytes for [1], got 8", () -> kernels.run(new Operation.RotaryTable(empty(3), empty(2), empty(12), 2, 3)));
      refused("rotary: expected an even number of columns, got 3", () ->
          kernels.run(new Operation.Rotary(Matrices.dense(empty(6), 1, 2, 3), empty(6), Matrices.dense(empty(6), 1, 2, 3))));
      refused("table: expected 32 bytes for [2, 4], got 16", () ->
          kernels.run(new Operation.Rotary(Matrices.dense(empty(8), 1, 2, 4), empty(4), Matrices.dense(empty(8), 1, 2, 4))));
      refused("to: expected [1, 1, 2, 4], got [1, 1, 1, 4]", () ->
          kernels.run(new Operation.Rotary(Matrices.dense(empty(8), 1, 2, 4), empty(8), Matrices.dense(empty(8), 1, 1, 4))));
      refused("rotary: expected column stride 1, got 2", () ->
          kernels.run(new Operation.Rotary(Matrices.dense(empty(4), 1, 2, 2), empty(4), Matrices.dense(empty(4), 1, 2, 2).transposed())));
      refused("find: expected fewer than 16777216 elements, got [4096, 4096]", () -> kernels.run(new Operation.Find(empty(1), 0, empty(1), 4096, 4096)));
      refused("column stride 1, got 2", () -> kernels.run(new Operation.Attention(Matrices.dense(empty(6), 1, 3, 2).transposed(),
          Matrices.dense(empty(9), 1, 3, 3), Matrices.dense(empty(9), 1, 3, 3), AttentionMask.NONE, Matrices.dense(empty(6), 1, 2, 3), 1)));
    }
    refused("n: expected a size of at least 0, got -2", () -> Weight.rows(empty(6), -2, 3));
  }

  @ParameterizedTest
  @EnumSource
  void wrongSampling(KernelProvider provider) {
    var levels = List.of(new MapSize(2, 3), new MapSize(1, 2));
    try (var kernels = provider.open(Workers.threads(1))) {
      refused("sampling points: expected 2 or 4 coordinates, got 3", () ->
          kernels.run(new Operation.SamplingPoints(empty(18), empty(48), empty(48), 1, 3, 4, levels, 1, 3)));
      refused("sampling points: expected a size of at least 0, got -1", () ->
          kernels.run(new Operation.SamplingPoints(empty(0), empty(0), empty(0), -1, 3, 4, levels, 1, 2)));
      refused("reference: expected 48 bytes for [1, 3, 2, 2], got 52", () ->
          kernels.run(new Operation.SamplingPoints(empty(13), empty(48), empty(48), 1, 3, 4, levels, 1, 2)));
      refused("offsets: expected 192 bytes for [1, 3, 4, 2, 1, 2], got 96", () ->
          kernels.run(new Operation.SamplingPoints(empty(24), empty(24), empty(48), 1, 3, 4, levels, 1, 4)));
      refused("out: expected 192 bytes for [1, 3, 4, 2, 1, 2], got 188", () ->
          kernels.run(new Operation.SamplingPoints(empty(24), empty(48), empty(47), 1, 3, 4, levels, 1, 4)));
      refused("values: expected 384 bytes for [2, 8, 6], got 192", () ->
          kernels.run(new Operation.DeformableAttention(empty(48), empty(120), empty(60), empty(60), 2, 5, 3, 2, levels, 1)));
      refused("points: expected 480 bytes for [2, 5, 3, 2, 1, 2], got 240", () ->
          kernels.run(new Operation.DeformableAttention(empty(96), empty(60), empty(60), empty(60), 2, 5, 3, 2, levels, 1)));
      refused("weights: expected 240 bytes for [2, 5, 3, 2], got 480", () ->
          kernels.run(new Operation.DeformableAttention(empty(96), empty(120), empty(120), empty(60), 2, 5, 3, 2, levels, 1)));
      refused("out: expected 240 bytes for [2, 5, 6], got 244", () ->
          kernels.run(new Operation.DeformableAttention(empty(96), empty(120), empty(60), empty(61), 2, 5, 3, 2, levels, 1)));
      refused("deformable attention: expected a size of at least 0, got -2", () ->
          kernels.run(new Operation.DeformableAttention(empty(0), empty(0), empty(0), empty(0), 0, 0, 0, -2, levels, 1)));
      var s = empty(60);
      refused("out overlaps weights", () -> kernels.run(new Operation.DeformableAttention(empty(96), empty(120), s.asSlice(0, 240), s.asSlice(0, 240), 2, 5, 3, 2, levels, 1)));
      refused("top rows: expected at least 1 column, got 0", () -> kernels.run(new Operation.TopRows(empty(0), empty(2), 1, 2, 0, 2)));
      refused("top rows: expected at most 2 rows, got 3", () -> kernels.run(new Operation.TopRows(empty(2), empty(3), 1, 2, 1, 3)));
      refused("top rows: expected a size of at least 0, got -1", () -> kernels.run(new Operation.TopRows(empty(2), empty(0), 1, 2, 1, -1)));
      refused("top rows: expected fewer than 16777216 rows, got [4096, 4096, 1, 1]", () ->
          kernels.run(new Operation.TopRows(empty(0), empty(0), 4096, 4096, 1, 1)));
      refused("out: expected 16 bytes for [2, 2], got 8", () -> kernels.run(new Operation.TopRows(empty(12), empty(2), 2, 3, 2, 2)));
    }
    refused("map 0x3: expected at least 1x1", () -> new MapSize(0, 3));
    refused("map 2x-1: expected at least 1x1", () -> new MapSize(2, -1));
  }

  @ParameterizedTest
  @EnumSource
  void wrongConvolutions(KernelProvider provider) {
    var g = Convolution.of(1, 4, 5, 6, Window.square(3).pad(1));
    var w = Weight.rows(empty(2 * 54), 2, 54);
    try (var kernels = provider.open(Workers.threads(1))) {
      refused("x: expected 480 bytes for [1, 4, 5, 6], got 40", () -> kernels.run(new Operation.Convolve(empty(10), g, w, null, Activation.NONE, null, empty(40))));
      refused("x: expected 480 bytes for [1, 6, 4, 5], got 40", () ->
          kernels.run(new Operation.Convolve(empty(10), Convolution.ofPlanes(1, 6, 4, 5, g.window()), w, null, Activation.NONE, null, empty(40))));
      refused("out: expected 160 bytes for [1, 4, 5, 2], got 156", () -> kernels.run(new Operation.Convolve(empty(120), g, w, null, Activation.NONE, null, empty(39))));
      refused("weight: expected 54 columns for a window of 3x3 with 6 channels, got 6", () ->
          kernels.run(new Operation.Convolve(empty(120), g, Weight.rows(empty(12), 2, 6), null, Activation.NONE, null, empty(40))));
      refused("weight: 2 outputs are not a multiple of 3 groups", () ->
          kernels.run(new Operation.Convolve(empty(120), g.grouped(3), Weight.rows(empty(36), 2, 18), null, Activation.NONE, null, empty(40))));
      refused("bias: expected 8 bytes for [2], got 4", () -> kernels.run(new Operation.Convolve(empty(120), g, w, empty(1), Activation.NONE, null, empty(40))));
      refused("residual: expected 160 bytes", () -> kernels.run(new Operation.Convolve(empty(120), g, w, null, Activation.NONE, empty(41), empty(40))));
      refused("depthwise: expected 6 groups and channels last, got 1 groups", () -> kernels.run(new Operation.Depthwise(empty(120), g, empty(54), null, Activation.NONE, empty(120))));
      refused("taps: expected 216 bytes for [3, 3, 6], got 4", () -> kernels.run(new Operation.Depthwise(empty(120), g.grouped(6), empty(1), null, Activation.NONE, empty(120))));
      refused("weight: expected a multiple of 2x2 rows, got 6", () ->
          kernels.run(new Operation.TransposedConvolution(empty(3), 1, 1, 1, 2, Weight.rows(empty(18), 6, 3), null, Activation.NONE, empty(6))));
      refused("out: expected 32 bytes for [1, 2, 2, 2], got 24", () ->
          kernels.run(new Operation.TransposedConvolution(empty(3), 1, 1, 1, 2, Weight.rows(empty(24), 8, 3), null, Activation.NONE, empty(6))));
      refused("bias: expected 8 bytes for [2], got 32", () ->
          kernels.run(new Operation.TransposedConvolution(empty(3), 1, 1, 1, 2, Weight.rows(empty(24), 8, 3), empty(8), Activation.NONE, empty(8))));
      var s = empty(240);
      refused("out overlaps x", () -> kernels.run(new Operation.Depthwise(s.asSlice(0, 480), g.grouped(6), empty(54), null, Activation.NONE, s.asSlice(0, 480))));
      refused("out overlaps taps", () -> kernels.run(new Operation.Depthwise(empty(120), g.grouped(6), s.asSlice(400, 216), null, Activation.NONE, s.asSlice(0, 480))));
      refused("out overlaps x", () -> kernels.run(new Operation.Convolve(s.asSlice(0, 480), g, w, null, Activation.NONE, null, s.asSlice(476, 160))));
      refused("resize: nothing to resample from", () -> kernels.run(new Operation.Resize(empty(0), 1, 0, 3, 2, empty(2), 1, 1, Interpolation.BILINEAR)));
      refused("resize: nothing to resample from", () -> kernels.run(new Operation.ResizeArgmax(empty(0), 1, 0, 3, 2, empty(1), 1, 1, Interpolation.BILINEAR)));
      refused("resize: expected 1 to 16777215 channels, got 0", () -> kernels.run(new Operation.ResizeArgmax(empty(0), 1, 1, 3, 0, empty(1), 1, 1, Interpolation.BILINEAR)));
      refused("out: expected 4 bytes for [1, 1, 1], got 8", () -> kernels.run(new Operation.ResizeArgmax(empty(6), 1, 1, 3, 2, empty(2), 1, 1, Interpolation.BILINEAR)));
    }
    refused("window 5x5 is larger than the map 4x4 with padding 0, 0", () -> Convolution.of(1, 4, 4, 3, Window.square(5)));
    refused("6 channels are not a multiple of 4 groups", () -> g.grouped(4));
    refused("6 channels are not a multiple of 0 groups", () -> g.grouped(0));
    refused("negative size in [1, -4, 4, 3]", () -> Convolution.of(1, -4, 4, 3, Window.square(1)));
    refused("window 3x3 with stride 0, 0: expected at least 1", () -> Window.square(3).stride(0));
    refused("window with padding -1, -1: expected at least 0", () -> Window.square(3).pad(-1));
  }

  @ParameterizedTest
  @EnumSource
  void overlap(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var s = empty(64);
      refused("out overlaps x", () -> kernels.run(new Operation.Linear(s.asSlice(0, 16), Weight.rows(empty(4), 2, 2), null, Activation.NONE, null, s.asSlice(12, 16), 2)));
      refused("out overlaps weight", () -> kernels.run(new Operation.Linear(empty(4), Weight.rows(s.asSlice(0, 16), 2, 2), null, Activation.NONE, null, s.asSlice(0, 16), 2)));
      refused("out overlaps x without being the same memory", () -> kernels.run(new Operation.Softmax(s.asSlice(0, 40), s.asSlice(4, 40), 2, 5)));
      refused("out overlaps residual", () -> kernels.run(new Operation.Linear(empty(4), Weight.rows(empty(4), 2, 2), null, Activation.NONE, s.asSlice(0, 16), s.asSlice(8, 16), 2)));
      refused("out overlaps an input", () -> kernels.run(new Operation.Copy(Matrices.dense(s.asSlice(0, 16), 1, 2, 2), Matrices.dense(s.asSlice(4, 16), 1, 2, 2))));
    }
  }

  @ParameterizedTest
  @EnumSource
  void heapAndReadOnlyMemory(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      refused("x: expected native memory", () -> kernels.run(new Operation.Scale(MemorySegment.ofArray(new float[4]), 1, empty(4), 4)));
      refused("out: the segment is read-only", () -> kernels.run(new Operation.Scale(empty(4), 1, empty(4).asReadOnly(), 4)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void closedMemory(KernelProvider provider) {
    try (var kernels = provider.open(Workers.threads(1))) {
      var arena = Arena.ofShared();
      var x = arena.allocate(4096);
      arena.close();
      assertThatThrownBy(() -> kernels.run(new Operation.Scale(x, 1, empty(1024), 1024))).isInstanceOf(IllegalStateException.class);
      var weight = Weight.rows(empty(64 * 16), 64, 16);
      assertThatThrownBy(() -> kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, empty(64 * 64), 64))).isInstanceOf(IllegalStateException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void closingTwiceIsHarmless(KernelProvider provider) {
    var kernels = provider.open(Workers.threads(2));
    kernels.close();
    kernels.close();
  }

  @Test
  void unknownName() {
    refused("kernels 'cuda': expected one of auto, reference, vector", () -> KernelProvider.named("cuda", Workers.threads(1)));
    refused("device '0:0': kernels 'vector' run on the processor", () -> KernelProvider.service("vector").on("0:0"));
    assertThat(KernelProvider.VECTOR.devices()).isEmpty();
    assertThatThrownBy(() -> KernelProvider.named("tornado", Workers.threads(1))).isInstanceOf(UnsupportedOperationException.class)
        .hasMessageStartingWith("kernels 'tornado' cannot run: this build is without them; build with -Ptornadovm, install TornadoVM's SDK");
    assertThat(KernelProvider.names()).isEqualTo("auto, reference, vector");
    refused("threads: expected at least 1, got 0", () -> Workers.threads(0));
  }

  /// Where SIMD is there, `auto` must be SIMD: a silent fall back would leave every other test green.
  @Test
  void vectorIsActive() {
    assertThat(KernelProvider.VECTOR.reasonAgainst()).isEmpty();
    try (var kernels = KernelProvider.named("auto", Workers.threads(1))) {
      assertThat(kernels.name()).isEqualTo("vector");
    }
    assertThat(dev.fovea.kernels.vector.VectorKernels.bits()).isEqualTo(Integer.getInteger("fovea.vectorBits",
        jdk.incubator.vector.FloatVector.SPECIES_PREFERRED.vectorBitSize())).isGreaterThanOrEqualTo(128);
  }
}
