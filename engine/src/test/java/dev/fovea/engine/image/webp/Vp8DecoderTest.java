package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What is no key frame of VP8, or is broken, ends in a [WebpException] of one line and in nothing else.
class Vp8DecoderTest {
  private static final long FUZZ_MILLIS = 3000;
  private static final int FUZZ_PIXELS = 200_000;
  /// The last one has eight partitions.
  private static final List<byte[]> FRAMES = Stream.concat(
      Stream.of("lossy-16x16", "lossy-m0-q10", "lossy-m3-q60", "lossy-m6-q90", "lossy-1x1", "lossy-flat")
          .map(name -> LossyPicturesTest.resource("/pictures/" + name + ".webp")),
      Stream.of(LossyPicturesTest.archived("encoded-0842.webp"))).map(Vp8DecoderTest::frame).toList();

  /// The frame of a picture that has only one chunk.
  private static byte[] frame(byte[] webp) {
    return Arrays.copyOfRange(webp, 20, 20 + FrameTag.littleEndian(webp, 16, 4));
  }

  private static Vp8Decoder.Frame decode(byte[] frame) {
    return Vp8Decoder.decode(frame, 0, frame.length);
  }

  private static void assertRefused(byte[] frame, String message) {
    assertThatExceptionOfType(WebpException.class).isThrownBy(() -> decode(frame)).withMessage(message);
  }

  /// A picture of 16 x 16 with one byte changed.
  private static byte[] with(int at, int value) {
    byte[] frame = FRAMES.getFirst().clone();
    frame[at] = (byte) value;
    return frame;
  }

  @Test
  void theSizeIsKnownFromTheTag() {
    assertThat(FrameTag.read(FRAMES.getFirst(), 0, 10 + FrameTag.littleEndian(FRAMES.getFirst(), 0, 3) / 32))
        .extracting(FrameTag::width, FrameTag::height).containsExactly(16, 16);
    byte[] huge = with(7, 0xff);
    huge[9] = 0x7f;
    assertThat(FrameTag.read(huge, 0, huge.length))
        .as("the two highest bits are scales").extracting(FrameTag::width, FrameTag::height).containsExactly(0x3f10, 0x3f10);
  }

  @Test
  void whatIsNoKeyFrameIsRefused() {
    byte[] frame = FRAMES.getFirst();
    assertRefused(with(0, frame[0] | 1), "the lossy picture is no key frame");
    assertRefused(with(0, frame[0] & 0xf0 | 4 << 1 | 1 << 4), "the lossy picture has the profile 4, expected 0 to 3");
    assertRefused(with(0, frame[0] & ~(1 << 4)), "the lossy picture is a frame that is not shown");
    assertRefused(with(3, 0), "the lossy picture has no VP8 start code");
    assertRefused(with(6, 0), "the lossy picture is empty: 0x16");
    assertRefused(with(8, 0), "the lossy picture is empty: 16x0");
  }

  @Test
  void aFrameThatIsCutIsRefused() {
    byte[] frame = FRAMES.getFirst();
    int first = FrameTag.read(frame, 0, frame.length).firstPartition();
    assertRefused(new byte[0], "the lossy picture is cut: 0 bytes are less than its header");
    assertRefused(Arrays.copyOf(frame, 9), "the lossy picture is cut: 9 bytes are less than its header");
    assertRefused(
        Arrays.copyOf(frame, 9 + first),
        "the lossy picture is cut: its first partition takes " + first + " bytes of the frame's " + (9 + first));
    assertRefused(Arrays.copyOf(frame, 10 + first), "the lossy picture is cut: it ends before the last of its 1 partitions");
    assertRefused(Arrays.copyOf(frame, 12 + first), "the lossy picture is cut: a partition ends before its last macroblock");
  }

  /// Whatever is around a frame does not matter, at whichever byte it is cut.
  @Test
  void onlyTheFramesBytesAreRead() {
    var random = new Random(1);
    for (byte[] frame : FRAMES) {
      int accepted = 0;
      for (int length = 0; length <= frame.length; length++) {
        var around = new byte[7 + frame.length + 40];
        random.nextBytes(around);
        System.arraycopy(frame, 0, around, 7, length);
        int end = 7 + length;
        byte[] cut = Arrays.copyOf(frame, length), alone = rgb(() -> decode(cut));
        assertThat(rgb(() -> Vp8Decoder.decode(around, 7, end))).as("%d of %d bytes", length, frame.length).isEqualTo(alone);
        if (alone != null) accepted++;
      }
      assertThat(accepted).as("prefixes that are decoded").isBetween(1, 10);
    }
  }

  /// @return null if the frame is refused
  private static byte[] rgb(Supplier<Vp8Decoder.Frame> decoded) {
    try {
      return decoded.get().rgb();
    } catch (WebpException e) {
      return null;
    }
  }

  @Test
  void changedAndRandomBytesEndInNothingElse() {
    var random = new Random(20_251_127);
    long end = System.nanoTime() + FUZZ_MILLIS * 1_000_000;
    int decoded = 0, refused = 0;
    while (System.nanoTime() < end) {
      byte[] frame = FRAMES.get(random.nextInt(FRAMES.size())).clone();
      if (random.nextInt(4) == 0) for (int i = 10; i < frame.length; i++) frame[i] = (byte) random.nextInt(256);
      for (int i = random.nextInt(6); i >= 0; i--) frame[random.nextInt(frame.length)] = (byte) random.nextInt(256);
      if (random.nextInt(4) == 0) frame = Arrays.copyOf(frame, random.nextInt(frame.length + 20));
      if (survives(frame)) decoded++;
      else refused++;
    }
    assertThat(decoded).as("pictures decoded").isGreaterThan(50);
    assertThat(refused).as("pictures refused").isGreaterThan(50);
  }

  /// @return whether the frame was decoded
  private static boolean survives(byte[] bytes) {
    try {
      var tag = FrameTag.read(bytes, 0, bytes.length);
      if (tag.width() * tag.height() > FUZZ_PIXELS) return false;
      assertThat(decode(bytes).rgb()).hasSize(3 * tag.width() * tag.height());
      return true;
    } catch (WebpException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
      return false;
    } catch (Throwable e) {
      return fail(Base64.getEncoder().encodeToString(bytes), e);
    }
  }
}
