package dev.fovea.engine.image.webp;

/// The header of a VP8 key frame: all data before its first macroblock (RFC 6386, sections 9.2 to 9.11 and 19.2).
///
/// @param modes the first partition, positioned at the modes of the first macroblock
/// @param tokens the partitions of coefficients, used in turn by the rows of macroblocks
/// @param coefficients the probabilities of [CoefficientProbabilities]
/// @param coded the probability that a macroblock has coefficients, of 256; -1 if all have
record FrameHeader(
    BooleanDecoder modes, Segments segments, FilterHeader filter, BooleanDecoder[] tokens, Quantizer[] quantizers,
    int[] coefficients, int coded) {

  /// The header of the frame at `[from, to)` of `bytes`. The colour space and the clamping type are ignored, as by libwebp.
  ///
  /// @throws WebpException if the frame is truncated
  static FrameHeader read(FrameTag tag, byte[] bytes, int from, int to) {
    int first = from + FrameTag.BYTES, rest = first + tag.firstPartition();
    var header = new BooleanDecoder(bytes, first, rest);
    header.literal(2); // colour space, clamping
    var segments = Segments.read(header);
    var filter = FilterHeader.read(header);
    var tokens = partitions(1 << header.literal(2), bytes, rest, to);
    var quantizers = Quantizer.read(header, segments);
    header.flag(); // whether probabilities outlast the frame
    var coefficients = CoefficientProbabilities.read(header);
    int coded = header.flag() ? header.literal(8) : -1;
    return new FrameHeader(header, segments, filter, tokens, quantizers, coefficients, coded);
  }

  /// The partitions, after their sizes of three bytes each; the last has no size and takes the rest. As in libwebp, a size that is
  /// too large is reduced to the rest, and the last partition must not be empty.
  private static BooleanDecoder[] partitions(int count, byte[] bytes, int from, int to) {
    int start = from + 3 * (count - 1);
    if (start > to) throw cut(count);
    var partitions = new BooleanDecoder[count];
    for (int i = 0; i < count - 1; i++) {
      int size = FrameTag.littleEndian(bytes, from + 3 * i, 3), end = Math.min(size, to - start) + start;
      partitions[i] = new BooleanDecoder(bytes, start, end);
      start = end;
    }
    if (start == to) throw cut(count);
    partitions[count - 1] = new BooleanDecoder(bytes, start, to);
    return partitions;
  }

  private static WebpException cut(int partitions) {
    return new WebpException("the lossy picture is cut: it ends before the last of its " + partitions + " partitions");
  }
}
