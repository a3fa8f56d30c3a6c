package dev.fovea.engine.image;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Decodes the first frame of a GIF on its canvas, so that coordinates are those of a viewer (ref: CompuServe, *GIF89a
/// Specification*; Pillow, `GifImagePlugin.py`: the canvas around the frame has its transparent colour, or else colour 0, and grows
/// for a frame that extends beyond it).
///
/// The JDK's reader returns only the frame, fills the last rows of interlaced frames of small height wrongly, and does not detect
/// data that end early.
final class GifDecoder {
  private static final int EXTENSION = 0x21, GRAPHIC_CONTROL = 0xf9, IMAGE = 0x2c, TRAILER = 0x3b;
  private static final int HAS_TABLE = 0x80, IS_INTERLACED = 0x40, HAS_TRANSPARENT = 1;
  private static final int MAX_CODES = 1 << 12, MAX_BITS = 8;

  private final ByteBuffer in;
  /// Red, green and blue of each index: greys if the file has no table, black beyond the end of a short one.
  private final byte[] colours = new byte[3 * 256];
  private int transparent;
  /// Remaining bytes of the current sub-block.
  private int left;

  private GifDecoder(byte[] bytes) {
    in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < colours.length; i++) colours[i] = (byte) (i / 3);
  }

  static boolean isGif(byte[] bytes) {
    return bytes.length >= 6 && bytes[0] == 'G' && bytes[1] == 'I' && bytes[2] == 'F' && bytes[3] == '8'
        && (bytes[4] == '7' || bytes[4] == '9') && bytes[5] == 'a';
  }

  /// @throws IOException if the file is broken, or ends before the frame's last pixel
  /// @throws ImageException if the canvas is too large
  static Picture decode(String name, byte[] bytes) throws IOException {
    return new GifDecoder(bytes).decode(name);
  }

  private Picture decode(String name) throws IOException {
    int canvasWidth = uint16At(6), canvasHeight = uint16At(8);
    table(uint8At(10), 13);
    toImage();
    int x = uint16(), y = uint16(), w = uint16(), h = uint16(), flags = uint8();
    table(flags, in.position());
    if (w == 0 || h == 0) throw new IOException("the first frame is empty: " + w + "x" + h);
    int width = Math.max(canvasWidth, x + w), height = Math.max(canvasHeight, y + h);
    ImageDecoder.requireSize(name, width, height);
    var indices = new byte[w * h];
    lzw(indices);
    var rgb = new byte[3 * width * height];
    for (int to = 0; to < rgb.length && w * h < width * height; to += 3) System.arraycopy(colours, 3 * transparent, rgb, to, 3);
    for (int row = 0; row < h; row++) {
      int to = 3 * ((y + ((flags & IS_INTERLACED) == 0 ? row : interlaced(row, h))) * width + x);
      for (int col = 0; col < w; col++, to += 3) System.arraycopy(colours, 3 * (indices[row * w + col] & 0xff), rgb, to, 3);
    }
    return new Picture(name, width, height, rgb);
  }

  /// Reads the colour table at `at` and moves past it, if `flags` announce one.
  private void table(int flags, int at) throws IOException {
    in.position(at);
    if ((flags & HAS_TABLE) == 0) return;
    int size = 3 << (flags & 7) + 1;
    need(at, size);
    in.get(colours, 0, size);
    Arrays.fill(colours, size, colours.length, (byte) 0);
  }

  /// Moves past the separator of the first image. Bytes that start no block are skipped.
  private void toImage() throws IOException {
    for (int block = uint8(); block != IMAGE; block = uint8()) {
      if (block == TRAILER) throw new IOException("there is no frame");
      if (block != EXTENSION) continue;
      boolean isControl = uint8() == GRAPHIC_CONTROL;
      for (int size = uint8(); size != 0; size = uint8()) {
        int at = in.position();
        if (isControl && size >= 4 && (uint8At(at) & HAS_TRANSPARENT) != 0) transparent = uint8At(at + 3);
        need(at, size);
        in.position(at + size);
      }
    }
  }

  /// The row of the picture, of `height`, for a stored row: every eighth from 0, every eighth from 4, every fourth from 2, every
  /// second from 1.
  private static int interlaced(int row, int height) {
    int eighths = (height + 7) / 8, fourths = (height + 3) / 4, halves = (height + 1) / 2;
    return row < eighths ? 8 * row : row < fourths ? 8 * (row - eighths) + 4
        : row < halves ? 4 * (row - fourths) + 2 : 2 * (row - halves) + 1;
  }

  /// Decompresses sub-blocks until `to` is full. The string of a code is that of its `prefix`, followed by its `suffix`.
  private void lzw(byte[] to) throws IOException {
    int bits = uint8();
    if (bits < 1 || bits > MAX_BITS) throw new IOException("expected codes of 1 to " + MAX_BITS + " bits, got " + bits);
    int clear = 1 << bits, end = clear + 1, next = end + 1, codeBits = bits + 1, last = -1;
    short[] prefix = new short[MAX_CODES];
    int[] lengths = new int[MAX_CODES];
    byte[] suffix = new byte[MAX_CODES];
    for (int i = 0; i < clear; i++) {
      suffix[i] = (byte) i;
      lengths[i] = 1;
    }
    int held = 0, heldBits = 0;
    for (int at = 0; at < to.length; ) {
      for (; heldBits < codeBits; heldBits += 8) held |= dataByte() << heldBits;
      int code = held & (1 << codeBits) - 1;
      held >>>= codeBits;
      heldBits -= codeBits;
      if (code == clear) {
        next = end + 1;
        codeBits = bits + 1;
        last = -1;
        continue;
      }
      if (code == end) throw new IOException("the data end before the frame's last pixel");
      if (code > next || code == next && last < 0) throw new IOException("the compressed data are broken");
      int known = code == next ? last : code, length = lengths[known] + (code == next ? 1 : 0);
      for (int from = known, i = at + lengths[known] - 1; i >= at; i--, from = prefix[from])
        if (i < to.length) to[i] = suffix[from];
      if (code == next && at + length <= to.length) to[at + length - 1] = to[at];
      if (last >= 0 && next < MAX_CODES) {
        prefix[next] = (short) last;
        suffix[next] = to[at];
        lengths[next] = lengths[last] + 1;
        if (++next == 1 << codeBits && codeBits < 12) codeBits++;
      }
      last = code;
      at += length;
    }
  }

  /// The next byte of the frame's sub-blocks.
  private int dataByte() throws IOException {
    if (left == 0) left = uint8();
    if (left == 0) throw new IOException("the data end before the frame's last pixel");
    left--;
    return uint8();
  }

  private void need(int at, int bytes) throws IOException {
    if (at + bytes > in.limit()) throw new IOException("the file ends before the frame's last pixel");
  }

  private int uint8At(int at) throws IOException {
    need(at, 1);
    return in.get(at) & 0xff;
  }

  private int uint16At(int at) throws IOException {
    need(at, 2);
    return in.getShort(at) & 0xffff;
  }

  private int uint8() throws IOException {
    int value = uint8At(in.position());
    in.position(in.position() + 1);
    return value;
  }

  private int uint16() throws IOException {
    int value = uint16At(in.position());
    in.position(in.position() + 2);
    return value;
  }
}
