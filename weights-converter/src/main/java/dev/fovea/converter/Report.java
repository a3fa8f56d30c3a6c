package dev.fovea.converter;

import com.google.gson.JsonObject;
import dev.fovea.engine.checkpoint.DType;
import java.util.List;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// What a conversion did, or would do.
///
/// @param family such as `vit`
/// @param config the model's sizes, in Fovea's form
/// @param configFrom what told them, such as a file's path
/// @param assumed what the folder leaves out, and what was taken for it; a line each
/// @param parameters how many numbers the model has; where a batch norm is folded into others, as many as before
/// @param bytes of the whole result
/// @param mapped the parameters of the result by name
/// @param dropped source tensors that were left out on purpose, and why
/// @param nonFinite how many elements of a parameter are NaN or infinite: they are kept. By name; empty of a plan, which reads
/// none
/// @param overflown how many finite elements of a parameter became infinite, for its type has no such number. By name; empty of a
/// plan
/// @param sources SHA-256 of the files that were read, by name, in hexadecimal; empty of a plan
/// @param sha256 of the result's tensors, in hexadecimal; empty of a plan
public record Report(String family, JsonObject config, String configFrom, List<String> assumed, long parameters, long bytes,
    List<Parameter> mapped,
    Map<String, String> dropped, Map<String, Long> nonFinite, Map<String, Long> overflown, Map<String, String> sources,
    String sha256) {
  /// A parameter of the result.
  ///
  /// @param dtype how its elements are stored
  /// @param shape what the model takes it for; a matrix is stored in panels
  /// @param origins the source tensors whose rows it has, in this order
  public record Parameter(String name, DType dtype, List<Long> shape, List<Origin> origins) {
    /// Whether several tensors were put into one.
    public boolean fused() {
      return origins.size() > 1;
    }

    /// Whether the batch norm that followed is in it now.
    public boolean folded() {
      return origins.stream().anyMatch(origin -> origin.norm != null);
    }

    /// Whether elements have another type than before.
    public boolean cast() {
      return origins.stream().anyMatch(origin -> origin.dtype != dtype);
    }

    /// Whether dimensions have another order than before.
    public boolean reordered() {
      return origins.stream().anyMatch(origin -> !origin.order.isEmpty());
    }
  }

  /// What a parameter, or some rows of it, were in the published checkpoint.
  ///
  /// @param part which of `parts` equal parts of its rows, from 0
  /// @param order its dimensions in the order in which they lie now; empty where they stay
  /// @param norm the batch norm that was folded into it; null for none
  public record Origin(String name, DType dtype, List<Long> shape, int part, int parts, List<Integer> order,
      @Nullable String norm) {}
}
