package dev.fovea.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Broken bytes end in a [CheckpointException] and in nothing else.
class CheckpointFuzzTest {
  private static final String HEADER = "{\"__metadata__\":{\"format\":\"pt\",\"k\":\"\\u00e4\"},"
      + "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
      + "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},\"c\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[26,26]}}";
  private static final byte[] VALID = Bytes.file(HEADER, new byte[26]);
  private static final String[] TOKENS = {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "null", "true", "-1", "1e9", "0.5", "9".repeat(18),
      "99999999999999999999", "\"a\"", "\"dtype\"", "\"shape\"", "__metadata__", "NaN", "\n", "\0", "//", "#", "'", "\\ud800", "F64"};

  /// @return whether the bytes were accepted
  private static boolean survives(byte[] bytes, String what) {
    try (var checkpoint = Checkpoint.read("fuzz", bytes)) {
      checkpoint.tensors().values().forEach(StoredTensor::toFloats);
      return true;
    } catch (CheckpointException e) {
      assertThat(e.getMessage()).startsWith("fuzz: ");
      return false;
    } catch (Throwable e) {
      return fail(what + ": " + Base64.getEncoder().encodeToString(bytes), e);
    }
  }

  @Test
  void theFileItselfIsValid() {
    assertThat(survives(VALID, "valid")).isTrue();
  }

  @Test
  void changedBytes() {
    var random = new Random(1);
    int accepted = 0;
    for (int i = 0; i < 4000; i++) {
      var bytes = VALID.clone();
      for (int n = random.nextInt(4); n >= 0; n--) bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      if (survives(bytes, "changed " + i)) accepted++;
    }
    assertThat(accepted).isBetween(1, 3999);
  }

  @Test
  void changedTokens() {
    var random = new Random(2);
    for (int i = 0; i < 4000; i++) {
      int at = random.nextInt(HEADER.length()), end = Math.min(HEADER.length(), at + random.nextInt(5));
      var header = HEADER.substring(0, at) + TOKENS[random.nextInt(TOKENS.length)] + HEADER.substring(end);
      survives(Bytes.file(header, new byte[26]), "token " + i);
    }
  }

  @Test
  void everyTruncation() {
    for (int n = 0; n < VALID.length; n++) assertThat(survives(Arrays.copyOf(VALID, n), "truncated to " + n)).isFalse();
  }

  @Test
  void randomBytes() {
    var random = new Random(3);
    for (int i = 0; i < 2000; i++) {
      var bytes = new byte[random.nextInt(200)];
      random.nextBytes(bytes);
      survives(bytes, "random " + i);
      survives(Bytes.file(bytes), "random header " + i);
      survives(Bytes.file("{" + new String(bytes, StandardCharsets.ISO_8859_1)), "random text " + i);
    }
  }
}
