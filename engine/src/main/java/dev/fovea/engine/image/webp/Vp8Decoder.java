package dev.fovea.engine.image.webp;

import dev.fovea.engine.image.webp.Coefficients.Extent;

/// Decodes a VP8 key frame, the lossy format of WebP, to the same bits as libwebp (RFC 6386, and libwebp where that leaves a
/// choice), without dithering and with smooth upsampling of chroma.
///
/// First the whole picture is predicted from unfiltered pixels, then it is filtered, then converted.
final class Vp8Decoder {
  private final FrameHeader header;
  private final int columns;
  private final int rows;
  private final Plane y;
  private final Plane u;
  private final Plane v;
  private final Transforms transforms = new Transforms();
  private final SubblockPrediction subblockPrediction = new SubblockPrediction();
  private final MacroblockModes modes;
  private final Coefficients coefficients;
  private final LoopFilter filter;
  private final byte[] aboveRight = new byte[4];

  /// A decoded picture.
  ///
  /// @param rgb `[height][width][3]`
  record Frame(int width, int height, byte[] rgb) {}

  private Vp8Decoder(FrameTag tag, FrameHeader header) {
    this.header = header;
    columns = tag.columns();
    rows = tag.rows();
    y = new Plane(16 * columns, 16 * rows);
    u = new Plane(8 * columns, 8 * rows);
    v = new Plane(8 * columns, 8 * rows);
    modes = new MacroblockModes(header, columns);
    coefficients = new Coefficients(header.coefficients(), transforms, columns);
    filter = new LoopFilter(header.filter(), columns, rows);
  }

  /// Decodes the frame at `[from, to)` of `bytes`. Takes 4.5 bytes of memory per pixel; a caller first checks the size in the
  /// [FrameTag].
  ///
  /// @throws WebpException if the frame is broken, truncated or not a key frame
  static Frame decode(byte[] bytes, int from, int to) {
    var tag = FrameTag.read(bytes, from, to);
    var decoder = new Vp8Decoder(tag, FrameHeader.read(tag, bytes, from, to));
    for (int row = 0; row < decoder.rows; row++) decoder.row(row);
    if (decoder.header.filter().isOn()) decoder.filter.apply(decoder.y, decoder.u, decoder.v);
    return new Frame(tag.width(), tag.height(), RgbConversion.rgb(decoder.y, decoder.u, decoder.v, tag.width(), tag.height()));
  }

  private void row(int row) {
    var tokens = header.tokens()[row & header.tokens().length - 1];
    tokens.checkNotEmpty();
    modes.startRow();
    coefficients.startRow();
    for (int column = 0; column < columns; column++) {
      modes.read(column);
      boolean withY2 = !modes.hasBlocks(), coded = false;
      if (modes.isEmpty()) coefficients.clear(column, withY2);
      else coded = coefficients.read(tokens, column, withY2, header.quantizers()[modes.segment()]);
      if (modes.hasBlocks()) blocks(column, row);
      else luma(column, row);
      BlockPrediction.predict(modes.chroma(), u, 8, column, row);
      BlockPrediction.predict(modes.chroma(), v, 8, column, row);
      chroma(u, Coefficients.U, column, row);
      chroma(v, Coefficients.V, column, row);
      int level = header.filter().level(header.segments(), modes.segment(), modes.hasBlocks());
      filter.set(column, row, level, modes.hasBlocks() || coded);
    }
  }

  private void luma(int column, int row) {
    BlockPrediction.predict(modes.luma(), y, 16, column, row);
    for (int i = 0; i < 16; i++) add(i, y.at(16 * column + 4 * (i & 3), 16 * row + 4 * (i >> 2)));
  }

  private void blocks(int column, int row) {
    takeAboveRight(column, row);
    for (int i = 0; i < 16; i++) {
      int x = i & 3, at = y.at(16 * column + 4 * x, 16 * row + 4 * (i >> 2));
      if (x == 3) subblockPrediction.predict(modes.block(i), y.samples, at, y.stride, aboveRight, 0);
      else subblockPrediction.predict(modes.block(i), y.samples, at, y.stride, y.samples, at - y.stride + 4);
      add(i, at);
    }
  }

  /// Copies the pixels above to the right of a macroblock, which all four of its rightmost blocks use. At the right end of a row,
  /// they repeat the last pixel above, or are the border above the first row.
  private void takeAboveRight(int column, int row) {
    int from = y.at(16 * column + 16, 16 * row - 1);
    boolean end = column == columns - 1;
    for (int i = 0; i < 4; i++) aboveRight[i] = y.samples[end ? from - 1 : from + i];
  }

  private void add(int block, int at) {
    int from = Coefficients.BLOCK * block;
    switch (coefficients.extent(block)) {
      case NONE -> {}
      case DC -> Transforms.addDc(coefficients.values[from], y.samples, at, y.stride);
      case FIRST_THREE -> Transforms.addFirstThree(coefficients.values, from, y.samples, at, y.stride);
      case MANY -> transforms.add(coefficients.values, from, y.samples, at, y.stride);
    }
  }

  /// Adds the four blocks of a chroma channel; if one needs the full transform, all use it.
  private void chroma(Plane plane, int first, int column, int row) {
    var most = Extent.NONE;
    for (int i = 0; i < 4; i++) if (coefficients.extent(first + i).compareTo(most) > 0) most = coefficients.extent(first + i);
    if (most == Extent.NONE) return;
    for (int i = 0; i < 4; i++) {
      int from = Coefficients.BLOCK * (first + i), at = plane.at(8 * column + 4 * (i & 1), 8 * row + 4 * (i >> 1));
      if (most == Extent.DC) Transforms.addDc(coefficients.values[from], plane.samples, at, plane.stride);
      else transforms.add(coefficients.values, from, plane.samples, at, plane.stride);
    }
  }
}
