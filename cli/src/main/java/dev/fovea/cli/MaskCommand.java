package dev.fovea.cli;

import com.google.common.primitives.Floats;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.Contours;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.MaskPainter;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.models.sam.AutomaticMasks;
import dev.fovea.models.sam.MaskPrediction;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import dev.fovea.models.sam.SamSession;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.IntStream;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "mask", description = "Find the mask of what points, a box or a rough mask mean, or the masks of everything.",
    footer = "%nCoordinates count the picture's pixels from its upper left corner.")
final class MaskCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL",
      description = "A Segment Anything model, as a file or as its published checkpoint.")
  private Path model;

  @Parameters(index = "1", paramLabel = "IMAGE", description = "A picture, or - for stdin.")
  private String image;

  @Option(names = "--point", paramLabel = "X,Y", description = "A point on the object; may be given several times.")
  private List<String> points = List.of();

  @Option(names = "--not", paramLabel = "X,Y", description = "A point that is not on the object; may be given several times.")
  private List<String> not = List.of();

  @Option(names = "--box", paramLabel = "X0,Y0,X1,Y1", description = "A box around the object.")
  private String box;

  @Option(names = "--mask", paramLabel = "FILE",
      description = "A rough mask of the object: a picture of the same size, white inside.")
  private Path mask;

  @Option(names = "--all", description = "All three masks of an ambiguous prompt instead of the best.")
  private boolean all;

  @Option(names = "--everything", description = "The masks of everything in the picture.")
  private boolean everything;

  @Option(names = "--embedding", paramLabel = "FILE",
      description = "Where the picture's embedding is: read where the file exists, else written, so that the heavy part is done"
          + " once.")
  private Path embedding;

  @ArgGroup(exclusive = false, heading = "With --everything:%n")
  private Grid grid = new Grid();

  static final class Grid {
    @Option(names = "--points-per-side", paramLabel = "N", defaultValue = "32",
        description = "Points across and down (default: 32).")
    private int pointsPerSide = 32;

    @Option(names = "--min-iou", paramLabel = "X", defaultValue = "0.88",
        description = "Least predicted IoU of a mask (default: 0.88).")
    private double minIou = 0.88;

    @Option(names = "--min-stability", paramLabel = "X", defaultValue = "0.95",
        description = "Least stability of a mask (default: 0.95).")
    private double minStability = 0.95;

    @Option(names = "--box-nms", paramLabel = "X", defaultValue = "0.7",
        description = "Of masks whose boxes agree better, one stays (default: 0.7).")
    private double boxNms = 0.7;

    @Option(names = "--crop-layers", paramLabel = "N", defaultValue = "0",
        description = "Ask again in parts of the picture, 4 to the power of 1 to N (default: 0).")
    private int cropLayers;

    @Option(names = "--min-area", paramLabel = "PIXELS", defaultValue = "0",
        description = "Remove smaller islands and fill smaller holes (default: 0, none).")
    private int minArea;

    private AutomaticMasks.Settings settings() {
      var d = AutomaticMasks.Settings.DEFAULT;
      try {
        return new AutomaticMasks.Settings(pointsPerSide, minIou, minStability, d.stabilityOffset(), boxNms, cropLayers,
            d.cropNms(),
            d.cropOverlap(), d.cropPointsDownscale(), minArea);
      } catch (IllegalArgumentException e) {
        throw new Fovea.UsageException("--everything: " + e.getMessage());
      }
    }
  }

  /// The form of a picture of masks.
  enum Form {
    OVERLAY, CUTOUT, BINARY
  }

  @Option(names = "--form", paramLabel = "NAME", defaultValue = "overlay",
      description = "What is written to FILE: overlay, cutout (transparent outside) or binary (default: overlay).")
  private Form form;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON, with COCO's run lengths.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE.png", description = "Where to write a picture of the masks.")
  private Path output;

  private record Answer(float predicted_iou, long area, float[] bbox, Coco.Runs segmentation, List<int[]> polygons) {}

  private record Answers(String image, int width, int height, List<Answer> masks) {}

  private Outputs outputs;

  private record Annotation(int id, int image_id, int category_id, int iscrowd, Coco.Runs segmentation, long area, float[] bbox,
      float predicted_iou, double stability_score, float[][] point_coords, float[] crop_box) {}

  @Override
  public Integer call() {
    boolean asks = !points.isEmpty() || !not.isEmpty() || box != null || mask != null;
    if (everything == asks)
      throw new Fovea.UsageException(everything ? "--everything: expected no --point, --not, --box or --mask beside it"
          : "expected --point, --not, --box, --mask or --everything");
    if (everything && (all || embedding != null))
      throw new Fovea.UsageException("--everything: expected no --all or --embedding beside it");
    Outputs.requirePng("-o", output);
    var prompt = everything ? null : prompt();
    var settings = grid.settings();
    outputs = outputs();
    outputs.require();
    var picture = PictureInputs.one(image);
    try (var kernels = kernelOptions.open(); var predictor = MaskPredictor.of(modelOptions.open(model), kernels);
        var bar = new Terminal.ProgressBar()) {
      if (everything) everything(predictor, settings, picture, bar);
      else answer(predictor, prompt, picture, bar);
    } catch (InputException e) {
      throw new ImageException(image + ": " + e.getMessage(), e);
    }
    return Fovea.GOOD;
  }

  /// All output files; of numbered ones, the first and those that exist.
  private Outputs outputs() {
    boolean knows = embedding != null && Files.exists(embedding);
    var written = new ArrayList<Path>();
    if (output != null && isNumbered()) written.addAll(numbered().known());
    else if (output != null) written.add(output);
    if (embedding != null && !knows) written.add(embedding);
    var picture = image.equals(PictureInputs.STDIN) ? PictureInputs.STDIN_FILE : Path.of(image);
    return Outputs.of(written).readingModel(model).reading(picture, mask, knows ? embedding : null);
  }

  /// Whether each mask has a file of its own.
  private boolean isNumbered() {
    return form != Form.OVERLAY && (all || everything);
  }

  private NumberedFiles numbered() {
    return NumberedFiles.of("-o", output, "masks");
  }

  private Prompt prompt() {
    var prompt = Prompt.NOTHING;
    for (var text : points) {
      var point = numbers("--point", text, 2);
      prompt = prompt.and(point[0], point[1]);
    }
    for (var text : not) {
      var point = numbers("--not", text, 2);
      prompt = prompt.not(point[0], point[1]);
    }
    if (box == null) return prompt;
    var corners = numbers("--box", box, 4);
    return prompt.within(corners[0], corners[1], corners[2], corners[3]);
  }

  private static float[] numbers(String option, String text, int count) {
    var numbers = Arrays.stream(text.split(",", -1)).map(part -> Floats.tryParse(part.strip())).toList();
    if (numbers.size() != count || numbers.contains(null))
      throw new Fovea.UsageException(option + ": expected " + count + " numbers with commas between, got '" + text + "'");
    return Floats.toArray(numbers);
  }

  private void answer(MaskPredictor predictor, Prompt prompt, Picture picture, Terminal.ProgressBar bar) {
    try (var session = predictor.session()) {
      see(session, picture, bar);
      if (mask != null) prompt = prompt.like(session.logits(Picture.read(mask)));
      var found = all ? session.predict(prompt, true) : List.of(session.best(prompt));
      var masks = found.stream().map(MaskPrediction::mask).toList();
      paint(picture, masks);
      var answers = new Answers(image, picture.width(), picture.height(),
          found.stream().map(MaskCommand::toAnswer).toList());
      Output.report(json ? Output.json(answers) : text(answers), outputs);
    }
  }

  /// Encodes the picture, or loads its embedding if the file exists.
  private void see(SamSession session, Picture picture, Terminal.ProgressBar bar) {
    if (embedding == null || !Files.exists(embedding)) {
      session.setImage(picture, (done, total) -> bar.update((double) done / Math.max(1, total), image));
      if (embedding != null) session.save(embedding);
      return;
    }
    session.load(embedding, picture);
    if (!session.knowsPicture())
      bar.complain(embedding + ": does not tell of which picture it is, for it is of an earlier version; taken for that of "
          + image);
  }

  private void everything(MaskPredictor predictor, AutomaticMasks.Settings settings, Picture picture, Terminal.ProgressBar bar) {
    var found = new AutomaticMasks(predictor, settings).of(picture, share -> bar.update(share, image));
    // The largest first, so that smaller masks stay visible in the overlay.
    var bySize = found.stream().sorted((a, b) -> Long.compare(b.mask().area(), a.mask().area())).toList();
    if (output != null) paint(picture, bySize.stream().map(f -> f.mask().mask()).toList());
    Output.report(json ? Output.json(coco(picture, bySize)) : found.size() + " masks" + System.lineSeparator(), outputs);
  }

  private void paint(Picture picture, List<Mask> masks) {
    if (output == null) return;
    switch (form) {
      case OVERLAY -> Output.write(MaskPainter.overlay(picture, masks), output);
      case CUTOUT -> each(masks, m -> MaskPainter.cutOut(picture, m));
      case BINARY -> each(masks, MaskPainter::binary);
    }
  }

  /// Writes one file, or one for each of several masks: `out-1.png`, `out-2.png` ….
  private void each(List<Mask> masks, Function<Mask, byte[]> painter) {
    for (int i = 0; i < masks.size(); i++)
      Output.write(painter.apply(masks.get(i)), isNumbered() ? numbered().number(i + 1) : output);
  }

  private static Answer toAnswer(MaskPrediction prediction) {
    var mask = prediction.mask();
    return new Answer(prediction.iou(), mask.area(), Coco.xywh(mask.box()),
        Coco.Runs.of(RunLengths.of(mask)), Contours.outer(mask));
  }

  private Coco<Annotation> coco(Picture picture, List<AutomaticMasks.Found> found) {
    var annotations = IntStream.range(0, found.size()).mapToObj(i -> {
      var f = found.get(i);
      return new Annotation(i + 1, 1, 1, 0, Coco.Runs.of(f.mask()), f.mask().area(), Coco.xywh(f.box()), f.predictedIou(),
          f.stability(),
          new float[][] {{f.point().x(), f.point().y()}}, Coco.xywh(f.crop()));
    }).toList();
    return new Coco<>(List.of(new Coco.Image(1, image, picture.width(), picture.height())),
        List.of(new Coco.Category(1, "object")), annotations);
  }

  private static String text(Answers answers) {
    var text = new StringBuilder();
    for (var m : answers.masks)
      text.append(String.format(Locale.ROOT, "predicted IoU %.3f, %d pixels (%.1f %%), from %.0f,%.0f to %.0f,%.0f%n",
          m.predicted_iou, m.area,
          100.0 * m.area / ((double) answers.width * answers.height), m.bbox[0], m.bbox[1], m.bbox[0] + m.bbox[2], m.bbox[1]
              + m.bbox[3]));
    return text.toString();
  }
}
