package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every format and sample layout that is read, and what is refused.
class ImageDecoderTest {
  private static void is(Picture p, int width, int height, int... rgb) {
    assertThat(p.width()).isEqualTo(width);
    assertThat(p.height()).isEqualTo(height);
    var found = new int[p.rgb().length];
    Arrays.setAll(found, i -> p.rgb()[i] & 0xff);
    assertThat(found).isEqualTo(rgb);
  }

  private static void isSample(Picture p) {
    assertThat(p.width()).isEqualTo(3);
    assertThat(p.height()).isEqualTo(2);
    assertThat(p.rgb()).isEqualTo(Samples.RGB);
  }

  private static void near(Picture p, int x, int y, int red, int green, int blue) {
    int at = 3 * (y * p.width() + x);
    int[] expected = {red, green, blue}, found = {p.rgb()[at] & 0xff, p.rgb()[at + 1] & 0xff, p.rgb()[at + 2] & 0xff};
    for (int c = 0; c < 3; c++)
      assertThat(Math.abs(found[c] - expected[c])).as("(%d, %d): %s, expected %s", x, y, Arrays.toString(found), Arrays.toString(expected)).isLessThanOrEqualTo(6);
  }

  private static BufferedImage components(int space, boolean alpha, int type, int width, int... samples) {
    var model = new ComponentColorModel(ColorSpace.getInstance(space), alpha, false, alpha ? Transparency.TRANSLUCENT : Transparency.OPAQUE, type);
    int height = samples.length / width / model.getNumComponents();
    var raster = model.createCompatibleWritableRaster(width, height);
    raster.setPixels(0, 0, width, height, samples);
    return new BufferedImage(model, raster, false, null);
  }

