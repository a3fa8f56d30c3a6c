package dev.fovea.engine.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// Properties in a JPEG's headers that its reader does not provide.
///
/// @param components number of channels of the first frame; 0 if there is no frame
/// @param isYcck whether Adobe's segment declares the first three channels as luma and chroma of inverted ink
/// @param orientation from EXIF or XMP
/// @param scans number of scans
/// @param hasEnd whether the end marker follows the scans
record JpegHeaders(int components, boolean isYcck, Orientation orientation, int scans, boolean hasEnd) {
  /// Offset of the transform in Adobe's segment, after length, `Adobe`, version and flags.
  private static final int TRANSFORM = 2 + 11;
  /// Offset of the number of components in a frame's segment, after length, precision, height and width.
  private static final int COMPONENTS = 2 + 5;
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final byte[] XMP = "http://ns.adobe.com/xap/1.0/\0".getBytes(StandardCharsets.US_ASCII);
  private static final int TEM = 0x01, RST0 = 0xd0, START = 0xd8, END = 0xd9, SCAN = 0xda, APP1 = 0xe1, APP14 = 0xee, FILL = 0xff;

  static boolean isJpeg(byte[] bytes) {
    return bytes.length >= 3 && (bytes[0] & 0xff) == FILL && (bytes[1] & 0xff) == START && (bytes[2] & 0xff) == FILL;
  }

  /// Reads the segments and the scans up to the end marker or the end of the file. Segments after the first scan are ignored.
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

  /// Offset of the next segment's length, after its marker; -1 if there is none. Compressed data, with their restart markers, and
  /// padding are skipped.
  private static int segment(byte[] bytes, int from) {
    for (int at = from; at + 1 < bytes.length; at++) {
      int marker = bytes[at + 1] & 0xff;
      if ((bytes[at] & 0xff) == FILL && marker > TEM && (marker < RST0 || marker >= START) && marker != FILL) return at + 2;
    }
    return -1;
  }

  /// The bytes after `name` in a segment from `from` to `end`; null if the segment does not start with `name`.
  private static byte @Nullable [] after(byte[] name, byte[] bytes, int from, int end) {
    int to = Math.min(end, bytes.length);
    return to - from >= name.length && Arrays.equals(bytes, from, from + name.length, name, 0, name.length)
        ? Arrays.copyOfRange(bytes, from + name.length, to) : null;
  }
}
