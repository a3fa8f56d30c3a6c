package dev.fovea.engine.image;

import com.twelvemonkeys.imageio.metadata.tiff.TIFF;
import com.twelvemonkeys.imageio.metadata.tiff.TIFFReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.stream.MemoryCacheImageInputStream;

/// How a camera was held, as EXIF's `Orientation` tells it in a JPEG.
///
/// @param tag 1 upright … 8; values outside are taken as 1
record Orientation(int tag) {
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};

  static Orientation of(byte[] bytes) {
    boolean jpeg = bytes.length > 4 && (bytes[0] & 0xff) == 0xff && (bytes[1] & 0xff) == 0xd8;
    for (int at = 2; jpeg && at + 10 < bytes.length && (bytes[at] & 0xff) == 0xff && (bytes[at + 1] & 0xff) != 0xda; ) {
      if ((bytes[at + 1] & 0xff) == 0xff) {   // a fill byte
        at++;
        continue;
      }
      int length = (bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff;
      if ((bytes[at + 1] & 0xff) == 0xe1 && java.util.Arrays.equals(bytes, at + 4, at + 10, EXIF, 0, 6))
        return read(bytes, at + 10, Math.min(length - 8, bytes.length - at - 10));
      at += 2 + length;
    }
    return new Orientation(1);
  }

  private static Orientation read(byte[] bytes, int from, int length) {
    try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes, from, Math.max(0, length)))) {
      var entry = new TIFFReader().read(in).getEntryById(TIFF.TAG_ORIENTATION);
      return new Orientation(entry != null && entry.getValue() instanceof Number n ? n.intValue() : 1);
    } catch (IOException | RuntimeException e) {
      return new Orientation(1);   // A picture with broken EXIF is still a picture.
    }
  }

  Picture apply(Picture p) {
    if (tag < 2 || tag > 8) return p;
    boolean turned = tag >= 5;
    int width = turned ? p.height() : p.width(), height = turned ? p.width() : p.height();
    var rgb = new byte[p.rgb().length];
    for (int y = 0, to = 0; y < height; y++)
      for (int x = 0; x < width; x++, to += 3) {
        int right = p.width() - 1, bottom = p.height() - 1;
        int fromX = switch (tag) { case 2, 3 -> right - x; case 4 -> x; case 5, 6 -> y; default -> right - y; };
        int fromY = switch (tag) { case 2 -> y; case 3, 4 -> bottom - y; case 5, 8 -> x; default -> bottom - x; };
        System.arraycopy(p.rgb(), 3 * (fromY * p.width() + fromX), rgb, to, 3);
      }
    return new Picture(p.name(), width, height, rgb);
  }
}
