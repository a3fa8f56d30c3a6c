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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// Makes the archive of WebP files that `LosslessPicturesTest` reads, and what libwebp makes of each:
///
///     java --enable-native-access=ALL-UNNAMED engine/src/test/webp/MakeLosslessPictures.java \
///         engine/src/test/resources/lossless-webp.zip
///
/// It needs a 64-bit Linux with libwebp 1.x and libwebpdemux (Debian: `webp`). The same version makes the same archive.
///
/// - `encoded-N.webp`: lossless pictures of libwebp's encoder: palettes of all sizes, alpha, near-lossless;
/// - `stream-N.webp`: lossless pictures with random transforms, blocks, caches and prefix codes, most of which no encoder writes;
/// - `alpha-N.webp`: lossy pictures with an alpha plane: of the encoder, raw, of a random stream, cut, with all headers;
/// - `animated-N.webp`: first frames at offsets, also outside of the canvas, lossy and lossless;
/// - `container-N.webp`: chunks in any order, of any size, with any flags;
/// - `mutated-N.webp`: any of those with a few changed bytes, or cut;
/// - `end-N.webp`: pictures and alpha planes about whose ends libwebp has an opinion of its own: the byte behind an odd number of
///   bytes belongs to them, fewer than 8 bytes of bits are 8, and alpha of a palette may miss bits of the last pixel;
/// - `codes.webp`: a picture of a few pixels that names the last of 65,536 prefix codes.
///
/// `expected.txt` has a line for each: its name, `WIDTHxHEIGHT`, the SHA-256 of its RGB bytes, `-` and how it was made; or its
/// name, `refused` and how it was made. Files are decoded as Pillow does: by `WebPAnimDecoder`, which in later versions of libwebp
/// first asks `WebPGetFeatures`.
final class MakeLosslessPictures {
  private final Libwebp libwebp = new Libwebp();
  private final Random random = new Random(12);
  private final ZipOutputStream archive;
  private final StringBuilder expected = new StringBuilder();
  private final List<byte[]> made = new ArrayList<>();
  private int refused;
  private int all;

  private MakeLosslessPictures(ZipOutputStream archive) {
    this.archive = archive;
  }

  public static void main(String[] args) throws Throwable {
    try (var archive = new ZipOutputStream(Files.newOutputStream(Path.of(args[0])))) {
      archive.setLevel(9);
      var maker = new MakeLosslessPictures(archive);
      maker.encoded();
      maker.streams();
      maker.alpha();
      maker.animated();
      maker.containers();
      maker.mutated();
      maker.ends();
      maker.codes();
      maker.entry("expected.txt", maker.expected.toString().getBytes(StandardCharsets.UTF_8));
    }
  }

  private void encoded() throws Throwable {
    for (int i = 0; i < 300; ) {
      int colours = i % 2 == 0 ? 0 : i < 64 ? 1 + i / 2 : 1 + random.nextInt(256);
      int width = size(i), height = size(i / 5), near = i % 7 == 0 ? 20 * random.nextInt(5) : 100, method = i % 7;
      var pixels = new Pixels(random, width, height, colours, i % 3 == 0);
      int quality = random.nextInt(101), exact = random.nextInt(2);
      byte[] webp = libwebp.encode(pixels.rgba(), width, height, quality, true, new int[][] {{2, method}, {23, near}, {24, exact}});
      if (webp.length > 1000) continue;
      made.add(webp);
      var how = pixels + " method=" + method + " quality=" + quality + " near=" + near + " exact=" + exact;
      add("encoded-%03d".formatted(i), webp, how);
      i++;
    }
    report("encoded");
  }

  /// Small sizes, and some up to 200.
  private int size(int i) {
    return i % 4 == 0 ? 1 + i / 4 % 30 : 1 + (int) (200 * Math.pow(random.nextDouble(), 4));
  }

  private void streams() throws Throwable {
    for (int i = 0; i < 200; ) {
      int width = 1 + random.nextInt(i % 10 == 0 ? 70 : 24), height = 1 + random.nextInt(24);
      byte[] stream = new RandomStream(random).picture(width, height);
      if (stream.length > 900) continue;
      byte[] webp = Riff.file(Riff.chunk("VP8L", stream));
      made.add(webp);
      add("stream-%03d".formatted(i), webp, "random stream");
      i++;
    }
    report("stream");
  }

  private byte[] lossy(int width, int height) throws Throwable {
    var pixels = new Pixels(random, width, height, 0, false);
    byte[] webp = libwebp.encode(pixels.rgba(), width, height, random.nextInt(60), false, new int[][] {{2, 0}});
    return Arrays.copyOfRange(webp, 12, webp.length);
  }

