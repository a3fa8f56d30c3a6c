package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
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
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A mapped file that another program truncates while compiled kernels read it ends in an exception, not in a crash; what was
/// loaded stays.
class TruncationTest {
  private static final int M = 48, N = 256, K = 512;
  private static final long WARM_UP_NANOS = 1_500_000_000;

  private static Stream<Arguments> uses() {
    return Arrays.stream(WeightFormat.values()).flatMap(format -> Stream.of(Arguments.of(format, 1), Arguments.of(format, 2)));
  }

  @TempDir
  Path folder;

  @ParameterizedTest
  @MethodSource("uses")
  void truncatedWhileCompiledKernelsRead(WeightFormat format, int threads) throws IOException {
    var path = write(format);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var checkpoint = Checkpoint.open(path)) {
      var mapped = checkpoint.tensor("w").data();
      for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) run(format, kernels, mapped);
      for (long length : new long[] {checkpoint.size() - 5000, checkpoint.size() / 2, 0}) {
        truncate(path, length);
        for (int i = 0; i < 20; i++)
          assertThatThrownBy(() -> run(format, kernels, mapped)).as("%s bytes, call %s", length, i)
              .isInstanceOf(InternalError.class);
        assertThatThrownBy(() -> checkpoint.reading(() -> run(format, kernels, mapped))).isInstanceOf(CheckpointException.class)
            .hasMessage(path + ": was truncated while in use: expected " + checkpoint.size() + " bytes, got " + length);
      }
      assertThat(run(format, kernels, contents(format))).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("uses")
  void truncatedWhileReading(WeightFormat format, int threads) throws IOException {
    var path = write(format);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var checkpoint = Checkpoint.open(path)) {
      var mapped = checkpoint.tensor("w").data();
      assertThat(checkpoint.reading(() -> run(format, kernels, mapped))).isTrue();
      assertThatThrownBy(() -> checkpoint.reading(() -> {
        truncate(path, 8);
        return run(format, kernels, mapped);
      })).isInstanceOf(CheckpointException.class).hasMessageContaining("was truncated while in use").hasCauseInstanceOf(InternalError.class);
    }
  }

  @Test
  void checksums() throws IOException {
    var path = write(WeightFormat.F32);
    try (var checkpoint = Checkpoint.open(path)) {
      var tensor = checkpoint.tensor("w");
      var whole = new CRC32();
      whole.update(contents(WeightFormat.F32).toArray(ValueLayout.JAVA_BYTE));
      assertThat(tensor.checksum()).isEqualTo(whole.getValue());
      for (long length : new long[] {checkpoint.size() / 2, 0}) {
        truncate(path, length);
        assertThatThrownBy(tensor::checksum).isInstanceOf(InternalError.class);
      }
    }
  }

  /// The same results to the bit while the file that was loaded becomes shorter, and when another one has taken its place.
  @ParameterizedTest
  @MethodSource("uses")
  void whatWasLoadedStays(WeightFormat format, int threads) throws IOException {
    var path = write(format);
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var arena = Arena.ofShared();
        var checkpoint = Checkpoint.open(path, Residency.LOADED)) {
      var loaded = checkpoint.tensor("w").data();
      var expected = product(format, kernels, loaded, arena);
      for (long length : new long[] {checkpoint.size() - 5000, 0}) {
        truncate(path, length);
        assertThat(checkpoint.reading(() -> product(format, kernels, loaded, arena))).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("uses")
  void replacedByRename(WeightFormat format, int threads) throws IOException {
    for (var residency : Residency.values()) {
      var path = write(format);
      var shorter = Files.write(folder.resolve("other"), new byte[100]);
      try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads)); var checkpoint = Checkpoint.open(path, residency);
          var arena = Arena.ofShared()) {
        var weights = checkpoint.tensor("w").data();
        var expected = product(format, kernels, weights, arena);
        Files.move(shorter, path, StandardCopyOption.REPLACE_EXISTING);
        assertThat(checkpoint.reading(() -> product(format, kernels, weights, arena))).as(residency.name()).isEqualTo(expected);
      }
    }
  }

  private static MemorySegment contents(WeightFormat format) {
    var bytes = Arena.ofAuto().allocate(Weight.bytes(format, Weight.Layout.PANELS, N, K), 64);
    var weight = new Weight(bytes, format, Weight.Layout.PANELS, N, K);
    var rows = Arena.ofAuto().allocate(4L * N * K, 64);
    for (int i = 0; i < N * K; i++) rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 97 - 48);
    Weight.rows(rows, N, K).copyTo(weight);
    return bytes;
  }

  private Path write(WeightFormat format) {
    var path = folder.resolve("model.st");
    var contents = contents(format);
    new CheckpointWriter().tensor("w", DType.U8, new long[] {contents.byteSize()}, () -> contents).write(path);
    return path;
  }

  private static boolean run(WeightFormat format, Kernels kernels, MemorySegment mapped) {
    try (var arena = Arena.ofShared()) {
      return product(format, kernels, mapped, arena).length > 0;
    }
  }

  private static float[] product(WeightFormat format, Kernels kernels, MemorySegment bytes, Arena arena) {
    MemorySegment x = arena.allocate(4L * M * K, 64), out = arena.allocate(4L * M * N, 64);
    for (int i = 0; i < M * K; i++) x.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 13 - 6);
    var weight = new Weight(bytes, format, Weight.Layout.PANELS, N, K);
    kernels.run(new Operation.Linear(x, weight, null, Activation.NONE, null, out, M));
    return out.toArray(ValueLayout.JAVA_FLOAT);
  }

  private static void truncate(Path path, long length) {
    try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
