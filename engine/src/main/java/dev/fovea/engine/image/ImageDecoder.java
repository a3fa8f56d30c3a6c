package dev.fovea.engine.image;

import dev.fovea.engine.image.webp.WebpFile;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.regex.Pattern;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jetbrains.annotations.Nullable;

/// Decodes files to [Picture]s: GIF by [GifDecoder], WebP by [WebpFile], PNG by the JDK's reader after [PngChunks], and JPEG and
/// BMP by TwelveMonkeys' readers ([Readers]). `docs/pictures.md` lists per format which truncated or damaged files are rejected.
///
/// Samples are used as stored, without colour management, as by PIL's `convert("RGB")` in the training of models.
final class ImageDecoder {
  /// Limit of pixels of a decoded picture, 300 MB of samples, because a small file can claim any size.
  static final long MAX_PIXELS = 100_000_000;

  /// Limit of the bytes of a file, 1 GiB, because a stream can be endless: the samples of the largest picture, uncompressed in 16
  /// bits with alpha, take 800 MB.
  static final int MAX_BYTES = 1 << 30;

  /// Limit of pixels times scans of a JPEG: 10 scans of the largest picture. A scan takes only a few bytes, and the reader decodes
  /// the picture again for each.
  private static final long MAX_SCANNED = 10 * MAX_PIXELS;
  /// Warnings of the JDK's libjpeg that mean missing or wrong pixels; others concern padding and odd headers.
  private static final Pattern JPEG_DAMAGE = Pattern.compile("premature end of data|bad Huffman code|instead of RST");

  private ImageDecoder() {}

