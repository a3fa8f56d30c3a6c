package dev.fovea.cli;

import com.google.gson.JsonObject;
import dev.fovea.converter.Inspection;
import dev.fovea.converter.Report;
import dev.fovea.converter.Report.Origin;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// The report of `inspect` on a checkpoint that is not converted.
///
/// @param family absent if not recognised
/// @param config the model's sizes, in Fovea's form
/// @param config_from their source
/// @param assumed the defaults used for missing fields, a line each
/// @param parameters number of parameters; 0 if it cannot be converted
/// @param bytes of the converted model
/// @param problem why it cannot be converted; absent if it can
record PublishedReport(@Nullable String family, @Nullable JsonObject config, @Nullable String config_from,
    List<String> assumed, long parameters,
    long bytes, @Nullable String problem, List<Row> tensors) {
  /// A tensor and its use in the converted model.
  ///
  /// @param becomes the parameters that get its elements
  /// @param how the steps of their conversion
  /// @param left_out why it is left out; absent if it is used
  record Row(String name, String dtype, List<Long> shape, List<String> becomes, List<String> how, @Nullable String left_out) {
    /// A tensor may have an empty name.
    private String shown() {
      return name.isEmpty() ? "''" : name;
    }

    private String text(int width) {
      var fate = new StringBuilder();
      if (!becomes.isEmpty()) fate.append("-> ").append(String.join(", ", becomes));
      if (!how.isEmpty()) fate.append(" (").append(String.join(", ", how)).append(")");
      if (left_out != null) fate.append("left out: ").append(left_out);
      return String.format("%-" + width + "s %-5s %-18s %s", shown(), dtype, shape, fate).stripTrailing();
    }
  }

  static PublishedReport of(Inspection found) {
    var plan = found.plan();
    var rows = found.tensors().stream().map(tensor -> row(tensor, plan)).toList();
    if (plan == null) return new PublishedReport(found.family(), null, null, List.of(), 0, 0, found.problem(), rows);
    return new PublishedReport(found.family(), plan.config(), plan.configFrom(), plan.assumed(), plan.parameters(), plan.bytes(),
        null, rows);
  }

  private static Row row(Inspection.Tensor tensor, @Nullable Report plan) {
    var leftOut = plan == null ? null : plan.dropped().get(tensor.name());
    var becomes = new LinkedHashSet<String>();
    var how = new LinkedHashSet<String>();
    for (var parameter : plan == null || leftOut != null ? List.<Report.Parameter>of() : plan.mapped())
      for (var origin : parameter.origins()) {
        boolean isNorm = origin.norm() != null && isOf(origin.norm(), tensor.name());
        if (!isNorm && !origin.name().equals(tensor.name())) continue;
        becomes.add(parameter.name());
        how.addAll(isNorm ? List.of("folded") : steps(parameter, origin));
      }
    return new Row(tensor.name(), tensor.dtype().name(), tensor.shape(), List.copyOf(becomes), List.copyOf(how), leftOut);
  }

  private static boolean isOf(String norm, String tensor) {
    return tensor.startsWith(norm + ".") && tensor.indexOf('.', norm.length() + 1) < 0;
  }

  private static List<String> steps(Report.Parameter parameter, Origin origin) {
    var steps = new ArrayList<String>();
    if (origin.parts() > 1) steps.add("cut into " + origin.parts());
    if (parameter.fused()) steps.add("fused");
    if (origin.norm() != null) steps.add("folded with " + origin.norm());
    if (!origin.order().isEmpty()) steps.add("reordered");
    if (!origin.dtype().name().equals(parameter.dtype())) steps.add("cast to " + parameter.dtype());
    return steps;
  }

  String text() {
    var about = family == null ? "not recognised" : family + ", not converted yet";
    var text = new StringBuilder(String.format("family       %s%n", about));
    text.append(problem != null ? String.format("convertible  no: %s%n", problem)
        : String.format("parameters   %,d%nbytes        %,d after the conversion%nconfig       %s%n             from %s%n",
            parameters, bytes, config, config_from));
    for (var line : assumed) text.append(String.format("assumed      %s%n", line));
    int width = tensors.stream().mapToInt(row -> row.shown().length()).max().orElse(1);
    for (var row : tensors) text.append(row.text(width)).append(System.lineSeparator());
    return text.toString();
  }
}
