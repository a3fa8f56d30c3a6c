import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

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
  private static final int CONFIG_INTS = 29;
  private static final long CONFIG_VERSION = 0x020f;
  private static final int ENCODED_BYTES = 6000;

  // struct WebPPicture, bytes
  private static final int PICTURE_BYTES = 256;
  private static final int WIDTH = 8;
  private static final int HEIGHT = 12;
  private static final int WRITER = 96;
  private static final int CUSTOM = 104;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

  private final SymbolLookup library = SymbolLookup.libraryLookup("libwebp.so.7", Arena.global());
  private final MethodHandle configInit = function("WebPConfigInitInternal", INT, POINTER, INT, ValueLayout.JAVA_FLOAT, INT);
  private final MethodHandle pictureInit = function("WebPPictureInitInternal", INT, POINTER, INT);
  private final MethodHandle importRgba = function("WebPPictureImportRGBA", INT, POINTER, POINTER, INT);
  private final MethodHandle importRgbx = function("WebPPictureImportRGBX", INT, POINTER, POINTER, INT);
  private final MethodHandle encode = function("WebPEncode", INT, POINTER, POINTER);
  private final MethodHandle pictureFree = procedure("WebPPictureFree", POINTER);
  private final MethodHandle writerInit = procedure("WebPMemoryWriterInit", POINTER);
  private final MethodHandle writerClear = procedure("WebPMemoryWriterClear", POINTER);
  private final MethodHandle decodeRgb = function("WebPDecodeRGB", POINTER, POINTER, LONG, POINTER, POINTER);
  private final MethodHandle free = procedure("WebPFree", POINTER);

  private final Random random = new Random(21);
  private final ZipOutputStream archive;
  private final StringBuilder expected = new StringBuilder();

  private MakeLossyPictures(ZipOutputStream archive) {
    this.archive = archive;
  }

  public static void main(String[] args) throws Throwable {
    try (var archive = new ZipOutputStream(Files.newOutputStream(Path.of(args[0])))) {
      archive.setLevel(9);
      var maker = new MakeLossyPictures(archive);
      maker.encoded();
      maker.alpha();
      maker.large();
      maker.random();
      maker.entry("expected.txt", maker.expected.toString().getBytes(StandardCharsets.UTF_8));
    }
  }

  private MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  private MethodHandle procedure(String name, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.ofVoid(arguments));
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

  private static byte[] riff(byte[] frame) throws IOException {
    var out = new ByteArrayOutputStream();
    int padded = frame.length + (frame.length & 1);
    out.write("RIFF".getBytes(StandardCharsets.US_ASCII));
    little(out, 12 + padded, 4);
    out.write("WEBPVP8 ".getBytes(StandardCharsets.US_ASCII));
    little(out, frame.length, 4);
    out.write(Arrays.copyOf(frame, padded));
    return out.toByteArray();
  }

  static void little(ByteArrayOutputStream out, int value, int bytes) {
    for (int i = 0; i < bytes; i++) out.write(value >> 8 * i);
  }

  private void add(String name, byte[] webp, String how) throws Throwable {
    entry(name + ".webp", webp);
    expected.append(name).append(".webp ").append(decoded(webp)).append(' ').append(how).append('\n');
  }

  private void entry(String name, byte[] bytes) throws IOException {
    var entry = new ZipEntry(name);
    entry.setTimeLocal(java.time.LocalDateTime.of(2024, 6, 14, 0, 0));
    archive.putNextEntry(entry);
    archive.write(bytes);
    archive.closeEntry();
  }

  private byte[] encode(byte[] rgba, int width, int height, Settings settings, boolean alpha) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var config = arena.allocate(4 * CONFIG_INTS, 8);
      check((int) configInit.invoke(config, 0, 75f, (int) CONFIG_VERSION));
      settings.write(config);
      var picture = arena.allocate(PICTURE_BYTES, 8);
      check((int) pictureInit.invoke(picture, (int) CONFIG_VERSION));
      picture.set(INT, WIDTH, width);
      picture.set(INT, HEIGHT, height);
      var pixels = arena.allocateFrom(ValueLayout.JAVA_BYTE, rgba);
      check((int) (alpha ? importRgba : importRgbx).invoke(picture, pixels, 4 * width));
      var writer = arena.allocate(64, 8);
      writerInit.invoke(writer);
      picture.set(ValueLayout.ADDRESS, WRITER, library.findOrThrow("WebPMemoryWrite"));
      picture.set(ValueLayout.ADDRESS, CUSTOM, writer);
      check((int) encode.invoke(config, picture));
      long size = writer.get(LONG, 8);
      var webp = writer.get(ValueLayout.ADDRESS, 0).reinterpret(size).toArray(ValueLayout.JAVA_BYTE);
      pictureFree.invoke(picture);
      writerClear.invoke(writer);
      return webp;
    }
  }

  private static void check(int ok) {
    if (ok == 0) throw new IllegalStateException("libwebp refuses");
  }

  private String decoded(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var size = arena.allocate(8, 4);
      var pixels = (MemorySegment) decodeRgb.invoke(
          arena.allocateFrom(ValueLayout.JAVA_BYTE, webp), (long) webp.length, size, size.asSlice(4));
      if (pixels.equals(MemorySegment.NULL)) return "refused";
      int width = size.get(INT, 0), height = size.get(INT, 4);
      byte[] rgb = pixels.reinterpret(3L * width * height).toArray(ValueLayout.JAVA_BYTE);
      free.invoke(pixels);
      var rows = new StringBuilder();
      for (int y = 0; y < height; y++) {
        var crc = new CRC32();
        crc.update(rgb, 3 * width * y, 3 * width);
        rows.append("%04x".formatted(crc.getValue() & 0xffff));
      }
      var hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rgb));
      return width + "x" + height + " " + hash + " " + rows;
    }
  }

  /// What `struct WebPConfig` is set to.
  private static final class Settings {
    private final int[] ints = new int[CONFIG_INTS];
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
      for (int i : new int[] {2, 6, 7, 8, 9, 10, 11, 15, 17, 18, 19}) config.setAtIndex(INT, i, ints[i]);
      if (hasAlpha) for (int i = 12; i <= 14; i++) config.setAtIndex(INT, i, ints[i]);
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
    MakeLossyPictures.little(frame, first.length << 5 | 1 << 4 | random.nextInt(4) << 1, 3);
    MakeLossyPictures.little(frame, 0x2a019d, 3);
    MakeLossyPictures.little(frame, width | random.nextInt(4) << 14, 2);
    MakeLossyPictures.little(frame, height | random.nextInt(4) << 14, 2);
    frame.write(first);
    int bytes = 40 + (height + 15 >> 4) * (width + 15 >> 4) * 50 / partitions;
    for (int i = 1; i < partitions; i++) MakeLossyPictures.little(frame, bytes, 3);
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