  private static Picture png(BufferedImage image) {
    return Picture.decode("p", Samples.write(image, "png"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "bmp"})
  void rgb(String format) {
    isSample(Picture.decode("p", Samples.write(Samples.image(BufferedImage.TYPE_3BYTE_BGR), format)));
    isSample(Picture.decode("p", Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), format)));
  }

  /// Also below an alpha of 0 the colours are kept.
  @Test
  void alphaIsDropped() {
    is(png(components(ColorSpace.CS_sRGB, true, DataBuffer.TYPE_BYTE, 3, 255, 1, 2, 0, 100, 150, 200, 128, 9, 8, 7, 255)), 3, 1, 255, 1, 2, 100, 150, 200, 9, 8, 7);
  }

  @Test
  void greyIsNotBrightened() {
    is(png(components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_BYTE, 4, 0, 1, 128, 255)), 4, 1, 0, 0, 0, 1, 1, 1, 128, 128, 128, 255, 255, 255);
  }

  @Test
  void greyAndAlpha() {
    is(png(components(ColorSpace.CS_GRAY, true, DataBuffer.TYPE_BYTE, 3, 7, 0, 128, 100, 255, 255)), 3, 1, 7, 7, 7, 128, 128, 128, 255, 255, 255);
  }

  @Test
  void sixteenBits() {
    is(png(components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_USHORT, 3, 0x12ff, 0x8000, 0xffff)), 3, 1, 0x12, 0x12, 0x12, 0x80, 0x80, 0x80, 255, 255, 255);
    is(png(components(ColorSpace.CS_sRGB, false, DataBuffer.TYPE_USHORT, 2, 0x0100, 0x7fff, 0xfe01, 0x00ff, 0x3456, 0xffff)), 2, 1, 1, 0x7f, 0xfe, 0, 0x34, 255);
    is(png(components(ColorSpace.CS_sRGB, true, DataBuffer.TYPE_USHORT, 1, 0x0100, 0x7fff, 0xfe01, 0)), 1, 1, 1, 0x7f, 0xfe);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void palettes(int bits) {
    int size = 1 << bits, width = size + 1;
    byte[] r = new byte[size], g = new byte[size], b = new byte[size];
    for (int i = 0; i < size; i++) {
      r[i] = (byte) (200 - i);
      g[i] = (byte) (3 * i);
      b[i] = (byte) (40 + 7 * i);
    }
    var model = new IndexColorModel(bits, size, r, g, b);
    var image = bits == 8 ? new BufferedImage(width, 2, BufferedImage.TYPE_BYTE_INDEXED, model) : new BufferedImage(width, 2, BufferedImage.TYPE_BYTE_BINARY, model);
    var expected = new int[2 * width * 3];
    for (int i = 0; i < 2 * width; i++) {
      int index = i * 5 % size;
      image.getRaster().setSample(i % width, i / width, 0, index);
      expected[3 * i] = r[index] & 0xff;
      expected[3 * i + 1] = g[index] & 0xff;
      expected[3 * i + 2] = b[index] & 0xff;
    }
    is(png(image), width, 2, expected);
    if (bits != 2) is(Picture.decode("p", Samples.write(image, "bmp")), width, 2, expected);
  }

  @Test
  void transparentPaletteEntriesKeepTheirColour() {
    var model = new IndexColorModel(1, 2, new byte[] {10, 20}, new byte[] {30, 40}, new byte[] {50, 60}, 1);
    var image = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_BINARY, model);
    image.getRaster().setSample(1, 0, 0, 1);
    is(png(image), 2, 1, 10, 30, 50, 20, 40, 60);
  }

  @Test
  void blackAndWhite() {
    is(png(Samples.image(BufferedImage.TYPE_BYTE_BINARY, 3, 1, 0xff000000, 0xffffffff, 0xff000000)), 3, 1, 0, 0, 0, 255, 255, 255, 0, 0, 0);
  }

  @Test
  void jpeg() {
    corners(Picture.decode("p", Samples.jpeg()), "RGBW");
  }

  @Test
  void greyJpeg() {
    var samples = new int[256];
    Arrays.fill(samples, 100);
    var p = Picture.decode("p", Samples.write(components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_BYTE, 16, samples), "jpeg"));
    near(p, 8, 8, 100, 100, 100);
  }

  private static void corners(Picture p, String colours) {
    int[][] at = {{4, 4}, {p.width() - 5, 4}, {4, p.height() - 5}, {p.width() - 5, p.height() - 5}};
    for (int i = 0; i < 4; i++) {
      char colour = colours.charAt(i);
      near(p, at[i][0], at[i][1], colour == 'R' || colour == 'W' ? 255 : 0, colour == 'G' || colour == 'W' ? 255 : 0, colour == 'B' || colour == 'W' ? 255 : 0);
    }
  }

  @ParameterizedTest
  @CsvSource({"0,RGBW", "1,RGBW", "2,GRWB", "3,WBGR", "4,BWRG", "5,RBGW", "6,BRWG", "7,WGBR", "8,GWRB", "9,RGBW"})
  void orientation(int tag, String colours) {
    for (var order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
      var p = Picture.decode("p", Samples.exif(Samples.jpeg(), tag, order, 0));
      boolean turned = tag >= 5 && tag <= 8;
      assertThat(p.width()).isEqualTo(turned ? 32 : 64);
      assertThat(p.height()).isEqualTo(turned ? 64 : 32);
      corners(p, colours);
    }
  }

  /// JPEG lets any number of 0xff come before a marker.
  @Test
  void paddedMarkers() {
    corners(Picture.decode("p", Samples.exif(Samples.jpeg(), 6, ByteOrder.BIG_ENDIAN, 2)), "BRWG");
    var padded = ByteBuffer.allocate(Samples.CMYK.length + 1).put(Samples.CMYK, 0, 2).put((byte) 0xff).put(Samples.CMYK, 2, Samples.CMYK.length - 2);
    inks(Picture.decode("p", padded.array()));
  }

  private static void inks(Picture p) {
    assertThat(p.width()).isEqualTo(16);
    assertThat(p.height()).isEqualTo(16);
    near(p, 2, 2, 255, 0, 0);
    near(p, 13, 2, 0, 0, 255);
    near(p, 2, 13, 255, 255, 255);
    near(p, 13, 13, 127, 77, 27);
  }

  @Test
  void adobeCmyk() {
    inks(Picture.decode("p", Samples.CMYK));
  }

  @Test
  void adobeYcck() {
    inks(Picture.decode("p", Samples.YCCK));
  }

  /// PIL takes every JPEG of four channels as Adobe's.
  @Test
  void cmykWithoutAdobesSegment() {
    var bytes = Arrays.copyOfRange(Samples.CMYK, 18, Samples.CMYK.length);
    inks(Picture.decode("p", ByteBuffer.allocate(bytes.length + 2).putShort((short) 0xffd8).put(bytes).array()));
  }

  @Test
  void webp() {
    isSample(Picture.decode("p", Samples.WEBP_LOSSLESS));
    isSample(Picture.decode("p", Samples.WEBP_ALPHA));
  }

  @Test
  void lossyWebp() {
    for (var bytes : new byte[][] {Samples.WEBP_LOSSY, Samples.WEBP_LOSSY_ALPHA}) {
      var p = Picture.decode("p", bytes);
      assertThat(p.width()).isEqualTo(16);
      assertThat(p.height()).isEqualTo(16);
      for (int y : new int[] {2, 13}) {
        near(p, 2, y, 201, 61, 40);
        near(p, 13, y, 32, 60, 201);
      }
    }
  }

  /// A PNG's beginning that claims a size.
  private static byte[] header(int width, int height) {
    var png = ByteBuffer.allocate(8 + 25).putLong(0x89504e470d0a1a0aL).putInt(13).putInt(0x49484452).putInt(width).putInt(height).put(new byte[] {8, 2, 0, 0, 0});
    var crc = new CRC32();
    crc.update(png.array(), 12, 17);
    return png.putInt((int) crc.getValue()).array();
  }

  @ParameterizedTest
  @CsvSource({"60000,60000", "100000001,1", "2147483647,2147483647"})
  void hugePicturesAreRefused(int width, int height) {
    assertThatThrownBy(() -> Picture.decode("huge.png", header(width, height)))
        .isInstanceOf(ImageException.class).hasMessageStartingWith("huge.png: ").hasMessageContaining(width + "x" + height);
  }

  @Test
  void emptyAndText() {
    assertThatThrownBy(() -> Picture.decode("e", new byte[0])).isInstanceOf(ImageException.class).hasMessage("e: not a picture: the file is empty");
    assertThatThrownBy(() -> Picture.decode("t", "just a text".getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(ImageException.class).hasMessageStartingWith("t: not a picture").hasMessageContaining("WebP");
  }

  @Test
  void files(@TempDir Path dir) throws IOException {
    var file = dir.resolve("a.png");
    Files.write(file, Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "png"));
    isSample(Picture.read(file));
    assertThat(Picture.read(file).name()).isEqualTo(file.toString());
    assertThatThrownBy(() -> Picture.read(dir)).isInstanceOf(ImageException.class).hasMessageContaining(dir.toString()).hasMessageContaining("directory");
    assertThatThrownBy(() -> Picture.read(dir.resolve("no.png"))).isInstanceOf(ImageException.class).hasMessageEndingWith("no.png: no such file");
    assertThatThrownBy(() -> Picture.read(file.resolve("b.png"))).isInstanceOf(ImageException.class);
  }

  @Test
  void picturesCheckTheirSize() {
    assertThatThrownBy(() -> new Picture("p", 2, 2, new byte[11])).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("12");
    assertThatThrownBy(() -> new Picture("p", 0, 0, new byte[0])).isInstanceOf(IllegalArgumentException.class);
  }

  /// Nine rows: of an interlaced GIF with fewer than five rows, the JDK's reader fills those of the last pass wrongly.
  @Test
  void gif() throws IOException {
    var image = new java.awt.image.BufferedImage(7, 9, java.awt.image.BufferedImage.TYPE_INT_RGB);
    var expected = new byte[3 * 7 * 9];
    for (int y = 0, at = 0; y < 9; y++)
      for (int x = 0; x < 7; x++) {
        int rgb = 0x102030 * (1 + (x + y) % 5);
        image.setRGB(x, y, rgb);
        for (int shift = 16; shift >= 0; shift -= 8) expected[at++] = (byte) (rgb >> shift);
      }
    var bytes = new java.io.ByteArrayOutputStream();
    assertThat(javax.imageio.ImageIO.write(image, "gif", bytes)).isTrue();
    assertThat(Picture.decode("p", bytes.toByteArray()).rgb()).isEqualTo(expected);
  }
}