  private byte[] lossless(int width, int height) throws Throwable {
    byte[] stream;
    do stream = new RandomStream(random).picture(width, height);
    while (stream.length > 250 + width * height);
    return Riff.chunk("VP8L", stream);
  }

  private void alpha() throws Throwable {
    for (int i = 0; i < 100; ) {
      int width = 1 + random.nextInt(20), height = 1 + random.nextInt(20);
      byte[] alph, webp;
      String how;
      if (i % 4 == 0) {
        var pixels = new Pixels(random, width, height, i % 8 == 0 ? 5 : 0, true);
        int compression = random.nextInt(2), filter = random.nextInt(3), quality = random.nextInt(101);
        int[][] settings = {{12, compression}, {13, filter}, {14, quality}};
        webp = libwebp.encode(pixels.rgba(), width, height, 10, false, settings);
        how = "alpha=" + compression + "/" + filter + "/" + quality;
      } else {
        boolean isRaw = random.nextInt(3) == 0;
        int head = (isRaw ? 0 : 1) | random.nextInt(4) << 2 | random.nextInt(2) << 4;
        if (random.nextInt(8) == 0) head = random.nextInt(256);
        var data = new ByteArrayOutputStream();
        data.write(head);
        data.write(isRaw ? new byte[Math.max(0, width * height - (random.nextInt(3) == 0 ? 1 : 0))]
            : new RandomStream(random).pixels(width, height, i % 4 == 1));
        alph = data.toByteArray();
        if (random.nextInt(4) == 0) alph = Arrays.copyOf(alph, Math.max(0, alph.length - 1 - random.nextInt(4)));
        int flags = random.nextInt(6) == 0 ? 0 : 16;
        webp = Riff.file(Riff.vp8x(flags, width, height), Riff.chunk("ALPH", alph), lossy(width, height));
        how = "own alpha";
      }
      if (webp.length > 700) continue;
      made.add(webp);
      add("alpha-%03d".formatted(i), webp, how);
      i++;
    }
    report("alpha");
  }

  private void animated() throws Throwable {
    for (int i = 0; i < 60; i++) {
      int width = 1 + random.nextInt(16), height = 1 + random.nextInt(16);
      int x = 2 * random.nextInt(6), y = 2 * random.nextInt(6);
      int canvasWidth = width + x + (random.nextInt(8) == 0 ? -1 : random.nextInt(8));
      int canvasHeight = height + y + (random.nextInt(8) == 0 ? -1 : random.nextInt(8));
      byte[] image = random.nextBoolean() ? lossy(width, height) : lossless(width, height);
      byte[] first = Riff.frame(x, y, width, height, random.nextInt(4), image);
      byte[] second = Riff.frame(0, 0, 1, 1, random.nextInt(4), lossless(1, 1));
      if (random.nextInt(6) == 0) second = Riff.frame(2 * random.nextInt(9), 0, 3, 3, 0, lossy(3, 3));
      byte[] webp = Riff.file(Riff.vp8x(2 | random.nextInt(2) * 16, Math.max(1, canvasWidth), Math.max(1, canvasHeight)),
          Riff.anim(), first, random.nextBoolean() ? second : new byte[0]);
      made.add(webp);
      add("animated-%02d".formatted(i), webp, "at " + x + "," + y);
    }
    report("animated");
  }

  private void containers() throws Throwable {
    for (int i = 0; i < 240; i++) {
      int width = 1 + random.nextInt(4), height = 1 + random.nextInt(4);
      var chunks = new ArrayList<byte[]>();
      boolean isAnimated = random.nextInt(3) == 0;
      int flags = isAnimated ? 2 : random.nextInt(3) == 0 ? 16 : 0;
      if (random.nextInt(10) == 0) flags = random.nextInt(256);
      int claimed = random.nextInt(12) == 0 ? width + 1 : width;
      if (random.nextInt(8) > 0) {
        byte[] vp8x = Riff.vp8x(flags, claimed, height);
        chunks.add(random.nextInt(15) == 0 ? Riff.chunk("VP8X", Arrays.copyOfRange(vp8x, 8, 17 + random.nextInt(4))) : vp8x);
      }
      int count = 1 + random.nextInt(4);
      if (isAnimated && random.nextInt(8) > 0) chunks.add(Riff.anim());
      chunks.addAll(others(random.nextInt(2)));
      for (int k = 0; k < (random.nextInt(6) == 0 ? count : 1); k++) chunks.addAll(picture(width, height, isAnimated));
      chunks.addAll(others(random.nextInt(3)));
      if (random.nextInt(12) == 0) java.util.Collections.swap(chunks, random.nextInt(chunks.size()), random.nextInt(chunks.size()));
      byte[] webp = Riff.file(chunks.toArray(byte[][]::new));
      int sizes = random.nextInt(16);
      if (sizes == 0) webp = Arrays.copyOf(webp, webp.length + 1 + random.nextInt(9));
      else if (sizes == 1) Riff.setSize(webp, webp.length - 8 - 1 - random.nextInt(9));
      else if (sizes == 2) Riff.setSize(webp, webp.length - 8 + 1 + random.nextInt(9));
      else if (sizes == 3) Riff.setSize(webp = Arrays.copyOf(webp, webp.length + 1 + random.nextInt(9)), webp.length - 8);
      add("container-%03d".formatted(i), webp, Riff.names(chunks));
    }
    report("container");
  }

