package dev.fovea.models.explain;

import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.Preprocessing;
import dev.fovea.engine.text.Encoding;
import dev.fovea.engine.text.Tokenizer;
import dev.fovea.models.DetectionPrompt;
import dev.fovea.models.DetectsPhrases;
import dev.fovea.models.EmbedsPictures;
import dev.fovea.models.JoinsPicturesAndText;
import dev.fovea.models.Model;
import dev.fovea.models.OpenModel;
import dev.fovea.models.PictureEmbedder;
import dev.fovea.models.TakesPrompts;
import dev.fovea.models.sam.Prompt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The inputs of a pass.
///
/// @param view the picture as the model gets it; null if there is none
/// @param words the tokens of each text, or the names of the points; empty if there are neither
/// @param answered a question and its answer; null if there is none
record ShownInputs(Map<String, OpenModel.Input> inputs, @Nullable Picture view, List<List<String>> words,
    @Nullable Answered answered) {
  private static final String POINT = "point";

  /// @throws IllegalArgumentException if the model takes something else
  static ShownInputs of(OpenModel model, Subject subject, int size) {
    var inputs = new HashMap<String, OpenModel.Input>();
    var needed = model.model().inputs(1, 0).keySet();
    Picture view = null;
    if (needed.contains(Model.PIXEL_VALUES)) {
      if (subject.picture() == null) throw new IllegalArgumentException("expected a picture, got none");
      var header = model.header().preprocessing();
      var preprocessing = sized(model, Preprocessing.of(header), subject.picture(), size);
      var pixels = preprocessing.apply(subject.picture(), 1);
      view = view(subject.picture().name(), pixels, header);
      inputs.put(Model.PIXEL_VALUES, new OpenModel.Input(pixels.values(), 1, 3, pixels.height(), pixels.width()));
      addPoints(model, subject, preprocessing, inputs);
    } else if (subject.picture() != null) {
      throw new IllegalArgumentException("expected texts, got a picture");
    }
    if (!needed.contains(Model.INPUT_IDS)) {
      if (!subject.texts().isEmpty()) throw new IllegalArgumentException("expected no text for this model");
      var points = subject.points().stream().map(p -> String.format(Locale.ROOT, "point %.0f,%.0f", p.x(), p.y())).toList();
      return new ShownInputs(inputs, view, points.isEmpty() ? List.of() : List.of(points), null);
    }
    return new ShownInputs(inputs, view, addTexts(model, subject, needed.contains(Model.TOKEN_TYPE_IDS), inputs), null);
  }

  private static Preprocessing sized(OpenModel model, Preprocessing preprocessing, Picture picture, int size) {
    if (size == 0) return preprocessing;
    if (!(model.model() instanceof EmbedsPictures embeds))
      throw new IllegalArgumentException("size: expected none for this model, whose pictures have one");
    int patch = embeds.patchSize();
    if (size % patch != 0 || size > PictureEmbedder.MAX_SIZE)
      throw new IllegalArgumentException("size: expected a multiple of the patch size " + patch + ", at most "
          + PictureEmbedder.MAX_SIZE + ", got " + size);
    return preprocessing.atShorterSide(picture, size, patch);
  }

  private static List<List<String>> addTexts(OpenModel model, Subject subject, boolean typed, Map<String, OpenModel.Input> inputs) {
    if (subject.texts().isEmpty()) throw new IllegalArgumentException("expected a text, got none");
    var tokenizer = model.tokenizer();
    int length = 0, pad = 0;
    var texts = subject.texts();
    if (model.model() instanceof DetectsPhrases)
      texts = List.of((texts.size() == 1 ? DetectionPrompt.of(texts.getFirst()) : DetectionPrompt.labels(texts)).text());
    else if (model.model() instanceof JoinsPicturesAndText joins && joins.fillsUpWith() >= 0) {
      length = joins.maxTokens();
      pad = joins.fillsUpWith();
    } else if (!(model.model() instanceof JoinsPicturesAndText) && texts.size() > 1)
      throw new IllegalArgumentException("expected one text, got " + texts.size());
    var encodings = texts.stream().map(tokenizer::encode).toList();
    require(model, texts, encodings);
    add(encodings, Math.max(length, encodings.stream().mapToInt(Encoding::length).max().orElseThrow()), pad, typed, inputs);
    int all = inputs.get(Model.INPUT_IDS).shape()[1];
    return encodings.stream().map(encoding -> names(encoding, all, tokenizer)).toList();
  }

  private static void require(OpenModel model, List<String> texts, List<Encoding> encodings) {
    int most = switch (model.model()) {
      case JoinsPicturesAndText joins -> joins.maxTokens();
      case DetectsPhrases detects -> detects.maxTokens();
      default -> model.model().inputs(1, 0).get(Model.INPUT_IDS).shape()[1];
    };
    for (int i = 0; i < texts.size(); i++) {
      int length = encodings.get(i).length();
      if (length == 0 || length > most)
        throw new IllegalArgumentException("text '" + texts.get(i) + "': expected 1 to " + most + " tokens, got " + length);
    }
  }

  private static void add(List<Encoding> encodings, int length, int pad, boolean typed, Map<String, OpenModel.Input> inputs) {
    int texts = encodings.size();
    float[] ids = new float[texts * length], mask = new float[ids.length], types = new float[ids.length];
    Arrays.fill(ids, pad);
    Arrays.fill(mask, Float.NEGATIVE_INFINITY);
    for (int t = 0; t < texts; t++)
      for (int i = 0; i < encodings.get(t).length(); i++) {
        int to = t * length + i;
        ids[to] = encodings.get(t).ids()[i];
        mask[to] = 0;
        types[to] = encodings.get(t).typeIds()[i];
      }
    inputs.put(Model.INPUT_IDS, new OpenModel.Input(ids, texts, length));
    inputs.put(Model.ATTENTION_MASK, new OpenModel.Input(mask, texts, length));
    if (typed) inputs.put(Model.TOKEN_TYPE_IDS, new OpenModel.Input(types, texts, length));
  }

  private static List<String> names(Encoding encoding, int length, Tokenizer tokenizer) {
    var names = new ArrayList<String>();
    for (int i = 0; i < length; i++)
      names.add(i >= encoding.length() ? "(padding)" : name(tokenizer, encoding.ids()[i]));
    return names;
  }

  /// The text of a token, white space as `␣` and `⏎`; its name in the vocabulary if it is no text alone.
  static String name(Tokenizer tokenizer, int id) {
    var text = tokenizer.decode(new int[] {id}, false);
    if (text.isEmpty() || text.indexOf('\uFFFD') >= 0) return String.valueOf(tokenizer.token(id));
    return text.isBlank() ? text.replace(' ', '␣').replace("\n", "⏎") : text;
  }

  private static void addPoints(OpenModel model, Subject subject, Preprocessing preprocessing,
      Map<String, OpenModel.Input> inputs) {
    var points = subject.points();
    if (model.model() instanceof TakesPrompts == points.isEmpty())
      throw new IllegalArgumentException(points.isEmpty() ? "expected a point on the picture, got none"
          : "expected no point for this model");
    if (points.isEmpty()) return;
    var picture = subject.picture();
    var to = preprocessing.resizedSize(picture.width(), picture.height());
    float[] places = new float[2 * points.size()], labels = new float[points.size()];
    for (int i = 0; i < labels.length; i++) {
      Prompt.Point p = points.get(i);
      if (!(p.x() >= 0 && p.x() <= picture.width() && p.y() >= 0 && p.y() <= picture.height()))
        throw new IllegalArgumentException("point " + p.x() + "," + p.y() + ": expected a place in the picture of "
            + picture.width() + "x" + picture.height());
      places[2 * i] = p.x() * to.width() / picture.width();
      places[2 * i + 1] = p.y() * to.height() / picture.height();
      labels[i] = p.foreground() ? 1 : 0;
    }
    inputs.put(POINT + ".input_points", new OpenModel.Input(places, 1, 1, labels.length, 2));
    inputs.put(POINT + ".input_labels", new OpenModel.Input(labels, 1, 1, labels.length));
  }

  /// A picture of prepared samples.
  static Picture view(String name, Preprocessing.Pixels pixels, JsonFields header) {
    float rescale = header.bool("do_rescale", true) ? header.number("rescale_factor", 1 / 255f) : 1;
    boolean normal = header.bool("do_normalize", true);
    float[] mean = normal ? header.numbers("image_mean") : new float[3];
    float[] std = normal ? header.numbers("image_std") : new float[] {1, 1, 1};
    int size = pixels.height() * pixels.width();
    var rgb = new byte[3 * size];
    for (int i = 0; i < size; i++)
      for (int c = 0; c < 3; c++)
        rgb[3 * i + c] = (byte) Math.clamp(Math.round((pixels.values()[c * size + i] * std[c] + mean[c]) / rescale), 0, 255);
    return new Picture(name, pixels.width(), pixels.height(), rgb);
  }
}
