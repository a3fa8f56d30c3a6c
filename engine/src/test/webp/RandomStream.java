import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

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