  private List<byte[]> picture(int width, int height, boolean isAnimated) throws Throwable {
    var parts = new ArrayList<byte[]>();
    if (random.nextInt(3) == 0) parts.add(Riff.chunk("ALPH", new byte[1 + width * height - (random.nextInt(4) == 0 ? 1 : 0)]));
    parts.add(random.nextInt(parts.isEmpty() ? 2 : 5) == 0 ? lossless(width, height) : lossy(width, height));
    if (random.nextInt(15) == 0) parts.add(lossy(width, height));
    if (random.nextInt(10) == 0) parts.add(random.nextInt(parts.size()), others(1).getFirst());
    if (random.nextInt(20) == 0) java.util.Collections.reverse(parts);
    if (!isAnimated || random.nextInt(12) == 0) return parts;
    if (random.nextInt(4) == 0) parts.addAll(others(1));
    if (random.nextInt(12) == 0) parts.clear();
    byte[] frame = Riff.frame(0, 0, width, height, random.nextInt(4), Riff.join(parts.toArray(byte[][]::new)));
    if (random.nextInt(10) == 0) Riff.setSize(frame, 8 + random.nextInt(frame.length));
    return List.of(frame);
  }

  private List<byte[]> others(int count) {
    var others = new ArrayList<byte[]>();
    for (int i = 0; i < count; i++) {
      var names = List.of("ICCP", "EXIF", "XMP ", "abcd", "ANIM", "VP8X", "ALPH");
      var name = names.get(random.nextInt(random.nextInt(4) == 0 ? names.size() : 4));
      others.add(Riff.chunk(name, new byte[random.nextInt(12)]));
    }
    return others;
  }

  private void mutated() throws Throwable {
    for (int i = 0; i < 300; ) {
      byte[] original = made.get(random.nextInt(made.size())), webp = original.clone();
      if (original.length > 400) continue;
      if (i % 5 == 0) {
        webp = Arrays.copyOf(webp, Math.max(32, webp.length - 1 - random.nextInt(12)) & ~1);
        Riff.setSize(webp, webp.length - 8);
        if (webp[15] == 'L' || webp[15] == ' ') Riff.setChunkSize(webp, 16, webp.length - 20);
      } else {
        for (int k = random.nextInt(3); k >= 0; k--) {
          int at = switch (random.nextInt(4)) {
            case 0 -> 12 + random.nextInt(20);
            case 1 -> 20 + random.nextInt(webp.length - 20);
            default -> webp.length - 1 - random.nextInt((webp.length - 20) / 4 + 1);
          };
          if (random.nextBoolean()) webp[at] ^= (byte) (1 << random.nextInt(8));
          else webp[at] = (byte) random.nextInt(256);
        }
      }
      if (libwebp.isHuge(webp)) continue;
      add("mutated-%03d".formatted(i), webp, i % 5 == 0 ? "cut" : "changed");
      i++;
    }
    report("mutated");
  }

  private void ends() throws Throwable {
    int number = 0;
    for (int i = 0; i < 10; i++) {
      byte[] chunk = lossy(9 + i, 8), shorter = chunk;
      while (!libwebp.decode(Riff.file(shorter)).equals("refused")) {
        chunk = shorter;
        shorter = Riff.chunk("VP8 ", Arrays.copyOfRange(chunk, 8, chunk.length - 2));
      }
      Riff.setChunkSize(chunk, 4, chunk.length - 8 - 1);
      add("end-%02d".formatted(number++), Riff.file(chunk), "an odd number of bytes");
    }
    for (int pixels = 30; pixels < 38; pixels++) {
      byte[] alph = Riff.chunk("ALPH", Riff.join(new byte[] {1}, RandomStream.oneBitPixels()));
      byte[] webp = Riff.file(Riff.vp8x(16, pixels, 1), alph, lossy(pixels, 1));
      add("end-%02d".formatted(number++), webp, "31 bits for " + pixels + " pixels");
    }
    while (number < 30) {
      // Not of a copy: behind the end, libwebp reads its distance from bits that were used before.
      byte[] stream = new RandomStream(random).withoutCopies().pixels(5, 3, true);
      if (stream.length < 10 || stream.length > 200) continue;
      byte[] alph = Riff.chunk("ALPH", Riff.join(new byte[] {1}, Arrays.copyOf(stream, stream.length - 1)));
      byte[] webp = Riff.file(Riff.vp8x(16, 5, 3), alph, lossy(5, 3));
      if (!libwebp.decode(webp).equals("refused")) add("end-%02d".formatted(number++), webp, "alpha without its last byte");
    }
    report("end");
  }

