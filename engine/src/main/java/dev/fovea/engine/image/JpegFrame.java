package dev.fovea.engine.image;

import org.jetbrains.annotations.Nullable;

/// What a JPEG's headers say that its reader does not pass on.
///
/// @param components colour channels of the frame
/// @param isYcck whether Adobe's segment says that the first three are luma and chroma of inverted ink
record JpegFrame(int components, boolean isYcck) {
  /// Bytes of `Adobe`, version and flags before the transform, in the segment that holds it.
  private static final int TRANSFORM = 4 + 11;

  /// The first frame header, or null where there is none.
  static @Nullable JpegFrame of(byte[] bytes) {
    boolean ycck = false;
    for (int at = 2; at + 9 < bytes.length && (bytes[at] & 0xff) == 0xff; ) {
      int marker = bytes[at + 1] & 0xff;
      if (marker == 0xff) {   // a fill byte
        at++;
        continue;
      }
      boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (frame) return new JpegFrame(bytes[at + 9] & 0xff, ycck);
      if (marker == 0xda) return null;
      if (marker == 0xee && at + TRANSFORM < bytes.length && bytes[at + 4] == 'A' && bytes[at + 5] == 'd') ycck = bytes[at + TRANSFORM] == 2;
      at += 2 + ((bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff);
    }
    return null;
  }
}
