package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A mapped file that another program truncates while compiled kernels read it ends in an exception, not in a crash.
class TruncationTest {
  private static final int M = 48, N = 256, K = 512;
  private static final long WARM_UP_NANOS = 1_500_000_000;

  /// How a kernel reads mapped memory.
  private enum Use {
    LINEAR_F32(4L * N * K), LINEAR_F16(2L * N * K), LINEAR_BF16(2L * N * K);

    private final long bytes;

    Use(long bytes) {
      this.bytes = bytes;
    }

    private void run(Kernels kernels, MemorySegment mapped, Arena arena) {
      switch (this) {
        case LINEAR_F32 -> linear(kernels, WeightFormat.F32, mapped, arena);
        case LINEAR_F16 -> linear(kernels, WeightFormat.F16, mapped, arena);
        case LINEAR_BF16 -> linear(kernels, WeightFormat.BF16, mapped, arena);
      }
    }

    private static void linear(Kernels kernels, WeightFormat type, MemorySegment mapped, Arena arena) {
      kernels.run(new Operation.Linear(floats(arena, M * K), new Weight(mapped, type, Weight.Layout.PANELS, N, K), null, Activation.NONE, null, floats(arena, M * N), M));
    }

    private static MemorySegment floats(Arena arena, long n) {
      return arena.allocate(4 * n, 64);
    }
  }

  private static Stream<Arguments> uses() {
    return Arrays.stream(Use.values()).flatMap(use -> Stream.of(Arguments.of(use, 1), Arguments.of(use, 2)));
  }

  @TempDir
  Path folder;

  @ParameterizedTest
  @MethodSource("uses")
  void truncatedWhileCompiledKernelsRead(Use use, int threads) throws IOException {
    var path = folder.resolve("model.st");
    new CheckpointWriter().tensor("w", DType.U8, new long[] {use.bytes}, () -> Bytes.segment(new byte[(int) use.bytes])).write(path);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var checkpoint = Checkpoint.open(path)) {
      var mapped = checkpoint.tensor("w").data();
      for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) run(use, kernels, mapped);
      for (long length : new long[] {checkpoint.size() - 5000, checkpoint.size() / 2, 0}) {
        truncate(path, length);
        for (int i = 0; i < 20; i++)
          assertThatThrownBy(() -> run(use, kernels, mapped)).as("%s bytes, call %s", length, i).isInstanceOf(InternalError.class);
        assertThatThrownBy(() -> checkpoint.reading(() -> run(use, kernels, mapped))).isInstanceOf(CheckpointException.class)
            .hasMessage(path + ": was truncated while in use: expected " + checkpoint.size() + " bytes, got " + length);
      }
      assertThatCode(() -> run(use, kernels, Bytes.segment(new byte[(int) use.bytes]))).doesNotThrowAnyException();
    }
  }

  @ParameterizedTest
  @MethodSource("uses")
  void truncatedWhileReading(Use use, int threads) throws IOException {
    var path = folder.resolve("model.st");
    new CheckpointWriter().tensor("w", DType.U8, new long[] {use.bytes}, () -> Bytes.segment(new byte[(int) use.bytes])).write(path);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var checkpoint = Checkpoint.open(path)) {
      var mapped = checkpoint.tensor("w").data();
      assertThat(checkpoint.reading(() -> run(use, kernels, mapped))).isTrue();
      assertThatThrownBy(() -> checkpoint.reading(() -> {
        truncate(path, 8);
        return run(use, kernels, mapped);
      })).isInstanceOf(CheckpointException.class).hasMessageContaining("was truncated while in use").hasCauseInstanceOf(InternalError.class);
    }
  }

  private static boolean run(Use use, Kernels kernels, MemorySegment mapped) {
    try (var arena = Arena.ofShared()) {
      use.run(kernels, mapped, arena);
    }
    return true;
  }

  private static void truncate(Path path, long length) {
    try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
