package dev.fovea.kernels.tornado;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fovea.kernels.Activation;
import dev.fovea.kernels.KernelProvider;
import dev.fovea.kernels.Matrices;
import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Program;
import dev.fovea.kernels.Recording;
import dev.fovea.kernels.Weight;
import dev.fovea.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import uk.ac.manchester.tornado.api.AccessorParameters;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.common.Access;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Whole passes on a device.
@Tag("device")
class DeviceProgramTest {
  private static final int ROWS = 5, WIDTH = 16, LAYERS = 9;

  private final Arena arena = Arena.ofShared();
  private TornadoKernels kernels;

  @BeforeEach
  void open() {
    OnDevice.require();
    kernels = new TornadoKernels(Workers.threads(1), Devices.get().all().getFirst(), true, true);
  }

  @AfterEach
  void close() {
    if (kernels != null) kernels.close();
    arena.close();
  }

  private MemorySegment memory(int floats, double first) {
    var memory = arena.allocate(4L * floats, 64);
    for (int i = 0; i < floats; i++) memory.setAtIndex(JAVA_FLOAT, i, (float) Math.sin(first + i));
    return memory;
  }

  /// A pass of [#LAYERS] layers, `x = x + relu(norm(x) · Wᵀ)`, in more graphs than one.
  private Recording layers() {
    long size = 4L * ROWS * WIDTH, at = Recording.FIRST_ADDRESS;
    var input = new Recording.Buffer(at, size);
    var buffers = new ArrayList<Recording.Buffer>();
    var lifetimes = new ArrayList<Plan.Lifetime>();
    var operations = new ArrayList<Operation>();
    long x = input.address();
    MemorySegment gamma = memory(WIDTH, 1), beta = memory(WIDTH, 2);
    for (int layer = 0; layer < LAYERS; layer++) {
      var norm = new Recording.Buffer(at += size + 64, size);
      var sum = new Recording.Buffer(at += size + 64, size);
      operations.add(new Operation.LayerNorm(virtual(x), gamma, beta, 1e-5f, virtual(norm.address()), ROWS, WIDTH));
      operations.add(new Operation.Linear(virtual(norm.address()), Weight.rows(memory(WIDTH * WIDTH, layer), WIDTH, WIDTH), beta,
          Activation.RELU, virtual(x), virtual(sum.address()), ROWS));
      lifetimes.add(new Plan.Lifetime(size, 2 * layer, 2 * layer + 1));
      lifetimes.add(new Plan.Lifetime(size, 2 * layer + 1, layer == LAYERS - 1 ? Integer.MAX_VALUE : 2 * layer + 3));
      buffers.addAll(List.of(norm, sum));
      x = sum.address();
    }
    var plan = Plan.of(lifetimes, operations.stream().mapToLong(Operation::macs).sum());
    return new Recording(operations, Map.of("x", input), buffers, List.of(new Recording.Buffer(x, size)), plan, Recording.Constants.NONE);
  }

  private static MemorySegment virtual(long address) {
    return MemorySegment.ofAddress(address);
  }

  private static float[] run(Program program, Recording recording, MemorySegment x) {
    var input = recording.inputs().get("x");
    program.memory(MemorySegment.ofAddress(input.address()), input.bytes()).copyFrom(x);
    program.run(_ -> {});
    var output = recording.outputs().getFirst();
    return program.memory(MemorySegment.ofAddress(output.address()), output.bytes()).toArray(JAVA_FLOAT);
  }

  /// One array goes to the device and one comes back, however many operations and graphs there are.
  @Test
  void copiesOnceThereAndOnceBack() {
    var recording = layers();
    try (var reference = KernelProvider.REFERENCE.open(Workers.threads(1)); var expected = reference.prepare(recording, Map.of());
        var program = (DeviceProgram) kernels.prepare(recording, Map.of())) {
      var x = memory(ROWS * WIDTH, 7);
      assertThat(run(program, recording, x)).containsExactly(run(expected, recording, x), within(1e-4f));
      long in = program.copiedIn(), out = program.copiedOut();
      assertThat(in).as("the first run, with all weights").isGreaterThan(4L * LAYERS * WIDTH * WIDTH);
      x = memory(ROWS * WIDTH, 8);
      assertThat(run(program, recording, x)).containsExactly(run(expected, recording, x), within(1e-4f));
      // Beside the numbers there are TornadoVM's headers: of an array, and of each task's call.
      long tasks = recording.operations().size() + 1;
      assertThat(program.copiedIn() - in).as("to the device").isBetween(4L * ROWS * WIDTH, 4L * ROWS * WIDTH + 64 + 64 * tasks);
      assertThat(program.copiedOut() - out).as("from the device").isBetween(4L * ROWS * WIDTH, 4L * ROWS * WIDTH + 128);
    }
  }

