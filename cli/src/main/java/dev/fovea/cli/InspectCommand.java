package dev.fovea.cli;

import com.google.gson.JsonObject;
import dev.fovea.converter.Conversion;
import dev.fovea.converter.Converter;
import dev.fovea.engine.checkpoint.Checkpoint;
import dev.fovea.engine.checkpoint.JsonFields;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.StoredPanels;
import dev.fovea.engine.checkpoint.StoredTensor;
import dev.fovea.kernels.WeightFormat;
import dev.fovea.models.LoadedModel;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "inspect", description = "Show a model's family, configuration, size and tensors.",
    footer = "%nOf a checkpoint that is not converted, what a conversion would make of each tensor; nothing is written.")
final class InspectCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  private record TensorRow(String name, String dtype, List<Long> shape) {}

  private record Report(String family, JsonObject config, JsonObject preprocessing, int labels, List<String> assumed,
      long parameters, long macs,
      long computedMacs, List<TensorRow> tensors) {}

  @Override
  public Integer call() {
    try (var checkpoint = ModelHeader.open(model)) {
      Output.write(checkpoint == null ? published() : converted(checkpoint), null);
    }
    return Fovea.GOOD;
  }

  private String converted(Checkpoint checkpoint) {
    try (var arena = Arena.ofShared()) {
      var header = ModelHeader.of(checkpoint);
      var model = checkpoint.reading(() -> LoadedModel.of(checkpoint, header, arena));
      var report = new Report(header.family(), header.config().json(), header.preprocessing().json(), header.labels().size(),
          assumed(checkpoint), model.parameters(), model.publishedMacs(1, 0), model.dryRun(1, 0).macs(),
          rows(checkpoint.tensors().values()));
      return json ? Output.json(report) : text(report);
    }
  }

  /// The plan of a conversion; nothing is converted.
  private String published() {
    var report = PublishedReport.of(Converter.inspect(model, Conversion.to(WeightFormat.F32)));
    return json ? Output.json(report) : report.text();
  }

  /// The defaults used in the conversion for fields missing from the published folder.
  private static List<String> assumed(Checkpoint checkpoint) {
    return JsonFields.strings(checkpoint.name() + ": " + Converter.ASSUMED, checkpoint.metadata()
        .getOrDefault(Converter.ASSUMED, "[]"));
  }

  private static List<TensorRow> rows(Collection<StoredTensor> tensors) {
    return tensors.stream().map(t -> new TensorRow(t.name(), StoredPanels.typeName(t), t.shape())).toList();
  }

  private static String text(Report r) {
    var text = new StringBuilder();
    var done = r.computedMacs == r.macs ? "" : String.format(", of which %.2f have to be computed", r.computedMacs / 1e9);
    text.append(String.format("family       %s%nparameters   %,d%nGMACs        %.2f at the default input%s%n",
        r.family, r.parameters, r.macs / 1e9, done));
    text.append(String.format("labels       %d%nconfig       %s%npreprocess   %s%n", r.labels, r.config, r.preprocessing));
    for (var line : r.assumed) text.append(String.format("assumed      %s%n", line));
    for (var t : r.tensors) text.append(String.format("%-32s %-5s %s%n", t.name, t.dtype, t.shape));
    return text.toString();
  }
}
