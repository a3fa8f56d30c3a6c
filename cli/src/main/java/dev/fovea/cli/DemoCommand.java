package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.sam.MaskPredictor;
import dev.fovea.models.sam.Prompt;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "demo", description = "Run the embedded models on embedded pictures.",
    footer = "%nThe models are small and know drawn shapes only; on photographs their answers mean nothing.")
final class DemoCommand implements Callable<Integer> {
  private static final int TOP = 3;
  private static final float POINT_X = 98, POINT_Y = 95;

  @Mixin
  private KernelOptions kernelOptions;

  @Override
  public Integer call() throws IOException {
    var checkpoint = Checkpoint.read("the embedded model", resource("vit.safetensors"));
    var picture = Picture.decode("the embedded picture", resource("yellow-ring.png"));
    try (var kernels = kernelOptions.open(); var classifier = ImageClassifier.of(checkpoint, kernels)) {
      var answer = new ClassifyCommand.Answer("a drawn shape (embedded picture, embedded ViT of " + classifier.parameters() + " parameters)",
          classifier.classify(picture, TOP, Progress.NONE));
      Output.write(ClassifyCommand.text(List.of(answer)), null);
      mask(kernels);
    }
    return Fovea.GOOD;
  }

  /// What a point in a scene of several shapes means.
  private static void mask(Kernels kernels) throws IOException {
    var scene = Picture.decode("the embedded scene", resource("scene.png"));
    try (var predictor = MaskPredictor.of(Checkpoint.read("the embedded model", resource("sam.safetensors")), kernels);
        var session = predictor.session()) {
      session.setImage(scene);
      var found = session.best(Prompt.point(POINT_X, POINT_Y));
      var box = found.mask().box();
      Output.write(String.format(Locale.ROOT,
          "what is at %.0f,%.0f in a drawn scene (embedded Segment Anything of %d parameters)%n"
          + "  %d pixels from %.0f,%.0f to %.0f,%.0f, predicted IoU %.2f%n", POINT_X, POINT_Y, predictor.parameters(),
              found.mask().area(),
          box.x0(), box.y0(), box.x1(), box.y1(), found.iou()), null);
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/" + name)) {
      if (in == null) throw new IOException("the program's own file demo/" + name + " is missing");
      return in.readAllBytes();
    }
  }
}
