package dev.fovea.cli;

import static java.util.stream.Collectors.joining;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.engine.image.mask.BoxPainter;
import dev.fovea.engine.image.mask.LabelledBox;
import dev.fovea.engine.image.mask.Mask;
import dev.fovea.engine.image.mask.MaskPainter;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.DetectionPrompt;
import dev.fovea.models.Detector;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.Segmenter;
import dev.fovea.models.chat.VisionChat;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "demo", description = "Run the embedded models on the embedded pictures.",
    footer = "%nThe models are small and know drawn shapes only; on photographs their answers mean nothing.")
final class DemoCommand implements Callable<Integer> {
  private static final String SEGMENTATION = "segmentation.png", MASK = "mask.png", BOXES = "boxes.png", FOUND = "found.png";
  private static final String COUNT = "How many shapes are there?", FIND = "Find the orange square.";
  private static final String SENTENCE = "a yellow circle.";
  private static final int TOP = 3;
  private static final double OPACITY = 0.6;
  /// A point on one of the scene's shapes.
  private static final float POINT_X = 98, POINT_Y = 95;

  @Option(names = "--output-dir", paramLabel = "FOLDER", description = "Write the pictures of what was found there.")
  private Path folder;

  @Mixin
  private KernelOptions kernelOptions;

  @Override
  public Integer call() throws IOException {
    if (folder != null && !Files.isDirectory(folder)) throw new Fovea.UsageException("--output-dir: there is no folder " + folder);
    if (folder != null) Outputs.of(folder.resolve(SEGMENTATION), folder.resolve(MASK), folder.resolve(FOUND),
        folder.resolve(BOXES)).require();
    try (var kernels = kernelOptions.open()) {
      classify(kernels);
      segment(kernels);
      mask(kernels);
      detect(kernels);
      ask(kernels);
    }
    return Fovea.GOOD;
  }

  private void classify(Kernels kernels) throws IOException {
    try (var classifier = ImageClassifier.of(model("vit"), kernels)) {
      var picture = picture("yellow-ring");
      var answer = new ClassifyCommand.Answer("a drawn shape (embedded picture, embedded ViT of " + classifier.parameters()
          + " parameters)", classifier.classify(picture, TOP, Progress.NONE));
      Output.write(ClassifyCommand.text(List.of(answer)), null);
    }
  }

  private void segment(Kernels kernels) throws IOException {
    try (var segmenter = Segmenter.of(model("segformer"), kernels)) {
      var picture = picture("scene");
      var segmentation = segmenter.segment(picture, Progress.NONE);
      var overlay = folder == null ? null : folder.resolve(SEGMENTATION);
      if (overlay != null) WholeFile.write(overlay,
          PictureWriter.png(ClassPictures.overlay(picture, segmentation, segmenter.palette(), OPACITY, true)));
      var answer = new SegmentCommand.Answer(
          "a drawn scene, pixel by pixel (embedded picture, embedded SegFormer of " + segmenter.parameters() + " parameters)",
          picture.width(), picture.height(), segmentation.shares(), overlay == null ? null : overlay.toString());
      Output.write(SegmentCommand.text(List.of(answer)), null);
    }
  }

  private static Checkpoint model(String name) throws IOException {
    return Checkpoint.read("the embedded model " + name, resource(name + ".safetensors"));
  }

  private static Picture picture(String name) throws IOException {
    return Picture.decode("the embedded picture " + name, resource(name + ".png"));
  }

  /// Finds the mask at a point in a scene of several shapes.
  private void mask(Kernels kernels) throws IOException {
    var scene = picture("scene");
    try (var predictor = MaskPredictor.of(model("sam"), kernels);
        var session = predictor.session()) {
      session.setImage(scene);
      var found = session.best(Prompt.point(POINT_X, POINT_Y));
      var box = found.mask().box();
      if (folder != null) Output.write(MaskPainter.overlay(scene, List.of(found.mask())), folder.resolve(MASK));
      Output.write(String.format(Locale.ROOT,
          "what is at %.0f,%.0f in a drawn scene (embedded Segment Anything of %d parameters)%n"
          + "  %d pixels from %.0f,%.0f to %.0f,%.0f, predicted IoU %.2f%n", POINT_X, POINT_Y, predictor.parameters(),
              found.mask().area(),
          box.x0(), box.y0(), box.x1(), box.y1(), found.iou()), null);
    }
  }

  /// Finds what a sentence names in the scene, and its mask.
  private void detect(Kernels kernels) throws IOException {
    var scene = picture("scene");
    try (var detector = Detector.of(model("grounding-dino"), kernels); var predictor = MaskPredictor.of(model("sam"), kernels);
        var session = predictor.session()) {
      session.setImage(scene);
      var text = new StringBuilder(String.format(Locale.ROOT,
          "\"%s\" in a drawn scene (embedded Grounding DINO of %d parameters, and Segment Anything)%n", SENTENCE,
          detector.parameters()));
      var boxes = new ArrayList<LabelledBox>();
      var masks = new ArrayList<Mask>();
      for (var found : detector.detect(scene, DetectionPrompt.of(SENTENCE))) {
        var mask = session.best(Prompt.box(found.box())).mask();
        boxes.add(new LabelledBox(found.label(), found.box()));
        masks.add(mask);
        text.append(String.format(Locale.ROOT, "  %s  score %.2f, from %.0f,%.0f to %.0f,%.0f, %d pixels%n", found.label(),
            found.score(), found.box().x0(), found.box().y0(), found.box().x1(), found.box().y1(), mask.area()));
      }
      if (folder != null)
        Output.write(BoxPainter.overlay(scene, boxes, masks, IntStream.range(0, boxes.size()).boxed().toList()),
            folder.resolve(FOUND));
      Output.write(text.toString(), null);
    }
  }

  /// Asks about the scene, and where something in it is.
  private void ask(Kernels kernels) throws IOException {
    var scene = picture("scene");
    try (var chat = VisionChat.of(model("vlm"), kernels)) {
      var text = new StringBuilder(String.format(Locale.ROOT,
          "questions about a drawn scene (embedded vision-language model of %d parameters)%n", chat.parameters()));
      text.append(String.format(Locale.ROOT, "  %s  %s%n", COUNT, chat.ask(List.of(scene), COUNT).text()));
      var found = chat.ask(List.of(scene), FIND).boxes();
      if (folder != null) Output.write(BoxPainter.overlay(scene, found), folder.resolve(BOXES));
      text.append(String.format(Locale.ROOT, "  %s  %s%n", FIND, found.stream().map(LabelledBox::toString).collect(joining(", "))));
      Output.write(text.toString(), null);
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/" + name)) {
      if (in == null) throw new IOException("the program's own file demo/" + name + " is missing");
      return in.readAllBytes();
    }
  }
}
