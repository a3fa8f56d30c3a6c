package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fovea.engine.checkpoint.WeightSource.Initial;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Types of elements that are valid, of which floats are not made.
class DTypeTest {
  private static Checkpoint file(String dtype, String shape, int bytes) {
    return Checkpoint.read("x.st", Bytes.file("{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[0,"
        + bytes + "]}}",
        new byte[bytes]));
  }

  /// Bytes of 24 elements.
  @ParameterizedTest
  @CsvSource({"F4,12", "F6_E2M3,18", "F6_E3M2,18", "F8_E4M3,24", "F8_E5M2,24", "F8_E8M0,24", "F8_E4M3FNUZ,24", "F8_E5M2FNUZ,24",
      "U16,48",
      "U32,96", "U64,192", "C64,192"})
  void openedByTheRightSize(String dtype, int bytes) {
    try (var file = file(dtype, "[2, 12]", bytes); var arena = Arena.ofConfined()) {
      var tensor = file.tensor("a");
      assertThat(tensor.dtype()).hasToString(dtype);
      assertThat(tensor.size()).isEqualTo(24);
      var why = "'a': elements of type " + dtype
          + " are not supported; expected one of [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL]";
      assertThatThrownBy(tensor::toFloats).isInstanceOf(CheckpointException.class).hasMessage(why);
      assertThatThrownBy(() -> tensor.floatAt(0)).isInstanceOf(CheckpointException.class).hasMessage(why);
      assertThatThrownBy(() -> tensor.longAt(0)).isInstanceOf(CheckpointException.class).hasMessage(why);
      assertThatThrownBy(() -> new CheckpointWeights(file, arena).tensor("a", Initial.RANDOM, 2, 12)).hasMessage(why);
      assertThatThrownBy(() -> new CheckpointWeights(file, arena).matrix("a", 2, 12)).hasMessage(why);
    }
    assertThatThrownBy(() -> file(dtype, "[2, 12]", bytes - 1)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("tensor 'a': [2, 12] " + dtype + " needs " + bytes + " bytes, data_offsets give " + (bytes - 1));
  }

  @Test
  void elementsThatEndWithinAByte() {
    assertThatThrownBy(() -> file("F4", "[3]", 2)).isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("tensor 'a': [3] F4 are 12 bits, no whole bytes");
    assertThatThrownBy(() -> file("F6_E2M3", "[2]", 2)).hasMessageEndingWith("tensor 'a': [2] F6_E2M3 are 12 bits, no whole bytes");
    try (var file = file("F4", "[0, 3]", 0)) {
      assertThat(file.tensor("a").size()).isZero();
    }
  }

  @Test
  void sizesInBytes() {
    for (var dtype : DType.values())
      if (dtype.bits() % 8 == 0) assertThat(8 * dtype.bytes()).isEqualTo(dtype.bits());
      else assertThatThrownBy(dtype::bytes).isInstanceOf(IllegalStateException.class);
    assertThat(Arrays.stream(DType.values()).filter(DType::readable).toList())
        .isEqualTo(List.of(DType.F64, DType.F32, DType.F16, DType.BF16,
        DType.I64, DType.I32, DType.I16, DType.I8, DType.U8, DType.BOOL));
  }
}
