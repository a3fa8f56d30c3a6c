package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Files that end early, wherever they do: refused, or all pixels are there. Pillow 12.3 wrote them.
class CutPicturesTest {
  private static final byte[] END = {(byte) 0xff, (byte) 0xd9};

  private static byte[] file(String name) throws IOException {
    try (var in = CutPicturesTest.class.getResourceAsStream("/cut/" + name)) {
      assertThat(in).as("resource %s", name).isNotNull();
      return in.readAllBytes();
    }
  }

  /// Null if the bytes were refused.
  private static @Nullable Picture decoded(byte[] bytes) {
    try {
      return Picture.decode("cut", bytes);
    } catch (ImageException e) {
      assertThat(e).hasMessageStartingWith("cut: ").hasMessageNotContaining("\n");
      return null;
    }
  }

  private static byte[] joined(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }

  /// A JPEG without its end marker is refused, as by Pillow; with one that comes too early, its pixels must be there.
  @ParameterizedTest
  @ValueSource(strings = {"baseline", "progressive", "grey", "progressive-grey", "cmyk", "restart", "progressive-restart"})
  void jpeg(String name) throws IOException {
    var bytes = file(name + ".jpg");
    var whole = Picture.decode("whole", bytes);
    assertThat(Picture.decode("whole", joined(bytes, new byte[] {1, 2, 3})).rgb()).isEqualTo(whole.rgb());
    int ended = 0;
    for (int length = 0; length < bytes.length; length++) {
      var cut = Arrays.copyOf(bytes, length);
      assertThat(decoded(cut)).as("%d of %d bytes", length, bytes.length).isNull();
      var picture = decoded(joined(cut, END));
      if (picture != null && !name.startsWith("progressive"))
        assertThat(Arrays.equals(picture.rgb(), whole.rgb())).as("%d of %d bytes and an end", length, bytes.length).isTrue();
      if (picture == null) ended++;
    }
    assertThat(ended).isGreaterThan(bytes.length / 2);
  }

  /// Data taken out of the middle, or a restart marker of another number; padding before a marker changes nothing.
  @Test
  void damagedJpegs() throws IOException {
    var bytes = file("baseline.jpg");
    int middle = bytes.length - 200;
    var shorter = joined(Arrays.copyOf(bytes, middle), Arrays.copyOfRange(bytes, middle + 100, bytes.length));
    assertThatThrownBy(() -> Picture.decode("d", shorter)).isInstanceOf(ImageException.class)
        .hasMessageStartingWith("d: not a readable picture: ").hasMessageContaining("premature end");
    var restart = file("restart.jpg");
    int last = restart.length - 2;
    while ((restart[last] & 0xff) != 0xff || (restart[last + 1] & 0xf8) != 0xd0) last--;
    restart[last + 1] ^= 3;
    assertThatThrownBy(() -> Picture.decode("d", restart)).isInstanceOf(ImageException.class)
        .hasMessageContaining("instead of RST");
    var padded = joined(joined(Arrays.copyOf(bytes, bytes.length - 2), new byte[3]), END);
    assertThat(Picture.decode("p", padded).rgb()).isEqualTo(Picture.decode("p", bytes).rgb());
  }

  /// The last scan once more, and once more: work without end for a file of some kilobytes.
  @Test
  void moreScansThanWorkIsDoneFor() throws IOException {
    var bytes = file("progressive.jpg");
    int scan = bytes.length - 2;
    while ((bytes[scan] & 0xff) != 0xff || (bytes[scan + 1] & 0xff) != 0xda) scan--;
    var once = Arrays.copyOfRange(bytes, scan, bytes.length - 2);
    assertThat(decoded(repeated(bytes, once, 3))).isNotNull();
    var bomb = repeated(bytes, once, 1_000_000_000 / (45 * 35));
    assertThatThrownBy(() -> Picture.decode("b", bomb)).isInstanceOf(ImageException.class).hasMessageStartingWith("b: ")
        .hasMessageContaining("scans of 45x35 pixels");
  }

  private static byte[] repeated(byte[] bytes, byte[] scan, int times) {
    var out = ByteBuffer.allocate(bytes.length + scan.length * times).put(bytes, 0, bytes.length - 2);
    for (int i = 0; i < times; i++) out.put(scan);
    return out.put(END).array();
  }

  /// A PNG, GIF or BMP is read where it holds every pixel, whatever is missing behind them.
  @ParameterizedTest
  @ValueSource(strings = {"palette.png", "grey.png", "palette.gif", "plain.gif", "bmp", "packed bmp"})
  void allPixelsOrNone(String name) throws IOException {
    var bytes = switch (name) {
      case "bmp" -> Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "bmp");
      case "packed bmp" -> packedBmp();
      default -> file(name);
    };
    var whole = Picture.decode("whole", bytes);
    int accepted = 0;
    for (int length = 0; length < bytes.length; length++) {
      var picture = decoded(Arrays.copyOf(bytes, length));
      if (picture == null) continue;
      assertThat(Arrays.equals(picture.rgb(), whole.rgb())).as("%d of %d bytes", length, bytes.length).isTrue();
      accepted++;
    }
    if (name.endsWith("png")) assertThat(accepted).isBetween(12, 24);
  }

  /// 4 × 2 pixels of eight bits, run-length coded: four of colour 1 below two of colour 2 and two of colour 3.
  private static byte[] packedBmp() {
    var bmp = ByteBuffer.allocate(54 + 16 + 14).order(ByteOrder.LITTLE_ENDIAN);
    bmp.put((byte) 'B').put((byte) 'M').putInt(bmp.capacity()).putInt(0).putInt(54 + 16);
    bmp.putInt(40).putInt(4).putInt(2).putShort((short) 1).putShort((short) 8).putInt(1).putInt(14);
    bmp.putInt(0).putInt(0).putInt(4).putInt(0);
    for (int i = 0; i < 4; i++) bmp.putInt(0x102030 * i);
    return bmp.put(new byte[] {4, 1, 0, 0, 2, 2, 2, 3, 0, 0, 0, 1, 0, 0}).array();
  }
}