  private void codes() throws Throwable {
    add("codes", Riff.file(Riff.chunk("VP8L", RandomStream.manyCodes())), "65,536 prefix codes");
  }

  private void report(String kind) {
    System.out.println(kind + ": " + refused + " of " + all + " refused");
    refused = 0;
    all = 0;
  }

  private void add(String name, byte[] webp, String how) throws Throwable {
    entry(name + ".webp", webp);
    var decoded = libwebp.decode(webp);
    if (decoded.equals("refused")) refused++;
    all++;
    expected.append(name).append(".webp ").append(decoded).append(' ').append(how).append('\n');
  }

  private void entry(String name, byte[] bytes) throws IOException {
    var entry = new ZipEntry(name);
    entry.setTimeLocal(java.time.LocalDateTime.of(2024, 6, 14, 0, 0));
    archive.putNextEntry(entry);
    archive.write(bytes);
    archive.closeEntry();
  }
}

/// The functions of the libraries that are called.
final class Libwebp {
  private static final int CONFIG_INTS = 29;
  private static final int CONFIG_VERSION = 0x020f, DECODER_VERSION = 0x0209, DEMUX_VERSION = 0x0107;
  private static final int NEAR_LOSSLESS = 23;
  private static final int QUALITY_OFFSET = 4;

  // struct WebPPicture, bytes
  private static final int PICTURE_BYTES = 256;
  private static final int WIDTH = 8;
  private static final int HEIGHT = 12;
  private static final int WRITER = 96;
  private static final int CUSTOM = 104;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

  private final SymbolLookup library = SymbolLookup.libraryLookup("libwebp.so.7", Arena.global())
      .or(SymbolLookup.libraryLookup("libwebpdemux.so.2", Arena.global()));
  private final MethodHandle configInit = function("WebPConfigInitInternal", INT, POINTER, INT, ValueLayout.JAVA_FLOAT, INT);
  private final MethodHandle pictureInit = function("WebPPictureInitInternal", INT, POINTER, INT);
  private final MethodHandle importRgba = function("WebPPictureImportRGBA", INT, POINTER, POINTER, INT);
  private final MethodHandle encode = function("WebPEncode", INT, POINTER, POINTER);
  private final MethodHandle pictureFree = procedure("WebPPictureFree", POINTER);
  private final MethodHandle writerInit = procedure("WebPMemoryWriterInit", POINTER);
  private final MethodHandle writerClear = procedure("WebPMemoryWriterClear", POINTER);
  private final MethodHandle features = function("WebPGetFeaturesInternal", INT, POINTER, LONG, POINTER, INT);
  private final MethodHandle decoderNew = function("WebPAnimDecoderNewInternal", POINTER, POINTER, POINTER, INT);
  private final MethodHandle decoderInfo = function("WebPAnimDecoderGetInfo", INT, POINTER, POINTER);
  private final MethodHandle decoderNext = function("WebPAnimDecoderGetNext", INT, POINTER, POINTER, POINTER);
  private final MethodHandle decoderDelete = procedure("WebPAnimDecoderDelete", POINTER);

