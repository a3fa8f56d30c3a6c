package dev.fovea.models.grounding;

import dev.fovea.kernels.MapSize;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.stream.IntStream;

/// What depends only on the sizes of a picture's maps and on their padding (ref: transformers
/// `models/grounding_dino/modeling_grounding_dino.py`, `GroundingDinoSinePositionEmbedding`, `get_reference_points`,
/// `get_valid_ratio`, `generate_encoder_output_proposals`).
///
/// Shapes: L maps, S positions of all maps, C channels.
///
/// @param sizes of the maps, from the finest to the coarsest
/// @param visible for each map whether its positions, row by row, belong to the picture
record MapGeometry(List<MapSize> sizes, List<boolean[]> visible) {
  /// The side of the proposed boxes of the finest map, as a share of the picture's; each further map has twice as large ones.
  private static final double SIDE = 0.05;
  /// Centres of proposed boxes, as shares of the picture's sides, lie between these.
  private static final double LEAST = 0.01, MOST = 0.99;
  private static final double EPS = 1e-6;

  /// The geometry of a picture without padding.
  static MapGeometry whole(List<MapSize> sizes) {
    return new MapGeometry(sizes, sizes.stream().map(size -> {
      var all = new boolean[size.height() * size.width()];
      Arrays.fill(all, true);
      return all;
    }).toList());
  }

  /// The geometry of a padded picture. A position of a map is visible if the nearest pixel, as in PyTorch's
  /// `interpolate(mode="nearest")`, is.
  ///
  /// @param mask `[height, width]` from `from` on: 0 for pixels, `-∞` for padding
  static MapGeometry padded(List<MapSize> sizes, float[] mask, int from, int height, int width) {
    return new MapGeometry(sizes, sizes.stream().map(size -> {
      var visible = new boolean[size.height() * size.width()];
      for (int y = 0; y < size.height(); y++)
        for (int x = 0; x < size.width(); x++)
          visible[y * size.width() + x] = mask[from + nearest(y, size.height(), height) * width
              + nearest(x, size.width(), width)] == 0;
      return visible;
    }).toList());
  }

  private static int nearest(int i, int out, int in) {
    return Math.min(in - 1, (int) (i * ((float) in / out)));
  }

  /// Whether each map has a visible position in its first row and in its first column.
  boolean isAnythingVisible() {
    return IntStream.range(0, sizes.size()).allMatch(level -> shareOfWidth(level) > 0 && shareOfHeight(level) > 0);
  }

  /// `S`.
  int positions() {
    return Math.toIntExact(MapSize.cells(sizes));
  }

  /// Sines and cosines of each position's place in the visible part: `[S, C]`, half of the channels for y, then those for x.
  float[] embeddings(int channels, double temperature) {
    int half = channels / 2, at = 0;
    var known = new HashMap<Double, float[]>();
    var embeddings = new float[positions() * channels];
    for (int level = 0; level < sizes.size(); level++) {
      int height = sizes.get(level).height(), width = sizes.get(level).width();
      var seen = visible.get(level);
      var rows = counted(seen, height, width, width, 1);
      var cols = counted(seen, width, height, 1, width);
      for (int i = 0; i < height * width; i++, at += channels) {
        var row = known.computeIfAbsent(rows[i], share -> SineEmbedding.of(share * 2 * Math.PI, temperature, half));
        var col = known.computeIfAbsent(cols[i], share -> SineEmbedding.of(share * 2 * Math.PI, temperature, half));
        System.arraycopy(row, 0, embeddings, at, half);
        System.arraycopy(col, 0, embeddings, at + half, half);
      }
    }
    return embeddings;
  }

