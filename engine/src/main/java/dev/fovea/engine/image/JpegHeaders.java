package dev.fovea.engine.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jetbrains.annotations.Nullable;

/// What a JPEG's headers say that its reader does not pass on.
///
/// @param components colour channels of the first frame; 0 where there is none
/// @param isYcck whether Adobe's segment says that the first three are luma and chroma of inverted ink
/// @param orientation how the camera was held
record JpegHeaders(int components, boolean isYcck, Orientation orientation) {
  /// Bytes of `Adobe`, version and flags before the transform, in the segment that holds it.
  private static final int TRANSFORM = 4 + 11;
  private static final byte[] EXIF = {'E', 'x', 'i', 'f', 0, 0};
  private static final byte[] XMP = "http://ns.adobe.com/xap/1.0/\0".getBytes(StandardCharsets.US_ASCII);
  private static final int FILL = 0xff, SCAN = 0xda, APP1 = 0xe1, APP14 = 0xee;

  /// Walks the segments up to the first frame's data.
  static JpegHeaders of(byte[] bytes) {
    boolean ycck = false;
    int components = 0;
    byte[] exif = null, xmp = null;
    for (int at = 2; at + 9 < bytes.length && (bytes[at] & 0xff) == 0xff && (bytes[at + 1] & 0xff) != SCAN; ) {
      int marker = bytes[at + 1] & 0xff;
      if (marker == FILL) {
        at++;
        continue;
      }
      int length = (bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff;
      boolean isFrame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (isFrame && components == 0) components = bytes[at + 9] & 0xff;
      if (marker == APP14 && components == 0 && at + TRANSFORM < bytes.length && bytes[at + 4] == 'A' && bytes[at + 5] == 'd')
        ycck = bytes[at + TRANSFORM] == 2;
      if (marker == APP1 && exif == null) exif = after(EXIF, bytes, at + 4, at + 2 + length);
      if (marker == APP1 && xmp == null) xmp = after(XMP, bytes, at + 4, at + 2 + length);
      at += 2 + length;
    }
    return new JpegHeaders(components, ycck, Orientation.of(exif, xmp));
  }

  /// What follows `name` in a segment's bytes from `from` to `end`; null if they do not begin so.
  private static byte @Nullable [] after(byte[] name, byte[] bytes, int from, int end) {
    int to = Math.min(end, bytes.length);
    return to - from >= name.length && Arrays.equals(bytes, from, from + name.length, name, 0, name.length)
        ? Arrays.copyOfRange(bytes, from + name.length, to) : null;
  }
}
