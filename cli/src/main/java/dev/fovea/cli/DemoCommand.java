package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.ImageClassifier;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "demo", description = "Run the embedded model on the embedded picture.",
    footer = "%nThe model is small and knows drawn shapes only; on photographs its answers mean nothing.")
final class DemoCommand implements Callable<Integer> {
  private static final int TOP = 3;

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
    }
    return Fovea.GOOD;
  }

  private static byte[] resource(String name) throws IOException {
    try (var in = DemoCommand.class.getResourceAsStream("demo/" + name)) {
      if (in == null) throw new IOException("the program's own file demo/" + name + " is missing");
      return in.readAllBytes();
    }
  }
}