  private MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  private MethodHandle procedure(String name, MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.ofVoid(arguments));
  }

  /// @param settings pairs of an index into `struct WebPConfig` and a value
  byte[] encode(byte[] rgba, int width, int height, int quality, boolean lossless, int[][] settings) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var config = arena.allocate(4 * CONFIG_INTS, 8);
      check((int) configInit.invoke(config, 0, 75f, CONFIG_VERSION));
      config.setAtIndex(INT, 0, lossless ? 1 : 0);
      config.set(ValueLayout.JAVA_FLOAT, QUALITY_OFFSET, quality);
      config.setAtIndex(INT, NEAR_LOSSLESS, 100);
      for (int[] setting : settings) config.setAtIndex(INT, setting[0], setting[1]);
      var picture = arena.allocate(PICTURE_BYTES, 8);
      check((int) pictureInit.invoke(picture, CONFIG_VERSION));
      picture.set(INT, 0, lossless ? 1 : 0);
      picture.set(INT, WIDTH, width);
      picture.set(INT, HEIGHT, height);
      check((int) importRgba.invoke(picture, arena.allocateFrom(ValueLayout.JAVA_BYTE, rgba), 4 * width));
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

  /// Whether a file claims more pixels than the tests are to decode.
  boolean isHuge(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var found = arena.allocate(40, 8);
      var bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, webp);
      int status = (int) features.invoke(bytes, (long) webp.length, found, DECODER_VERSION);
      return status == 0 && (long) found.get(INT, 0) * found.get(INT, 4) > 200_000;
    }
  }

  /// `WIDTHxHEIGHT`, the hash of the first frame's canvas and `-`; or `refused`.
  String decode(byte[] webp) throws Throwable {
    try (var arena = Arena.ofConfined()) {
      var bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, webp);
      if ((int) features.invoke(bytes, (long) webp.length, arena.allocate(40, 8), DECODER_VERSION) != 0) return "refused";
      var source = arena.allocate(16, 8);
      source.set(ValueLayout.ADDRESS, 0, bytes);
      source.set(LONG, 8, webp.length);
      var decoder = (MemorySegment) decoderNew.invoke(source, MemorySegment.NULL, DEMUX_VERSION);
      if (decoder.equals(MemorySegment.NULL)) return "refused";
      try {
        var info = arena.allocate(64, 8);
        var next = arena.allocate(16, 8);
        check((int) decoderInfo.invoke(decoder, info));
        if ((int) decoderNext.invoke(decoder, next, next.asSlice(8)) == 0) return "refused";
        int width = info.get(INT, 0), height = info.get(INT, 4);
        byte[] rgba = next.get(ValueLayout.ADDRESS, 0).reinterpret(4L * width * height).toArray(ValueLayout.JAVA_BYTE);
        var rgb = new byte[3 * width * height];
        for (int i = 0; i < width * height; i++) System.arraycopy(rgba, 4 * i, rgb, 3 * i, 3);
        var hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rgb));
        return width + "x" + height + " " + hash + " -";
      } finally {
        decoderDelete.invoke(decoder);
      }
    }
  }
}

/// A picture of few colours or many.
///
/// @param colours 0 for any
record Pixels(byte[] rgba, int colours, boolean hasAlpha) {
  Pixels(Random random, int width, int height, int colours, boolean hasAlpha) {
    this(rgba(random, width, height, colours, hasAlpha), colours, hasAlpha);
  }

  private static byte[] rgba(Random random, int width, int height, int colours, boolean hasAlpha) {
    int[] palette = random.ints(Math.max(1, colours)).toArray();
    int step = 1 + random.nextInt(4), kind = random.nextInt(3);
    double a = random.nextDouble(), b = random.nextDouble(), c = random.nextDouble();
    var rgba = new byte[4 * width * height];
    for (int y = 0, to = 0; y < height; y++)
      for (int x = 0; x < width; x++, to += 4) {
        int noise = random.nextInt(8) == 0 ? random.nextInt() : 0;
        int number = kind == 0 ? (x / step) * 7 + (y / step) * 3
            : kind == 1 ? (int) (40 * Math.sin(x * a) + 40 * Math.sin(y * b)) : x * y;
        int pixel = colours > 0 ? palette[Math.floorMod(number + (noise & 0xff), colours)]
            : (int) (255 * a * x / width) << 16 | (int) (255 * b * y / height) << 8 | (int) (200 * c) + (noise & 7)
                | (number & 0xff) << 24;
        for (int k = 0; k < 4; k++) rgba[to + k] = (byte) (pixel >> 8 * k);
        if (!hasAlpha) rgba[to + 3] = -1;
      }
    return rgba;
  }

  @Override
  public String toString() {
    return "colours=" + colours + " alpha=" + hasAlpha;
  }
}

/// Chunks and files.
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

/// Writes bits, the lowest of each byte first.
final class BitWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long window;
  private int held;

  void write(int value, int count) {
    window |= (value & (1L << count) - 1) << held;
    for (held += count; held >= 8; held -= 8, window >>>= 8) out.write((int) window);
  }

  byte[] bytes() {
    write(0, 7 & -held);
    return out.toByteArray();
  }
}

/// A random prefix code.
final class RandomCode {
  private static final int[] ORDER = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

  final int[] symbols;
  private final int[] lengths;
  private final int[] codes;

