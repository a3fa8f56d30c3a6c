package dev.fovea.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Pictures of streams and of the JDK's images are those of files.
class PictureTest {
  private static final int[] COLOURS = {255, 1, 2, 100, 150, 200, 9, 8, 7};

  private static int[] rgb(BufferedImage image) {
    var picture = Picture.of("p", image);
    assertThat(picture).returns("p", Picture::name).returns(image.getWidth(), Picture::width)
        .returns(image.getHeight(), Picture::height);
    var found = new int[picture.rgb().length];
    Arrays.setAll(found, i -> picture.rgb()[i] & 0xff);
    return found;
  }

  private static BufferedImage components(ColorSpace space, boolean alpha, boolean premultiplied, int type, int... samples) {
    var model = new ComponentColorModel(space, alpha, premultiplied, alpha ? Transparency.TRANSLUCENT : Transparency.OPAQUE, type);
    var raster = model.createCompatibleWritableRaster(samples.length / model.getNumComponents(), 1);
    raster.setPixels(0, 0, raster.getWidth(), 1, samples);
    return new BufferedImage(model, raster, premultiplied, null);
  }

  private static BufferedImage components(int space, boolean alpha, int type, int... samples) {
    return components(ColorSpace.getInstance(space), alpha, false, type, samples);
  }

  private static void requireImageException(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isExactlyInstanceOf(ImageException.class).hasMessage(message);
  }

  @ParameterizedTest
  @ValueSource(ints = {BufferedImage.TYPE_INT_RGB, BufferedImage.TYPE_INT_ARGB, BufferedImage.TYPE_INT_ARGB_PRE,
      BufferedImage.TYPE_INT_BGR, BufferedImage.TYPE_3BYTE_BGR, BufferedImage.TYPE_4BYTE_ABGR, BufferedImage.TYPE_4BYTE_ABGR_PRE})
  void opaqueImages(int type) {
    var image = Samples.image(type);
    assertThat(Picture.of("p", image).rgb()).isEqualTo(Samples.RGB);
    assertThat(Picture.of("p", image.getSubimage(1, 1, 2, 1)).rgb()).as("a part")
        .isEqualTo(Arrays.copyOfRange(Samples.RGB, 12, 18));
  }

  /// Also below an alpha of 0 the colours are kept.
  @ParameterizedTest
  @ValueSource(ints = {BufferedImage.TYPE_INT_ARGB, BufferedImage.TYPE_4BYTE_ABGR})
  void alphaIsDropped(int type) {
    var image = Samples.image(type, 3, 1, 0x00ff0102, 0x806496c8, 0xff090807);
    assertThat(rgb(image)).isEqualTo(COLOURS);
    assertThat(Picture.of("p", image).rgb()).isEqualTo(Picture.decode("p", Samples.write(image, "png")).rgb());
  }

  /// The colours of alpha 51 / 255 are multiplied without rounding; those of alpha 0 are lost.
  @Test
  void multipliedAlphaIsDivided() {
    int[] samples = {20, 30, 40, 51, 0, 0, 0, 0, 9, 8, 7, 255}, expected = {100, 150, 200, 0, 0, 0, 9, 8, 7};
    assertThat(rgb(components(ColorSpace.getInstance(ColorSpace.CS_sRGB), true, true, DataBuffer.TYPE_BYTE, samples)))
        .isEqualTo(expected);
    var image = new BufferedImage(3, 1, BufferedImage.TYPE_INT_ARGB_PRE);
    image.getRaster().setPixels(0, 0, 3, 1, samples);
    assertThat(rgb(image)).isEqualTo(expected);
  }

