package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// One test a rule of the safetensors format, with the bytes inline.
class CheckpointTest {
  private static void broken(String why, byte[] file) {
    assertThatThrownBy(() -> Checkpoint.read("x.st", file)).isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith("x.st: not a valid safetensors file: ").hasMessageContaining(why)
        .satisfies(e -> assertThat(e.getMessage().lines().count()).isEqualTo(1));
  }

  private static void broken(String why, String header, int dataBytes) {
    broken(why, Bytes.file(header, new byte[dataBytes]));
  }

  /// A header whose only tensor is `a` with these fields.
  private static void brokenTensor(String why, String fields, int dataBytes) {
    broken(why, "{\"a\":{" + fields + "}}", dataBytes);
  }

  private static Checkpoint read(String header, byte... data) {
    return Checkpoint.read("x.st", Bytes.file(header, data));
  }

  // Length

  @Test
  void emptyFile() {
    broken("it is empty", new byte[0]);
  }

  @Test
  void shorterThanTheLength() {
    broken("it has 7 bytes, fewer than the 8", new byte[7]);
  }

  @Test
  void headerLongerThanTheFile() {
    broken("the header has 3 bytes, the file only 2 more", new byte[] {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'});
  }

  @Test
  void headerAboveTheLimit() {
    broken("a header of 100000001 bytes, more than 100000000", Bytes.length(100_000_001));
    broken("the header has 100000000 bytes, the file only 0 more", Bytes.length(100_000_000));
  }

  @Test
  void negativeHeaderLength() {
    broken("a header of 18446744073709551615 bytes", Bytes.length(-1));
    broken("a header of 9223372036854775808 bytes", Bytes.length(Long.MIN_VALUE));
  }

  // JSON

  @Test
  void headerIsNotUtf8() {
    broken("not UTF-8", Bytes.file(new byte[] {'{', (byte) 0xff, '}'}));
    broken("not UTF-8", Bytes.file(new byte[] {'{', '"', (byte) 0xc0, (byte) 0x80, '"', '}'}));
  }

  @Test
  void headerDoesNotBeginWithABrace() {
    for (var header : List.of("", " {}", "[]", "null", "\ufeff{}", "x")) broken("does not begin with '{'", header, 0);
  }

  @Test
  void headerIsNotJson() {
    for (var header : List.of("{", "{a:1}", "{'a':1}", "{\"a\"}", "{\"a\":", "{,}", "{\"a\":{", "{\0}", "{\"a\":[]}", "{\"a\":1}", "{\"a\":null}"))
      broken("not the JSON that was expected", header, 0);
  }

  @Test
  void deepNesting() {
    broken("unknown entry 'a'", "{\"a\":".repeat(100_000), 0);
    broken("shape holds something that is no number", "{\"a\":{\"shape\":" + "[".repeat(100_000), 0);
  }

  @Test
  void somethingAfterTheJson() {
    for (var more : List.of("{}", "x", ",", "}", "\0")) broken("", "{}" + more, 0);
    try (var spaces = read("{}  \n\t ")) {
      assertThat(spaces.tensors()).isEmpty();
    }
  }

  // Entries

  @Test
  void unknownDtype() {
    for (var dtype : List.of("F8", "f32", "", "F33"))
      brokenTensor("expected a dtype of [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, U64, U32, U16, C64, F8_E4M3, F8_E5M2, "
          + "F8_E8M0, "
          + "F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4], got " + dtype,
          "\"dtype\":\"" + dtype + "\",\"shape\":[],\"data_offsets\":[0,4]", 4);
    brokenTensor("", "\"dtype\":null,\"shape\":[],\"data_offsets\":[0,4]", 4);
  }

  @Test
  void missingFields() {
    brokenTensor("tensor 'a' has no dtype", "\"shape\":[1],\"data_offsets\":[0,4]", 4);
    brokenTensor("tensor 'a' has no shape", "\"dtype\":\"F32\",\"data_offsets\":[0,4]", 4);
    brokenTensor("tensor 'a' has no data_offsets", "\"dtype\":\"F32\",\"shape\":[1]", 4);
  }

  @Test
  void unknownField() {
    brokenTensor("tensor 'a' has an unknown entry 'x'", "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1", 4);
  }

  @Test
  void repeatedFields() {
    brokenTensor("two dtypes", "\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]", 4);
    brokenTensor("two shapes", "\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]", 4);
    brokenTensor("two data_offsets", "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"data_offsets\":[0,4]", 4);
  }

  @Test
  void twoTensorsOfOneName() {
    var tensor = "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
    broken("there are two tensors 'a'", "{\"a\":" + tensor + ",\"a\":" + tensor + "}", 1);
    broken("there are two tensors 'a'", "{\"a\":" + tensor + ",\"\\u0061\":" + tensor + "}", 1);
  }

  @Test
  void notTwoOffsets() {
    for (var offsets : List.of("[]", "[0]", "[0,4,4]"))
      brokenTensor("expected 2 data_offsets", "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + offsets, 4);
  }

  // Metadata

  @Test
  void repeatedMetadata() {
    broken("there are two __metadata__ 'k'", "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0);
    broken("there are two __metadata__", "{\"__metadata__\":{\"k\":\"1\"},\"__metadata__\":{}}", 0);
  }

  @Test
  void metadataThatIsNoString() {
    for (var value : List.of("1", "null", "true", "[]", "{}"))
      broken("__metadata__ 'k' is not a string", "{\"__metadata__\":{\"k\":" + value + "}}", 0);
    for (var value : List.of("1", "\"x\"", "[]")) broken("", "{\"__metadata__\":" + value + "}", 0);
  }

  @Test
  void metadataAlone() {
    try (var checkpoint = read("{\"__metadata__\":{\"k\":\"v\",\"ü\":\"\\n\"}}")) {
      assertThat(checkpoint.tensors()).isEmpty();
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("k", "v", "ü", "\n"));
    }
  }

  // Numbers

  @Test
  void numbersThatAreNoSizes() {
    for (var number : List.of("-1", "1.0", "1e0", "-0", "9223372036854775808", "1000000000000000000", "99999999999999999999999")) {
      brokenTensor("shape holds " + number, "\"dtype\":\"U8\",\"shape\":[" + number + "],\"data_offsets\":[0,1]", 1);
      brokenTensor("data_offsets holds " + number, "\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0," + number + "]", 1);
    }
    for (var number : List.of("\"1\"", "null", "true", "[1]", "{}"))
      brokenTensor("shape holds something that is no number", "\"dtype\":\"U8\",\"shape\":[" + number + "],\"data_offsets\":[0,1]", 1);
    for (var number : List.of("01", "+1", "NaN", "0x1", "1,"))
      brokenTensor("", "\"dtype\":\"U8\",\"shape\":[" + number + "],\"data_offsets\":[0,1]", 1);
  }

  @Test
  void sizeOverflows() {
    brokenTensor("does not fit in 64 bits", "\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]", 0);
    brokenTensor("does not fit in 64 bits", "\"dtype\":\"F64\",\"shape\":[4294967296,536870912],\"data_offsets\":[0,0]", 0);
  }

  // Extents

  @Test
  void extentIsNotTheSize() {
    brokenTensor("[3] F32 needs 12 bytes, data_offsets give 8", "\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]", 8);
    brokenTensor("[] F16 needs 2 bytes, data_offsets give 0", "\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,0]", 0);
  }

  @Test
  void endBeforeBegin() {
    broken("tensor 'b' ends at byte 2, before its begin 4", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[4,2]}}", 4);
  }

  @Test
  void hole() {
    brokenTensor("a hole of 4 bytes before tensor 'a'", "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]", 8);
    broken("a hole of 1 bytes before tensor 'b'", "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},"
        + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 3);
  }

  @Test
  void overlap() {
    broken("tensor 'b' overlaps the one before it at byte 1", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3);
    broken("tensor 'b' overlaps", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
  }

  @Test
  void truncated() {
    brokenTensor("ends at byte 8 of 7; is the file truncated?", "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]", 7);
    brokenTensor("is the file truncated?", "\"dtype\":\"U8\",\"shape\":[999999999999999999],\"data_offsets\":[0,999999999999999999]", 7);
  }

  @Test
  void bytesAfterTheLastTensor() {
    brokenTensor("1 bytes follow the last tensor", "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]", 9);
    broken("3 bytes follow the last tensor", "{}", 3);
  }

  @Test
  void tensorsOfSizeZero() {
    try (var checkpoint = read("{\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"c\":{\"dtype\":\"I64\",\"shape\":[5,0],\"data_offsets\":[1,1]}}", (byte) 9)) {
      assertThat(checkpoint.tensor("a").toFloats()).isEmpty();
      assertThat(checkpoint.tensor("b").longAt(0)).isEqualTo(9);
      assertThat(checkpoint.tensor("c").size()).isZero();
    }
  }

  @Test
  void scalar() {
    try (var checkpoint = read("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", Bytes.little(4).putFloat(2.5f).array())) {
      assertThat(checkpoint.tensor("a").shape()).isEmpty();
      assertThat(checkpoint.tensor("a").size()).isEqualTo(1);
      assertThat(checkpoint.tensor("a").toFloats()).isEqualTo(new float[] {2.5f});
    }
  }

  @Test
  void tensorsComeInTheOrderOfTheirBytes() {
    try (var checkpoint = read("{\"z\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
        + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},\"m\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", new byte[3])) {
      assertThat(checkpoint.tensors().keySet()).containsExactly("m", "z", "a");
      assertThatThrownBy(() -> checkpoint.tensor("b")).isInstanceOf(CheckpointException.class).hasMessage("x.st: there is no tensor 'b'");
    }
  }

  // Elements

  private static void elements(DType dtype, byte[] data, float... expected) {
    try (var checkpoint = read("{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + expected.length + "],\"data_offsets\":[0," + data.length + "]}}", data)) {
      var tensor = checkpoint.tensor("a");
      assertThat(tensor.dtype()).isEqualTo(dtype);
      assertThat(tensor.toFloats()).isEqualTo(expected);
      switch (dtype) {
        case F64, F32, F16, BF16 -> assertThatThrownBy(() -> tensor.longAt(0)).isInstanceOf(CheckpointException.class)
            .hasMessage("tensor 'a': expected integers, got " + dtype);
        case I64, I32, I16, I8, U8, BOOL -> assertThat(tensor.longAt(1)).isEqualTo((long) expected[1]);
      }
    }
  }

  @Test
  void everyDtype() {
    elements(DType.F64, Bytes.little(16).putDouble(0.1).putDouble(-1e300).array(), 0.1f, Float.NEGATIVE_INFINITY);
    elements(DType.F32, Bytes.little(8).putFloat(0.1f).putFloat(Float.MIN_VALUE).array(), 0.1f, Float.MIN_VALUE);
    elements(DType.F16, Bytes.little(6).putShort((short) 0x3c00).putShort((short) 0xfbff).putShort((short) 1).array(), 1, -65504, 0x1p-24f);
    elements(DType.BF16, Bytes.little(4).putShort((short) 0x3f80).putShort((short) 0xc049).array(), 1, -3.140625f);
    elements(DType.I64, Bytes.little(16).putLong(Long.MAX_VALUE).putLong(-5).array(), 0x1p63f, -5);
    elements(DType.I32, Bytes.little(8).putInt(1 << 24).putInt(Integer.MIN_VALUE).array(), 16777216, -2147483648f);
    elements(DType.I16, Bytes.little(4).putShort((short) 258).putShort((short) -2).array(), 258, -2);
    elements(DType.I8, new byte[] {127, -128}, 127, -128);
    elements(DType.U8, new byte[] {127, -128}, 127, 128);
    elements(DType.BOOL, new byte[] {0, 1}, 0, 1);
  }

  // Files

  @TempDir
  Path folder;

  @Test
  void noSuchFileAndDirectory() {
    var missing = folder.resolve("missing.st");
    assertThatThrownBy(() -> Checkpoint.open(missing)).isInstanceOf(CheckpointException.class).hasMessage(missing + ": no such file");
    assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(CheckpointException.class).hasMessageContaining(folder + ": ").hasMessageContaining("directory");
  }

  @Test
  void brokenFileIsNamed() throws IOException {
    var file = Files.write(folder.resolve("empty.st"), new byte[0]);
    assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(CheckpointException.class).hasMessage(file + ": not a valid safetensors file: it is empty");
  }

  @Test
  void useAfterClose() throws IOException {
    var bytes = Bytes.file("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", (byte) 1, (byte) 2);
    var file = Files.write(folder.resolve("a.st"), bytes);
    for (var checkpoint : List.of(Checkpoint.open(file), Checkpoint.read("a", bytes))) {
      var tensor = checkpoint.tensor("a");
      assertThat(checkpoint.size()).isEqualTo(bytes.length);
      assertThat(tensor.longAt(1)).isEqualTo(2);
      checkpoint.close();
      assertThatThrownBy(() -> tensor.longAt(1)).isInstanceOf(IllegalStateException.class);
      assertThatCode(checkpoint::close).doesNotThrowAnyException();
    }
  }

  @Test
  void tensorsAreReadOnly() throws IOException {
    var bytes = Bytes.file("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", (byte) 1, (byte) 2);
    try (var mapped = Checkpoint.open(Files.write(folder.resolve("a.st"), bytes)); var read = Checkpoint.read("a", bytes)) {
      assertThat(mapped.tensor("a").data().isReadOnly()).isTrue();
      assertThat(read.tensor("a").data().isReadOnly()).isTrue();
      assertThatThrownBy(() -> mapped.tensors().clear()).isInstanceOf(UnsupportedOperationException.class);
    }
  }

  /// Sparse, so that it takes no room on the disk.
  @Test
  void fileAboveTwoGibibytes() throws IOException {
    long floats = 590_000_000, end = 4 * floats;
    var header = ("{\"big\":{\"dtype\":\"F32\",\"shape\":[" + floats + "],\"data_offsets\":[0," + end + "]},\"last\":{\"dtype\":\"U8\",\"shape\":[1],"
        + "\"data_offsets\":[" + end + "," + (end + 1) + "]}}").getBytes(StandardCharsets.UTF_8);
    var path = folder.resolve("big.st");
    long start = 8 + header.length;
    try (var file = new RandomAccessFile(path.toFile(), "rw")) {
      file.write(Bytes.file(header));
      file.setLength(start + end + 1);
      file.seek(start + end - 4);
      file.write(Bytes.little(5).putFloat(1.5f).put((byte) 77).array());
    }
    try (var checkpoint = Checkpoint.open(path)) {
      assertThat(checkpoint.size()).isEqualTo(start + end + 1).isGreaterThan(Integer.MAX_VALUE);
      assertThat(checkpoint.tensor("big").size()).isEqualTo(floats);
      assertThat(checkpoint.tensor("big").floatAt(floats - 1)).isEqualTo(1.5f);
      assertThat(checkpoint.tensor("big").floatAt(floats - 2)).isZero();
      assertThat(checkpoint.tensor("last").longAt(0)).isEqualTo(77);
    }
    try (var file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(start + end);
    }
    assertThatThrownBy(() -> Checkpoint.open(path)).isInstanceOf(CheckpointException.class).hasMessageContaining("is the file truncated?");
  }

  @Test
  void headersArePadded() {
    var padded = Arrays.copyOf("{}".getBytes(StandardCharsets.UTF_8), 56);
    Arrays.fill(padded, 2, 56, (byte) ' ');
    try (var checkpoint = Checkpoint.read("x.st", Bytes.file(padded))) {
      assertThat(checkpoint.size()).isEqualTo(64);
    }
  }
}
