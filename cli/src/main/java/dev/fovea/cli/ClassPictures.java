package dev.fovea.cli;

import dev.fovea.engine.image.BitmapFont;
import dev.fovea.engine.image.Picture;
import dev.fovea.models.Segmentation;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.util.List;
import java.util.Locale;

/// Draws class maps and overlays.
final class ClassPictures {
  private static final int PALETTE_COLOURS = 256;
  private static final int BYTE_BITS = 8;
  /// Largest number of classes in a legend.
  private static final int NAMED = 24;
  /// Side of a picture, in pixels, for which the legend has its smallest readable size.
  private static final int SMALL = 400;
  private static final int PAPER = 0xffffff, INK = 0x202020;

  private ClassPictures() {}

  /// The class indices: 8 bits with the palette, or 16-bit grey for more than 256 classes.
  static BufferedImage map(Segmentation s, List<Integer> palette) {
    var image = palette.size() > PALETTE_COLOURS ? new BufferedImage(s.width(), s.height(), BufferedImage.TYPE_USHORT_GRAY)
        : new BufferedImage(s.width(), s.height(), BufferedImage.TYPE_BYTE_INDEXED, colours(palette));
    var row = new int[s.width()];
    for (int y = 0; y < s.height(); y++) {
      for (int x = 0; x < s.width(); x++) row[x] = s.at(x, y);
      image.getRaster().setSamples(0, y, s.width(), 1, 0, row);
    }
    return image;
  }

  /// Always 8 bits per pixel, so that readers find indices at the same place for any number of classes.
  private static IndexColorModel colours(List<Integer> palette) {
    var colours = palette.stream().mapToInt(Integer::intValue).toArray();
    return new IndexColorModel(BYTE_BITS, colours.length, colours, 0, false, -1, DataBuffer.TYPE_BYTE);
  }

  /// The class colours over the picture.
  ///
  /// @param opacity of the colours, in `[0, 1]`
  /// @param legend whether the classes are named at the right
  static BufferedImage overlay(Picture picture, Segmentation s, List<Integer> palette, double opacity, boolean legend) {
    if (!legend) return blended(picture, s, palette, opacity, s.width(), s.height());
    int scale = Math.max(1, (int) Math.round((double) Math.min(s.width(), s.height()) / SMALL));
    var lines = lines(s);
    int line = scale * (BitmapFont.HEIGHT + 4), margin = 4 * scale;
    int width = 3 * margin + line + lines.stream().mapToInt(text -> BitmapFont.width(text, scale)).max().orElse(0);
    int height = Math.max(s.height(), 2 * margin + line * lines.size());
    var image = blended(picture, s, palette, opacity, s.width() + width, height);
    for (int i = 0, y = margin; i < lines.size(); i++, y += line) {
      if (i < named(s)) fill(image, s.width() + margin, y, line - scale, line - scale, palette.get(s.shares().get(i).index()));
      BitmapFont.draw(image, lines.get(i), s.width() + 2 * margin + line, y + 2 * scale, scale, INK);
    }
    return image;
  }

  private static int named(Segmentation s) {
    return Math.min(NAMED, s.shares().size());
  }

  private static List<String> lines(Segmentation s) {
    var lines = new java.util.ArrayList<String>();
    for (var c : s.shares().subList(0, named(s))) lines.add(String.format(Locale.ROOT, "%s %.1f %%", c.label(), 100 * c.share()));
    if (named(s) < s.shares().size()) lines.add("and " + (s.shares().size() - named(s)) + " more");
    return lines;
  }

  private static BufferedImage blended(Picture picture, Segmentation s, List<Integer> palette, double opacity, int width,
      int height) {
    var image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    fill(image, 0, 0, width, height, PAPER);
    var row = new int[s.width()];
    for (int y = 0; y < s.height(); y++) {
      for (int x = 0; x < s.width(); x++) row[x] = blend(picture.rgb(), 3 * (y * s.width() + x), palette.get(s.at(x, y)), opacity);
      image.setRGB(0, y, s.width(), 1, row, 0, s.width());
    }
    return image;
  }

  private static int blend(byte[] rgb, int at, int colour, double opacity) {
    int blended = 0;
    for (int c = 0; c < 3; c++) {
      int below = rgb[at + c] & 0xff, above = colour >> 16 - 8 * c & 0xff;
      blended = blended << 8 | (int) Math.round(below + (above - below) * opacity);
    }
    return blended;
  }

  private static void fill(BufferedImage image, int left, int top, int width, int height, int colour) {
    for (int y = top; y < top + height; y++) for (int x = left; x < left + width; x++) image.setRGB(x, y, colour);
  }
}
