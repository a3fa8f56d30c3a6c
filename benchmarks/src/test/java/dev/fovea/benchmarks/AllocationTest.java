package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// After the first calls, neither kernels nor models allocate a buffer, on the heap or off it: only small objects that describe
/// tasks, whose number does not follow the rows.
class AllocationTest {
  /// Operations and bytes that a call may take here.
  private static final double MOST_FLOPS = 6e8, MOST_BYTES = 2e7;
  /// Bytes of a call's small objects, and of a pass of twelve blocks.
  private static final long MOST_OF_CALL = 32 << 10, MOST_OF_PASS = 512 << 10;
  /// Bytes of small objects that a further row may cost; a row itself is 3072.
  private static final long MOST_OF_ROW = 64;

  static Stream<Arguments> shapes() {
    var tokens = Stream.of(1, 16).map(m -> Shapes.product("tokens", m, 768, 768, Weight.Type.F32, Shapes.NONE));
    var quick = Shapes.ALL.stream().filter(s -> switch (s.limit()) {
      case FMA -> s.amount() <= MOST_FLOPS;
      case COPY -> s.amount() <= MOST_BYTES;
      case READ -> false;   // hundreds of megabytes of weights
    });
    return Stream.concat(tokens, quick).flatMap(s -> Stream.of(1, 2).map(threads -> Arguments.of(s.name(), s, threads)));
  }

  @ParameterizedTest(name = "{0}, threads: {2}")
  @MethodSource("shapes")
  void kernelsAllocateNoBuffers(String name, Shape shape, int threads) {
    var allocations = ofKernel(shape, threads);
    assertThat(allocations.buffers()).as("buffers of a call of " + name).isEmpty();
    assertThat(allocations.bytes()).as("bytes of a call of " + name).isLessThanOrEqualTo(MOST_OF_CALL);
  }

  static Stream<Arguments> growing() {
    return Stream.of(
        Arguments.of(Shapes.product("", 197, 768, 768, Weight.Type.F32, Shapes.NONE),
            Shapes.product("", 4 * 197, 768, 768, Weight.Type.F32, Shapes.NONE)),
        Arguments.of(AttentionShapes.attention("", 197, Shapes.NONE), AttentionShapes.attention("", 4 * 197, Shapes.NONE)),
        Arguments.of(Shapes.softmax(197, 768, Shapes.NONE), Shapes.softmax(4 * 197, 768, Shapes.NONE)),
        Arguments.of(Shapes.layerNorm(197, 768, Shapes.NONE), Shapes.layerNorm(4 * 197, 768, Shapes.NONE)));
  }

  @ParameterizedTest
  @MethodSource("growing")
  void moreRowsAllocateLittleMore(Shape few, Shape many) {
    long more = ofKernel(many, 1).bytes() - ofKernel(few, 1).bytes();
    assertThat(more / (3.0 * 197)).as("bytes for each further row of " + many.name()).isLessThanOrEqualTo(MOST_OF_ROW);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void modelsAllocateNoBuffers(int threads) {
    try (var model = new ModelCase(new ModelCase.Pass("vit-tiny-patch16-224", 1, threads))) {
      model.run();
      long bytes = model.workspace().bytes();
      var allocations = Allocations.of(model::run, a -> isGood(a, MOST_OF_PASS));
      assertThat(allocations.buffers()).as("buffers of a pass").isEmpty();
      assertThat(allocations.bytes()).as("bytes of a pass").isLessThanOrEqualTo(MOST_OF_PASS);
      assertThat(model.workspace().bytes()).as("workspace").isEqualTo(bytes).isPositive();
    }
  }

  private static Allocations ofKernel(Shape shape, int threads) {
    try (var arena = Arena.ofShared(); var kernels = KernelProvider.VECTOR.open(Workers.threads(threads))) {
      var prepared = shape.prepare().apply(arena);
      prepared.runChecked(kernels);
      return Allocations.of(() -> {
        prepared.restore();
        prepared.run(kernels);
      }, a -> isGood(a, MOST_OF_CALL));
    }
  }

  private static boolean isGood(Allocations allocations, long mostBytes) {
    return allocations.buffers().isEmpty() && allocations.bytes() <= mostBytes;
  }

  /// What is looked for is found: an array of 4 KiB, each kind of native memory, and what a worker allocates.
  @Test
  void buffersAreSeen() {
    var kept = new ArrayList<Object>();
    assertSeen("[F", () -> kept.add(new float[1024]));
    assertSeen("[B", () -> kept.add(new byte[4096]));
    assertSeen("jdk.internal.foreign.SegmentFactories", () -> {
      try (var arena = Arena.ofConfined()) {
        kept.add(arena.allocate(64));
      }
    });
    assertSeen("jdk.internal.foreign.SegmentFactories", () -> {
      try (var arena = Arena.ofShared()) {
        kept.add(arena.allocate(64));
      }
    });
    assertSeen("jdk.internal.foreign.SegmentFactories", () -> kept.add(Arena.ofAuto().allocate(64)));
    try (var arena = Arena.ofShared()) {
      assertSeen("jdk.internal.foreign.SegmentFactories", () -> kept.add(arena.allocate(64)));
    }
    assertSeen("java.nio.DirectByteBuffer", () -> kept.add(ByteBuffer.allocateDirect(64)));
  }

  private static void assertSeen(String type, Runnable call) {
    assertThat(Allocations.once(call).buffers()).as("buffers").hasSize(1).first().asString().startsWith(type);
  }
}
