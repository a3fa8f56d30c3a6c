package dev.fovea.cli;

import dev.fovea.converter.Converter;
import dev.fovea.converter.Report;
import dev.fovea.converter.hub.Hub;
import dev.fovea.converter.hub.HubSettings;
import dev.fovea.converter.hub.Repository;
import dev.fovea.engine.checkpoint.Destination;
import dev.fovea.engine.checkpoint.WholeFile;
import dev.fovea.kernels.WeightFormat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "pull", description = "Download a model from a hub and turn it into one model file.",
    footer = {"", "HF_ENDPOINT is the hub's address (default: https://huggingface.co), HF_TOKEN the token for models that "
        + "need one.", "Downloads are kept in HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub, where other programs look "
        + "too. One that was interrupted goes on where it was."})
final class PullCommand implements Callable<Integer> {
  private static final double MEGA = 1e6;

  @Parameters(paramLabel = "ORG/NAME[@REVISION]", description = "The model, and a branch, tag or commit (default: main).")
  private String repository;

  @Option(names = {"-o", "--output"}, paramLabel = "MODEL.safetensors",
      description = "The file to write (default: NAME.safetensors here, where there is none yet).")
  private Path output;

  @Option(names = "--dtype", paramLabel = "TYPE", defaultValue = "f32",
      description = "How matrices are stored: f32, f16, bf16 or q8, a language model's in 8 bits (default: f32).")
  private WeightFormat dtype;

  @Option(names = "--towers", description = "With --dtype q8: all matrices in 8 bits, also those of image encoders.")
  private boolean towers;

  @Option(names = "--file", paramLabel = "FILE", defaultValue = "",
      description = "The weights' file or index in the repository, where there are several.")
  private String file;

  @Option(names = "--offline", description = "Use what was downloaded before (also HF_HUB_OFFLINE=1).")
  private boolean offline;

  @Override
  public Integer call() {
    ConvertCommand.requireQ8(towers, dtype);
    var model = Repository.parse(repository);
    var settings = HubSettings.of(System.getenv());
    var target = target(model, settings.cache());
    var snapshot = download(model, offline ? settings.withoutNetwork() : settings);
    var report = convert(snapshot.weights(), target);
    ConvertCommand.complain(model, report, dtype, Fovea::complain);
    Output.report(String.format("%s: commit %s, kept in %s%n", model, snapshot.commit(), snapshot.weights().getParent())
        + ConvertCommand.text(target, "", report, dtype, false), Outputs.of(target));
    return Fovea.GOOD;
  }

  private Report convert(Path weights, Path target) {
    try (var bar = new Terminal.ProgressBar()) {
      return Converter.convert(weights, target, ConvertCommand.conversion(dtype, bar).withTowers(towers));
    }
  }

  /// The file to write; without `-o`, an existing one is not replaced.
  private Path target(Repository model, Path cache) {
    var target = output == null ? Path.of(model.name() + ".safetensors") : output;
    if (Files.isDirectory(cache)) Destination.of(target).requireOutside(cache);
    WholeFile.requirePlace(target);
    if (output == null && Files.exists(target))
      throw new Fovea.UsageException(target + ": is there already: -o " + target + " replaces it");
    return target;
  }

  private Hub.Snapshot download(Repository model, HubSettings settings) {
    try (var bar = new Terminal.ProgressBar()) {
      return new Hub(settings).pull(model, file, (done, total) -> bar.update(done / (double) Math.max(1, total),
          String.format(Locale.ROOT, "%s: %,.0f of %,.0f MB", model, done / MEGA, total / MEGA)));
    }
  }
}
