package dev.fovea.engine.image;

import org.jetbrains.annotations.Nullable;

/// What a JPEG's headers say that its reader does not pass on.
///
/// @param components colour channels of the frame
record JpegFrame(int components) {
  /// The first frame header, or null where there is none.
  static @Nullable JpegFrame of(byte[] bytes) {
    for (int at = 2; at + 9 < bytes.length && (bytes[at] & 0xff) == 0xff; ) {
      int marker = bytes[at + 1] & 0xff;
      boolean frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (frame) return new JpegFrame(bytes[at + 9] & 0xff);
      if (marker == 0xda) return null;
      at += 2 + ((bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff);
    }
    return null;
  }
}
