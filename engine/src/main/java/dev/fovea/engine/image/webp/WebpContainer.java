package dev.fovea.engine.image.webp;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Reads the chunks of a WebP file (RFC 9649, section 2). Rejects what libwebp's `WebPDemux` and `WebPGetFeatures` reject, in all
/// frames, although only the first is decoded.
final class WebpContainer {
  private static final int HEADER = 12;
  private static final int RIFF = RiffChunk.type("RIFF"), WEBP = RiffChunk.type("WEBP");
  private static final int VP8X_BYTES = 10, ANIM_BYTES = 6, ANMF_BYTES = 16;
  private static final int IS_ANIMATED = 2, HAS_XMP = 4, HAS_EXIF = 8, HAS_ALPHA = 16, HAS_PROFILE = 32;
  private static final int KNOWN_FLAGS = IS_ANIMATED | HAS_XMP | HAS_EXIF | HAS_ALPHA | HAS_PROFILE;

  private final byte[] bytes;
  private final int to;
  private int at = HEADER;

  private int flags;
  private boolean hasAnimation;
  private final List<WebpFrame> frames = new ArrayList<>();
  private byte @Nullable [] exif;
  private byte @Nullable [] xmp;

  private WebpContainer(byte[] bytes) {
    this.bytes = bytes;
    long size = FrameTag.littleEndian(bytes, 4, 4) & 0xffffffffL;
    if (size + RiffChunk.HEADER > bytes.length)
      throw new WebpException("the WebP file is cut: " + bytes.length + " of its " + (size + RiffChunk.HEADER)
          + " bytes are there");
    to = (int) size + RiffChunk.HEADER;
  }

  static boolean isWebp(byte[] bytes) {
    return bytes.length >= HEADER && FrameTag.littleEndian(bytes, 0, 4) == RIFF && FrameTag.littleEndian(bytes, 8, 4) == WEBP;
  }

  /// @throws WebpException if the file is truncated, or its chunks are invalid
  static WebpFile read(byte[] bytes) {
    return new WebpContainer(bytes).read();
  }

  private WebpFile read() {
    var first = RiffChunk.read(bytes, at, to);
    if (first.type() == RiffChunk.VP8X) return extended(first);
    if (!first.isPicture()) throw new WebpException("expected a chunk VP8, VP8L or VP8X at the beginning");
    var frame = frame(0, 0).withoutAlpha();
    return new WebpFile(bytes, frame.width(), frame.height(), frame, null, null);
  }

  private WebpFile extended(RiffChunk header) {
    if (header.size() != VP8X_BYTES)
      throw new WebpException("expected a chunk VP8X of " + VP8X_BYTES + " bytes, got " + header.size());
    flags = bytes[header.from()] & 0xff;
    if ((flags & ~KNOWN_FLAGS) != 0) throw new WebpException("the chunk VP8X has unknown flags: 0x%02x".formatted(flags));
    int width = 1 + uint24(header.from() + 4), height = 1 + uint24(header.from() + 7);
    for (at = header.next(); at < to; ) chunk(RiffChunk.read(bytes, at, to));
    if (frames.isEmpty()) throw new WebpException("there is no picture in the file");
    for (var frame : frames) requireOnCanvas(frame, width, height);
    return new WebpFile(bytes, width, height, frames.getFirst(), exif, xmp);
  }

  private boolean is(int flag) {
    return (flags & flag) != 0;
  }

  /// Processes the chunk at [#at], and moves to the next.
  private void chunk(RiffChunk chunk) {
    int type = chunk.type();
    if (type == RiffChunk.VP8X) throw new WebpException("there is a second chunk VP8X");
    if (type == RiffChunk.ALPH || chunk.isPicture()) still();
    else if (type == RiffChunk.ANMF) animated(chunk);
    else other(chunk);
  }

  private void other(RiffChunk chunk) {
    var data = Arrays.copyOfRange(bytes, chunk.from(), chunk.to());
    if (chunk.type() == RiffChunk.ANIM) {
      if (chunk.next() - chunk.from() < ANIM_BYTES)
        throw new WebpException("expected a chunk ANIM of " + ANIM_BYTES + " bytes, got " + chunk.size());
      hasAnimation = true;
    } else if (chunk.type() == RiffChunk.EXIF && is(HAS_EXIF) && exif == null) {
      exif = data;
    } else if (chunk.type() == RiffChunk.XMP && is(HAS_XMP) && xmp == null) {
      xmp = data;
    }
    at = chunk.next();
  }

  private void still() {
    if (hasAnimation || is(IS_ANIMATED)) throw new WebpException("there is a picture outside of the animation's frames");
    if (!frames.isEmpty()) throw new WebpException("there are two pictures in the file");
    var frame = frame(0, 0);
    frames.add(is(HAS_ALPHA) ? frame : frame.withoutAlpha());
  }

  /// As in libwebp, the data after the header of a frame's chunk are read as its picture, or, if they are none, as chunks of the
  /// file.
  private void animated(RiffChunk chunk) {
    if (!hasAnimation) throw new WebpException("there is a frame before the chunk ANIM");
    if (chunk.next() - chunk.from() < ANMF_BYTES)
      throw new WebpException("expected a chunk ANMF of " + ANMF_BYTES + " bytes or more, got " + chunk.size());
    int x = 2 * uint24(chunk.from()), y = 2 * uint24(chunk.from() + 3);
    at = chunk.from() + ANMF_BYTES;
    var first = RiffChunk.read(bytes, at, to);
    if (first.type() != RiffChunk.ALPH && !first.isPicture()) return;
    var frame = frame(x, y);
    if (at > chunk.next()) throw new WebpException("a picture ends behind its frame's chunk");
    if (is(IS_ANIMATED)) frames.add(frame);
  }

  /// Reads the picture at [#at], with its alpha.
  private WebpFrame frame(int x, int y) {
    RiffChunk alpha = null, picture = null;
    while (at < to) {
      var chunk = RiffChunk.read(bytes, at, to);
      if (chunk.type() == RiffChunk.ALPH && alpha == null) alpha = chunk;
      else if (chunk.isPicture() && picture == null) picture = chunk;
      else break;
      at = chunk.next();
    }
    if (picture == null) throw new WebpException("there is alpha without a picture");
    boolean isBehind = alpha != null && alpha.from() > picture.from();
    if (isBehind && (is(HAS_ALPHA) || is(IS_ANIMATED))) throw new WebpException("there is alpha behind its picture");
    if (alpha != null && !isBehind && picture.type() == RiffChunk.VP8L)
      throw new WebpException("there is alpha before a lossless picture, which has its own");
    return WebpFrame.of(bytes, x, y, picture, alpha);
  }

  private void requireOnCanvas(WebpFrame frame, int width, int height) {
    int w = frame.width(), h = frame.height(), x = frame.x(), y = frame.y();
    if (!is(IS_ANIMATED) && (w != width || h != height))
      throw new WebpException("the picture is " + w + "x" + h + ", the file says " + width + "x" + height);
    if (x + w > width || y + h > height)
      throw new WebpException("a frame of " + w + "x" + h + " at " + x + "," + y + " lies outside the canvas of " + width + "x"
          + height);
  }

  private int uint24(int at) {
    return FrameTag.littleEndian(bytes, at, 3);
  }
}
