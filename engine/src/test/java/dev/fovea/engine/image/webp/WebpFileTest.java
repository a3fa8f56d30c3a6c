package dev.fovea.engine.image.webp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/// The rules of the container, one by one. What libwebp makes of any combination, `LosslessPicturesTest` shows.
class WebpFileTest {
  private static final byte[] RED = Riff.lossless(2, 2, 0xff0000), LARGER = Riff.lossless(3, 2, 0x00ff00);

  private static String shown(byte[] file) {
    var webp = WebpFile.read(file);
    return webp.width() + "x" + webp.height() + " " + HexFormat.of().formatHex(webp.rgb());
  }

  private static final String ALL_RED = "2x2 ff0000ff0000ff0000ff0000";

  private static void assertRefused(String message, byte[]... chunks) {
    assertFileRefused(message, Riff.file(chunks));
  }

  private static void assertFileRefused(String message, byte[] file) {
    assertThatExceptionOfType(WebpException.class).isThrownBy(() -> WebpFile.read(file).rgb()).withMessage(message);
  }

  /// A frame of VP8 that is cut behind its header, and so cannot be decoded.
  private static byte[] lossy(int width, int height) {
    return Riff.chunk("VP8 ", new byte[] {0x10, 0, 0, (byte) 0x9d, 1, 0x2a, (byte) width, 0, (byte) height, 0});
  }

  @Test
  void oneChunkOrMore() {
    assertThat(shown(Riff.file(RED))).isEqualTo(ALL_RED);
    assertThat(shown(Riff.file(Riff.vp8x(0, 2, 2), RED))).isEqualTo(ALL_RED);
    assertThat(shown(Riff.file(Riff.vp8x(0, 2, 2), Riff.chunk("odd ", new byte[3]), RED, Riff.chunk("even", new byte[4]))))
        .isEqualTo(ALL_RED);
  }

  @Test
  void bytesBehindTheFilesEndDoNotCount() {
    byte[] file = Riff.file(RED);
    assertThat(shown(Arrays.copyOf(file, file.length + 5))).isEqualTo(ALL_RED);
  }

  @Test
  void theBeginningOfAWebp() {
    assertThat(WebpFile.isWebp(Riff.file(RED))).isTrue();
    assertThat(WebpFile.isWebp(Arrays.copyOf(Riff.file(RED), 11))).isFalse();
    byte[] sound = Riff.file(RED);
    sound[9] = 'A';
    assertThat(WebpFile.isWebp(sound)).isFalse();
    assertRefused("expected a chunk VP8, VP8L or VP8X at the beginning", Riff.chunk("ICCP", new byte[2]), RED);
  }

  @Test
  void filesThatAreCut() {
    byte[] file = Riff.file(Riff.vp8x(0, 2, 2), RED);
    for (int length = 12; length < file.length; length++)
      assertFileRefused("the WebP file is cut: " + length + " of its " + file.length + " bytes are there",
          Arrays.copyOf(file, length));
    assertFileRefused("the WebP file is cut: 52 of its 4294967303 bytes are there", Riff.sized(file, 0xffffffffL));
    for (int length = 13; length < file.length; length++) {
      byte[] sized = Riff.sized(Arrays.copyOf(file, length), length - 8);
      assertThatExceptionOfType(WebpException.class).isThrownBy(() -> WebpFile.read(sized));
    }
    assertFileRefused("the WebP file ends within a chunk: 0 bytes are less than its header", Riff.sized(file, 0));
    assertFileRefused("the WebP file ends within a chunk: 3 bytes are less than its header", Riff.sized(file, 25));
    assertFileRefused("the WebP file ends within a chunk of 14 bytes, of which 13 are there", Riff.sized(file, file.length - 9));
  }

  @Test
  void theHeaderOfExtendedFiles() {
    assertRefused("expected a chunk VP8X of 10 bytes, got 9", Riff.chunk("VP8X", new byte[9]), RED);
    assertRefused("the chunk VP8X has unknown flags: 0x41", Riff.vp8x(0x41, 2, 2), RED);
    assertRefused("there is a second chunk VP8X", Riff.vp8x(0, 2, 2), Riff.vp8x(0, 2, 2), RED);
    assertRefused("there is no picture in the file", Riff.vp8x(0, 2, 2), Riff.chunk("EXIF", new byte[2]));
  }

