package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.kernels.Kernels;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.Segmenter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "demo", description = "Run the embedded models on the embedded pictures.",
    footer = "%nThe models are small and know drawn shapes only; on photographs their answers mean nothing.")
final class DemoCommand implements Callable<Integer> {
  private static final int TOP = 3;
  private static final double OPACITY = 0.6;

  @Option(names = "--output-dir", paramLabel = "FOLDER", description = "Write the pictures of what was found there.")
  private Path folder;

  @Mixin
  private KernelOptions kernelOptions;

  @Override
  public Integer call() throws IOException {
    if (folder != null && !Files.isDirectory(folder)) throw new Fovea.UsageException("--output-dir: there is no folder " + folder);
    try (var kernels = kernelOptions.open()) {
      classify(kernels);
      segment(kernels);
    }
    return Fovea.GOOD;
  }

  private void classify(Kernels kernels) throws IOException {
    try (var classifier = ImageClassifier.of(model("vit"), kernels)) {
      var picture = picture("yellow-ring");
      var answer = new ClassifyCommand.Answer("a drawn shape (embedded picture, embedded ViT of " + classifier.parameters() + " parameters)",
          classifier.classify(picture, TOP, Progress.NONE));
      Output.write(ClassifyCommand.text(List.of(answer)), null);
    }
  }

  private void segment(Kernels kernels) throws IOException {
    try (var segmenter = Segmenter.of(model("segformer"), kernels)) {
      var picture = picture("scene");
      var segmentation = segmenter.segment(picture, Progress.NONE);
      var overlay = folder == null ? null : folder.resolve("segmentation.png");
      if (overlay != null) WholeFile.write(overlay, PictureWriter.png(ClassPictures.overlay(picture, segmentation, segmenter.palette(), OPACITY, true)));
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

  private static byte[] resource(String name) throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/" + name)) {
      if (in == null) throw new IOException("the program's own file demo/" + name + " is missing");
      return in.readAllBytes();
    }
  }
}
