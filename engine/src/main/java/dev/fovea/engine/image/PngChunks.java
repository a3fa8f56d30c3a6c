package dev.fovea.engine.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jetbrains.annotations.Nullable;

/// A PNG reduced to the chunks that its pixels need, so that a broken text or profile does not make it unreadable, and the
/// orientation in its metadata (ref: W3C, *PNG Specification*, third edition; Pillow, `PngImagePlugin.py`, for the metadata).
///
/// @param pixels the PNG with only `IHDR`, `PLTE`, `IDAT` and `IEND`
/// @param orientation from `eXIf`, a text chunk with a raw profile, or XMP
record PngChunks(byte[] pixels, Orientation orientation) {
  private static final long SIGNATURE = 0x89504e470d0a1a0aL;
  private static final int IHDR = 0x49484452, PLTE = 0x504c5445, IDAT = 0x49444154, IEND = 0x49454e44;
  private static final int EXIF = 0x65584966, TEXT = 0x74455874, ZTXT = 0x7a545874, ITXT = 0x69545874;
  /// Bytes of length, type and checksum around a chunk's data.
  private static final int FRAME = 12;
  private static final int MAX_TEXT = 1 << 20;
  private static final byte[] NONE = {};

  static boolean isPng(byte[] bytes) {
    return bytes.length >= 8 && ByteBuffer.wrap(bytes).getLong() == SIGNATURE;
  }

  /// Reads the chunks up to `IEND`, the end of the file, or bytes that are no chunk; the decoder checks that all pixels are there.
  ///
  /// @throws IOException if the checksum of a chunk that the pixels need is wrong
  static PngChunks of(byte[] bytes) throws IOException {
    var in = ByteBuffer.wrap(bytes);
    var kept = ByteBuffer.allocate(bytes.length + 2 * FRAME).putLong(SIGNATURE);
    byte[] exif = null, profile = null, xmp = null;
    for (int at = 8, size; at + 8 <= bytes.length && in.getInt(at + 4) != IEND; at += size + FRAME) {
      long claimed = Integer.toUnsignedLong(in.getInt(at));
      int type = in.getInt(at + 4), there = bytes.length - at - 8;
      if (!isType(type)) break;
      size = (int) Math.min(claimed, there);
      boolean isWhole = claimed + 4 <= there, isRight = isWhole && checksum(bytes, at + 4, size + 4) == in.getInt(at + 8 + size);
      if (type == IHDR || type == PLTE || type == IDAT) {
        if (isWhole && !isRight) throw new IOException("the checksum of a chunk " + name(type) + " is wrong");
        kept.putInt(size).putInt(type).put(bytes, at + 8, size).putInt(0);
      } else if (isRight) {
        var chunk = Arrays.copyOfRange(bytes, at + 8, at + 8 + size);
        if (type == EXIF) exif = chunk;
        boolean isText = type == TEXT || type == ZTXT || type == ITXT;
        if (isText && profile == null) profile = rawProfile(text(type, chunk, "Raw profile type exif"));
        if (type == ITXT && xmp == null) xmp = text(type, chunk, "XML:com.adobe.xmp");
      }
      if (!isWhole) break;
    }
    kept.putInt(0).putInt(IEND).putInt(0);
    return new PngChunks(Arrays.copyOf(kept.array(), kept.position()), Orientation.of(exif == null ? profile : exif, xmp));
  }

  /// Whether the type consists of four ASCII letters.
  private static boolean isType(int type) {
    boolean letters = true;
    for (int shift = 0; shift < 32; shift += 8) {
      int letter = type >> shift & 0xdf;
      letters &= letter >= 'A' && letter <= 'Z';
    }
    return letters;
  }

  private static String name(int type) {
    return new String(ByteBuffer.allocate(4).putInt(type).array(), StandardCharsets.ISO_8859_1);
  }

  private static int checksum(byte[] bytes, int from, int length) {
    var crc = new CRC32();
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }

  /// The text of a chunk under this keyword, empty if it is broken or too long; null if the chunk has another keyword.
  private static byte @Nullable [] text(int type, byte[] chunk, String keyword) {
    var wanted = (keyword + '\0').getBytes(StandardCharsets.US_ASCII);
    int at = wanted.length;
    if (chunk.length < at + 2 || !Arrays.equals(chunk, 0, at, wanted, 0, at)) return null;
    boolean isPacked = type == ZTXT || type == ITXT && chunk[at] == 1;
    if (type == ZTXT) at++;
    if (type == ITXT) {
      at += 2;
      // Skips the language and the translated keyword.
      for (int ends = 0; ends < 2; at++) {
        if (at == chunk.length) return NONE;
        if (chunk[at] == 0) ends++;
      }
    }
    return isPacked ? inflated(chunk, at) : Arrays.copyOfRange(chunk, at, chunk.length);
  }

  private static byte[] inflated(byte[] chunk, int from) {
    var out = new ByteArrayOutputStream();
    var buffer = new byte[1 << 13];
    try (var inflater = new Inflater()) {
      inflater.setInput(chunk, from, chunk.length - from);
      while (!inflater.finished()) {
        int count = inflater.inflate(buffer);
        if (count == 0 || out.size() + count > MAX_TEXT) return NONE;
        out.write(buffer, 0, count);
      }
      return out.toByteArray();
    } catch (DataFormatException e) {
      return NONE;   // Broken text is ignored.
    }
  }

  /// Decodes ImageMagick's raw profile: hexadecimal digits after three lines, which are empty, the profile's name, and its length.
  private static byte @Nullable [] rawProfile(byte @Nullable [] text) {
    if (text == null) return null;
    var digits = new StringBuilder();
    new String(text, StandardCharsets.ISO_8859_1).lines().skip(3).forEach(line -> digits.append(line.strip()));
    try {
      return HexFormat.of().parseHex(digits);
    } catch (IllegalArgumentException e) {
      return NONE;
    }
  }
}
