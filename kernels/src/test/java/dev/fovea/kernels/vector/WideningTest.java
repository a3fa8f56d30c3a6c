package dev.fovea.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.kernels.Weight;
import dev.fovea.kernels.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class WideningTest {
  /// With steps of 16 numbers, as many as there are patterns of 16 bits.
  private static final int STEPS = (1 << 16) / Weight.PANEL, OFFSET = 24;

  /// Any bytes at all become the floats that the format's definition gives; any NaN equals any other.
  @ParameterizedTest
  @EnumSource
  void vectorsGiveTheBitsOfTheDefinition(WeightFormat format) {
    long bytes = format.bytes(Weight.PANEL, STEPS);
    try (var arena = Arena.ofConfined()) {
      var stored = arena.allocate(OFFSET + bytes, 64);
      var random = new Random(1);
      // Every pattern of 16 bits is among them.
      for (long i = 0; i + 1 < bytes; i += 2)
        stored.set(ValueLayout.JAVA_SHORT, OFFSET + i, (short) (i < 1 << 17 ? i / 2 : random.nextInt()));
      var floats = arena.allocate(4L * STEPS * Weight.PANEL + OFFSET, 64);
      Widening.panel(format, stored, OFFSET, STEPS, floats, OFFSET);
      var expected = new float[STEPS * Weight.PANEL];
      format.decode(stored, OFFSET, Weight.PANEL, STEPS, expected, 0);
      for (int i = 0; i < expected.length; i++)
        assertThat(Float.floatToIntBits(floats.get(ValueLayout.JAVA_FLOAT, OFFSET + 4L * i))).as("number " + i)
            .isEqualTo(Float.floatToIntBits(expected[i]));
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "31", "32", "33", "294", "512", "513", "588", "768", "769", "1027", "1537", "3072", "5000"})
  void piecesAreWholeBlocks(int steps) {
    for (int block = 1; MicroKernel.MAX_STEPS % block == 0; block *= 2) {
      var cut = StepCut.of(steps, block);
      int end = 0;
      for (int i = 0; i < cut.count(); i++) {
        assertThat(cut.start(i)).isEqualTo(end);
        assertThat(cut.start(i) % block).isZero();
        assertThat(cut.length(i)).isBetween(steps == 0 ? 0 : 1, MicroKernel.MAX_STEPS);
        end += cut.length(i);
      }
      assertThat(end).isEqualTo(steps);
    }
    assertThat(StepCut.of(steps, 1)).isEqualTo(StepCut.of(steps));
  }

  @Test
  void blocksThatNoPieceHolds() {
    assertThatThrownBy(() -> StepCut.of(100, 80)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> StepCut.of(100, 1024)).isInstanceOf(IllegalArgumentException.class);
  }
}
