package dev.fovea.engine.checkpoint;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// Element type of a stored tensor, little-endian, with its name in the safetensors format (ref: `safetensors/src/tensor.rs`,
/// `Dtype`). The size of all types is known; only some can be read as floats.
public enum DType {
  F64(64, true), F32(32, true), F16(16, true), BF16(16, true), I64(64, true), I32(32, true), I16(16, true), I8(8, true),
      U8(8, true),
  BOOL(8, true),
  U64(64, false), U32(32, false), U16(16, false), C64(64, false), F8_E4M3(8, false), F8_E5M2(8, false), F8_E8M0(8, false),
  F8_E4M3FNUZ(8, false), F8_E5M2FNUZ(8, false), F6_E2M3(6, false), F6_E3M2(6, false), F4(4, false);

  private final int bits;
  private final boolean readable;

  DType(int bits, boolean readable) {
    this.bits = bits;
    this.readable = readable;
  }

  /// Size of an element in bits.
  public int bits() {
    return bits;
  }

  /// Size of an element in bytes.
  ///
  /// @throws IllegalStateException if the size is not a whole number of bytes
  public int bytes() {
    if (bits % Byte.SIZE != 0) throw new IllegalStateException("an element of " + this + " has " + bits + " bits");
    return bits / Byte.SIZE;
  }

  /// Whether an element can be read as a float. Tensors of other types, such as floats that need separate scales, are only listed.
  public boolean readable() {
    return readable;
  }

  /// The error message for a tensor whose type is not readable.
  public String unreadable(String tensor) {
    Objects.requireNonNull(tensor, "tensor");
    return "'" + tensor + "': elements of type " + this + " are not supported; expected one of " + readableOnes();
  }

  private static List<DType> readableOnes() {
    return Arrays.stream(values()).filter(DType::readable).toList();
  }
}
