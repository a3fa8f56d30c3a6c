package dev.fovea.engine.image.webp;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/// Writes WebP files of chunks.
public final class Riff {
  private Riff() {}

  private static byte[] little(long value, int bytes) {
    var out = new byte[bytes];
    for (int i = 0; i < bytes; i++) out[i] = (byte) (value >> 8 * i);
    return out;
  }

  private static byte[] joined(byte[]... parts) {
    var out = new ByteArrayOutputStream();
    for (byte[] part : parts) out.writeBytes(part);
    return out.toByteArray();
  }

  /// A chunk of any bytes, with one more where they are odd.
  public static byte[] chunk(String type, byte[]... parts) {
    byte[] all = joined(parts);
    return joined(type.getBytes(StandardCharsets.US_ASCII), little(all.length, 4), all, new byte[all.length & 1]);
  }

  /// The chunk `VP8X`; flags: 2 animation, 4 XMP, 8 EXIF, 16 alpha.
  public static byte[] vp8x(int flags, int width, int height) {
    return chunk("VP8X", little(flags, 4), little(width - 1, 3), little(height - 1, 3));
  }

  static byte[] anim() {
    return chunk("ANIM", new byte[6]);
  }

  static byte[] frame(int x, int y, byte[]... chunks) {
    return chunk("ANMF", little(x / 2, 3), little(y / 2, 3), new byte[10], joined(chunks));
  }

  /// The chunk of a lossless picture in a single colour, `0xrrggbb`.
  public static byte[] lossless(int width, int height, int colour) {
    long size = width - 1 | height - 1 << 14;
    // No transform, cache or blocks; each code has one symbol of 8 bits.
    long green = 0b101 | (long) (colour >> 8 & 0xff) << 3, red = 0b101 | (long) (colour >> 16 & 0xff) << 3;
    long blue = 0b101 | (long) (colour & 0xff) << 3, other = 0b101;
    long codes = green << 3 | red << 14 | blue << 25 | other << 36 | other << 47;
    return chunk("VP8L", new byte[] {0x2f}, little(size, 4), little(codes, 8));
  }

  /// A file of these chunks.
  public static byte[] file(byte[]... chunks) {
    byte[] all = joined(chunks);
    return joined("RIFF".getBytes(StandardCharsets.US_ASCII), little(4 + all.length, 4),
        "WEBP".getBytes(StandardCharsets.US_ASCII), all);
  }

  /// The file with another number as its size.
  static byte[] sized(byte[] file, long size) {
    byte[] changed = file.clone();
    System.arraycopy(little(size, 4), 0, changed, 4, 4);
    return changed;
  }
}