  @Test
  void stillPictures() {
    assertRefused("the picture is 3x2, the file says 2x2", Riff.vp8x(0, 2, 2), LARGER);
    assertRefused("there are two pictures in the file", Riff.vp8x(0, 2, 2), RED, RED);
    assertRefused("there is a picture outside of the animation's frames", Riff.vp8x(2, 2, 2), Riff.anim(), RED);
    assertRefused("there is alpha before a lossless picture, which has its own", Riff.vp8x(16, 2, 2),
        Riff.chunk("ALPH", new byte[5]), RED);
    assertRefused("there is alpha behind its picture", Riff.vp8x(16, 2, 2), lossy(2, 2), Riff.chunk("ALPH", new byte[5]));
    assertRefused("there is alpha without a picture", Riff.vp8x(16, 2, 2), Riff.chunk("ALPH", new byte[5]));
  }

  @Test
  void alphaIsLookedAtWhereTheFileSaysThatThereIsSome() {
    byte[] alpha = Riff.chunk("ALPH", new byte[4]), missing = Riff.chunk("ALPH", new byte[1]);
    byte[] unknown = Riff.chunk("ALPH", new byte[] {2, 0});
    assertRefused("the alpha plane is cut: 3 bytes for 2x2 pixels", Riff.vp8x(16, 2, 2), alpha, lossy(2, 2));
    assertRefused("the alpha plane is cut: 1 bytes are less than its header", Riff.vp8x(16, 2, 2), missing, lossy(2, 2));
    assertRefused("the alpha plane has an unknown form: 0x02", Riff.vp8x(16, 2, 2), unknown, lossy(2, 2));
    assertRefused("the lossy picture is cut: a partition ends before its last macroblock", Riff.vp8x(0, 2, 2), alpha, lossy(2, 2));
  }

  /// Around the frame, the canvas is black; the second frame is not shown.
  @Test
  void animations() {
    byte[] first = Riff.frame(2, 0, RED), second = Riff.frame(0, 0, LARGER);
    assertThat(shown(Riff.file(Riff.vp8x(2, 4, 3), Riff.anim(), first, second)))
        .isEqualTo("4x3 " + "000000000000ff0000ff0000".repeat(2) + "0".repeat(24));
    assertRefused("there is a frame before the chunk ANIM", Riff.vp8x(2, 4, 3), first);
    assertRefused("expected a chunk ANIM of 6 bytes, got 3", Riff.vp8x(2, 4, 3), Riff.chunk("ANIM", new byte[3]), first);
    assertRefused("expected a chunk ANMF of 16 bytes or more, got 14", Riff.vp8x(2, 4, 3), Riff.anim(),
        Riff.chunk("ANMF", new byte[14]));
    assertRefused("a frame of 2x2 at 2,0 lies outside the canvas of 3x3", Riff.vp8x(2, 3, 3), Riff.anim(), first);
    assertRefused("a frame of 3x2 at 0,0 lies outside the canvas of 4x1", Riff.vp8x(2, 4, 1), Riff.anim(), second);
    assertRefused("a frame of 2x2 at 33554430,33554430 lies outside the canvas of 4x3", Riff.vp8x(2, 4, 3), Riff.anim(),
        Riff.frame(33554430, 33554430, RED));
    assertRefused("a picture ends behind its frame's chunk", Riff.vp8x(2, 4, 3), Riff.anim(), Riff.frame(0, 0), RED);
  }

  @Test
  void lossless() {
    byte[] version = RED.clone(), signature = RED.clone();
    version[12] |= 0x20;
    signature[8]++;
    assertRefused("the lossless picture has the version 1, expected 0", version);
    assertRefused("the lossless picture has no VP8L signature", signature);
    assertRefused("the lossless picture is cut: 4 bytes are less than its header", Riff.chunk("VP8L", new byte[4]));
  }

  @Test
  void metadata() {
    byte[] exif = Riff.chunk("EXIF", new byte[] {1, 2, 3}), xmp = Riff.chunk("XMP ", new byte[] {4});
    byte[] later = Riff.chunk("EXIF", new byte[] {9});
    var file = WebpFile.read(Riff.file(Riff.vp8x(12, 2, 2), RED, exif, xmp, later));
    assertThat(file.exif()).containsExactly(1, 2, 3);
    assertThat(file.xmp()).containsExactly(4);
    var silent = WebpFile.read(Riff.file(Riff.vp8x(0, 2, 2), RED, exif, xmp));
    assertThat(silent.exif()).as("EXIF that the flags do not tell of").isNull();
    assertThat(silent.xmp()).as("XMP that the flags do not tell of").isNull();
  }
}
