package dev.fovea.cli;

import com.google.common.collect.Lists;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.mask.BoxPainter;
import dev.fovea.engine.image.mask.LabelledBox;
import dev.fovea.engine.image.mask.MaskPainter;
import dev.fovea.engine.image.mask.RunLengths;
import dev.fovea.engine.tensor.InputException;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.Detection;
import dev.fovea.models.DetectionOptions;
import dev.fovea.models.DetectionOptions.Suppression;
import dev.fovea.models.DetectionPrompt;
import dev.fovea.models.Detector;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import dev.fovea.models.sam.SamSession;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "detect", description = "Find in pictures what a sentence names, such as \"a giraffe on the left. a red car.\"",
    footer = {"", "Each thing found has a score, the best of the names given, the words of all of them that fit it, and a box.",
        "With --mask each has a mask as well. For several pictures, -o writes out-1.png, out-2.png …; so it does for the cut-outs.",
        "Letters outside ASCII are drawn as question marks.",
        PictureInputs.FOOTER})
final class DetectCommand implements Callable<Integer> {
  private static final String EXAMPLE = "such as \"a giraffe on the left. a red car.\", or --labels";

  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IMAGE|SENTENCE",
      description = "Pictures, folders of pictures, or - for stdin; then the sentence, whose parts end with full stops.")
  private List<String> arguments;

  @Option(names = "--labels", paramLabel = "A,B,…", description = "What to find, with commas between, instead of a sentence.")
  private @Nullable String labels;

  @Option(names = "--box-threshold", paramLabel = "X", defaultValue = "0.35",
      description = "Least score of a box, 0 to 1 (default: 0.35).")
  private float boxThreshold;

  @Option(names = "--text-threshold", paramLabel = "X", defaultValue = "0.25",
      description = "Least score of a word in a box's phrase, 0 to 1 (default: 0.25).")
  private float textThreshold;

  /// The boxes among which one of several around one thing stays.
  enum Nms {
    NONE, LABEL, AGNOSTIC
  }

  @Option(names = "--nms", paramLabel = "AMONG", defaultValue = "none",
      description = "Of several boxes around one thing, keep the best: among those of a label, of all (agnostic), or none "
          + "(default: none).")
  private Nms nms;

  @Option(names = "--nms-iou", paramLabel = "X", description = "Boxes that agree better are around one thing (default: 0.8).")
  private @Nullable Double nmsIou;

  @Option(names = "--mask", paramLabel = "SAM_MODEL", description = "Also find the masks, with this Segment Anything model.")
  private @Nullable Path mask;

  @Option(names = "--form", paramLabel = "NAME",
      description = "What is written with --mask: overlay, or a file for each mask, cutout (transparent outside) or binary "
          + "(default: overlay).")
  private MaskCommand.@Nullable Form form;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON; with --mask that of COCO, with run lengths.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE.png", description = "Where to draw what was found.")
  private @Nullable Path output;

  private record Place(float[] box, float score, String label, String phrase) {
    static Place of(Detection found) {
      return new Place(corners(found), found.score(), found.label(), found.phrase());
    }

    static float[] corners(Detection found) {
      var box = found.box();
      return new float[] {box.x0(), box.y0(), box.x1(), box.y1()};
    }
  }

  private record Answer(String file, List<Place> boxes) {}

  private record Annotation(int id, int imageId, int categoryId, int iscrowd, Coco.Runs segmentation, long area, float[] bbox,
      float score, float predictedIou, String phrase, float[] box) {}

  /// A mask of what is in a box.
  ///
  /// @param bbox left, top, width and height of the mask
  private record Masked(RunLengths mask, float[] bbox, float predictedIou) {}

  /// What was found in a picture.
  ///
  /// @param masks of all boxes, or empty
  /// @param files those written: none, one, or one for each mask
  private record Seen(int index, String name, int width, int height, List<Detection> found, List<Masked> masks,
      List<Path> files) {}

  @Override
  public Integer call() {
    var prompt = prompt();
    var options = options();
    if (form != null && mask == null) throw new Fovea.UsageException("--form: expected --mask beside it");
    Outputs.requirePng("-o", output);
    var pictures = PictureInputs.of(labels == null ? arguments.subList(0, arguments.size() - 1) : arguments);
    var outputs = Outputs.of(targets(pictures.names().size())).readingModel(model).reading(pictures);
    if (mask != null) outputs.readingModel(mask);
    outputs.require();
    var seen = new ArrayList<Seen>();
    List<String> names;
    try (var kernels = kernelOptions.open(); var detector = Detector.of(modelOptions.open(model), kernels);
        var sam = mask == null ? null : MaskPredictor.of(modelOptions.open(mask), kernels);
        var session = sam == null ? null : sam.session(); var bar = new Terminal.ProgressBar()) {
      names = detector.labels(prompt);
      if (session == null)
        pictures.each(detector::each, bar, (picture, progress) -> new Found(picture, detector.detect(picture, prompt, options,
            progress)), (i, name, each) -> seen.add(seen(i, name, each, List.of(), names, pictures, 0)));
      else
        pictures.each(bar, (i, name, picture, progress) -> {
          var found = new Found(picture, detector.detect(picture, prompt, options, half(progress, 0)));
          var masks = masks(session, picture, found.boxes, half(progress, 1));
          int before = seen.stream().mapToInt(each -> each.masks.size()).sum();
          seen.add(seen(i, name, found, masks, names, pictures, before));
        });
    }
    if (!seen.isEmpty())
      Output.report(!json ? text(seen) : Output.json(mask == null ? answers(seen) : coco(seen, names)), outputs);
    return pictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  private record Found(Picture picture, List<Detection> boxes) {}

  /// Draws what was found in a picture, if it is to be drawn.
  private Seen seen(int index, String name, Found found, List<Masked> masks, List<String> labels, PictureInputs pictures,
      int before) {
    var picture = found.picture;
    boolean isNumbered = output != null && !isAFileEach() && pictures.names().size() > 1;
    return new Seen(index, name, picture.width(), picture.height(), found.boxes, masks,
        draw(picture, found.boxes, masks, labels, isNumbered ? numbered().number(index + 1) : output, before));
  }

  private DetectionPrompt prompt() {
    try {
      var last = arguments.getLast();
      if (labels != null && arguments.size() > 1 && !last.equals(PictureInputs.STDIN) && !PictureInputs.isFile(last)
          && !Files.isDirectory(Path.of(last)))
        throw new Fovea.UsageException(last + ": no such file; with --labels there is no sentence");
      if (labels != null) return DetectionPrompt.labels(Arrays.asList(labels.split(",", -1)));
      if (last.equals(PictureInputs.STDIN) || !last.isBlank() && PictureInputs.isFile(last))
        throw new Fovea.UsageException(last + ": expected a sentence after the pictures, " + EXAMPLE + ", got a file");
      if (arguments.size() == 1)
        throw new Fovea.UsageException("expected a picture and a sentence, " + EXAMPLE + ", got only '" + last + "'");
      return DetectionPrompt.of(last);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException(labels == null ? e.getMessage().replaceFirst("text", "sentence") : "--" + e.getMessage());
    }
  }

  private DetectionOptions options() {
    requireShare("--box-threshold", boxThreshold);
    requireShare("--text-threshold", textThreshold);
    if (nmsIou != null && nms == Nms.NONE)
      throw new Fovea.UsageException("--nms-iou: expected --nms label or --nms agnostic beside it");
    if (nmsIou != null) requireShare("--nms-iou", nmsIou);
    var suppression = switch (nms) {
      case NONE -> Suppression.NONE;
      case LABEL -> Suppression.BY_LABEL;
      case AGNOSTIC -> Suppression.AGNOSTIC;
    };
    return new DetectionOptions(boxThreshold, textThreshold, suppression,
        nmsIou == null ? DetectionOptions.DEFAULT.suppressionIou() : nmsIou);
  }

  private static void requireShare(String option, Number value) {
    if (!(value.doubleValue() >= 0 && value.doubleValue() <= 1))
      throw new Fovea.UsageException(option + ": expected 0 to 1, got " + value);
  }

  /// Whether each mask has a file of its own.
  private boolean isAFileEach() {
    return form == MaskCommand.Form.CUTOUT || form == MaskCommand.Form.BINARY;
  }

  private NumberedFiles numbered() {
    return NumberedFiles.of("-o", output, isAFileEach() ? "masks" : "pictures");
  }

  /// All output files; of those of masks, the first and those that exist.
  private List<Path> targets(int pictures) {
    if (output == null) return List.of();
    if (isAFileEach()) return numbered().known();
    return pictures == 1 ? List.of(output) : IntStream.rangeClosed(1, pictures).mapToObj(numbered()::number).toList();
  }

  /// The first or second half of a progress.
  private static Progress half(Progress progress, int half) {
    return (done, total) -> progress.advanced(half * total + done, 2 * total);
  }

  private static List<Masked> masks(SamSession session, Picture picture, List<Detection> found, Progress progress) {
    if (found.isEmpty()) return List.of();
    session.setImage(picture, progress);
    try {
      return found.stream().map(each -> {
        var best = session.best(Prompt.box(each.box().clippedTo(picture.width(), picture.height())));
        return new Masked(RunLengths.of(best.mask()), Coco.xywh(best.mask().box()), best.iou());
      }).toList();
    } catch (InputException e) {
      throw new ImageException(picture.name() + ": " + e.getMessage(), e);
    }
  }

  /// Draws what was found in a picture.
  ///
  /// @param names the labels, whose order decides the colours
  /// @param target null to draw nothing
  /// @param before number of masks in the pictures before
  /// @return the files written
  private List<Path> draw(Picture picture, List<Detection> found, List<Masked> masks, List<String> names, @Nullable Path target,
      int before) {
    if (target == null) return List.of();
    if (isAFileEach())
      return IntStream.range(0, masks.size()).mapToObj(i -> {
        var each = masks.get(i).mask.mask();
        var file = numbered().number(before + i + 1);
        Output.write(form == MaskCommand.Form.CUTOUT ? MaskPainter.cutOut(picture, each) : MaskPainter.binary(each), file);
        return file;
      }).toList();
    // The largest first, so that smaller ones stay visible.
    var order = IntStream.range(0, found.size()).boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> found.get(i).box().area()).reversed()).toList();
    var boxes = order.stream().map(i -> new LabelledBox(String.format(Locale.ROOT, "%s %.2f", found.get(i).label(),
        found.get(i).score()), found.get(i).box())).toList();
    // Decoded one by one: together they may be large.
    var painted = Lists.transform(masks.isEmpty() ? List.<Integer>of() : order, i -> masks.get(i).mask.mask());
    Output.write(BoxPainter.overlay(picture, boxes, painted, order.stream().map(i -> names.indexOf(found.get(i).label())).toList()),
        target);
    return List.of(target);
  }

  private static List<Answer> answers(List<Seen> seen) {
    return seen.stream().map(each -> new Answer(each.name, each.found.stream().map(Place::of).toList())).toList();
  }

  /// The masks of all pictures; the number of an annotation is that of its file.
  private static Coco<Annotation> coco(List<Seen> seen, List<String> names) {
    var annotations = new ArrayList<Annotation>();
    for (var each : seen)
      for (int i = 0; i < each.masks.size(); i++) {
        var found = each.found.get(i);
        var masked = each.masks.get(i);
        annotations.add(new Annotation(annotations.size() + 1, each.index + 1, names.indexOf(found.label()) + 1, 0,
            Coco.Runs.of(masked.mask), masked.mask.area(), masked.bbox, found.score(), masked.predictedIou, found.phrase(),
            Place.corners(found)));
      }
    return new Coco<>(seen.stream().map(each -> new Coco.Image(each.index + 1, each.name, each.width, each.height)).toList(),
        IntStream.range(0, names.size()).mapToObj(i -> new Coco.Category(i + 1, names.get(i))).toList(), annotations);
  }

  private String text(List<Seen> seen) {
    var text = new StringBuilder();
    for (var each : seen) {
      text.append(each.name);
      if (!isAFileEach() && !each.files.isEmpty()) text.append(" -> ").append(each.files.getFirst());
      text.append(System.lineSeparator());
      if (each.found.isEmpty()) text.append("  nothing with a score above ").append(boxThreshold).append(System.lineSeparator());
      for (int i = 0; i < each.found.size(); i++) {
        var found = each.found.get(i);
        var box = found.box();
        text.append(String.format(Locale.ROOT, "  %.3f  %s  \"%s\"  from %d,%d to %d,%d", found.score(), found.label(),
            found.phrase(), Math.round(box.x0()), Math.round(box.y0()), Math.round(box.x1()), Math.round(box.y1())));
        if (!each.masks.isEmpty()) text.append(", ").append(each.masks.get(i).mask.area()).append(" pixels");
        if (isAFileEach() && !each.files.isEmpty()) text.append(" -> ").append(each.files.get(i));
        text.append(System.lineSeparator());
      }
    }
    return text.toString();
  }
}
