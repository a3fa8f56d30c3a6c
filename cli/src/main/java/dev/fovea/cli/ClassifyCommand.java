package dev.fovea.cli;

import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.kernels.WarmUp;
import dev.fovea.models.Classification;
import dev.fovea.models.ImageClassifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "classify", description = "Say what pictures show.")
final class ClassifyCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = "A model file.")
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IMAGE", description = "Pictures, folders of pictures, or - for stdin.")
  private List<String> images;

  @Option(names = "--top", paramLabel = "N", defaultValue = "5", description = "Classes to show (default: 5).")
  private int top;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE", description = "Write to a file instead of stdout.")
  private Path output;

  /// What a picture shows.
  record Answer(String image, List<Classification> classes) {}

  @Override
  public Integer call() {
    if (top < 1) throw new Fovea.UsageException("--top: expected at least 1, got " + top);
    var pictures = PictureInputs.expand(images);
    var inputs = new PictureInputs();
    var answers = new ArrayList<Answer>();
    try (var kernels = kernelOptions.open(); var classifier = ImageClassifier.of(Checkpoint.open(model), kernels);
        var bar = new Terminal.ProgressBar()) {
      for (int i = 0; i < pictures.size(); i++) {
        var name = pictures.get(i);
        double done = i, all = pictures.size();
        var picture = inputs.read(name);
        WarmUp.await();
        answers.add(new Answer(name, classifier.classify(picture, top,
            (now, total) -> bar.update((done + (double) now / Math.max(1, total)) / all, name))));
      }
    }
    Output.write(json ? Output.json(answers) : text(answers), output);
    return Fovea.GOOD;
  }

  static String text(List<Answer> answers) {
    var text = new StringBuilder();
    for (var answer : answers) {
      text.append(answer.image).append(System.lineSeparator());
      for (var c : answer.classes) text.append(String.format(Locale.ROOT, "  %5.1f %%  %s%n", 100 * c.score(), c.label()));
    }
    return text.toString();
  }
}