  /// Appends a row to a state, and gives the sum of its rows' first numbers by a product with ones.
  private record Step(Recording recording, Map<String, MemorySegment> given) {}

  private Step step(MemorySegment state, MemorySegment length, int capacity) {
    long at = Recording.FIRST_ADDRESS;
    var inputs = new LinkedHashMap<String, Recording.Buffer>();
    inputs.put("x", new Recording.Buffer(at, 16));
    inputs.put("state", new Recording.Buffer(at + 1024, 16L * capacity));
    inputs.put("length", new Recording.Buffer(at + 4096, 4));
    var out = new Recording.Buffer(at + 8192, 16L * capacity);
    var row = Matrices.dense(MemorySegment.ofAddress(at), 1, 1, 4);
    var rows = Matrices.dense(MemorySegment.ofAddress(at + 1024), 1, capacity, 4);
    List<Operation> operations = List.of(
        new Operation.Append(row, rows, MemorySegment.ofAddress(at + 4096)),
        new Operation.Scale(rows.segment(), 2, MemorySegment.ofAddress(out.address()), 4L * capacity));
    return new Step(new Recording(operations, inputs, List.of(out), List.of(out), Plan.of(List.of(new Plan.Lifetime(out.bytes(), 1,
        Integer.MAX_VALUE)), 0), Recording.Constants.NONE), Map.of("state", state, "length", length));
  }

  /// Two programs, such as those for a prompt and for a token, write one state in turn, and neither misses what the other wrote.
  @Test
  void programsHandStatesOver() {
    MemorySegment state = arena.allocate(16L * 8, 64), length = arena.allocate(4, 64);
    Step one = step(state, length, 8), other = step(state.asSlice(0, 16L * 6), length, 6);
    try (var a = (DeviceProgram) kernels.prepare(one.recording, one.given); var b = (DeviceProgram) kernels.prepare(other.recording, other.given)) {
      for (int i = 0; i < 6; i++) {
        length.set(JAVA_FLOAT, 0, i);
        boolean first = i < 2 || i == 5;
        long in = a.copiedIn();
        var out = run(first ? a : b, first ? one.recording : other.recording, memory(4, 10 * i));
        for (int row = 0; row <= i; row++) assertThat(out[4 * row]).as("row " + row + " after " + i).isCloseTo((float) (2 * Math.sin(10 * row)), within(1e-5f));
        if (i == 1) assertThat(a.copiedIn() - in).as("the state stays").isLessThan(16L * 8 + 16 * 64);
      }
    }
    for (int row = 0; row < 6; row++) assertThat(state.getAtIndex(JAVA_FLOAT, 4L * row)).as("in the host again").isCloseTo((float) Math.sin(10 * row), within(1e-6f));
  }