  /// Decodes a stream, which is read to its end, or a byte beyond the limit.
  ///
  /// @param limit of bytes
  /// @throws IOException if the stream cannot be read
  static Picture decode(String name, InputStream in, int limit) throws IOException {
    byte[] bytes;
    try {
      bytes = in.readNBytes(limit);
      if (bytes.length == limit && in.read() >= 0) requireBytes(name, limit + 1L, limit);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name + ": there is not enough memory to read the picture", e);
    }
    return decode(name, bytes);
  }

  static Picture decode(String name, byte[] bytes) {
    if (bytes.length == 0) throw new ImageException(name + ": not a picture: the file is empty");
    try {
      if (GifDecoder.isGif(bytes)) return GifDecoder.decode(name, bytes);
      if (JpegHeaders.isJpeg(bytes)) {
        var jpeg = JpegHeaders.of(bytes);
        if (!jpeg.hasEnd()) throw new IOException("the file ends before the JPEG's end marker");
        return jpeg.orientation().apply(read(Readers.get().jpeg(), name, bytes, jpeg));
      }
      if (PngChunks.isPng(bytes)) {
        var png = PngChunks.of(bytes);
        return png.orientation().apply(read(Readers.get().png(), name, png.pixels(), null));
      }
      if (WebpFile.isWebp(bytes)) {
        var webp = WebpFile.read(bytes);
        requireSize(name, webp.width(), webp.height());
        return Orientation.of(webp.exif(), webp.xmp()).apply(new Picture(name, webp.width(), webp.height(), webp.rgb()));
      }
      var bmp = Readers.get().bmp(bytes);
      if (bmp != null) return read(bmp, name, bytes, null);
      throw new ImageException(name + ": not a picture: expected PNG, JPEG, WebP, BMP or GIF");
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // The readers throw exceptions of every kind for broken files.
      throw new ImageException(name + ": not a readable picture: " + reason(e), e);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name + ": there is not enough memory to decode the picture", e);
    }
  }

  /// @throws ImageException if so many bytes are more than `limit`
  static void requireBytes(String name, long bytes, int limit) {
    if (bytes > limit) throw new ImageException(name + ": more than the " + limit + " bytes that are read of a picture file");
  }

  /// A copy of an image: samples as stored, if they are 8 or 16 bits of RGB or grey, not multiplied by alpha; others as sRGB.
  static Picture of(String name, BufferedImage image) {
    int width = image.getWidth(), height = image.getHeight();
    requireSize(name, width, height);
    try {
      var rgb = new byte[3 * width * height];
      if (image.getColorModel() instanceof ComponentColorModel model && !isStored(model)) converted(image, rgb, width, height);
      else samples(image, rgb, width, height);
      return new Picture(name, width, height, rgb);
    } catch (OutOfMemoryError e) {
      throw new ImageException(name + ": there is not enough memory to copy the picture", e);
    }
  }

  /// The reason of a failure: the innermost cause is more specific than a reader's "error reading".
  private static String reason(Throwable e) {
    while (e.getCause() != null && e.getCause() != e) e = e.getCause();
    return e instanceof EOFException ? "the file ends before the last pixel"
        : e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private static Picture read(ImageReader reader, String name, byte[] bytes, @Nullable JpegHeaders jpeg) throws IOException {
    try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes))) {
      reader.setInput(in, true, false);
      int width = reader.getWidth(0), height = reader.getHeight(0);
      requireSize(name, width, height);
      if (jpeg != null && (long) jpeg.scans() * width * height > MAX_SCANNED)
        throw new ImageException(name + ": " + jpeg.scans() + " scans of " + width + "x" + height
            + " pixels are more work than is done for a JPEG");
      var rgb = new byte[Math.toIntExact(3L * width * height)];
      var damages = new ArrayList<String>();
      reader.addIIOReadWarningListener((_, warning) -> {
        if (jpeg != null && JPEG_DAMAGE.matcher(warning).find()) damages.add(warning);
      });
      if (jpeg != null && jpeg.components() == 4) cmyk(reader.readRaster(0, null), jpeg.isYcck(), rgb, width, height);
      else samples(reader.read(0), rgb, width, height);
      if (!damages.isEmpty()) throw new IOException(damages.getFirst());
      return new Picture(name, width, height, rgb);
    } finally {
      reader.dispose();
    }
  }

  /// @throws ImageException if a picture of this size is empty or too large
  static void requireSize(String name, int width, int height) {
    if (width < 1 || height < 1) throw new ImageException(name + ": the picture is empty: " + width + "x" + height);
    if ((long) width * height > MAX_PIXELS)
      throw new ImageException(name + ": " + width + "x" + height + " pixels are more than the " + MAX_PIXELS
          + " that are decoded");
  }

  private static void samples(BufferedImage image, byte[] rgb, int width, int height) {
    if (image.getColorModel() instanceof ComponentColorModel model && isInteger(model) && model.getNumComponents() <= 4) {
      components(image.getRaster(), shift(model), rgb, width, height);
      return;
    }
    if (image.getColorModel() instanceof IndexColorModel palette) {
      int[] row = new int[width];
      for (int y = 0; y < height; y++) {
        image.getRaster().getSamples(0, y, width, 1, 0, row);
        for (int x = 0; x < width; x++) row[x] = palette.getRGB(row[x]);
        put(row, rgb, 3 * y * width);
      }
      return;
    }
    converted(image, rgb, width, height);
  }

  /// Copies pixels as the JDK converts them to sRGB.
  private static void converted(BufferedImage image, byte[] rgb, int width, int height) {
    int[] row = new int[width];
    for (int y = 0; y < height; y++) put(image.getRGB(0, y, width, 1, row, 0, width), rgb, 3 * y * width);
  }

  private static void put(int[] row, byte[] rgb, int to) {
    for (int pixel : row) {
      rgb[to++] = (byte) (pixel >> 16);
      rgb[to++] = (byte) (pixel >> 8);
      rgb[to++] = (byte) pixel;
    }
  }

  /// Whether an image's samples are those of a picture.
  private static boolean isStored(ComponentColorModel model) {
    int space = model.getColorSpace().getType(), bits = DataBuffer.getDataTypeSize(model.getTransferType());
    return isInteger(model) && (space == ColorSpace.TYPE_RGB || space == ColorSpace.TYPE_GRAY) && !model.isAlphaPremultiplied()
        && Arrays.stream(model.getComponentSize()).allMatch(size -> size == bits);
  }

  private static boolean isInteger(ComponentColorModel model) {
    return model.getTransferType() == DataBuffer.TYPE_BYTE || model.getTransferType() == DataBuffer.TYPE_USHORT;
  }

  private static int shift(ComponentColorModel model) {
    return model.getTransferType() == DataBuffer.TYPE_USHORT ? 8 : 0;
  }

  /// Copies samples of grey, grey and alpha, RGB, or RGB and alpha.
  private static void components(Raster raster, int shift, byte[] rgb, int width, int height) {
    int bands = raster.getNumBands();
    int[] row = new int[width * bands];
    for (int y = 0, to = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) rgb[to++] = (byte) (row[x * bands + (bands < 3 ? 0 : c)] >> shift);
    }
  }

  /// Converts CMYK to RGB like PIL, which takes every JPEG of four channels as inverted ink, because that is what programs write:
  /// `light = (255 - ink) · (255 - black) / 255`.
  private static void cmyk(Raster raster, boolean isYcck, byte[] rgb, int width, int height) {
    int[] row = new int[width * 4];
    for (int y = 0, to = 0; y < height; y++) {
      raster.getPixels(0, y, width, 1, row);
      for (int x = 0; x < width; x++) {
        if (isYcck) inkOfYcc(row, 4 * x);
        for (int c = 0; c < 3; c++) rgb[to++] = (byte) Math.round(row[4 * x + 3] * row[4 * x + c] / 255f);
      }
    }
  }

  /// Converts JFIF's luma and chroma to inverted ink, in place.
  private static void inkOfYcc(int[] row, int at) {
    float luma = row[at], blue = row[at + 1] - 128, red = row[at + 2] - 128;
    row[at] = 255 - Math.clamp(Math.round(luma + 1.402f * red), 0, 255);
    row[at + 1] = 255 - Math.clamp(Math.round(luma - 0.344136f * blue - 0.714136f * red), 0, 255);
    row[at + 2] = 255 - Math.clamp(Math.round(luma + 1.772f * blue), 0, 255);
  }
}