  /// The JDK's conversion would brighten grey.
  @Test
  void samplesAreThoseOfAFile() {
    for (var image : new BufferedImage[] {
        components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_BYTE, 0, 1, 128, 255),
        components(ColorSpace.CS_GRAY, true, DataBuffer.TYPE_BYTE, 7, 0, 128, 100, 255, 255),
        components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_USHORT, 0x12ff, 0x8000, 0xffff),
        components(ColorSpace.CS_sRGB, false, DataBuffer.TYPE_USHORT, 0x0100, 0x7fff, 0xfe01, 0x00ff, 0x3456, 0xffff),
        components(ColorSpace.CS_sRGB, true, DataBuffer.TYPE_USHORT, 0x0100, 0x7fff, 0xfe01, 0),
        Samples.image(BufferedImage.TYPE_BYTE_INDEXED), Samples.image(BufferedImage.TYPE_BYTE_BINARY)})
      assertThat(Picture.of("p", image).rgb()).isEqualTo(Picture.decode("p", Samples.write(image, "png")).rgb());
    assertThat(rgb(components(ColorSpace.CS_GRAY, false, DataBuffer.TYPE_BYTE, 1, 128))).containsExactly(1, 1, 1, 128, 128, 128);
  }

  @Test
  void transparentPaletteEntriesKeepTheirColour() {
    var palette = new IndexColorModel(1, 2, new byte[] {10, 20}, new byte[] {30, 40}, new byte[] {50, 60}, 1);
    var image = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_BINARY, palette);
    image.getRaster().setSample(1, 0, 0, 1);
    assertThat(rgb(image)).containsExactly(10, 30, 50, 20, 40, 60);
  }

  /// 5 and 6 bits, fractions, and inks.
  @Test
  void otherSamplesAreConverted() {
    assertThat(rgb(Samples.image(BufferedImage.TYPE_USHORT_565_RGB, 3, 1, 0xffff0000, 0xff00ff00, 0xffffffff)))
        .containsExactly(255, 0, 0, 0, 255, 0, 255, 255, 255);
    var fractions = components(ColorSpace.CS_sRGB, false, DataBuffer.TYPE_FLOAT, 0, 0, 0);
    fractions.getRaster().setPixel(0, 0, new float[] {1, 0, 0.4f});
    assertThat(rgb(fractions)).containsExactly(255, 0, 102);
    var inks = new ColorSpace(ColorSpace.TYPE_CMYK, 4) {
      @Override
      public float[] toRGB(float[] ink) {
        return new float[] {(1 - ink[0]) * (1 - ink[3]), (1 - ink[1]) * (1 - ink[3]), (1 - ink[2]) * (1 - ink[3])};
      }

      @Override
      public float[] fromRGB(float[] rgb) {
        throw new UnsupportedOperationException();
      }

      @Override
      public float[] toCIEXYZ(float[] ink) {
        throw new UnsupportedOperationException();
      }

      @Override
      public float[] fromCIEXYZ(float[] xyz) {
        throw new UnsupportedOperationException();
      }
    };
    assertThat(rgb(components(inks, false, false, DataBuffer.TYPE_BYTE, 0, 255, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255)))
        .containsExactly(255, 0, 0, 0, 255, 255, 0, 0, 0);
  }

  /// An image that refuses to be read, because it is too large.
  @Test
  void hugeImagesAreRefused() {
    var image = new BufferedImage(1, 1, BufferedImage.TYPE_BYTE_GRAY) {
      @Override
      public int getWidth() {
        return 100_000_001;
      }
    };
    requireImageException(() -> Picture.of("huge", image),
        "huge: 100000001x1 pixels are more than the 100000000 that are decoded");
  }

  @Test
  void copiesShareNothing() {
    var image = Samples.image(BufferedImage.TYPE_3BYTE_BGR);
    var picture = Picture.of("p", image);
    image.setRGB(0, 0, 0xff00ff00);
    assertThat(picture.rgb()).isEqualTo(Samples.RGB);
  }

  /// Nobody but its owner closes a stream.
  private static InputStream unclosable(byte[] bytes) {
    return new FilterInputStream(new ByteArrayInputStream(bytes)) {
      @Override
      public void close() {
        throw new AssertionError("closed");
      }
    };
  }

  @Test
  void streams() throws IOException {
    for (var bytes : new byte[][] {Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "png"), Samples.WEBP_ALPHA,
        Samples.exif(Samples.jpeg(), 6, ByteOrder.LITTLE_ENDIAN, 0)}) {
      var in = unclosable(bytes);
      var expected = Picture.decode("p", bytes);
      assertThat(Picture.decode("p", in)).returns("p", Picture::name).returns(expected.width(), Picture::width)
          .returns(expected.height(), Picture::height).satisfies(found -> assertThat(found.rgb()).isEqualTo(expected.rgb()));
      assertThat(in.read()).as("all is read").isEqualTo(-1);
    }
  }

  @Test
  void brokenStreams() {
    requireImageException(() -> Picture.decode("p", unclosable(new byte[0])), "p: not a picture: the file is empty");
    var failing = new InputStream() {
      @Override
      public int read() throws IOException {
        throw new IOException("the line is dead");
      }
    };
    requireImageException(() -> Picture.decode("p", failing), "p: cannot be read: the line is dead");
  }

  @Test
  void bytesAreLimited(@TempDir Path folder) throws IOException {
    var bytes = Samples.write(Samples.image(BufferedImage.TYPE_INT_RGB), "png");
    assertThat(ImageDecoder.decode("p", unclosable(bytes), bytes.length).rgb()).isEqualTo(Samples.RGB);
    requireImageException(() -> ImageDecoder.decode("p", unclosable(bytes), bytes.length - 1),
        "p: more than the " + (bytes.length - 1) + " bytes that are read of a picture file");
    var large = folder.resolve("large.png");
    try (var file = new RandomAccessFile(large.toFile(), "rw")) {
      file.setLength((1L << 30) + 1);
    }
    requireImageException(() -> Picture.read(large), large + ": more than the 1073741824 bytes that are read of a picture file");
  }

  private static void requireNamed(ThrowingCallable call, String name) {
    assertThatThrownBy(call).isExactlyInstanceOf(NullPointerException.class).hasMessage(name);
  }

  @Test
  void nullsAreNamed() {
    var image = Samples.image(BufferedImage.TYPE_INT_RGB);
    requireNamed(() -> Picture.of(null, image), "name");
    requireNamed(() -> Picture.of("p", null), "image");
    requireNamed(() -> Picture.decode(null, unclosable(new byte[1])), "name");
    requireNamed(() -> Picture.decode("p", (InputStream) null), "in");
    requireNamed(() -> Picture.decode(null, new byte[1]), "name");
    requireNamed(() -> Picture.decode("p", (byte[]) null), "bytes");
    requireNamed(() -> Picture.read(null), "file");
    requireNamed(() -> new Picture(null, 1, 1, new byte[3]), "name");
    requireNamed(() -> new Picture("p", 1, 1, null), "rgb");
  }

  @Test
  void comparedByContent() {
    var picture = new Picture("cat.png", 2, 1, new byte[] {1, 2, 3, 4, 5, 6});
    assertThat(picture).isEqualTo(new Picture("cat.png", 2, 1, new byte[] {1, 2, 3, 4, 5, 6}))
        .hasSameHashCodeAs(new Picture("cat.png", 2, 1, new byte[] {1, 2, 3, 4, 5, 6}))
        .isNotEqualTo(new Picture("dog.png", 2, 1, new byte[] {1, 2, 3, 4, 5, 6}))
        .isNotEqualTo(new Picture("cat.png", 1, 2, new byte[] {1, 2, 3, 4, 5, 6}))
        .isNotEqualTo(new Picture("cat.png", 2, 1, new byte[] {1, 2, 3, 4, 5, 7})).isNotEqualTo(null).isNotEqualTo("cat.png");
    assertThat(picture).hasToString("Picture[cat.png, 2x1]");
  }

  @Test
  void aPartIsInside() {
    var picture = new Picture("p", 3, 2, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18});
    assertThat(picture.part(1, 1, 2, 1).rgb()).containsExactly(13, 14, 15, 16, 17, 18);
    for (var place : new int[][] {{2, 0, 2, 1}, {0, 1, 1, 2}, {-1, 0, 1, 1}, {0, -1, 1, 1}, {0, 0, 0, 1}, {Integer.MAX_VALUE, 0, 1, 1}})
      assertThatThrownBy(() -> picture.part(place[0], place[1], place[2], place[3])).isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("p: expected a part inside 3x2, got ");
    assertThatThrownBy(() -> picture.redOnSquare(2, 0, 1)).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("side: expected at least 3 for this picture, got 2");
  }
}
