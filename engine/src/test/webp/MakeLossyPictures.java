import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32;

/// Makes the archive of lossy WebP pictures that `LossyPicturesTest` reads, and what libwebp makes of each:
///
///     java --enable-native-access=ALL-UNNAMED engine/src/test/webp/MakeLossyPictures.java engine/src/test/resources/lossy-webp.zip
///
/// It needs a 64-bit Linux with libwebp 1.x (Debian: `webp`), which is called directly because `cwebp` has no option for the number
/// of partitions; `dwebp -ppm` decodes to the same colours. The same version of libwebp makes the same archive.
///
/// - `encoded-N.webp`: 1,000 pictures from libwebp's encoder with all kinds of settings;
/// - `alpha-N.webp`: with an alpha plane, raw and compressed, with its filters; colours are expected with alpha dropped;
/// - `large-N.webp`: photo-like, with partitions;
/// - `random-N.webp`: a frame header with all its fields at random, and random modes and coefficients, some of them huge;
/// - `mutated-N.webp`: encoded pictures with a few changed bytes, or cut.
///
/// `expected.txt` has a line for each picture: its name, `WIDTHxHEIGHT`, the SHA-256 of its RGB bytes, four hexadecimal digits for
/// each row (the lower half of its CRC-32) and how it was made; or its name, `refused` and how it was made.
final class MakeLossyPictures {
  private static final int ENCODED_BYTES = 6000;

  private final Libwebp libwebp = new Libwebp();
  private final Random random = new Random(21);
  private final Archive archive;

  private MakeLossyPictures(Archive archive) {
    this.archive = archive;
  }

  public static void main(String[] args) throws Throwable {
    try (var archive = new Archive(Path.of(args[0]))) {
      var maker = new MakeLossyPictures(archive);
      maker.encoded();
      maker.alpha();
      maker.large();
      maker.random();
    }
  }

  private void encoded() throws Throwable {
    for (int i = 0; i < 1000; ) {
      var settings = new Settings(random);
      var content = Content.values()[i % Content.values().length];
      int width = size(i), height = size(i / 7);
      byte[] webp = encode(content.rgba(width, height, random), width, height, settings, false);
      if (webp.length > ENCODED_BYTES) continue;
      add("encoded-%04d".formatted(i), webp, content + " " + settings);
      if (i % 5 == 0) mutated(i / 5, webp, 1 << settings.ints[18]);
      i++;
    }
  }

  /// All small sizes, and a few up to 200.
  private int size(int i) {
    return i % 4 == 0 ? 1 + i / 4 % 40 : 1 + (int) (200 * Math.pow(random.nextDouble(), 3));
  }

  /// A change of one to three bytes behind the RIFF headers, a cut whose sizes are put right, or a partition without a byte.
  private void mutated(int i, byte[] original, int partitions) throws Throwable {
    byte[] webp = original.clone();
    int sizes = 30 + ((webp[20] & 0xff | (webp[21] & 0xff) << 8 | (webp[22] & 0xff) << 16) >> 5);
    String how;
    if (i % 4 == 0) { // to an even length, since libwebp reads on in the byte that makes it even
      int length = webp.length - 20 - 1 - random.nextInt(Math.min(40, webp.length - 20));
      webp = riff(Arrays.copyOfRange(webp, 20, 20 + Math.max(2, length & ~1)));
      how = "cut";
    } else if (i % 4 == 3 && partitions > 1 && webp.length > sizes + 3 * partitions) {
      int emptied = random.nextInt(partitions - 1);
      Arrays.fill(webp, sizes + 3 * emptied, sizes + 3 * emptied + 3, (byte) 0);
      how = "without partition " + emptied;
    } else {
      int changes = 1 + random.nextInt(3), first = i % 4 == 1 ? 20 : 30;
      for (int k = 0; k < changes; k++) webp[first + random.nextInt(webp.length - first)] = (byte) random.nextInt(256);
      how = "changed";
    }
    if (webp.length < 30 || (webp[27] & 0x3f) < 2 && (webp[29] & 0x3f) < 2) add("mutated-%03d".formatted(i), webp, how);
  }

  private void alpha() throws Throwable {
    for (int i = 0; i < 60; i++) {
      var settings = new Settings(random).alpha(i % 2, i / 2 % 3, i % 5 == 0 ? random.nextInt(100) : 100);
      int width = 1 + random.nextInt(60), height = 1 + random.nextInt(60);
      var content = Content.values()[i % Content.values().length];
      byte[] webp = encode(content.rgba(width, height, random), width, height, settings, true);
      add("alpha-%02d".formatted(i), webp, content + " " + settings);
    }
  }

  private void large() throws Throwable {
    int[][] sizes = {{500, 375}, {333, 640}, {1023, 257}};
    for (int i = 0; i < sizes.length; i++) {
      int width = sizes[i][0], height = sizes[i][1];
      var settings = new Settings(random).partitions(3 - i).quality(30);
      add("large-" + i, encode(Content.PHOTO.rgba(width, height, random), width, height, settings, false), settings.toString());
    }
  }

