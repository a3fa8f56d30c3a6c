package dev.fovea.engine.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// The orientation of a picture: EXIF's `Orientation`, or else XMP's `tiff:Orientation` (ref: Pillow, `ImageOps.py`,
/// `exif_transpose`; `Image.py`, `Image.getexif`).
///
/// @param tag 1 (upright) to 8; other values mean 1
record Orientation(int tag) {
  static final Orientation UPRIGHT = new Orientation(1);

  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final int TAG = 0x112, SHORT = 3, LONG = 4, ENTRY = 12;
  private static final Pattern IN_XMP = Pattern.compile("tiff:Orientation(?:=\"|>)([0-9])");

  /// The orientation in a picture's metadata; broken metadata are ignored.
  ///
  /// @param exif a TIFF, with or without `Exif\0\0` before it; null for none
  /// @param xmp a packet of XMP in UTF-8; null for none
  static Orientation of(byte @Nullable [] exif, byte @Nullable [] xmp) {
    int tag = exif == null ? 0 : ofExif(exif);
    return tag != 0 ? new Orientation(tag) : xmp == null ? UPRIGHT : ofXmp(xmp);
  }

  /// The orientation in a packet of XMP in UTF-8, as an attribute or an element.
  static Orientation ofXmp(byte[] xmp) {
    var found = IN_XMP.matcher(new String(xmp, StandardCharsets.ISO_8859_1));
    return found.find() ? new Orientation(found.group(1).charAt(0) - '0') : UPRIGHT;
  }

  /// The value in the first directory of a TIFF, or 0. Other entries may be broken.
  private static int ofExif(byte[] exif) {
    var tiff = ByteBuffer.wrap(exif);
    while (tiff.remaining() >= EXIF.length && tiff.slice(tiff.position(), EXIF.length).equals(ByteBuffer.wrap(EXIF)))
      tiff.position(tiff.position() + EXIF.length);
    tiff = tiff.slice();
    if (tiff.remaining() < 8) return 0;
    int order = tiff.getShort(0);
    if (order != 0x4949 && order != 0x4d4d) return 0;
    tiff.order(order == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    long directory = Integer.toUnsignedLong(tiff.getInt(4));
    if (directory + 2 > tiff.limit()) return 0;
    int entries = Short.toUnsignedInt(tiff.getShort((int) directory)), tag = 0;
    for (int i = 0, at = (int) directory + 2; i < entries && at + ENTRY <= tiff.limit(); i++, at += ENTRY)
      if (Short.toUnsignedInt(tiff.getShort(at)) == TAG) tag = value(tiff, at);
    return tag;
  }

  /// The first value of the entry at `at`, or 0 if it is not an integer.
  private static int value(ByteBuffer tiff, int at) {
    int type = tiff.getShort(at + 2), bytes = type == SHORT ? 2 : 4;
    long count = Integer.toUnsignedLong(tiff.getInt(at + 4));
    if (type != SHORT && type != LONG || count == 0) return 0;
    long from = count * bytes <= 4 ? at + 8 : Integer.toUnsignedLong(tiff.getInt(at + 8));
    if (from + bytes > tiff.limit()) return 0;
    return type == SHORT ? Short.toUnsignedInt(tiff.getShort((int) from)) : tiff.getInt((int) from);
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
