import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Chunks and files, for what makes the archives.
final class Riff {
  private Riff() {}

  static byte[] join(byte[]... parts) {
    var out = new ByteArrayOutputStream();
    for (byte[] part : parts) out.writeBytes(part);
    return out.toByteArray();
  }

  static byte[] little(int value, int bytes) {
    var out = new byte[bytes];
    for (int i = 0; i < bytes; i++) out[i] = (byte) (value >> 8 * i);
    return out;
  }

  static byte[] chunk(String name, byte[] data) {
    return join(name.getBytes(StandardCharsets.US_ASCII), little(data.length, 4), data, new byte[data.length & 1]);
  }

  static byte[] vp8x(int flags, int width, int height) {
    return chunk("VP8X", join(little(flags, 4), little(width - 1, 3), little(height - 1, 3)));
  }

  static byte[] anim() {
    return chunk("ANIM", join(little(0x40302010, 4), little(0, 2)));
  }

  static byte[] frame(int x, int y, int width, int height, int flags, byte[] image) {
    return chunk("ANMF", join(little(x / 2, 3), little(y / 2, 3), little(width - 1, 3), little(height - 1, 3), little(100, 3),
        little(flags, 1), image));
  }

  static byte[] file(byte[]... chunks) {
    byte[] all = join(chunks);
    return join("RIFF".getBytes(StandardCharsets.US_ASCII), little(4 + all.length, 4), "WEBP".getBytes(StandardCharsets.US_ASCII),
        all);
  }

  static void setSize(byte[] file, int size) {
    setChunkSize(file, 4, size);
  }

  static void setChunkSize(byte[] file, int at, int size) {
    System.arraycopy(little(size, 4), 0, file, at, 4);
  }

  static String names(List<byte[]> chunks) {
    return String.join("+", chunks.stream().map(chunk -> new String(chunk, 0, 4, StandardCharsets.US_ASCII).strip()).toList());
  }
}