  private void random() throws Throwable {
    for (int i = 0; i < 300; i++) {
      int width = 1 + random.nextInt(100), height = 1 + random.nextInt(100);
      add("random-%03d".formatted(i), riff(new RandomFrame(random).bytes(width, height)), "random");
    }
  }

  private static byte[] riff(byte[] frame) {
    return Riff.file(Riff.chunk("VP8 ", frame));
  }

  private void add(String name, byte[] webp, String how) throws Throwable {
    var decoded = libwebp.decodeRgb(webp);
    archive.add(name, webp, decoded == null ? "refused" : decoded + " " + rows(decoded), how);
  }

  /// Four digits for each row, by which a test names the first that differs.
  private static String rows(Libwebp.Decoded decoded) {
    var rows = new StringBuilder();
    for (int y = 0; y < decoded.height(); y++) {
      var crc = new CRC32();
      crc.update(decoded.rgb(), 3 * decoded.width() * y, 3 * decoded.width());
      rows.append("%04x".formatted(crc.getValue() & 0xffff));
    }
    return rows.toString();
  }

  private byte[] encode(byte[] rgba, int width, int height, Settings settings, boolean hasAlpha) throws Throwable {
    return libwebp.encode(rgba, width, height, false, hasAlpha, settings::write);
  }

  /// What `struct WebPConfig` is set to.
  private static final class Settings {
    private final int[] ints = new int[Libwebp.CONFIG_INTS];
    private float quality;
    private boolean hasAlpha;

    Settings(Random random) {
      quality = random.nextInt(8) == 0 ? 100 * random.nextInt(2) : random.nextInt(101);
      ints[2] = random.nextInt(7); // method
      ints[6] = 1 + random.nextInt(4); // segments
      ints[7] = random.nextInt(101); // spatial noise shaping
      ints[8] = random.nextInt(5) == 0 ? 0 : random.nextInt(101); // filter strength
      ints[9] = random.nextInt(8); // filter sharpness
      ints[10] = random.nextInt(2); // filter type
      ints[11] = random.nextInt(4) == 0 ? 1 : 0; // automatic filter
      ints[15] = 1 + random.nextInt(2); // passes
      ints[17] = random.nextInt(2); // preprocessing
      ints[18] = random.nextInt(4); // partitions
      ints[19] = random.nextInt(4) == 0 ? random.nextInt(101) : 0; // partition limit
    }

    Settings alpha(int compression, int filter, int alphaQuality) {
      hasAlpha = true;
      ints[12] = compression;
      ints[13] = filter;
      ints[14] = alphaQuality;
      return this;
    }

    Settings partitions(int log2) {
      ints[18] = log2;
      return this;
    }

    Settings quality(int value) {
      quality = value;
      return this;
    }

    void write(MemorySegment config) {
      config.set(ValueLayout.JAVA_FLOAT, 4, quality);
      for (int i : new int[] {2, 6, 7, 8, 9, 10, 11, 15, 17, 18, 19}) config.setAtIndex(ValueLayout.JAVA_INT, i, ints[i]);
      if (hasAlpha) for (int i = 12; i <= 14; i++) config.setAtIndex(ValueLayout.JAVA_INT, i, ints[i]);
    }

    @Override
    public String toString() {
      return "quality=" + (int) quality + " method=" + ints[2] + " segments=" + ints[6] + " sns=" + ints[7]
          + " filter=" + ints[8] + "/" + ints[9] + "/" + ints[10] + (ints[11] == 0 ? "" : "/auto")
          + " partitions=" + (1 << ints[18]) + " limit=" + ints[19]
          + (hasAlpha ? " alpha=" + ints[12] + "/" + ints[13] + "/" + ints[14] : "");
    }
  }
}

/// What a picture shows.
enum Content {
  NOISE, GRADIENT, SHAPES, FLAT, PHOTO, PIXELS;

  /// `[height][width][4]`, with an alpha plane of its own.
  byte[] rgba(int width, int height, Random random) {
    var rgba = new byte[4 * width * height];
    var wave = new double[48];
    for (int i = 0; i < wave.length; i++) wave[i] = random.nextDouble();
    for (int y = 0, to = 0; y < height; y++)
      for (int x = 0; x < width; x++, to += 4) {
        for (int c = 0; c < 3; c++) rgba[to + c] = sample(value(x, y, c, width, height, wave, random));
        rgba[to + 3] = sample(128 + 200 * Math.sin(x * wave[0] / 3 + y * wave[1] / 5));
      }
    return rgba;
  }

  private static byte sample(double value) {
    return (byte) Math.clamp((long) value, 0, 255);
  }

