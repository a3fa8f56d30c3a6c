package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Broken files end in a [WebpException] of one line and in nothing else, and soon.
class WebpFuzzTest {
  private static final int FILES = 6000;
  private static final int MOST_PIXELS = 200_000;
  /// What any file of some kilobytes may take on a busy machine. The right decoder takes a thousandth of it.
  private static final long MOST_NANOS = 5_000_000_000L;
  private static final List<byte[]> VALID = Stream.concat(
      Stream.of("lossless", "lossless-alpha", "lossy-alpha", "animated", "orientation-6")
          .map(name -> LossyPicturesTest.resource("/pictures/" + name + ".webp")),
      IntStream.range(0, 40).mapToObj(i -> LosslessPicturesTest.ARCHIVE.file("stream-%03d.webp".formatted(i)))).toList();

  /// @return whether the file was decoded
  private static boolean survives(byte[] bytes) {
    long start = System.nanoTime();
    try {
      if (!WebpFile.isWebp(bytes)) return false;
      var file = WebpFile.read(bytes);
      if ((long) file.width() * file.height() > MOST_PIXELS) return false;
      assertThat(file.rgb()).hasSize(3 * file.width() * file.height());
      return true;
    } catch (WebpException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
      return false;
    } catch (Throwable e) {
      return fail(Base64.getEncoder().encodeToString(bytes), e);
    } finally {
      assertThat(System.nanoTime() - start).as(() -> Base64.getEncoder().encodeToString(bytes)).isLessThan(MOST_NANOS);
    }
  }

  @Test
  void changedBytes() {
    var random = new Random(20_251_128);
    int decoded = 0;
    for (int i = 0; i < FILES; i++) {
      byte[] bytes = VALID.get(i % VALID.size()).clone();
      int first = random.nextInt(4) == 0 ? 4 : random.nextInt(bytes.length);
      for (int n = random.nextInt(4); n >= 0; n--) bytes[first + random.nextInt(bytes.length - first)] = (byte) random.nextInt(256);
      if (random.nextInt(5) == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
        if (bytes.length > 12) bytes = Riff.sized(bytes, bytes.length - 8);
      }
      if (survives(bytes)) decoded++;
    }
    assertThat(decoded).as("files decoded").isBetween(FILES / 50, FILES / 2);
  }

  /// Data at random behind a header that is right: transforms and codes of every kind, soon broken.
  @Test
  void randomStreams() {
    var random = new Random(7);
    for (int i = 0; i < FILES; i++) {
      var stream = new byte[5 + random.nextInt(300)];
      random.nextBytes(stream);
      stream[0] = 0x2f;
      stream[1] = (byte) random.nextInt(64);
      stream[2] &= (byte) 0xc0;
      stream[3] &= 7;
      stream[4] &= 0x10;
      survives(Riff.file(Riff.chunk("VP8L", stream)));
    }
  }

  /// Pictures of reports that kept another decoder busy for 2 to 20 seconds: cut off, and with sizes that say otherwise.
  @Test
  void hostileFiles() {
    for (var name : List.of("slow-4805", "slow-20005")) {
      byte[] bytes = LossyPicturesTest.resource("/pictures/hostile/" + name + ".webp");
      assertThat(survives(bytes)).isFalse();
      byte[] whole = Riff.sized(bytes.clone(), bytes.length - 8);
      int payload = bytes.length - 20 - (bytes.length & 1);
      for (int i = 0; i < 4; i++) whole[16 + i] = (byte) (payload >> 8 * i);
      assertThat(survives(whole)).isFalse();
    }
  }

  /// At whichever byte a lossless picture is cut, with sizes that say so.
  @Test
  void cutPictures() {
    for (var name : List.of("lossless", "lossless-alpha")) {
      byte[] file = LossyPicturesTest.resource("/pictures/" + name + ".webp");
      byte[] stream = Arrays.copyOfRange(file, 20, 20 + FrameTag.littleEndian(file, 16, 4));
      byte[] whole = LosslessDecoder.decode(stream, 0, stream.length);
      int end = stream.length;
      while (Arrays.equals(decoded(stream, end - 1), whole)) end--;
      assertThat(stream.length - end).as("bytes that are not needed").isLessThan(2);
      for (int length = 0; length < end; length++) {
        int to = length;
        // As in libwebp, 5 to 7 bytes are made 8 with zeros, which may be found broken before they are used up.
        boolean isFilledUp = length >= LosslessHeader.BYTES && length < Long.BYTES;
        assertThatExceptionOfType(WebpException.class).as("%d of %d bytes", length, stream.length)
            .isThrownBy(() -> LosslessDecoder.decode(stream, 0, to)).withMessageContaining(isFilledUp ? "" : "cut");
      }
    }
  }

  private static byte[] decoded(byte[] stream, int to) {
    try {
      return LosslessDecoder.decode(stream, 0, to);
    } catch (WebpException e) {
      return new byte[0];
    }
  }
}
