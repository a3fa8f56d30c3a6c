package dev.fovea.cli;

import dev.fovea.engine.tensor.Progress;
import dev.fovea.models.Classification;
import dev.fovea.models.ImageClassifier;
import dev.fovea.models.TextClassifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "classify", description = "Say what pictures show, or which class texts belong to.", footer = PictureInputs.FOOTER)
final class ClassifyCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "0..*", paramLabel = "IMAGE", description = "Pictures, folders of pictures, or - for stdin.")
  private List<String> images = List.of();

  @Option(names = "--text", paramLabel = "TEXT",
      description = "A text to classify instead, with a model of texts; may be given again.")
  private List<String> texts = List.of();

  @Option(names = "--pair", paramLabel = "TEXT", description = "With each --text: the second of a pair.")
  private List<String> pairs = List.of();

  @Option(names = "--top", paramLabel = "N", defaultValue = "5", description = "Classes to show (default: 5).")
  private int top;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE", description = "Write to a file instead of stdout.")
  private Path output;

  /// The classes of a picture.
  record Answer(String image, List<Classification> classes) {}

  private record TextAnswer(String text, @Nullable String pair, List<Classification> classes) {}

  @Override
  public Integer call() {
    if (top < 1) throw new Fovea.UsageException("--top: expected at least 1, got " + top);
    if (images.isEmpty() == texts.isEmpty()) throw new Fovea.UsageException("expected pictures or --text, "
        + (texts.isEmpty() ? "got none" : "got both"));
    if (!pairs.isEmpty() && pairs.size() != texts.size())
      throw new Fovea.UsageException("--pair: expected one for each --text, got " + pairs.size() + " for " + texts.size());
    return texts.isEmpty() ? classifyPictures() : classifyTexts();
  }

  private int classifyTexts() {
    Outputs.of(output).readingModel(model).require();
    var given = IntStream.range(0, texts.size())
        .mapToObj(i -> new TextClassifier.Text(texts.get(i), pairs.isEmpty() ? null : pairs.get(i))).toList();
    try (var kernels = kernelOptions.open(); var classifier = TextClassifier.of(modelOptions.open(model), kernels)) {
      var classes = classifier.classifyTexts(given, top, Progress.NONE);
      var answers = IntStream.range(0, given.size())
          .mapToObj(i -> new TextAnswer(given.get(i).text(), given.get(i).pair(), classes.get(i))).toList();
      Output.write(json ? Output.json(answers) : textAnswers(answers), output);
    }
    return Fovea.GOOD;
  }

  private static String textAnswers(List<TextAnswer> answers) {
    return text(answers.stream().map(a -> new Answer(a.pair == null ? a.text : a.text + " | " + a.pair, a.classes)).toList());
  }

  private int classifyPictures() {
    var pictures = PictureInputs.of(images);
    Outputs.of(output).readingModel(model).reading(pictures).require();
    var answers = new ArrayList<Answer>();
    try (var kernels = kernelOptions.open(); var classifier = ImageClassifier.of(modelOptions.open(model), kernels);
        var bar = new Terminal.ProgressBar()) {
      pictures.each(classifier::each, bar, (picture, progress) -> classifier.classify(picture, top, progress),
          (_, name, classes) -> answers.add(new Answer(name, classes)));
    }
    if (!answers.isEmpty()) Output.write(json ? Output.json(answers) : text(answers), output);
    return pictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
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
