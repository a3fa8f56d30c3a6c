package dev.fovea.engine.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// What a JPEG's headers say that its reader does not pass on.
///
/// @param components colour channels of the first frame; 0 where there is none
/// @param isYcck whether Adobe's segment says that the first three are luma and chroma of inverted ink
/// @param orientation how the camera was held
/// @param scans how often data of pixels begin
/// @param hasEnd whether the end marker follows them
record JpegHeaders(int components, boolean isYcck, Orientation orientation, int scans, boolean hasEnd) {
  /// Bytes of length, `Adobe`, version and flags before the transform, in the segment that holds it.
  private static final int TRANSFORM = 2 + 11;
  /// Bytes of length, precision, height and width before the number of components.
  private static final int COMPONENTS = 2 + 5;
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final byte[] XMP = "http://ns.adobe.com/xap/1.0/\0".getBytes(StandardCharsets.US_ASCII);
  private static final int TEM = 0x01, RST0 = 0xd0, START = 0xd8, END = 0xd9, SCAN = 0xda, APP1 = 0xe1, APP14 = 0xee, FILL = 0xff;

  static boolean isJpeg(byte[] bytes) {
    return bytes.length >= 3 && (bytes[0] & 0xff) == FILL && (bytes[1] & 0xff) == START && (bytes[2] & 0xff) == FILL;
  }

  /// Walks the segments and the scans up to the end marker, or the end of the file. Segments behind the first scan change nothing.
  static JpegHeaders of(byte[] bytes) {
    boolean ycck = false, hasEnd = false;
    int components = 0, scans = 0;
    byte[] exif = null, xmp = null;
    for (int at = segment(bytes, 2), end; at >= 0 && !hasEnd; at = segment(bytes, end)) {
      int marker = bytes[at - 1] & 0xff;
      hasEnd = marker == END;
      if (marker == SCAN) scans++;
      end = at + (at + 1 < bytes.length ? (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff : 0);
      if (scans > 0 || hasEnd) continue;
      boolean isFrame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (isFrame && components == 0 && at + COMPONENTS < bytes.length) components = bytes[at + COMPONENTS] & 0xff;
      if (marker == APP14 && components == 0 && at + TRANSFORM < bytes.length && bytes[at + 2] == 'A' && bytes[at + 3] == 'd')
        ycck = bytes[at + TRANSFORM] == 2;
      if (marker == APP1 && exif == null) exif = after(EXIF, bytes, at + 2, end);
      if (marker == APP1 && xmp == null) xmp = after(XMP, bytes, at + 2, end);
    }
    return new JpegHeaders(components, ycck, Orientation.of(exif, xmp), scans, hasEnd);
  }

  /// Where the next segment's length is, behind its marker; -1 if there is none. Compressed data are passed
  /// over, with the markers that restart them, and so is padding.
  private static int segment(byte[] bytes, int from) {
    for (int at = from; at + 1 < bytes.length; at++) {
      int marker = bytes[at + 1] & 0xff;
      if ((bytes[at] & 0xff) == FILL && marker > TEM && (marker < RST0 || marker >= START) && marker != FILL) return at + 2;
    }
    return -1;
  }

  /// What follows `name` in a segment's bytes from `from` to `end`; null if they do not begin so.
  private static byte @Nullable [] after(byte[] name, byte[] bytes, int from, int end) {
    int to = Math.min(end, bytes.length);
    return to - from >= name.length && Arrays.equals(bytes, from, from + name.length, name, 0, name.length)
        ? Arrays.copyOfRange(bytes, from + name.length, to) : null;
  }
}
