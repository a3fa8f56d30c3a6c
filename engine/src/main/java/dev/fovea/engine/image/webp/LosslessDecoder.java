package dev.fovea.engine.image.webp;

import java.util.ArrayList;
import java.util.List;

/// Decodes a lossless WebP picture, VP8L (RFC 9649, section 3); the checks are those of libwebp.
///
/// The work is bounded by the pixels, the bytes and the 65,536 prefix codes that blocks can refer to.
final class LosslessDecoder {
  private static final int PREDICTOR = 0, COLOUR = 1, GREEN = 2, PALETTE = 3;

  private final int width;
  private final int height;
  /// In the order in which the encoder applied them.
  private final List<LosslessTransform> transforms = new ArrayList<>();
  private final CodedPixels coded;

  /// Reads the data before the pixels.
  private LosslessDecoder(BitReader bits, int width, int height) {
    this.width = width;
    this.height = height;
    int codedWidth = width;
    for (int seen = 0; bits.flag(); ) {
      int type = bits.read(2);
      if ((seen >> type & 1) != 0) throw bits.broken("a transform occurs twice");
      seen |= 1 << type;
      var transform = transform(type, bits, codedWidth);
      transforms.add(transform);
      codedWidth = transform.width(codedWidth);
    }
    coded = CodedPixels.read(bits, codedWidth, height, true);
  }

  private LosslessTransform transform(int type, BitReader bits, int width) {
    return switch (type) {
      case PREDICTOR, COLOUR -> {
        int shift = 2 + bits.read(3);
        int[] blocks = CodedPixels.read(bits, Blocks.count(width, shift), Blocks.count(height, shift), false).decode();
        yield type == PREDICTOR ? new PredictorTransform(blocks, shift) : new ColourTransform(blocks, shift);
      }
      case GREEN -> new GreenTransform();
      default -> PaletteTransform.of(CodedPixels.read(bits, 1 + bits.read(8), 1, false).decode());
    };
  }

  /// The red, green and blue, `[height][width][3]`, of the picture at `[from, to)` of `bytes`; alpha is dropped. Takes 7 bytes of
  /// memory per pixel, or 11 with a palette of few colours; a caller first checks the size in the [LosslessHeader].
  ///
  /// @throws WebpException if the picture is broken or truncated
  static byte[] decode(byte[] bytes, int from, int to) {
    var header = LosslessHeader.read(bytes, from, to);
    var bits = new BitReader(bytes, from, to);
    for (int i = 0; i < LosslessHeader.BYTES; i++) bits.read(8);
    var decoder = new LosslessDecoder(bits, header.width(), header.height());
    return rgb(decoder.undo(decoder.coded.decode()));
  }

  private int[] undo(int[] pixels) {
    for (int i = transforms.size() - 1; i >= 0; i--) {
      int before = width;
      for (var transform : transforms.subList(0, i)) before = transform.width(before);
      pixels = transforms.get(i).undo(pixels, before, height);
    }
    return pixels;
  }

  private static byte[] rgb(int[] pixels) {
    var rgb = new byte[3 * pixels.length];
    for (int i = 0, to = 0; i < pixels.length; i++) {
      rgb[to++] = (byte) (pixels[i] >> 16);
      rgb[to++] = (byte) (pixels[i] >> 8);
      rgb[to++] = (byte) pixels[i];
    }
    return rgb;
  }

  /// Rejects an alpha plane that libwebp rejects: pixels without a header, of which only green is used.
  ///
  /// @throws WebpException if the pixels are broken or truncated
  static void checkAlpha(byte[] bytes, int from, int to, int width, int height) {
    var decoder = new LosslessDecoder(new BitReader(bytes, from, to), width, height);
    // For this case libwebp has separate code, which does not detect missing bits of the last pixel.
    boolean isPlain = decoder.transforms.size() == 1 && decoder.transforms.getFirst() instanceof PaletteTransform
        && decoder.coded.isGreenOnly();
    if (isPlain) decoder.coded.decodeUpToEnd();
    else decoder.coded.decode();
  }
}
