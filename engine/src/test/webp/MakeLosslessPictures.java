import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

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
  private static final int NEAR_LOSSLESS = 23;
  private static final int QUALITY_OFFSET = 4;

  private final Libwebp libwebp = new Libwebp();
  private final Random random = new Random(12);
  private final Archive archive;
  private final List<byte[]> made = new ArrayList<>();
  private int refused;
  private int all;

  private MakeLosslessPictures(Archive archive) {
    this.archive = archive;
  }

  public static void main(String[] args) throws Throwable {
    try (var archive = new Archive(Path.of(args[0]))) {
      var maker = new MakeLosslessPictures(archive);
      maker.encoded();
      maker.streams();
      maker.alpha();
      maker.animated();
      maker.containers();
      maker.mutated();
      maker.ends();
      maker.codes();
    }
  }

  private void encoded() throws Throwable {
    for (int i = 0; i < 300; ) {
      int colours = i % 2 == 0 ? 0 : i < 64 ? 1 + i / 2 : 1 + random.nextInt(256);
      int width = size(i), height = size(i / 5), near = i % 7 == 0 ? 20 * random.nextInt(5) : 100, method = i % 7;
      var pixels = new Pixels(random, width, height, colours, i % 3 == 0);
      int quality = random.nextInt(101), exact = random.nextInt(2);
      byte[] webp = encode(pixels.rgba(), width, height, quality, true, new int[][] {{2, method}, {23, near}, {24, exact}});
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
    byte[] webp = encode(pixels.rgba(), width, height, random.nextInt(60), false, new int[][] {{2, 0}});
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
        webp = encode(pixels.rgba(), width, height, 10, false, settings);
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
      while (libwebp.decodeFrame(Riff.file(shorter)) != null) {
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
      if (libwebp.decodeFrame(webp) != null) add("end-%02d".formatted(number++), webp, "alpha without its last byte");
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
    var decoded = libwebp.decodeFrame(webp);
    if (decoded == null) refused++;
    all++;
    archive.add(name, webp, decoded == null ? "refused" : decoded + " -", how);
  }

  /// @param settings pairs of an index into `struct WebPConfig` and a value
  private byte[] encode(byte[] rgba, int width, int height, int quality, boolean isLossless, int[][] settings) throws Throwable {
    return libwebp.encode(rgba, width, height, isLossless, true, config -> {
      config.setAtIndex(ValueLayout.JAVA_INT, 0, isLossless ? 1 : 0);
      config.set(ValueLayout.JAVA_FLOAT, QUALITY_OFFSET, quality);
      config.setAtIndex(ValueLayout.JAVA_INT, NEAR_LOSSLESS, 100);
      for (int[] setting : settings) config.setAtIndex(ValueLayout.JAVA_INT, setting[0], setting[1]);
    });
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