  /// A code of these symbols below `alphabet`, of at most `longest` bits.
  RandomCode(Random random, int[] symbols, int alphabet, int longest) {
    this.symbols = symbols;
    lengths = new int[alphabet];
    codes = new int[alphabet];
    var leaves = new ArrayList<Integer>(List.of(0));
    boolean isSkewed = random.nextBoolean();
    while (leaves.size() < symbols.length) {
      int at = isSkewed && random.nextInt(3) > 0 ? leaves.size() - 1 : random.nextInt(leaves.size());
      if (leaves.get(at) == longest) at = leaves.indexOf(java.util.Collections.min(leaves));
      int length = leaves.remove(at) + 1;
      leaves.add(length);
      leaves.add(length);
    }
    java.util.Collections.shuffle(leaves, random);
    for (int i = 0; i < symbols.length; i++) lengths[symbols[i]] = Math.max(1, leaves.get(i));
    for (int length = 1, code = 0; length <= longest; length++, code <<= 1)
      for (int symbol = 0; symbol < alphabet; symbol++)
        if (lengths[symbol] == length) codes[symbol] = Integer.reverse(code++) >>> 32 - length;
  }

  void emit(BitWriter out, int symbol) {
    if (symbols.length > 1) out.write(codes[symbol], lengths[symbol]);
  }

  /// Writes a random symbol of the code.
  int emitAny(BitWriter out, Random random) {
    int symbol = symbols[random.nextInt(symbols.length)];
    emit(out, symbol);
    return symbol;
  }

  void store(BitWriter out, Random random) {
    boolean canBeSimple = symbols.length <= 2 && Arrays.stream(symbols).max().getAsInt() < 256;
    if (canBeSimple && random.nextInt(4) > 0) storeSimple(out, random);
    else storeLengths(out, random);
  }

  private void storeSimple(BitWriter out, Random random) {
    out.write(1, 1);
    out.write(symbols.length - 1, 1);
    boolean isShort = symbols[0] < 2 && random.nextBoolean();
    out.write(isShort ? 0 : 1, 1);
    out.write(symbols[0], isShort ? 1 : 8);
    if (symbols.length == 2) out.write(symbols[1], 8);
  }

  private void storeLengths(BitWriter out, Random random) {
    out.write(0, 1);
    int end = lengths.length;
    boolean isShort = random.nextBoolean();
    if (isShort) while (end > 0 && lengths[end - 1] == 0) end--;
    var tokens = new ArrayList<int[]>();
    int last = 8;
    for (int i = 0; i < end; ) {
      int run = 1;
      while (i + run < end && lengths[i + run] == lengths[i]) run++;
      int length = lengths[i], most = Math.min(run, length == 0 ? random.nextInt(4) == 0 ? 10 : 138 : 6);
      if (most >= 3 && (length == 0 || length == last) && random.nextInt(8) > 0) {
        tokens.add(length != 0 ? new int[] {16, most - 3, 2}
            : most <= 10 ? new int[] {17, most - 3, 3} : new int[] {18, most - 11, 7});
        i += most;
      } else {
        tokens.add(new int[] {length, 0, 0});
        if (length != 0) last = length;
        i++;
      }
    }
    while (isShort && tokens.size() < 2) tokens.add(new int[] {0, 0, 0});
    int[] used = tokens.stream().mapToInt(token -> token[0]).distinct().toArray();
    var code = new RandomCode(random, used, ORDER.length, 7);
    int count = ORDER.length;
    while (count > 4 && code.lengths[ORDER[count - 1]] == 0) count--;
    if (random.nextInt(3) == 0) count = ORDER.length;
    out.write(count - 4, 4);
    for (int i = 0; i < count; i++) out.write(code.lengths[ORDER[i]], 3);
    out.write(isShort ? 1 : 0, 1);
    if (isShort) {
      int bits = Math.max(1, 32 - Integer.numberOfLeadingZeros(tokens.size() - 2)), pairs = Math.max(0, (bits - 1) / 2);
      out.write(pairs, 3);
      out.write(tokens.size() - 2, 2 + 2 * pairs);
    } else {
      int filled = tokens.stream().mapToInt(t -> t[0] < 16 ? 1 : t[1] + (t[0] == 18 ? 11 : 3)).sum();
      if (filled < lengths.length) throw new IllegalStateException("a code is not stored whole");
    }
    for (int[] token : tokens) {
      code.emit(out, token[0]);
      out.write(token[1], token[2]);
    }
  }
}

/// A lossless picture whose parts are all chosen at random; most of them can be decoded.
final class RandomStream {
  private static final int[][] NEAR = near();

  private final Random random;
  private final BitWriter out = new BitWriter();

  RandomStream(Random random) {
    this.random = random;
  }

