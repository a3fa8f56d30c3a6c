package dev.fovea.cli;

import dev.fovea.models.ZeroShotClassifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "zero-shot", description = "Say which of your own labels fits pictures, with a model of pictures and words.",
    footer = {"", "With CLIP, scores are shares of the labels given; with SigLIP, each label has a probability of its own.",
        "A label goes where a template has {}; the prompts of several templates are averaged.", PictureInputs.FOOTER})
final class ZeroShotCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IMAGE", description = "Pictures, folders of pictures, or - for stdin.")
  private List<String> images;

  @ArgGroup(multiplicity = "1")
  private LabelOptions labelOptions;

  static final class LabelOptions {
    @Option(names = "--labels", paramLabel = "A,B,…", description = "Labels, with commas between.")
    private String labels;

    @Option(names = "--labels-file", paramLabel = "FILE", description = "A file with a label a line.")
    private Path labelsFile;
  }

  @Option(names = "--template", paramLabel = "PROMPT",
      description = "Such as \"a photo of {}.\"; may be given again (default: the label itself).")
  private List<String> templates = List.of();

  @Option(names = "--templates-file", paramLabel = "FILE", description = "A file with a template a line.")
  private Path templatesFile;

  @Option(names = "--top", paramLabel = "N", defaultValue = "5", description = "Labels to show (default: 5).")
  private int top;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE", description = "Write to a file instead of stdout.")
  private Path output;

  @Override
  public Integer call() {
    if (top < 1) throw new Fovea.UsageException("--top: expected at least 1, got " + top);
    var labels = labels();
    var prompts = prompts();
    var pictures = PictureInputs.of(images);
    Outputs.of(output).readingModel(model).reading(labelOptions.labelsFile, templatesFile).reading(pictures).require();
    var answers = new ArrayList<ClassifyCommand.Answer>();
    try (var kernels = kernelOptions.open(); var classifier = ZeroShotClassifier.of(modelOptions.open(model), kernels);
        var bar = new Terminal.ProgressBar()) {
      var embedded = classifier.embed(labels, prompts);
      pictures.each(classifier::each, bar, (picture, progress) -> classifier.classify(picture, embedded, top, progress),
          (_, name, classes) -> answers.add(new ClassifyCommand.Answer(name, classes)));
    }
    if (!answers.isEmpty()) Output.write(json ? Output.json(answers) : ClassifyCommand.text(answers), output);
    return pictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  private List<String> labels() {
    if (labelOptions.labelsFile != null) return lines("--labels-file", labelOptions.labelsFile);
    var labels = Arrays.stream(labelOptions.labels.split(",", -1)).map(String::strip).toList();
    if (labels.contains("")) throw new Fovea.UsageException("--labels: expected labels with commas between, got an empty one in '"
        + labelOptions.labels + "'");
    return labels;
  }

  private List<String> prompts() {
    var prompts = new ArrayList<>(templates);
    if (templatesFile != null) prompts.addAll(lines("--templates-file", templatesFile));
    for (var prompt : prompts)
      if (!prompt.contains(ZeroShotClassifier.PLACE))
        throw new Fovea.UsageException((templates.contains(prompt) ? "--template" : "--templates-file") + ": expected "
            + ZeroShotClassifier.PLACE
            + " where the label goes, got '" + prompt + "'");
    return prompts;
  }

  /// The lines of a file that are not blank.
  private static List<String> lines(String option, @Nullable Path file) {
    try {
      var lines = Files.readAllLines(file).stream().map(String::strip).filter(line -> !line.isEmpty()).toList();
      if (lines.isEmpty()) throw new Fovea.UsageException(option + ": " + file + ": expected at least one line");
      return lines;
    } catch (IOException e) {
      throw new Fovea.UsageException(option + ": " + file + ": "
          + (Files.exists(file) ? "expected a file of text in UTF-8" : "no such file"));
    }
  }
}