  /// A program of two states, one of which another program has meanwhile written: both are the newest afterwards.
  @Test
  void oneOfTwoStatesIsElsewhere() {
    MemorySegment one = arena.allocate(64, 64), other = arena.allocate(64, 64), length = arena.allocate(4, 64);
    var single = step(other, length, 4);
    long at = Recording.FIRST_ADDRESS;
    var inputs = new LinkedHashMap<String, Recording.Buffer>(single.recording.inputs());
    inputs.put("first", new Recording.Buffer(at + 16384, 64));
    var operations = new ArrayList<>(single.recording.operations());
    var row = Matrices.dense(MemorySegment.ofAddress(at), 1, 1, 4);
    operations.addFirst(new Operation.Append(row, Matrices.dense(MemorySegment.ofAddress(at + 16384), 1, 4, 4),
        MemorySegment.ofAddress(at + 4096)));
    var both = new Recording(operations, inputs, single.recording.buffers(), single.recording.outputs(),
        Plan.of(List.of(new Plan.Lifetime(64, 1, Integer.MAX_VALUE)), 0), Recording.Constants.NONE);
    try (var a = kernels.prepare(both, Map.of("first", one, "state", other, "length", length));
        var b = kernels.prepare(single.recording, single.given)) {
      for (int i = 0; i < 3; i++) {
        length.set(JAVA_FLOAT, 0, i);
        run(i == 1 ? b : a, i == 1 ? single.recording : both, memory(4, 10 * (i + 1)));
      }
    }
    float[] first = one.toArray(JAVA_FLOAT), second = other.toArray(JAVA_FLOAT);
    for (int i = 0; i < 3; i++) {
      assertThat(second[4 * i]).as("row " + i).isCloseTo((float) Math.sin(10 * (i + 1)), within(1e-6f));
      assertThat(first[4 * i]).as("row " + i).isCloseTo(i == 1 ? 0 : (float) Math.sin(10 * (i + 1)), within(1e-6f));
    }
  }

  /// A session after another one, with a state of its own: one program serves them, and each state is in the host in the end.
  @Test
  void sessionsOneAfterTheOther() {
    var length = arena.allocate(4, 64);
    var states = new ArrayList<MemorySegment>();
    for (int session = 0; session < 3; session++) states.add(arena.allocate(16L * 4, 64));
    var first = step(states.getFirst(), length, 4);
    try (var program = kernels.prepare(first.recording, first.given)) {
      for (int session = 0; session < 3; session++) {
        assertThat(program.give(Map.of("state", states.get(session), "length", length))).isTrue();
        for (int i = 0; i < 4; i++) {
          length.set(JAVA_FLOAT, 0, i);
          run(program, first.recording, memory(4, 100 * session + i));
        }
      }
    }
    for (int session = 0; session < 3; session++)
      for (int row = 0; row < 4; row++)
        assertThat(states.get(session).getAtIndex(JAVA_FLOAT, 4L * row)).isCloseTo((float) Math.sin(100 * session + row), within(1e-6f));
  }

  /// What a program held is free when it is closed.
  @Test
  void noLeak() {
    var recording = layers();
    long after = 0;
    for (int i = 0; i < 5; i++) {
      try (var program = (DeviceProgram) kernels.prepare(recording, Map.of())) {
        run(program, recording, memory(ROWS * WIDTH, i));
        long used = program.memoryInUse();
        if (i == 1) after = used;
        if (i > 1) assertThat(used).as("program " + i).isLessThanOrEqualTo(after);
      }
    }
  }

  @Test
  void aModelThatDoesNotFit() {
    var device = Devices.get().all().getFirst();
    assertThatThrownBy(() -> device.requireRoom(1L << 60, 1 << 20)).isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("the model does not fit on device " + device.about().id()).hasMessageContaining("1099511627776 MiB beside 1 MiB of other passes");
  }

  /// A kernel that the device's compiler refuses must fail: TornadoVM could run its Java on the processor instead.
  @Test
  void whatDoesNotCompileFails(@TempDir Path folder) throws IOException {
    var source = Files.writeString(folder.resolve("canary.cl"), "__kernel void canary() { this is no source }");
    var x = new FloatArray(64);
    var grid = new WorkerGrid1D(64);
    grid.setLocalWork(64, 1, 1);
    var accessors = new AccessorParameters(1);
    accessors.set(0, x, Access.READ_WRITE);
    assertThatThrownBy(() -> {
      var graph = new TaskGraph("canary").transferToDevice(DataTransferMode.EVERY_EXECUTION, x)
          .prebuiltTask("canary", "canary", source.toString(), accessors).transferToHost(DataTransferMode.EVERY_EXECUTION, x);
      try (var plan = new TornadoExecutionPlan(graph.snapshot())) {
        plan.withGridScheduler(new GridScheduler("canary.canary", grid)).execute();
      }
    }).matches(e -> e.getClass().getName().startsWith("uk.ac.manchester.tornado"), "an error of TornadoVM's");
  }
}
