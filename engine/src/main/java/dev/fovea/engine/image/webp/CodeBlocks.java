package dev.fovea.engine.image.webp;

import java.util.Arrays;

/// The prefix codes of each square block of a picture (RFC 9649, section 3.7.2.2).
///
/// A picture of few blocks can refer to codes up to the 65,536th. All of them are stored and checked, but tables are built only for
/// codes that a block uses.
final class CodeBlocks {
  private final PixelCodes[] codes;
  /// `[blocks down][blocks across]` indices into [#codes]; empty if all pixels have the same codes.
  private final int[] places;
  private final int across;
  private final int shift;
  private final int built;

  private CodeBlocks(PixelCodes[] codes, int[] places, int across, int shift, int built) {
    this.codes = codes;
    this.places = places;
    this.across = across;
    this.shift = shift;
    this.built = built;
  }

  /// @param cacheSize the size of the colour cache
  /// @param mayHaveBlocks whether this is the picture itself, not an auxiliary one
  static CodeBlocks read(BitReader bits, int width, int height, int cacheSize, boolean mayHaveBlocks) {
    int shift = 0, across = 1;
    int[] names = {0};
    boolean hasBlocks = mayHaveBlocks && bits.flag();
    if (hasBlocks) {
      shift = 2 + bits.read(3);
      across = Blocks.count(width, shift);
      names = CodedPixels.read(bits, across, Blocks.count(height, shift), false).decode();
      for (int i = 0; i < names.length; i++) names[i] = names[i] >> 8 & 0xffff;
    }
    int stored = Arrays.stream(names).max().getAsInt() + 1, used = 0;
    int[] placeOf = new int[stored];
    Arrays.fill(placeOf, -1);
    for (int i = 0; i < names.length; i++) {
      int name = names[i];
      if (placeOf[name] < 0) placeOf[name] = used++;
      names[i] = placeOf[name];
    }
    var reader = new PrefixCodeReader(bits, PixelCodes.VALUES + PixelCodes.LENGTHS + cacheSize);
    var codes = new PixelCodes[used];
    for (int place : placeOf)
      if (place < 0) PixelCodes.skip(reader, cacheSize);
      else codes[place] = PixelCodes.read(reader, cacheSize);
    return new CodeBlocks(codes, hasBlocks ? names : new int[0], across, shift, reader.built());
  }

  /// The codes of the pixel at `(x, y)`.
  PixelCodes at(int x, int y) {
    return codes[places.length == 0 ? 0 : places[(y >> shift) * across + (x >> shift)]];
  }

  /// The bits of x and y that vary within a block: all of them if there is one block.
  int inBlock() {
    return places.length == 0 ? -1 : (1 << shift) - 1;
  }

  boolean isGreenOnly() {
    return Arrays.stream(codes).allMatch(PixelCodes::isGreenOnly);
  }

  /// Number of prefix codes with tables.
  int built() {
    return built;
  }
}
