package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.DType;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jetbrains.annotations.Nullable;

/// The result of a conversion, or its plan.
///
/// @param family such as `vit`
/// @param config the model's sizes, in Fovea's form
/// @param configFrom their source, such as a file's path
/// @param assumed the defaults used for missing fields, a line each
/// @param parameters number of parameters; folding a batch norm does not change it
/// @param bytes of the whole result
/// @param mapped the parameters of the result, ordered by name
/// @param dropped source tensors left out on purpose, with reasons
/// @param nonFinite number of NaN or infinite elements by parameter; they are kept. Empty for a plan, which reads none
/// @param overflown number of finite elements by parameter that exceed its type's range and became infinite; empty for a plan
/// @param sources SHA-256 of the files read, by name, in hexadecimal; empty for a plan
/// @param sha256 of the result's tensors, in hexadecimal; empty for a plan
public record Report(String family, JsonObject config, String configFrom, List<String> assumed, long parameters, long bytes,
    List<Parameter> mapped,
    Map<String, String> dropped, Map<String, Long> nonFinite, Map<String, Long> overflown, Map<String, String> sources,
    String sha256) {
  public Report {
    Objects.requireNonNull(family, "family");
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(configFrom, "configFrom");
    Objects.requireNonNull(assumed, "assumed");
    Objects.requireNonNull(mapped, "mapped");
    Objects.requireNonNull(dropped, "dropped");
    Objects.requireNonNull(nonFinite, "nonFinite");
    Objects.requireNonNull(overflown, "overflown");
    Objects.requireNonNull(sources, "sources");
    Objects.requireNonNull(sha256, "sha256");
  }

  /// A parameter of the result.
  ///
  /// @param dtype how its elements are stored: the name of a [DType], or of a [dev.fovea.kernels.WeightFormat] with blocks
  /// @param shape its shape in the model; a matrix is stored in panels
  /// @param origins the source tensors of its rows, in order
  public record Parameter(String name, String dtype, List<Long> shape, List<Origin> origins) {
    public Parameter {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(shape, "shape");
      Objects.requireNonNull(dtype, "dtype");
      Objects.requireNonNull(origins, "origins");
    }

    /// Whether it was fused from several tensors.
    public boolean fused() {
      return origins.size() > 1;
    }

    /// Whether a batch norm was folded into it.
    public boolean folded() {
      return origins.stream().anyMatch(origin -> origin.norm != null);
    }

    /// Whether the element type has changed.
    public boolean cast() {
      return origins.stream().anyMatch(origin -> !origin.dtype.name().equals(dtype));
    }

    /// Whether dimensions were reordered.
    public boolean reordered() {
      return origins.stream().anyMatch(origin -> !origin.order.isEmpty());
    }
  }

  /// The source of a parameter, or of some of its rows, in the published checkpoint.
  ///
  /// @param part which of `parts` equal parts of its rows, from 0
  /// @param order the new order of its dimensions; empty if unchanged
  /// @param norm the batch norm that was folded into it; null for none
  public record Origin(String name, DType dtype, List<Long> shape, int part, int parts, List<Integer> order,
      @Nullable String norm) {
    public Origin {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(shape, "shape");
      Objects.requireNonNull(dtype, "dtype");
      Objects.requireNonNull(order, "order");
    }
  }
}
