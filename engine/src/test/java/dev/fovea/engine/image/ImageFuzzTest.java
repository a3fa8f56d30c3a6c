package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.awt.image.BufferedImage;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Broken pictures end in an [ImageException] and in nothing else.
class ImageFuzzTest {
  private static final long MILLIS = 2500;
  private static final List<byte[]> VALID = List.of(
      Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "png"),
      Samples.write(Samples.image(BufferedImage.TYPE_BYTE_INDEXED), "png"),
      Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "gif"),
      Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "bmp"),
      Samples.write(Samples.image(BufferedImage.TYPE_BYTE_INDEXED), "bmp"),
      Samples.exif(Samples.jpeg(), 6, ByteOrder.LITTLE_ENDIAN, 0),
      Samples.CMYK, Samples.YCCK, Samples.WEBP_LOSSY, Samples.WEBP_LOSSY_ALPHA, Samples.WEBP_LOSSLESS, Samples.WEBP_ALPHA);

  /// @return whether the bytes were accepted
  private static boolean survives(byte[] bytes, String what) {
    try {
      Picture.decode("fuzz", bytes);
      return true;
    } catch (ImageException e) {
      assertThat(e.getMessage()).startsWith("fuzz: ").doesNotContain("\n");
      return false;
    } catch (Throwable e) {
      return fail(what + ": " + Base64.getEncoder().encodeToString(bytes), e);
    }
  }

  @Test
  void thePicturesAreValid() {
    for (int i = 0; i < VALID.size(); i++) assertThat(survives(VALID.get(i), "valid " + i)).as("picture %d", i).isTrue();
  }

  @Test
  void changedBytes() {
    var random = new Random(1);
    int accepted = 0;
    long end = System.nanoTime() + MILLIS * 1_000_000;
    for (int i = 0; i < 3000 && System.nanoTime() < end; i++) {
      var bytes = VALID.get(i % VALID.size()).clone();
      for (int n = random.nextInt(4); n >= 0; n--) bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      if (survives(bytes, "changed " + i)) accepted++;
    }
    assertThat(accepted).isGreaterThan(0);
  }

  /// The headers are where sizes and counts are.
  @Test
  void changedHeaders() {
    var random = new Random(2);
    long end = System.nanoTime() + MILLIS * 1_000_000;
    for (int i = 0; i < 3000 && System.nanoTime() < end; i++) {
      var bytes = VALID.get(i % VALID.size()).clone();
      for (int n = random.nextInt(2); n >= 0; n--) bytes[4 + random.nextInt(40)] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextBoolean() ? 0 : -1);
      survives(bytes, "header " + i);
    }
  }

  @Test
  void truncated() {
    var random = new Random(3);
    long end = System.nanoTime() + MILLIS * 1_000_000;
    for (int i = 0; i < 1500 && System.nanoTime() < end; i++) {
      var bytes = VALID.get(i % VALID.size());
      survives(Arrays.copyOf(bytes, random.nextInt(bytes.length)), "truncated " + i);
    }
  }

  @Test
  void randomBytes() {
    var random = new Random(4);
    for (int i = 0; i < 1000; i++) {
      var bytes = new byte[random.nextInt(100)];
      random.nextBytes(bytes);
      int start = Math.min(bytes.length, random.nextInt(20));
      System.arraycopy(VALID.get(i % VALID.size()), 0, bytes, 0, start);
      survives(bytes, "random " + i);
    }
  }
}
