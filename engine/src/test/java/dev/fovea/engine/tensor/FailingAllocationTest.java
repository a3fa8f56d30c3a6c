package dev.fovea.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.nn.Linear;
import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Kernels;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Whichever allocation of a pass fails, the workspace works afterwards, computes the same bits, and no memory is lost.
class FailingAllocationTest {
  private static final int DIM = 24;

  private final Arena arena = Arena.ofShared();
  private final Kernels kernels = KernelProvider.VECTOR.open(Workers.threads(2));
  private final Random random = new Random(5);
  private final Linear first = linear(), second = linear();
  private final Tensor position = normal(DIM);
  private int calls, failing;
  private final Set<Arena> open = new HashSet<>();

  @AfterEach
  void close() {
    kernels.close();
    arena.close();
  }

  private Tensor normal(int... shape) {
    var values = new float[Math.toIntExact(Tensor.shapeOnly(shape).size())];
    for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
    return Tensor.of(arena, values, shape);
  }

  private Linear linear() {
    return new Linear(Weight.rows(normal(DIM, DIM).segment(), DIM, DIM), null);
  }

  private void count() {
    if (++calls == failing) throw new OutOfMemoryError("allocation " + failing);
  }

  private Arena counted(Arena real) {
    var counted = new Arena() {
      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        count();
        return real.allocate(bytes, alignment);
      }

      @Override
      public MemorySegment.Scope scope() {
        return real.scope();
      }

      @Override
      public void close() {
        open.remove(this);
        real.close();
      }
    };
    return counted;
  }

  private Arena shared() {
    count();
    var counted = counted(Arena.ofShared());
    open.add(counted);
    return counted;
  }

  private Arena automatic() {
    count();
    return counted(Arena.ofAuto());
  }

  private Workspace workspace(Constants constants) {
    return new Workspace(kernels, Progress.NONE, constants, new Arenas(this::shared, this::automatic));
  }

  /// With a constant, which is computed in a pass of its own.
  private Tensor forward(Tensor x) {
    var more = x.workspace().constant("position", position, weight -> weight.times(2).activate(Activation.GELU));
    return second.forward(first.forward(x).plus(more)).softmax();
  }

  private float[] run(Workspace workspace, Tensor x) {
    return workspace.run("forward", x, this::forward, List::of).toArray();
  }

  @Test
  void anyAllocationMayFail() {
    Tensor small = normal(3, DIM), large = normal(70, DIM);
    float[] ofSmall, ofLarge;
    try (var workspace = workspace(new Constants(1 << 20))) {
      ofSmall = run(workspace, small);
      ofLarge = run(workspace, large);
    }
    int failures = 0;
    for (boolean failed = true; failed; ) {
      calls = 0;
      failing = failures + 1;
      var constants = new Constants(1 << 20);
      try (var workspace = workspace(constants)) {
        failed = fails(() -> run(workspace, small)) | fails(() -> run(workspace, large));
        failing = 0;
        for (int again = 0; again < 2; again++) {
          assertThat(run(workspace, small)).as("after allocation %s failed", failures + 1).isEqualTo(ofSmall);
          assertThat(run(workspace, large)).as("after allocation %s failed", failures + 1).isEqualTo(ofLarge);
        }
        assertThat(constants.bytes()).isEqualTo(4 * DIM);
      }
      assertThat(open).as("memory that nobody freed").isEmpty();
      if (failed) failures++;
    }
    assertThat(failures).as("arena and memory of two sizes of the workspace, of the constant's pass and of the constant").isEqualTo(8);
  }

  private static boolean fails(Supplier<float[]> pass) {
    try {
      pass.get();
      return false;
    } catch (OutOfMemoryError e) {
      assertThat(e).hasMessageStartingWith("allocation ");
      return true;
    }
  }

  /// A pass too large for the machine, and then one that fits.
  @Test
  void aSmallerPassFitsWhereALargerOneDidNot() {
    try (var workspace = new Workspace(kernels)) {
      var expected = run(workspace, normal(3, DIM));
      assertThat(expected).hasSize(3 * DIM);
      assertThatThrownBy(() -> workspace.run("huge", normal(1, 1), x -> x.allocate(1 << 30, 1 << 26), List::of))
          .isInstanceOfAny(OutOfMemoryError.class, IllegalArgumentException.class);
      assertThat(run(workspace, normal(3, DIM))).hasSize(3 * DIM);
    }
  }

  @Test
  void aConstantsFailureIsThrownAsItIs() {
    var constants = new Constants(1 << 20);
    for (var failure : List.of(new OutOfMemoryError("none"), new IllegalStateException("none"), new StackOverflowError("none"))) {
      assertThatThrownBy(() -> constants.get("a", () -> {
        if (failure instanceof Error error) throw error;
        throw (RuntimeException) failure;
      })).isSameAs(failure);
      assertThat(constants.bytes()).isZero();
    }
    assertThat(constants.get("a", () -> position)).isSameAs(position);
  }

  private record Wrapped(Kernels kernels, Consumer<Operation> bound, AtomicInteger closed) implements Kernels {
    @Override
    public String name() {
      return kernels.name();
    }

    @Override
    public int threads() {
      return kernels.threads();
    }

    @Override
    public void run(Operation operation) {
      kernels.run(operation);
    }

    @Override
    public Program prepare(Recording recording, Map<String, MemorySegment> given) {
      var program = kernels.prepare(recording, given);
      return new Program() {
        @Override
        public void run(Consumer<Operation> before) {
          program.run(before);
        }

        @Override
        public MemorySegment memory(MemorySegment recorded, long bytes) {
          bound.accept(null);
          return program.memory(recorded, bytes);
        }

        @Override
        public void close() {
          closed.incrementAndGet();
          program.close();
        }
      };
    }

    @Override
    public void close() {}
  }

  @Test
  void aPassThatIsNotFinishedIsClosed() {
    var closed = new AtomicInteger();
    Consumer<Operation> none = _ -> {
      throw new OutOfMemoryError("none");
    };
    try (var workspace = new Workspace(new Wrapped(kernels, none, closed))) {
      var shapes = Map.of("x", new int[] {1, DIM});
      assertThatThrownBy(() -> workspace.prepare(shapes, Map.of(), in -> List.of(first.forward(in.get("x")))))
          .isInstanceOf(OutOfMemoryError.class);
    }
    assertThat(closed).hasValue(1);
  }
}