  private static int[][] near() {
    var all = new ArrayList<int[]>();
    for (int y = 0; y <= 7; y++) for (int x = y == 0 ? 1 : -7; x <= 8; x++) all.add(new int[] {x, y});
    all.sort((a, b) -> {
      int far = Integer.compare(a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1]);
      return far != 0 ? far : a[1] != b[1] ? b[1] - a[1] : b[0] - a[0];
    });
    return all.toArray(int[][]::new);
  }

  RandomStream withoutCopies() {
    hasCopies = false;
    return this;
  }

  byte[] picture(int width, int height) throws IOException {
    header(out, width, height);
    return pixels(width, height, false);
  }

  private static void header(BitWriter out, int width, int height) {
    out.write(0x2f, 8);
    out.write(width - 1, 14);
    out.write(height - 1, 14);
    out.write(0, 4);
  }

  /// The stream behind the header.
  ///
  /// @param isPlain whether the only transform is a palette, and only green varies
  byte[] pixels(int width, int height, boolean isPlain) {
    var types = new ArrayList<>(List.of(0, 1, 2, 3));
    java.util.Collections.shuffle(types, random);
    int count = isPlain ? 1 : random.nextInt(5);
    if (isPlain) types = new ArrayList<>(List.of(3));
    for (int type : types.subList(0, count)) {
      out.write(1, 1);
      out.write(type, 2);
      if (type < 2) {
        int shift = 2 + random.nextInt(random.nextBoolean() ? 2 : 8);
        out.write(shift - 2, 3);
        image(blocks(width, shift), blocks(height, shift), false, type == 0 ? 14 + random.nextInt(3) : 256);
      } else if (type == 3) {
        int colours = random.nextBoolean() ? 1 + random.nextInt(17) : 1 + random.nextInt(256);
        out.write(colours - 1, 8);
        image(colours, 1, false, 256);
        width = blocks(width, colours > 16 ? 0 : colours > 4 ? 1 : colours > 2 ? 2 : 3);
      }
    }
    out.write(0, 1);
    greenOnly = isPlain;
    image(width, height, true, 256);
    return out.bytes();
  }

  private boolean greenOnly;
  private boolean hasCopies = true;

  private static int blocks(int length, int shift) {
    return length + (1 << shift) - 1 >> shift;
  }

  /// @param greens how many values green may have
  /// @return the pixels, where they are literals and copies, or -1
  private int[] image(int width, int height, boolean isTop, int greens) {
    int cacheBits = !greenOnly && random.nextInt(3) == 0 ? 1 + random.nextInt(random.nextInt(3) == 0 ? 11 : 4) : 0;
    out.write(cacheBits > 0 ? 1 : 0, 1);
    if (cacheBits > 0) out.write(cacheBits, 4);
    int[] names = {0};
    int shift = 20;
    if (isTop) {
      boolean hasBlocks = random.nextInt(3) == 0;
      out.write(hasBlocks ? 1 : 0, 1);
      if (hasBlocks) {
        shift = 2 + random.nextInt(3);
        out.write(shift - 2, 3);
        names = names(blocks(width, shift), blocks(height, shift));
      }
    }
    int groups = Arrays.stream(names).max().getAsInt() + 1;
    var codes = new RandomCode[groups][];
    for (int i = 0; i < groups; i++) codes[i] = codes(cacheBits, greens);
    int across = blocks(width, shift);
    for (int at = 0; at < width * height; ) {
      var code = codes[names[(at / width >> shift) * across + (at % width >> shift)]];
      at += element(code, at, width, width * height);
    }
    return names;
  }

  /// A picture of the names of codes: literals alone, so that they are known.
  private int[] names(int width, int height) {
    int count = 1 + random.nextInt(5);
    int[] names = new int[width * height], greens = random.ints(0, 6).distinct().limit(count).toArray();
    boolean hasRed = random.nextInt(6) == 0;
    out.write(0, 1);
    RandomCode green = new RandomCode(random, greens, 280, 15);
    RandomCode red = new RandomCode(random, hasRed ? new int[] {0, 1} : new int[] {0}, 256, 15);
    RandomCode other = new RandomCode(random, new int[] {9}, 256, 15), distance = new RandomCode(random, new int[] {0}, 40, 15);
    for (var code : new RandomCode[] {green, red, other, other, distance}) code.store(out, random);
    for (int i = 0; i < names.length; i++) {
      names[i] = green.emitAny(out, random);
      // Names of 256 and more are for the last pixel alone, so that few pictures have many codes.
      boolean isLast = i == names.length - 1;
      int high = hasRed && isLast ? 1 : 0;
      red.emit(out, high);
      names[i] += 256 * high;
    }
    return names;
  }

  private RandomCode[] codes(int cacheBits, int greens) {
    int cache = cacheBits == 0 ? 0 : 1 << cacheBits;
    int literals = 1 + random.nextInt(random.nextInt(3) == 0 ? Math.min(greens, 200) : Math.min(greens, 5));
    var green = new ArrayList<Integer>();
    random.ints(0, greens).distinct().limit(literals).forEach(green::add);
    if (hasCopies && random.nextBoolean())
      random.ints(256, 256 + (random.nextBoolean() ? 5 : 24)).distinct().limit(1 + random.nextInt(3)).forEach(green::add);
    if (cache > 0) random.ints(280, 280 + cache).distinct().limit(1 + random.nextInt(Math.min(cache, 20))).forEach(green::add);
    var all = new RandomCode[] {
        new RandomCode(random, green.stream().mapToInt(i -> i).toArray(), 280 + cache, 15), any(256), any(256), any(256), any(40)};
    for (var code : all) code.store(out, random);
    return all;
  }

  private RandomCode any(int alphabet) {
    boolean isSingle = random.nextInt(3) == 0 || greenOnly && alphabet == 256;
    int most = random.nextInt(4) == 0 ? Math.min(alphabet, 90) : 4;
    int[] symbols = random.ints(0, alphabet).distinct().limit(isSingle ? 1 : 1 + random.nextInt(most)).toArray();
    return new RandomCode(random, symbols, alphabet, 15);
  }

  /// Writes a literal, a place in the cache, or a copy of pixels that are there.
  private int element(RandomCode[] code, int at, int width, int end) {
    int symbol = code[0].symbols[random.nextInt(code[0].symbols.length)];
    if (symbol >= 256 && symbol < 280) {
      for (int tries = 0; tries < 20; tries++) {
        int distancePrefix = code[4].symbols[random.nextInt(code[4].symbols.length)];
        int lengthExtra = extra(symbol - 256), distanceExtra = extra(distancePrefix);
        int length = number(symbol - 256, lengthExtra), distance = distance(number(distancePrefix, distanceExtra), width);
        if (distance > at || length > end - at) continue;
        code[0].emit(out, symbol);
        out.write(lengthExtra, bits(symbol - 256));
        code[4].emit(out, distancePrefix);
        out.write(distanceExtra, bits(distancePrefix));
        return length;
      }
      while (symbol >= 256 && symbol < 280) symbol = code[0].symbols[random.nextInt(code[0].symbols.length)];
    }
    code[0].emit(out, symbol);
    if (symbol < 256) for (int i = 1; i < 4; i++) code[i].emitAny(out, random);
    return 1;
  }

  private static int bits(int prefix) {
    return prefix < 4 ? 0 : prefix - 2 >> 1;
  }

  private int extra(int prefix) {
    return random.nextInt(1 << bits(prefix));
  }

  private static int number(int prefix, int extra) {
    return prefix < 4 ? prefix + 1 : (2 + (prefix & 1) << bits(prefix)) + extra + 1;
  }

  private static int distance(int code, int width) {
    return code > NEAR.length ? code - NEAR.length : Math.max(1, NEAR[code - 1][0] + NEAR[code - 1][1] * width);
  }

  /// 31 bits: nothing but codes, of which green's has two symbols.
  static byte[] oneBitPixels() {
    var out = new BitWriter();
    out.write(0, 3);
    out.write(0b1011, 4); // two symbols, the first in one bit: 1
    out.write(0x51, 8);
    for (int i = 0; i < 4; i++) out.write(0b0001, 4);
    return out.bytes();
  }

  /// 8 x 4 pixels in two blocks, of which the second names the last of all codes.
  static byte[] manyCodes() {
    var out = new BitWriter();
    header(out, 8, 4);
    out.write(0, 1); // no transform
    out.write(0, 1); // no cache
    out.write(1, 1); // blocks
    out.write(0, 3); // of 4 x 4
    out.write(0, 1); // whose picture has no cache
    for (int i = 0; i < 2; i++) simple(out, 0, 255);
    for (int i = 0; i < 3; i++) simple(out, 0);
    out.write(0, 2); // code 0
    out.write(3, 2); // code 65535
    for (int i = 0; i < 65536; i++) {
      simple(out, i == 65535 ? 200 : 7);
      for (int k = 0; k < 4; k++) simple(out, 5);
    }
    return out.bytes();
  }

  private static void simple(BitWriter out, int... symbols) {
    out.write(1, 1);
    out.write(symbols.length - 1, 1);
    out.write(1, 1);
    for (int symbol : symbols) out.write(symbol, 8);
  }
}
