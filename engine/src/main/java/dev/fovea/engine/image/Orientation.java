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
  static final Orientation UPRIGHT = new Orientation(1);

  /// Reads `length` bytes of EXIF at `from`.
  static Orientation read(byte[] bytes, int from, int length) {
    try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes, from, Math.max(0, length)))) {
      var entry = new TIFFReader().read(in).getEntryById(TIFF.TAG_ORIENTATION);
      return entry != null && entry.getValue() instanceof Number n ? new Orientation(n.intValue()) : UPRIGHT;
    } catch (IOException | RuntimeException e) {
      return UPRIGHT;   // A picture with broken EXIF is still a picture.
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
