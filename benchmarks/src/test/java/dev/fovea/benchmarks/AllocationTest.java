package dev.fovea.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fovea.benchmarks.Allocations.Allocated;
import dev.fovea.engine.nn.Probe;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.AttentionMask;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
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

  /// Paths of kernels that the quick ones of [Shapes] do not take: a few tokens, a long sum, a bias.
  private static final List<Shape> MORE = List.of(
      Shapes.product("a token", 1, 768, 768, WeightFormat.F32, Shapes.NONE),
      Shapes.product("tokens", 16, 768, 768, WeightFormat.F32, Shapes.NONE),
      Shapes.product("a long sum", 40, 768, 3072, WeightFormat.F32, Shapes.NONE),
      AttentionShapes.biased("vit-base", 197));

  /// A step of a language model: operations on one token.
  static Stream<Arguments> ofAToken() {
    int n = 768, heads = 12, size = n / heads, capacity = 64;
    var arena = Arena.ofAuto();
    MemorySegment x = Operands.random(arena, n, 1), y = Operands.random(arena, n, 1), z = Operands.random(arena, n, 1);
    var length = arena.allocate(4, 64);
    length.set(ValueLayout.JAVA_FLOAT, 0, 20);
    var row = new Matrices(x, 1, heads, 1, size, 0, size, n, 1);
    var cache = Matrices.dense(Operands.random(arena, (long) heads * capacity * size, 1), heads, capacity, size);
    var weight = Operands.weight(arena, WeightFormat.F32, n, n);
    return Stream.of(new Operation.Linear(x, weight, y, Activation.SILU, z, z, 1),
        new Operation.Linear(x, Operands.weight(arena, WeightFormat.BF16, n, n), null, Activation.NONE, null, z, 1),
        new Operation.Linear(x, Operands.weight(arena, WeightFormat.Q8, n, n), null, Activation.NONE, null, z, 1),
        new Operation.RmsNorm(x, y, 1e-6f, z, 1, n), new Operation.LayerNorm(x, y, y, 1e-6f, z, 1, n), new Operation.Softmax(x, z, 1, n),
        new Operation.Add(x, y, z, n, n), new Operation.Multiply(x, y, z, n, n), new Operation.Scale(x, 2, z, n),
        new Operation.Activate(Activation.SILU, x, z, n), new Operation.Gather(weight, length, z, 1),
        new Operation.Attention(row, cache, cache, AttentionMask.cached(length), new Matrices(z, 1, heads, 1, size, 0, size, n, 1), 0.125f),
        new Operation.Attention(row, cache, cache, AttentionMask.NONE, new Matrices(z, 1, heads, 1, size, 0, size, n, 1), 0.125f),
        new Operation.Copy(row, new Matrices(z, 1, heads, 1, size, 0, size, n, 1)), new Operation.Append(row, cache, length))
        .flatMap(o -> Stream.of(1, 2).map(threads -> Arguments.of(Named.of(o.name(), o), threads)));
  }

  /// No object of this project and no slice of memory. Vectors that C2 has not compiled yet are objects of the JDK's.
  @ParameterizedTest
  @MethodSource("ofAToken")
  void boundOperationsAllocateNothing(Operation operation, int threads) {
    try (var kernels = KernelProvider.VECTOR.open(Workers.threads(threads))) {
      var step = kernels.bind(operation);
      for (int i = 0; i < 2; i++) step.run();
      assertThat(Allocations.once(step).objects()).filteredOn(AllocationTest::isOurs).isEmpty();
    }
  }

  private static boolean isOurs(Allocated object) {
    return object.type().startsWith("dev.fovea.") || object.type().equals("jdk.internal.foreign.NativeMemorySegmentImpl")
        || object.type().startsWith("[Ldev.fovea.") || object.isArray() && object.bytes() > 80 && !object.isVector();
  }

  private static Stream<Shape> quick() {
    return Stream.concat(MORE.stream(), Shapes.ALL.stream().filter(s -> switch (s.limit()) {
      case FMA -> s.amount() <= MOST_FLOPS;
      case COPY -> s.amount() <= MOST_BYTES;
      case READ -> false;   // hundreds of megabytes of weights
    }));
  }

  static Stream<Arguments> shapes() {
    return quick().flatMap(s -> Stream.of(1, 2).map(threads -> Arguments.of(Named.of(s.name(), s), threads)));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void kernelsAllocateNoBuffers(Shape shape, int threads) {
    var allocations = ofKernel(shape, threads);
    assertThat(allocations.buffers()).as("buffers of a call of " + shape.name()).isEmpty();
    assertThat(allocations.bytes()).as("bytes of a call of " + shape.name()).isLessThanOrEqualTo(MOST_OF_CALL);
  }

  /// [ShapesTest] shows that these words stand for all kernels.
  @Test
  void everyKernelHasAQuickShape() {
    assertThat(words(quick())).isEqualTo(words(Shapes.ALL.stream()));
  }

  private static Set<String> words(Stream<Shape> shapes) {
    return shapes.map(Shape::word).collect(Collectors.toSet());
  }

  static Stream<Arguments> growing() {
    return Stream.of(
        Arguments.of(Shapes.product("", 197, 768, 768, WeightFormat.F32, Shapes.NONE),
            Shapes.product("", 4 * 197, 768, 768, WeightFormat.F32, Shapes.NONE)),
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

  private static boolean isOfProbes(Allocated object) {
    return Stream.of("Probe", "Tokens", "AttentionMap").map("dev.fovea.engine.nn."::concat)
        .anyMatch(name -> object.type().startsWith(name) || object.place().startsWith(name));
  }

  static Stream<ModelCase.Pass> watched() {
    return Stream.of(new ModelCase.Pass("vit-tiny-patch16-224", 1, 1), new ModelCase.Pass("dinov2-small", 1, 1),
        new ModelCase.Pass("segformer-b0", 1, 1), new ModelCase.Pass("clip-vit-base-patch32", 1, 1),
        ModelCase.Pass.ofPoint("sam-vit-base", 1));
  }

  /// A probe that is absent costs no object: no description of tokens, no name.
  @ParameterizedTest
  @MethodSource("watched")
  void aPassWithoutAProbeAllocatesNothingForOne(ModelCase.Pass pass) {
    try (var model = new ModelCase(pass)) {
      // Vectors of loops that are not compiled yet would be events, too.
      for (int i = 0; i < 5; i++) model.run();
      assertThat(Allocations.once(model::run).objects()).filteredOn(AllocationTest::isOfProbes).isEmpty();
      var probe = Probe.all();
      assertThat(Allocations.once(() -> model.run(probe)).objects()).filteredOn(AllocationTest::isOfProbes).isNotEmpty();
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

  /// What is looked for is found: arrays, each kind of native memory, and what workers allocate.
  @Test
  void buffersAreSeen() {
    var kept = new ArrayList<Object>();
    assertSeen("[F", () -> kept.add(new float[1024]));
    assertSeen("[S", () -> kept.add(new short[2048]));
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

  @Test
  void workersAreSeen() {
    try (var workers = Workers.threads(2)) {
      var both = new CyclicBarrier(2);
      var kept = new float[2][];
      assertThat(Allocations.once(() -> workers.forEach(2, i -> {
        await(both);
        kept[i] = new float[1024];
      })).buffers()).filteredOn(o -> o.type().equals("[F")).hasSize(2);
    }
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await(10, TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertSeen(String type, Runnable call) {
    assertThat(Allocations.once(call).buffers()).extracting(Allocated::type).anyMatch(t -> t.startsWith(type));
  }
}