  private double value(int x, int y, int c, int width, int height, double[] wave, Random random) {
    return switch (this) {
      case NOISE -> random.nextInt(256);
      case GRADIENT -> 255 * (wave[c] * x / width + wave[c + 3] * y / height);
      case FLAT -> 255 * wave[c];
      case PIXELS -> 255 * (((x / 4) * 7 + (y / 4) * 13 + c * 5) % 11 / 10.0) * (((x ^ y) & 1) == 0 ? 1 : wave[c]);
      case SHAPES -> {
        double value = 255 * wave[c];
        for (int i = 0; i < 5; i++) {
          double dx = x - width * wave[6 + 6 * i], dy = y - height * wave[7 + 6 * i], r = (width + height) / 4.0 * wave[8 + 6 * i];
          boolean inside = i % 2 == 0 ? dx * dx + dy * dy < r * r : Math.abs(dx) < r && Math.abs(dy) < r / 2;
          if (inside) value = 255 * wave[9 + 6 * i + c];
        }
        yield value;
      }
      case PHOTO -> {
        double value = 128, scale = 40;
        for (int i = 0; i < 6; i++, scale *= 0.7) {
          double phase = (x * (wave[6 * i] - 0.5) + y * (wave[6 * i + 1] - 0.5)) * (i + 1) / 4;
          value += scale * Math.sin(phase + 6 * wave[6 * i + 2 + c]);
        }
        yield value + 6 * random.nextGaussian() + (x * wave[40] > y * wave[41] ? 40 : 0);
      }
    };
  }
}

/// A frame with a random header; the modes and the coefficients that follow from random bits are as likely as their probabilities
/// say.
final class RandomFrame {
  private final Random random;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  // the arithmetic coder of RFC 6386, section 7
  private long bottom;
  private int range = 255;
  private int bits;

  RandomFrame(Random random) {
    this.random = random;
  }

  byte[] bytes(int width, int height) throws IOException {
    int macroblocks = (width + 15 >> 4) * (height + 15 >> 4), partitions = header();
    for (int i = 0; i < 300 + 200 * macroblocks; i++) literal(1, random.nextInt(2));
    byte[] first = out.toByteArray();
    var frame = new ByteArrayOutputStream();
    frame.writeBytes(Riff.little(first.length << 5 | 1 << 4 | random.nextInt(4) << 1, 3));
    frame.writeBytes(Riff.little(0x2a019d, 3));
    frame.writeBytes(Riff.little(width | random.nextInt(4) << 14, 2));
    frame.writeBytes(Riff.little(height | random.nextInt(4) << 14, 2));
    frame.write(first);
    int bytes = 40 + (height + 15 >> 4) * (width + 15 >> 4) * 50 / partitions;
    for (int i = 1; i < partitions; i++) frame.writeBytes(Riff.little(bytes, 3));
    var tokens = new byte[partitions * bytes];
    random.nextBytes(tokens);
    largeNumbers(tokens);
    frame.write(tokens);
    return frame.toByteArray();
  }

  /// Puts runs of ones, which are the largest coefficients, into every second picture.
  private void largeNumbers(byte[] tokens) {
    if (random.nextBoolean()) return;
    for (int at = random.nextInt(20); at < tokens.length; at += 20 + random.nextInt(100))
      Arrays.fill(tokens, at, Math.min(tokens.length, at + 3 + random.nextInt(40)), (byte) 0xff);
  }

  private int header() {
    literal(2, random.nextInt(4));
    if (flag(0.6)) segments();
    flag(0.4); // the simple filter
    literal(6, random.nextInt(5) == 0 ? 0 : random.nextInt(64));
    literal(3, random.nextInt(8));
    if (flag(0.6) && flag(0.8)) for (int i = 0; i < 8; i++) optionalSigned(6, 40);
    int partitions = random.nextInt(4);
    literal(2, partitions);
    literal(7, random.nextInt(3) == 0 ? random.nextInt(128) : random.nextInt(20));
    for (int i = 0; i < 5; i++) optionalSigned(4, 16);
    flag(0.5);
    return 1 << partitions; // random bits follow: probabilities that change, whether there are empty macroblocks
  }

  private void segments() {
    boolean map = flag(0.8);
    if (flag(0.8)) {
      flag(0.5); // absolute
      for (int i = 0; i < 4; i++) optionalSigned(7, 30);
      for (int i = 0; i < 4; i++) optionalSigned(6, 64);
    }
    if (map) for (int i = 0; i < 3; i++) if (flag(0.7)) literal(8, random.nextInt(256));
  }

  private boolean flag(double probability) {
    boolean set = random.nextDouble() < probability;
    literal(1, set ? 1 : 0);
    return set;
  }

  private void optionalSigned(int size, int end) {
    if (!flag(0.6)) return;
    literal(size, random.nextInt(end));
    flag(0.5);
  }

  private void literal(int size, int value) {
    for (int i = size - 1; i >= 0; i--) bit(value >> i & 1);
  }

  /// Codes a bit that is 0 or 1 as likely. The carry of a sum that overflows goes into bytes already written.
  private void bit(int bit) {
    int split = 1 + ((range - 1) * 128 >> 8);
    bottom += bit == 0 ? 0 : split;
    range = bit == 0 ? split : range - split;
    while (range < 128) {
      range *= 2;
      bottom *= 2;
      if (++bits % 8 == 0) shift();
    }
  }

  private void shift() {
    byte[] written = out.toByteArray();
    if (bottom >> 16 != 0) {
      int i = written.length - 1;
      while (++written[i] == 0) i--;
      out.reset();
      out.writeBytes(written);
    }
    out.write((int) (bottom >> 8 & 0xff));
    bottom &= 0xff;
  }
}