  /// For each position the number of visible ones up to it in its line, as a share of those of the whole line.
  ///
  /// @param step distance of the positions of a line
  /// @param next distance of the lines
  private static double[] counted(boolean[] seen, int length, int lines, int step, int next) {
    var shares = new double[seen.length];
    for (int line = 0; line < lines; line++) {
      int all = 0;
      for (int i = 0; i < length; i++) if (seen[line * next + i * step]) all++;
      int count = 0;
      for (int i = 0; i < length; i++) {
        int at = line * next + i * step;
        if (seen[at]) count++;
        shares[at] = count / (all + EPS);
      }
    }
    return shares;
  }

  /// The visible share of a map's width, in its first row.
  private double shareOfWidth(int level) {
    int width = sizes.get(level).width(), count = 0;
    for (int x = 0; x < width; x++) if (visible.get(level)[x]) count++;
    return (double) count / width;
  }

  /// The visible share of a map's height, in its first column.
  private double shareOfHeight(int level) {
    int width = sizes.get(level).width(), height = sizes.get(level).height(), count = 0;
    for (int y = 0; y < height; y++) if (visible.get(level)[y * width]) count++;
    return (double) count / height;
  }

  /// The visible shares of the maps' width and height, twice: `[L, 4]`, by which boxes of the picture become boxes of the maps.
  float[] shares() {
    var shares = new float[4 * sizes.size()];
    for (int i = 0; i < shares.length; i++) shares[i] = (float) (i % 2 == 0 ? shareOfWidth(i / 4) : shareOfHeight(i / 4));
    return shares;
  }

  /// The place of each position in each map, as shares (x, y) of the map's width and height: `[S, L, 2]`.
  float[] references() {
    int count = sizes.size(), at = 0;
    var references = new float[positions() * count * 2];
    var shares = shares();
    for (int level = 0; level < count; level++) {
      int height = sizes.get(level).height(), width = sizes.get(level).width();
      double wide = shareOfWidth(level) * width, high = shareOfHeight(level) * height;
      for (int i = 0; i < height * width; i++)
        for (int to = 0; to < count; to++) {
          references[at++] = (float) ((i % width + 0.5) / wide * shares[4 * to]);
          references[at++] = (float) ((i / width + 0.5) / high * shares[4 * to + 1]);
        }
    }
    return references;
  }

  /// A box around each position, as logits of its centre, width and height: `[S, 4]`; infinite for those that are not
  /// [#kept()].
  float[] proposals() {
    int at = 0;
    var proposals = new float[positions() * 4];
    for (int level = 0; level < sizes.size(); level++)
      for (int i = 0; i < visible.get(level).length; i++, at += 4) {
        var box = box(level, i);
        boolean isKept = isKept(level, i, box);
        for (int c = 0; c < 4; c++)
          proposals[at + c] = isKept ? (float) Math.log(box[c] / (1 - box[c])) : Float.POSITIVE_INFINITY;
      }
    return proposals;
  }

  /// Which positions are visible and have a box whose centre is not at the border of the picture: `[S]`, 1 or 0.
  float[] kept() {
    int at = 0;
    var kept = new float[positions()];
    for (int level = 0; level < sizes.size(); level++)
      for (int i = 0; i < visible.get(level).length; i++) kept[at++] = isKept(level, i, box(level, i)) ? 1 : 0;
    return kept;
  }

  private double[] box(int level, int i) {
    int width = sizes.get(level).width(), height = sizes.get(level).height();
    double side = SIDE * (1 << level);
    return new double[] {(i % width + 0.5) / (shareOfWidth(level) * width), (i / width + 0.5) / (shareOfHeight(level) * height),
        side, side};
  }

  private boolean isKept(int level, int i, double[] box) {
    return visible.get(level)[i] && Arrays.stream(box).allMatch(share -> share > LEAST && share < MOST);
  }

  /// Terms added to the scores of the positions: `[S]`, 0 or `-∞` for padding.
  float[] hidden() {
    int at = 0;
    var hidden = new float[positions()];
    for (var seen : visible) for (boolean is : seen) hidden[at++] = is ? 0 : Float.NEGATIVE_INFINITY;
    return hidden;
  }
}
