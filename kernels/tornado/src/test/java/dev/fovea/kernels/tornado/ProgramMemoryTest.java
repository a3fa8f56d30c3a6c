package dev.fovea.kernels.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Operation;
import dev.fovea.kernels.Plan;
import dev.fovea.kernels.Recording;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// The arrays of a pass `y = 2 x`, of which the last three of four numbers are a second output.
class ProgramMemoryTest {
  private static final long X = Recording.FIRST_ADDRESS, Y = X + 128;

  private static ProgramMemory memory() {
    var output = new Recording.Buffer(Y, 16);
    var recording = new Recording(List.of(new Operation.Scale(MemorySegment.ofAddress(X), 2, MemorySegment.ofAddress(Y), 4)),
        Map.of("x", new Recording.Buffer(X, 16)), List.of(output), List.of(output, new Recording.Buffer(Y + 4, 12)),
        Plan.of(List.of(new Plan.Lifetime(16, 0, Integer.MAX_VALUE)), 0), Recording.Constants.NONE);
    return new ProgramMemory(recording, Map.of(), new HostArrays());
  }

  /// A number that no task has written is seen, whatever the others are.
  @Test
  void missingResults() {
    var memory = memory();
    assertThat(memory.hasResults()).isFalse();
    for (int i = 0; i < memory.results().getSize() - 1; i++) memory.results().set(i, i == 0 ? Float.NaN : 0);
    var last = memory.result(new Recording.Buffer(Y + 4, 12));
    assertThat(memory.hasResults()).isTrue();
    memory.results().set(last.at() + 2, memory().results().get(0));
    assertThat(memory.hasResults()).isFalse();
  }

  @Test
  void placesAndHostMemory() {
    var memory = memory();
    assertThat(memory.of(MemorySegment.ofAddress(X + 8))).isEqualTo(new Place(memory.inputs(), 2));
    assertThat(memory.host(MemorySegment.ofAddress(X + 4), 8).byteSize()).isEqualTo(8);
    assertThat(memory.host(MemorySegment.ofAddress(Y + 4), 12).byteSize()).isEqualTo(12);
    assertThat(memory.scratch(5)).isNotSameAs(memory.scratch(5));
    memory.nextOperation();
    assertThat(memory.scratch(5)).as("free again").isSameAs(scratchAgain(memory));
    assertThat(memory.ints(1, 2)).isSameAs(memory.ints(1, 2)).isNotSameAs(memory.ints(1, 3));
  }

  private static Object scratchAgain(ProgramMemory memory) {
    memory.nextOperation();
    return memory.scratch(5);
  }

  @Test
  void otherBuffersStayOnTheDevice() {
    var output = new Recording.Buffer(Y, 16);
    var inner = new Recording.Buffer(Y + 256, 16);
    var recording = new Recording(List.of(), Map.of(), List.of(output, inner), List.of(output),
        Plan.of(List.of(new Plan.Lifetime(16, 0, 1), new Plan.Lifetime(16, 0, 1)), 0), Recording.Constants.NONE);
    var memory = new ProgramMemory(recording, Map.of(), new HostArrays());
    assertThatThrownBy(() -> memory.host(MemorySegment.ofAddress(Y + 256), 16)).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a device keeps all buffers but inputs and outputs");
  }
}
