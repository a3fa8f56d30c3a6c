package dev.fovea.cli;

import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.engine.image.Picture;
import dev.fovea.engine.image.PictureWriter;
import dev.fovea.models.Segmentation;
import dev.fovea.models.Segmenter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "segment", description = "Say which class each pixel of a picture shows.",
    footer = {"",
        "Prints the classes' shares. What -o writes has the classes' colours over the picture, or with --map their numbers.",
        PictureInputs.FOOTER})
final class SegmentCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IMAGE", description = "Pictures, folders of pictures, or - for stdin.")
  private List<String> images;

  @Option(names = {"-o", "--output"}, paramLabel = "OUT.png",
      description = "The PNG to write; for several pictures the folder that gets a PNG for each.")
  private Path output;

  @Option(names = "--map", description = "Write the class map: a PNG with the palette, or of 16 bits for more than 256 classes.")
  private boolean map;

  @Option(names = "--opacity", paramLabel = "X", defaultValue = "0.6",
      description = "Of the colours over the picture, 0 to 1 (default: 0.6).")
  private double opacity;

  @Option(names = "--no-legend", description = "Leave the legend away.")
  private boolean noLegend;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  /// The classes in a picture.
  record Answer(String image, int width, int height, List<Segmentation.Share> classes, @Nullable String output) {}

  /// @param png the picture to write; null for none
  private record Segmented(Segmentation classes, byte @Nullable [] png) {}

  @Override
  public Integer call() {
    if (!(opacity >= 0 && opacity <= 1)) throw new Fovea.UsageException("--opacity: expected 0 to 1, got " + opacity);
    var pictures = PictureInputs.of(images);
    var targets = targets(pictures.names());
    var outputs = Outputs.of(targets).readingModel(model).reading(pictures);
    outputs.require();
    var answers = new ArrayList<Answer>();
    try (var kernels = kernelOptions.open(); var segmenter = Segmenter.of(modelOptions.open(model), kernels);
        var bar = new Terminal.ProgressBar()) {
      pictures.each(segmenter::each, bar, (picture, progress) -> {
        var segmentation = segmenter.segment(picture, progress);
        return new Segmented(segmentation, targets.isEmpty() ? null : png(picture, segmentation, segmenter.palette()));
      }, (i, name, found) -> {
        var target = targets.isEmpty() ? null : targets.get(i);
        if (target != null) WholeFile.write(target, found.png);
        answers.add(new Answer(name, found.classes.width(), found.classes.height(), found.classes.shares(),
            target == null ? null : target.toString()));
      });
    }
    if (!answers.isEmpty()) Output.report(json ? Output.json(answers) : text(answers), outputs);
    return pictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  /// The output file of each picture; empty without `-o`.
  private List<Path> targets(List<String> pictures) {
    if (output == null) return List.of();
    if (pictures.size() == 1 && !Files.isDirectory(output)) {
      Outputs.requirePng("-o", output);
      return List.of(output);
    }
    if (!Files.isDirectory(output))
      throw new Fovea.UsageException(output + ": expected a folder for the results of " + pictures.size() + " pictures");
    var targets = new LinkedHashSet<Path>();
    for (var picture : pictures) {
      var name = picture.equals("-") ? "stdin" : Path.of(picture).getFileName().toString().replaceFirst("\\.[^.]*$", "");
      if (!targets.add(output.resolve(name + ".png")))
        throw new Fovea.UsageException(picture + ": its result would replace that of another picture, "
            + output.resolve(name + ".png"));
    }
    return List.copyOf(targets);
  }

  private byte[] png(Picture picture, Segmentation segmentation, List<Integer> palette) {
    return PictureWriter.png(map ? ClassPictures.map(segmentation, palette)
        : ClassPictures.overlay(picture, segmentation, palette, opacity, !noLegend));
  }

  static String text(List<Answer> answers) {
    var text = new StringBuilder();
    for (var answer : answers) {
      text.append(answer.image);
      if (answer.output != null) text.append(" -> ").append(answer.output);
      text.append(System.lineSeparator());
      for (var c : answer.classes) text.append(String.format(Locale.ROOT, "  %5.1f %%  %s%n", 100 * c.share(), c.label()));
    }
    return text.toString();
  }
}
