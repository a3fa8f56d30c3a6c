package dev.fovea.engine.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Base64;
import javax.imageio.ImageIO;

/// Small pictures as bytes; what the JDK does not write was written with Pillow 12.3.
final class Samples {
  /// Red, green, blue above (10, 20, 30), (200, 100, 50), white.
  static final byte[] RGB = {-1, 0, 0, 0, -1, 0, 0, 0, -1, 10, 20, 30, (byte) 200, 100, 50, -1, -1, -1};
  /// [#RGB], lossless.
  static final byte[] WEBP_LOSSLESS = decode("UklGRkIAAABXRUJQVlA4TDYAAAAvAkAAAC9AkG2zQdzr/jLTIJO2yV//dmZtZNI2rYf986+y8x9o5JGs+wYEApSx4oFtIvof4wU=");
  /// [#RGB] with alpha 255, 128, 1, 77, 255, 9, lossless.
  static final byte[] WEBP_ALPHA = decode("UklGRkoAAABXRUJQVlA4TD4AAAAvAkAAEC9AkG1TiXndX+YaZNI27Vv/emZtYhpiOrj1b4lM2oa+NTxf8zFLIzDOz5JU2ywEJGRKHvkiov8RCw==");
  /// 16x16: (200, 60, 40) left of (30, 60, 200).
  static final byte[] WEBP_LOSSY = decode("UklGRkIAAABXRUJQVlA4IDYAAADQAQCdASoQABAAAMASJaACdLoB+AADsAD++L8//0FL//Yzf2Gf6M3/2Gf/+rtt7/V23rAAAAA=");
  /// [#WEBP_LOSSY] with alpha 128.
  static final byte[] WEBP_LOSSY_ALPHA = decode("UklGRmYAAABXRUJQVlA4WAoAAAAQAAAADwAADwAAQUxQSAoAAAABB1DAiAhERP8DVlA4IDYAAADQAQCdASoQABAAAMASJaACdLoB+AADsAD++L8//0FL//"
      + "Yzf2Gf6M3/2Gf/+rtt7/V23rAAAAA=");
  /// 16x16 in four squares of ink, C M Y K: (0, 255, 255, 0), (255, 255, 0, 0), none, (0, 100, 200, 128); Adobe's, inverted, not transformed.
  static final byte[] CMYK = decode("/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgAEAAQBEMRAE0RAFkR"
      + "AEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqND"
      + "U2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5"
      + "+v/aAA4EQwBNAFkASwAAPwD9/K/n/r+f+v38r+AOiv7/ACiv7/K/v8ooor8b6/jfr+f+v//Z");
  /// The same inks, Adobe's YCCK.
  static final byte[] YCCK = decode("/9j/7gAOQWRvYmUAZAAAAAAC/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgAEAAQBEMRAE0RAFkR"
      + "AEsRAP/EABgAAAMBAQAAAAAAAAAAAAAAAAgJCgAH/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwAzBWJ/z/BeJU1KjId1ADlbGkGGAXT/AL//2Q==");

  private Samples() {}

  private static byte[] decode(String base64) {
    return Base64.getDecoder().decode(base64);
  }

  static BufferedImage image(int type, int width, int height, int... rgb) {
    var image = new BufferedImage(width, height, type);
    image.setRGB(0, 0, width, height, rgb, 0, width);
    return image;
  }

  /// [#RGB] as a picture of the JDK.
  static BufferedImage image(int type) {
    return image(type, 3, 2, 0xffff0000, 0xff00ff00, 0xff0000ff, 0xff0a141e, 0xffc86432, 0xffffffff);
  }

  static byte[] write(BufferedImage image, String format) {
    var out = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(image, format, out)) throw new AssertionError("nothing writes " + format);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /// 64x32 in four squares: red, green above blue, white.
  static byte[] jpeg() {
    var rgb = new int[64 * 32];
    Arrays.setAll(rgb, i -> i / 64 < 16 ? i % 64 < 32 ? 0xff0000 : 0x00ff00 : i % 64 < 32 ? 0x0000ff : 0xffffff);
    return write(image(BufferedImage.TYPE_INT_RGB, 64, 32, rgb), "jpeg");
  }

  /// The JPEG with an EXIF segment after `fill` bytes of padding.
  static byte[] exif(byte[] jpeg, int orientation, ByteOrder order, int fill) {
    var segment = ByteBuffer.allocate(fill + 4 + 6 + 8 + 2 + 12 + 4);
    for (int i = 0; i < fill; i++) segment.put((byte) 0xff);
    segment.putShort((short) 0xffe1).putShort((short) (segment.capacity() - fill - 2)).put(new byte[] {'E', 'x', 'i', 'f', 0, 0});
    segment.order(order).putShort((short) (order == ByteOrder.BIG_ENDIAN ? 0x4d4d : 0x4949)).putShort((short) 42).putInt(8);
    segment.putShort((short) 1).putShort((short) 0x112).putShort((short) 3).putInt(1).putShort((short) orientation).putShort((short) 0).putInt(0);
    return ByteBuffer.allocate(jpeg.length + segment.capacity()).put(jpeg, 0, 2).put(segment.flip()).put(jpeg, 2, jpeg.length - 2).array();
  }
}
