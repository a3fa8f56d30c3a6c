package dev.fovea.models.explain;

import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// How the logits of labels change if parts of a picture are hidden (Zeiler and Fergus, "Visualizing and Understanding
/// Convolutional Networks", 2014, section 4.2).
final class Effects {
  /// Parts across and down, of one or more patches each.
  private static final int MOST = 8;
  private static final int BATCH = 8;

  private Effects() {}

  /// @param words the labels' embeddings, `[labels, D]`
  /// @param logits of the whole picture
  static List<Explanation.Effect> of(OpenModel model, ShownInputs shown, List<String> labels, float[] words, float[] logits,
      Progress progress) {
    var joins = (JoinsPicturesAndText) model.model();
    var image = shown.inputs().get(Model.PIXEL_VALUES);
    int patch = ((EmbedsPictures) model.model()).patchSize(), height = image.shape()[2], width = image.shape()[3];
    int part = patch * Math.ceilDiv(Math.ceilDiv(Math.max(height, width), patch), MOST);
    int rows = Math.ceilDiv(height, part), cols = Math.ceilDiv(width, part), count = labels.size();
    var falls = new float[count][rows * cols];
    for (int from = 0; from < rows * cols; from += BATCH) {
      int batch = Math.min(BATCH, rows * cols - from), size = image.values().length, before = from;
      var pictures = new float[batch * size];
      for (int i = 0; i < batch; i++) {
        System.arraycopy(image.values(), 0, pictures, i * size, size);
        hide(pictures, i * size, height, width, (from + i) / cols * part, (from + i) % cols * part, part);
      }
      var inputs = Map.of("images", new OpenModel.Input(pictures, batch, 3, height, width), "words",
          new OpenModel.Input(words, count, words.length / count));
      var hidden = model.run("effects", inputs, given -> List.of(joins.logits(joins.imageEmbeds(given.get("images")),
          given.get("words"))), (done, total) -> progress.advanced(before * total + batch * done, (long) rows * cols * total))
          .getFirst();
      for (int i = 0; i < batch; i++)
        for (int label = 0; label < count; label++) falls[label][from + i] = logits[label] - hidden[i * count + label];
    }
    var effects = new ArrayList<Explanation.Effect>();
    for (int label = 0; label < count; label++)
      effects.add(new Explanation.Effect(labels.get(label), logits[label], rows, cols, falls[label]));
    return effects;
  }

  /// 0 is the mean colour after preprocessing.
  private static void hide(float[] pictures, int at, int height, int width, int top, int left, int part) {
    for (int c = 0; c < 3; c++)
      for (int y = top; y < Math.min(height, top + part); y++) {
        int row = at + (c * height + y) * width;
        Arrays.fill(pictures, row + left, row + Math.min(width, left + part), 0);
      }
  }
}
