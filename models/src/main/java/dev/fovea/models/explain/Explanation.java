package dev.fovea.models.explain;

import dev.fovea.engine.image.Picture;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.models.Classification;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// What a model attended to in one pass, and what it has learnt to look at. Parts that a model does not have are null or empty.
///
/// @param view the picture as the model got it, resized and cropped; null for texts
/// @param answers what the model answered, best first
/// @param maps all attention layers, in the order of the pass
/// @param chains the encoders of tokens that all layers have in common
/// @param operands what one attention layer computed with
/// @param positions cosines of the learnt positions of patches with one another
/// @param filters the learnt filters of patches
/// @param features the patches' features at the end
/// @param effects how much each part of the picture moves a score
/// @param samples the points at which a detector sampled the picture
/// @param text the model's own words, or the text it read; empty if there is none
/// @param notes what was left out or changed, a sentence each
public record Explanation(@Nullable Picture view, List<Classification> answers, List<HeadMaps> maps, List<Chain> chains,
    @Nullable Operands operands, @Nullable Similarities positions, @Nullable Filters filters, @Nullable Features features,
    List<Effect> effects, List<Samples> samples, String text, List<String> notes) {
  public Explanation {
    answers = List.copyOf(Objects.requireNonNull(answers, "answers"));
    maps = List.copyOf(Objects.requireNonNull(maps, "maps"));
    chains = List.copyOf(Objects.requireNonNull(chains, "chains"));
    effects = List.copyOf(Objects.requireNonNull(effects, "effects"));
    samples = List.copyOf(Objects.requireNonNull(samples, "samples"));
    Objects.requireNonNull(text, "text");
    notes = List.copyOf(Objects.requireNonNull(notes, "notes"));
  }

  /// The same with these effects.
  Explanation withEffects(List<Effect> effects) {
    return new Explanation(view, answers, maps, chains, operands, positions, filters, features, effects, samples, text, notes);
  }

  /// What an attention layer computed with: `softmax(q · kᵀ / √D) · v` of each head.
  ///
  /// @param name of the layer
  /// @param heads H
  /// @param depth D
  /// @param q `[H, queries, D]`
  /// @param k `[H, keys, D]`
  /// @param v `[H, keys, D]`
  public record Operands(String name, int heads, int depth, Tokens queries, Tokens keys, float[] q, float[] k, float[] v) {
    public Operands {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(queries, "queries");
      Objects.requireNonNull(keys, "keys");
      Objects.requireNonNull(q, "q");
      Objects.requireNonNull(k, "k");
      Objects.requireNonNull(v, "v");
    }

    /// Whether the queries and keys alone give the first head's map, in its first and last row: not so with a mask.
    boolean give(float[] map) {
      int count = keys.count(), last = queries.count() - 1;
      for (int i : new int[] {0, last}) {
        var weights = new double[count];
        double most = Double.NEGATIVE_INFINITY, sum = 0;
        for (int j = 0; j < count; j++) {
          for (int d = 0; d < depth; d++) weights[j] += (double) q[i * depth + d] * k[j * depth + d];
          weights[j] /= Math.sqrt(depth);
          most = Math.max(most, weights[j]);
        }
        for (double score : weights) sum += Math.exp(score - most);
        for (int j = 0; j < count; j++)
          if (Math.abs(Math.exp(weights[j] - most) / sum - map[i * count + j]) > 1e-3) return false;
      }
      return true;
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {name, heads, depth, queries, keys, q, k, v};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Operands o && Arrays.deepEquals(parts(), o.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return name + ": q [" + heads + ", " + queries.count() + ", " + depth + "], k and v ["
          + heads + ", " + keys.count() + ", " + depth + "]";
    }
  }

  /// Cosines of the vectors of a grid's cells with one another.
  ///
  /// @param block rows and columns of the model's cells that are one cell here, with the mean of their vectors; 1 if each is one
  /// @param cosines `[rows · cols, rows · cols]`
  public record Similarities(int rows, int cols, int block, float[] cosines) {
    public Similarities {
      Objects.requireNonNull(cosines, "cosines");
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {rows, cols, block, cosines};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Similarities s && Arrays.deepEquals(parts(), s.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return "cosines of " + rows + "x" + cols + " cells, each " + block + "x" + block + " of the model's";
    }
  }

  /// The first principal components of the filters that make a token of a patch, each as a picture (Dosovitskiy et al., 2021,
  /// figure 7).
  ///
  /// @param size rows and columns of a patch
  /// @param shares of the filters' variance, one for each component
  /// @param components `[count, channels, size, size]`
  public record Filters(int size, int channels, double[] shares, float[] components) {
    public Filters {
      Objects.requireNonNull(shares, "shares");
      Objects.requireNonNull(components, "components");
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {size, channels, shares, components};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Filters f && Arrays.deepEquals(parts(), f.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return components.length / (channels * size * size) + " components of filters [" + channels + ", " + size + ", " + size + "]";
    }
  }

  /// The features of the patches after the last block and its norm.
  ///
  /// @param components the first three principal components of each patch, `[rows · cols, 3]`
  /// @param shares of the variance, one for each component
  /// @param similarities of the patches
  public record Features(int rows, int cols, float[] components, double[] shares, Similarities similarities) {
    public Features {
      Objects.requireNonNull(components, "components");
      Objects.requireNonNull(shares, "shares");
      Objects.requireNonNull(similarities, "similarities");
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {rows, cols, components, shares, similarities};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Features f && Arrays.deepEquals(parts(), f.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return "features of " + rows + "x" + cols + " patches, shares of the variance " + Arrays.toString(shares);
    }
  }

  /// How much a score falls if a part of the picture is hidden under the mean colour of the pictures the model was trained with.
  ///
  /// @param label whose score it is
  /// @param score of the whole picture, before it becomes a probability
  /// @param falls `[rows · cols]`: the score minus that with the part hidden
  public record Effect(String label, float score, int rows, int cols, float[] falls) {
    public Effect {
      Objects.requireNonNull(label, "label");
      Objects.requireNonNull(falls, "falls");
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {label, score, rows, cols, falls};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Effect e && Arrays.deepEquals(parts(), e.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return label + ": score " + score + ", " + rows + "x" + cols + " parts hidden";
    }
  }

  /// The points at which deformable attention sampled the picture for a found thing.
  ///
  /// @param name of the layer
  /// @param label of the thing
  /// @param box its corners as shares of the picture: left, top, right, bottom
  /// @param points `[count, 2]`, x and y as shares of the picture
  /// @param weights `[count]`, which sum to 1 for each head
  public record Samples(String name, String label, float[] box, float[] points, float[] weights) {
    public Samples {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(label, "label");
      Objects.requireNonNull(box, "box");
      Objects.requireNonNull(points, "points");
      Objects.requireNonNull(weights, "weights");
    }

    /// All components, arrays among them.
    private Object[] parts() {
      return new Object[] {name, label, box, points, weights};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Samples s && Arrays.deepEquals(parts(), s.parts());
    }

    @Override
    public int hashCode() {
      return Arrays.deepHashCode(parts());
    }

    @Override
    public String toString() {
      return name + ": " + label + ", " + weights.length + " points";
    }
  }
}
